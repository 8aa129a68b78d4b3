//! Master boot records, and the chain of extended ones.
//!
//! In: a placed disk. Out: the bytes of each record, and where they go. Never: boot code.
//!
//! The chain is laid out as dib lays it out (`block_device/level1/mbr.py`), and as sfdisk reads it: the extended partition
//! is of type 0x0f and reaches from the first record to the end of the disk; each record describes one logical partition,
//! relative to the record, and the next record, relative to the start of the extended partition.

use alloc::format;
use alloc::vec::Vec;
use dibber_model::{DiskLayout, PartKind, Placed};

use crate::chs::chs;
use crate::table::{DiskError, sectors};

const EXTENDED: u8 = 0x0f;
const LINK: u8 = 0x05;
const SIGNATURE: [u8; 2] = [0x55, 0xaa];

/// One of the four entries of a record. `start` is what the entry says; `lba` is where that is on the disk.
struct RecordEntry {
    active: bool,
    kind: u8,
    start: u64,
    lba: u64,
    count: u64,
}

/// A logical partition and its record, in sectors.
struct Logical<'a> {
    part: &'a Placed,
    record: u64,
    start: u64,
    count: u64,
}

/// A record, and its place on the disk in bytes.
pub(crate) struct BootRecord {
    pub(crate) at: u64,
    pub(crate) bytes: [u8; 512],
}

/// Every record of a disk. The first is the MBR itself.
pub(crate) fn boot_records(layout: &DiskLayout, disk: u32) -> Result<Vec<BootRecord>, DiskError> {
    let sector = layout.spec().sector.bytes();
    let mut mbr = empty_record();
    mbr[440..444].copy_from_slice(&disk.to_le_bytes());
    let mut logicals = Vec::new();
    for part in layout.parts() {
        let (first, last) = sectors(part, sector)?.into_inner();
        let count = last - first + 1;
        match part.spec.kind {
            PartKind::Mbr { type_byte, active, primary: true } => {
                let entry = RecordEntry { active, kind: type_byte, start: first, lba: first, count };
                let slot = slot(&mbr, part)?;
                put_entry(&mut mbr, slot, &entry, part)?;
            }
            PartKind::Mbr { primary: false, .. } => {
                let record = record_of(layout, part)? / sector;
                logicals.push(Logical { part, record, start: first, count });
            }
            _ => return Err(DiskError::WrongKind { part: part.spec.name.clone() }),
        }
    }
    logicals.sort_by_key(|logical| logical.part.number);
    let mut records = Vec::with_capacity(1 + logicals.len());
    if let Some(first) = logicals.first() {
        let Some(slot) = (0..4).find(|slot| mbr[446 + slot * 16 + 4] == 0) else {
            return Err(DiskError::NoSlot { part: first.part.spec.name.clone() });
        };
        let count = (layout.len() / sector).saturating_sub(first.record);
        let entry =
            RecordEntry { active: false, kind: EXTENDED, start: first.record, lba: first.record, count };
        put_entry(&mut mbr, slot, &entry, first.part)?;
    }
    records.push(BootRecord { at: 0, bytes: mbr });
    chain(&logicals, sector, &mut records)?;
    Ok(records)
}

fn empty_record() -> [u8; 512] {
    let mut record = [0; 512];
    record[510..].copy_from_slice(&SIGNATURE);
    record
}

/// The slot that a primary partition's number names.
fn slot(mbr: &[u8; 512], part: &Placed) -> Result<usize, DiskError> {
    let (name, number) = (part.spec.name.clone(), part.number);
    if !(1..=4).contains(&number) {
        return Err(DiskError::BadNumber { part: name, number, max: 4 });
    }
    let slot = number as usize - 1;
    match mbr[446 + slot * 16 + 4] {
        0 => Ok(slot),
        _ => Err(DiskError::TakenNumber { part: name, number }),
    }
}

/// Where the layout put the record of a logical partition.
fn record_of(layout: &DiskLayout, part: &Placed) -> Result<u64, DiskError> {
    let name = format!("EBR {}", part.number);
    let region = layout.regions().iter().find(|region| region.name == name);
    match region.map(|region| region.start) {
        Some(at) if at < part.start => Ok(at),
        _ => Err(DiskError::NoRecord { part: part.spec.name.clone(), record: name }),
    }
}

fn chain(logicals: &[Logical<'_>], sector: u64, records: &mut Vec<BootRecord>) -> Result<(), DiskError> {
    let Some(base) = logicals.first().map(|first| first.record) else { return Ok(()) };
    for (i, logical) in logicals.iter().enumerate() {
        let PartKind::Mbr { type_byte, active, .. } = logical.part.spec.kind else { continue };
        let mut bytes = empty_record();
        let start = logical.start - logical.record;
        let entry = RecordEntry { active, kind: type_byte, start, lba: logical.start, count: logical.count };
        put_entry(&mut bytes, 0, &entry, logical.part)?;
        if let Some(next) = logicals.get(i + 1) {
            let outside = DiskError::BadChain { part: next.part.spec.name.clone() };
            let start = next.record.checked_sub(base).ok_or(outside)?;
            let count = next.start - next.record + next.count;
            let link = RecordEntry { active: false, kind: LINK, start, lba: next.record, count };
            put_entry(&mut bytes, 1, &link, next.part)?;
        }
        records.push(BootRecord { at: logical.record * sector, bytes });
    }
    Ok(())
}

fn put_entry(
    record: &mut [u8; 512],
    slot: usize,
    entry: &RecordEntry,
    part: &Placed,
) -> Result<(), DiskError> {
    let past = |value| DiskError::PastMbr { part: part.spec.name.clone(), sector: value };
    let last = entry.lba.saturating_add(entry.count - 1);
    let start = u32::try_from(entry.start).map_err(|_| past(entry.start))?;
    let count = u32::try_from(entry.count).map_err(|_| past(entry.count))?;
    let bytes = &mut record[446 + slot * 16..462 + slot * 16];
    bytes[0] = if entry.active { 0x80 } else { 0 };
    bytes[1..4].copy_from_slice(&chs(entry.lba));
    bytes[4] = entry.kind;
    bytes[5..8].copy_from_slice(&chs(last));
    bytes[8..12].copy_from_slice(&start.to_le_bytes());
    bytes[12..16].copy_from_slice(&count.to_le_bytes());
    Ok(())
}
