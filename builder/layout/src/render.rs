//! A disk in words and drawn to scale.
//!
//! In: a placed disk, or one whose sizes are not known yet. Out: lines of text. Never: a decision.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use dibber_model::{
    Arch, Bytes, DiskLayout, DiskSpec, FsSpec, Loader, LvKind, LvSize, LvSpec, PartContents, PartKind,
    PartSpec, Placed, SizeRule, TableKind, columns,
};
use uuid::{Uuid, uuid};

/// Columns of the drawing, without the bars between partitions.
const WIDTH: u128 = 72;

/// Partition types that have a name: UEFI 2.10 table 5-7 and what systems use. Root filesystems are facts of architectures.
const TYPES: [(Uuid, &str); 7] = [
    (uuid!("c12a7328-f81f-11d2-ba4b-00a0c93ec93b"), "EFI system"),
    (uuid!("21686148-6449-6e6f-744e-656564454649"), "BIOS boot"),
    (uuid!("9e1a2d38-c612-4316-aa26-8b49521e5a8b"), "PReP boot"),
    (uuid!("0fc63daf-8483-4772-8e79-3d69d8477de4"), "Linux"),
    (uuid!("0657fd6d-a4ab-43c4-84e5-0933c84b4f4f"), "Linux swap"),
    (uuid!("e6d6d379-f507-44c2-a23c-238f2a3df928"), "Linux LVM"),
    (uuid!("ebd0a0a2-b9e5-4433-87c0-68b6b72699c7"), "Microsoft data"),
];

/// A placed disk: a line about it, a drawing to scale, and a line for each range, with start and length in sectors as
/// `sfdisk -d` has them.
pub fn render(layout: &DiskLayout) -> String {
    let spec = layout.spec();
    let sector = spec.sector.bytes();
    let mut rows: Vec<(u64, [String; 7])> = Vec::new();
    for region in layout.regions() {
        let cells = ["-".to_string(), region.name.clone(), String::new(), String::new()];
        rows.push((region.start, row(region.start, region.len, sector, cells)));
    }
    for part in layout.parts() {
        let number = if part.number == 0 { "-".to_string() } else { part.number.to_string() };
        let cells = [number, part.spec.name.clone(), kind(&part.spec.kind), contents(&part.spec)];
        rows.push((part.start, row(part.start, part.len, sector, cells)));
    }
    rows.sort_by_key(|(start, _)| *start);
    let mut lines: Vec<[String; 7]> =
        alloc::vec![["nr", "name", "start", "sectors", "size", "type", "content"].map(ToString::to_string)];
    lines.extend(rows.into_iter().map(|(_, row)| row));
    let size = format!("{} ({} bytes)", Bytes(layout.len()), layout.len());
    format!("{}{}\n{}{}", head(spec, &size), drawing(layout), table(&lines, &[2, 3, 4]), groups(layout))
}

/// A disk before any size is known: what each partition is, and the rule for its size.
pub fn sketch(spec: &DiskSpec) -> String {
    let mut lines: Vec<[String; 5]> =
        alloc::vec![["nr", "name", "size", "type", "content"].map(ToString::to_string)];
    for part in &spec.parts {
        let number = part.number.map_or_else(|| "-".to_string(), |n| n.to_string());
        lines.push([number, part.name.clone(), rule(part.size), kind(&part.kind), contents(part)]);
    }
    let size = match spec.size {
        Some(size) => size.to_string(),
        None => "as large as its content wants".to_string(),
    };
    format!("{}{}{}", head(spec, &size), table(&lines, &[]), sketched_groups(spec))
}

fn head(spec: &DiskSpec, size: &str) -> String {
    let table = match spec.table {
        TableKind::Bare => "no partition table".to_string(),
        TableKind::Gpt { disk } => format!("gpt {disk}"),
        TableKind::Mbr { disk } => format!("mbr 0x{disk:08x}"),
    };
    let boot = if spec.bios_boot { ", boots by BIOS" } else { "" };
    format!("{}: {size}, {}-byte sectors, {table}{boot}\n", spec.name, spec.sector.bytes())
}

fn row(start: u64, len: u64, sector: u64, [number, name, kind, contents]: [String; 4]) -> [String; 7] {
    let size = Bytes(len).to_string();
    [number, name, (start / sector).to_string(), (len / sector).to_string(), size, kind, contents]
}

/// Each partition as wide as its share of the disk, but never without a column; dots are free space.
fn drawing(layout: &DiskLayout) -> String {
    let mut parts: Vec<&Placed> = layout.parts().iter().collect();
    parts.sort_by_key(|part| part.start);
    let total = u128::from(layout.len().max(1));
    let columns = |len: u64| ((u128::from(len) * WIDTH + total / 2) / total) as usize;
    let mut line = String::from("|");
    let mut at = 0;
    for part in parts {
        gap(&mut line, columns(part.start.saturating_sub(at)));
        let width = columns(part.len).max(1);
        let name: String = part.spec.name.chars().take(width).collect();
        line += &columns::padded(&name, width);
        line.push('|');
        at = part.start.saturating_add(part.len);
    }
    gap(&mut line, columns(layout.len().saturating_sub(at)));
    line
}

