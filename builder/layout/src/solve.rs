//! Places everything.
//!
//! In: a disk spec, what its content needs, and the boot loaders' sizes. Out: a [`DiskLayout`]. Never: content.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;
use dibber_model::{
    Bytes, DiskLayout, DiskSpec, Loader, PartContents, PartKind, Placed, Region, SectorSize, TableKind,
};

use crate::LayoutError;
use crate::groups;
use crate::number::{is_primary, numbers};
use crate::room::{DISK_UNIT, Room, mbr_limit, regions};
use crate::want::Needs;

/// What the content of partitions and logical volumes needs, by their names: the fewest bytes that its writer can do with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Measured {
    /// Minimal size of each filesystem; swap may be left out.
    pub content: BTreeMap<String, Bytes>,
}

/// Sizes of the boot loaders' cores that were made.
pub type Loaders = BTreeMap<Loader, Bytes>;

/// Places every partition, and all that the table takes.
pub fn solve(spec: &DiskSpec, measured: &Measured, loaders: &Loaders) -> Result<DiskLayout, LayoutError> {
    check_spec(spec)?;
    let needs = Needs { spec, measured, loaders, unit: spec.align };
    let mut with_groups = measured.clone();
    with_groups
        .content
        .extend(groups::part_needs(&needs)?.into_iter().map(|(part, size)| (part, Bytes(size))));
    let needs = Needs { measured: &with_groups, ..needs };
    let room = Room::of(spec)?;
    let size = given_size(spec)?;
    let PlacedParts { mut parts, ebrs } = place_parts(&needs, room, size)?;
    let len = match size {
        Some(size) => size,
        None => disk_len(spec, room, &parts)?,
    };
    if matches!(spec.table, TableKind::Bare) {
        parts.iter_mut().for_each(|part| part.len = len);
    }
    if matches!(spec.table, TableKind::Mbr { .. }) && len > mbr_limit(spec).0 {
        return Err(past_mbr(spec, len));
    }
    let mut regions = regions(spec, len, gap(&needs, &parts, &ebrs)?);
    regions.extend(ebrs);
    let groups = groups::place(&needs, &parts)?;
    DiskLayout::new(spec.clone(), len, regions, parts)
        .and_then(|layout| layout.with_groups(groups))
        .map_err(|fault| LayoutError::Fault { disk: spec.name.clone(), fault })
}

/// What can be refused before any size is known.
fn check_spec(spec: &DiskSpec) -> Result<(), LayoutError> {
    let disk = || spec.name.clone();
    let sector = spec.sector.bytes();
    if spec.align == 0 || !spec.align.is_multiple_of(sector) {
        return Err(LayoutError::BadAlign { disk: disk(), align: spec.align, sector });
    }
    let mut names = BTreeSet::new();
    let mut logical = false;
    for part in &spec.parts {
        let bad = |why| LayoutError::BadTable { disk: disk(), part: part.name.clone(), why };
        if !names.insert(part.name.as_str()) {
            return Err(LayoutError::SameName { disk: disk(), part: part.name.clone() });
        }
        match (spec.table, &part.kind) {
            (TableKind::Bare, PartKind::Bare)
            | (TableKind::Gpt { .. }, PartKind::Gpt { .. })
            | (TableKind::Mbr { .. }, PartKind::Mbr { .. }) => {}
            _ => return Err(bad("it is of another kind of table than its disk; use one label for both")),
        }
        match part.kind {
            PartKind::Mbr { primary: true, .. } if logical => {
                return Err(bad("a primary partition cannot follow a logical one; list it before"));
            }
            PartKind::Mbr { primary: false, .. } => logical = true,
            _ => {}
        }
        if matches!(spec.table, TableKind::Bare) && names.len() > 1 {
            return Err(bad(
                "a disk without a table has one content only; give it a table, or drop this one",
            ));
        }
    }
    for lv in spec.groups.iter().flat_map(|group| &group.lvs) {
        if !names.insert(lv.name.as_str()) {
            return Err(LayoutError::SameName { disk: disk(), part: lv.name.clone() });
        }
    }
    check_bios(spec)
}

fn check_bios(spec: &DiskSpec) -> Result<(), LayoutError> {
    let no = |why| Err(LayoutError::NoBios { disk: spec.name.clone(), why });
    let core = spec.parts.iter().any(|part| part.contents == PartContents::Loader(Loader::Bios));
    match (spec.bios_boot, spec.table) {
        (false, _) => Ok(()),
        (true, _) if spec.sector == SectorSize::B4096 => {
            no("GRUB for BIOS reads sectors of 512 bytes only, and this disk has 4096; start it by UEFI")
        }
        (true, TableKind::Bare) => no("it has no partition table; use `label: gpt` or `label: mbr`"),
        (true, TableKind::Gpt { .. }) if !core => {
            no("it has no BIOS boot partition; add one of type EF02, 1 MiB or more")
        }
        _ => Ok(()),
    }
}

