//! A plan in words, for a terminal of 80 columns.
//!
//! In: a [`Plan`]. Out: text: elements, steps by phase, the disk, the files. Never: what is cached, which `build` knows.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use dibber_model::{
    DiskSpec, FsSpec, LvKind, LvSize, LvSpec, PartContents, PartKind, PartSpec, Phase, SizeRule, TableKind,
    VgSpec, columns,
};

use crate::plan::Plan;

use crate::step::Step;

/// Columns of a line.
const WIDTH: usize = 80;

/// The plan as text, with a line break at its end.
pub fn explain(plan: &Plan) -> String {
    let mut text = format!("{} for {}\n", plan.image, plan.target);
    section(&mut text, "elements");
    text += &wrapped(plan.elements.iter().map(|element| element.name.as_str()));
    if !plan.packages.is_empty() {
        section(&mut text, "packages");
        text += &wrapped(plan.packages.iter().map(String::as_str));
    }
    section(&mut text, &format!("steps ({})", plan.steps.len()));
    for phase in Phase::all() {
        let steps: Vec<&Step> = plan.steps.iter().filter(|step| step.phase == phase).collect();
        for (index, step) in steps.iter().enumerate() {
            let head = if index == 0 { phase.name() } else { "" };
            text += &clipped(&format!("  {head:<13} {:<38} {}", step.name, step.element));
        }
    }
    text += &network(plan);
    if plan.has_disk() {
        section(&mut text, "disk");
        text += &disk(&plan.disk);
    }
    section(&mut text, "files");
    text += &files(plan);
    text
}

/// The steps that have the network, where that is not all that may need it.
fn network(plan: &Plan) -> String {
    let (with, without): (Vec<&Step>, Vec<&Step>) = plan
        .steps
        .iter()
        .filter(|step| step.action.may_reach_network())
        .partition(|step| plan.cut(step).is_none());
    if without.is_empty() {
        return String::new();
    }
    let mut text = String::new();
    section(&mut text, &format!("network ({} of {} steps)", with.len(), plan.steps.len()));
    let names: Vec<String> = with.iter().map(|step| format!("{}/{}", step.phase, step.name)).collect();
    match names.is_empty() {
        true => text + "  none\n",
        false => text + &wrapped(names.iter().map(String::as_str)),
    }
}

fn section(text: &mut String, name: &str) {
    *text += &format!("\n{name}\n");
}

fn clipped(line: &str) -> String {
    columns::clipped(line.trim_end(), WIDTH) + "\n"
}

fn wrapped<'a>(words: impl Iterator<Item = &'a str>) -> String {
    let (mut text, mut line) = (String::new(), String::from(" "));
    for word in words {
        if line.len() > 1 && line.chars().count() + 1 + word.chars().count() > WIDTH {
            text += &clipped(&line);
            line = " ".to_string();
        }
        line += " ";
        line += word;
    }
    text + &clipped(&line)
}

fn disk(disk: &DiskSpec) -> String {
    let table = match disk.table {
        TableKind::Bare => "no partition table".to_string(),
        TableKind::Gpt { disk } => format!("GPT {disk}"),
        TableKind::Mbr { disk } => format!("MBR {disk:#010x}"),
    };
    let size = disk.size.map_or("as large as its content needs".to_string(), |size| size.to_string());
    let mut text = clipped(&format!("  {}: {table}", disk.name));
    text += &clipped(&format!("  {}-byte sectors, {size}", disk.sector.bytes()));
    let mut rows: Vec<[String; 5]> =
        alloc::vec![["name", "type", "size", "holds", "mounted on"].map(String::from)];
    rows.extend(disk.parts.iter().map(|part| row(disk, part)));
    rows.extend(disk.groups.iter().flat_map(|group| group.lvs.iter().map(|lv| volume_row(group, lv))));
    for line in columns(&rows, &[]) {
        text += &clipped(&format!("    {line}"));
    }
    if disk.bios_boot {
        text += "  boots from BIOS through its first sector\n";
    }
    text
}

fn row(disk: &DiskSpec, part: &PartSpec) -> [String; 5] {
    let kind = match &part.kind {
        PartKind::Bare => "-".to_string(),
        PartKind::Gpt { type_guid, .. } => crate::disk::gpt_codes()
            .find(|(_, guid)| guid == type_guid)
            .map_or_else(|| type_guid.to_string(), |(code, _)| format!("{code:04X}")),
        PartKind::Mbr { type_byte, active, .. } => {
            format!("{type_byte:#04x}{}", if *active { " boot" } else { "" })
        }
    };
    let (contents, mount) = match &part.contents {
        PartContents::Nothing => ("-".to_string(), String::new()),
        PartContents::Loader(_) => ("boot loader".to_string(), String::new()),
        PartContents::Fs(fs) => held(fs),
        PartContents::Pv => {
            let holds = |group: &&VgSpec| group.pvs.iter().any(|pv| pv.part == part.name);
            let group = disk.groups.iter().find(holds).map_or("", |group| &group.name);
            (format!("LVM {group}"), String::new())
        }
    };
    [part.name.clone(), kind, size_words(part.size), contents, mount]
}

fn volume_row(group: &VgSpec, lv: &LvSpec) -> [String; 5] {
    let kind = match &lv.kind {
        LvKind::Linear => "linear".to_string(),
        LvKind::Pool => "thin pool".to_string(),
        LvKind::Thin { pool } => format!("thin, of {pool}"),
    };
    let size = match lv.size {
        LvSize::Rule(rule) => size_words(rule),
        LvSize::Extents(count) => format!("{count} extents"),
        LvSize::Group { share } if share % 100 == 0 => format!("{}% of {}", share / 100, group.name),
        LvSize::Group { share } => format!("{}.{:02}% of {}", share / 100, share % 100, group.name),
    };
    let (contents, mount) = lv.fs.as_ref().map_or_else(|| ("-".to_string(), String::new()), held);
    [format!("{}/{}", group.name, lv.name), kind, size, contents, mount]
}

fn held(fs: &FsSpec) -> (String, String) {
    let mount = fs.mount.as_ref().map_or(String::new(), ToString::to_string);
    (format!("{} {}", fs.kind, fs.label), mount)
}

fn size_words(rule: SizeRule) -> String {
    match rule {
        SizeRule::Exact(size) => size.to_string(),
        SizeRule::Free { share: 10_000 } => "the rest".to_string(),
        SizeRule::Free { share } if share % 100 == 0 => format!("{}% of the rest", share / 100),
        SizeRule::Free { share } => format!("{}.{:02}% of the rest", share / 100, share % 100),
        SizeRule::ContentAnd(room) => format!("content and {room}"),
        SizeRule::Content { min, max } => {
            let limit =
                |word: &str, size: Option<dibber_model::Bytes>| size.map(|size| format!(", {word} {size}"));
            [
                "content".to_string(),
                limit("min", min).unwrap_or_default(),
                limit("max", max).unwrap_or_default(),
            ]
            .concat()
        }
    }
}

/// Each file under the name that it is made under, and the links to it.
fn files(plan: &Plan) -> String {
    let basenames = plan.basenames();
    let mut text = String::new();
    for kind in &plan.outputs {
        let names: Vec<String> =
            basenames.iter().map(|basename| format!("{basename}.{}", kind.extension())).collect();
        text += &clipped(&format!("  {}", names.join(" = ")));
    }
    text
}