fn gap(line: &mut String, width: usize) {
    if width > 0 {
        line.extend(core::iter::repeat_n('.', width));
        line.push('|');
    }
}

fn kind(kind: &PartKind) -> String {
    match kind {
        PartKind::Bare => String::new(),
        PartKind::Mbr { type_byte, active, .. } => {
            format!("0x{type_byte:02x}{}", if *active { " active" } else { "" })
        }
        PartKind::Gpt { type_guid, attributes, .. } => {
            let name = TYPES.iter().find(|(guid, _)| guid == type_guid).map(|(_, name)| (*name).to_string());
            let root = || Arch::all().find(|arch| arch.facts().root_type == *type_guid);
            let name = name.or_else(|| root().map(|arch| format!("Linux root {arch}")));
            let name = name.unwrap_or_else(|| type_guid.to_string());
            if *attributes == 0 { name } else { format!("{name} +0x{attributes:x}") }
        }
    }
}

fn contents(part: &PartSpec) -> String {
    match &part.contents {
        PartContents::Nothing => "nothing".to_string(),
        PartContents::Loader(Loader::Bios) => "GRUB core.img".to_string(),
        PartContents::Loader(Loader::Prep) => "GRUB core.elf".to_string(),
        PartContents::Fs(fs) => held(fs),
        PartContents::Pv => "LVM physical volume".to_string(),
    }
}

fn held(fs: &FsSpec) -> String {
    let mount = fs.mount.as_ref().map(|mount| format!(" on {mount}")).unwrap_or_default();
    format!("{}{mount}, label {}, uuid {}", fs.kind, fs.label, fs.blkid_uuid())
}

/// The groups of a placed disk: each with its extents, and its volumes in a table.
fn groups(layout: &DiskLayout) -> String {
    let mut text = String::new();
    for group in layout.groups() {
        let total: u64 = group.pvs.iter().map(|pv| pv.count).sum();
        let parts: Vec<&str> = group.pvs.iter().map(|pv| pv.spec.part.as_str()).collect();
        let (name, extent) = (&group.spec.name, group.spec.extent);
        text += &format!("volume group {name} on {}: {total} extents of {extent}\n", parts.join(", "));
        let mut lines: Vec<[String; 4]> =
            alloc::vec![["name", "extents", "size", "content"].map(ToString::to_string)];
        for lv in &group.lvs {
            let size = Bytes(group.bytes(lv)).to_string();
            lines.push([lv.spec.name.clone(), lv.count.to_string(), size, volume_contents(&lv.spec)]);
        }
        text += &table(&lines, &[1, 2]);
    }
    text
}

fn volume_contents(lv: &LvSpec) -> String {
    let made = match &lv.kind {
        LvKind::Linear => String::new(),
        LvKind::Pool => "thin pool".to_string(),
        LvKind::Thin { pool } => format!("thin, of {pool}: "),
    };
    match (&lv.fs, &lv.kind) {
        (Some(fs), _) => made + &held(fs),
        (None, LvKind::Pool) => made,
        (None, _) => made + "nothing",
    }
}

/// The groups of a disk before any size is known.
fn sketched_groups(spec: &DiskSpec) -> String {
    let mut text = String::new();
    for group in &spec.groups {
        let parts: Vec<&str> = group.pvs.iter().map(|pv| pv.part.as_str()).collect();
        text += &format!("volume group {} on {}\n", group.name, parts.join(", "));
        let mut lines: Vec<[String; 3]> = alloc::vec![["name", "size", "content"].map(ToString::to_string)];
        for lv in &group.lvs {
            let size = match lv.size {
                LvSize::Rule(size) => rule(size),
                LvSize::Extents(count) => format!("{count} extents"),
                LvSize::Group { share } => format!("{}.{:02}% of the group", share / 100, share % 100),
            };
            lines.push([lv.name.clone(), size, volume_contents(lv)]);
        }
        text += &table(&lines, &[]);
    }
    text
}

fn rule(rule: SizeRule) -> String {
    match rule {
        SizeRule::Exact(size) => size.to_string(),
        SizeRule::Free { share } if share % 100 == 0 => format!("{}% of what is free", share / 100),
        SizeRule::Free { share } => format!("{}.{:02}% of what is free", share / 100, share % 100),
        SizeRule::ContentAnd(room) => format!("content and {room}"),
        SizeRule::Content { min, max } => {
            let min = min.map(|min| format!(", at least {min}")).unwrap_or_default();
            let max = max.map(|max| format!(", at most {max}")).unwrap_or_default();
            format!("content{min}{max}")
        }
    }
}

/// The lines of a table, indented.
fn table<const N: usize>(lines: &[[String; N]], right: &[usize]) -> String {
    columns(lines, right).iter().map(|line| format!("  {line}\n")).collect()
}