/// The disk's size if the spec gives one, in whole MiB and at least one: less holds no table.
fn given_size(spec: &DiskSpec) -> Result<Option<u64>, LayoutError> {
    let Some(size) = spec.size else { return Ok(None) };
    match size.round_up(DISK_UNIT) {
        Some(size) => Ok(Some(size.0.max(DISK_UNIT))),
        None => Err(LayoutError::TooLarge { disk: spec.name.clone() }),
    }
}

/// The disk's size if nothing gives one: what its partitions take, in whole MiB.
fn disk_len(spec: &DiskSpec, room: Room, parts: &[Placed]) -> Result<u64, LayoutError> {
    let end = parts.iter().map(|part| part.start.saturating_add(part.len)).max().unwrap_or(room.first);
    end.checked_add(room.tail)
        .and_then(|end| Bytes(end).round_up(DISK_UNIT))
        .map(|len| len.0)
        .ok_or_else(|| LayoutError::TooLarge { disk: spec.name.clone() })
}

/// Partitions at their places.
struct PlacedParts {
    parts: Vec<Placed>,
    /// The extended boot records of logical ones.
    ebrs: Vec<Region>,
}

/// Partitions one after the other, and the extended boot record before each logical one.
fn place_parts(needs: &Needs<'_>, room: Room, size: Option<u64>) -> Result<PlacedParts, LayoutError> {
    let spec = needs.spec;
    let end = size.map(|size| room.end(size, spec.align));
    let (mut parts, mut ebrs) = (Vec::new(), Vec::new());
    let mut at = room.first;
    for (part, number) in spec.parts.iter().zip(numbers(spec)?) {
        let logical = matches!(spec.table, TableKind::Mbr { .. }) && !is_primary(part);
        let record = if logical { spec.align } else { 0 };
        let start =
            at.checked_add(record).ok_or_else(|| LayoutError::TooLarge { disk: spec.name.clone() })?;
        let free = end.map(|end| end.saturating_sub(start));
        let len = needs.len(part, free)?;
        if let Some(free) = free.filter(|free| len > *free || len == 0) {
            return Err(LayoutError::NoRoom {
                disk: spec.name.clone(),
                part: part.name.clone(),
                wanted: Bytes(len.max(spec.align)),
                available: Bytes(free),
                size: Bytes(size.unwrap_or_default()),
            });
        }
        if len == 0 {
            let (disk, part) = (spec.name.clone(), part.name.clone());
            return Err(LayoutError::NoSize { disk, what: "partition", part });
        }
        if logical {
            ebrs.push(Region { name: alloc::format!("EBR {number}"), start: at, len: spec.sector.bytes() });
        }
        at = start.checked_add(len).ok_or_else(|| LayoutError::TooLarge { disk: spec.name.clone() })?;
        parts.push(Placed { spec: part.clone(), number, start, len });
    }
    Ok(PlacedParts { parts, ebrs })
}

/// Bytes of core.img in the gap after an MBR, in whole sectors; 0 if nothing goes there.
fn gap(needs: &Needs<'_>, parts: &[Placed], ebrs: &[Region]) -> Result<u64, LayoutError> {
    let spec = needs.spec;
    let in_partition = spec.parts.iter().any(|part| part.contents == PartContents::Loader(Loader::Bios));
    if !spec.bios_boot || in_partition || !matches!(spec.table, TableKind::Mbr { .. }) {
        return Ok(0);
    }
    let disk = spec.name.clone();
    let Some(core) = needs.loaders.get(&Loader::Bios) else {
        let place = String::from("the gap after the MBR");
        return Err(LayoutError::NoLoader { disk, place, loader: Loader::Bios });
    };
    let sector = spec.sector.bytes();
    let first = parts.iter().map(|p| p.start).chain(ebrs.iter().map(|e| e.start)).min().unwrap_or(spec.align);
    let available = first - sector;
    match core.round_up(sector) {
        Some(len) if len.0 <= available => Ok(len.0),
        _ => Err(LayoutError::GapTooSmall { disk, wanted: core.0, available }),
    }
}

fn past_mbr(spec: &DiskSpec, wanted: u64) -> LayoutError {
    LayoutError::PastMbr {
        disk: spec.name.clone(),
        wanted: Bytes(wanted),
        limit: mbr_limit(spec),
        sector: spec.sector.bytes(),
    }
}
