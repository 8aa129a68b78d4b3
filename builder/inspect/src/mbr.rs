//! Master boot records, for reading.
//!
//! In: a disk and a sector size to try. Out: its primary and logical partitions, numbered as Linux numbers them. Never: a chain
//! of extended partitions followed in circles.

use std::collections::BTreeSet;

use super::ShowError;
use super::disk::{Disk, Partition, TableFound};
use super::field::{byte, le16, le32};
use super::source::{Source, read_up_to};
use super::types;

/// Most logical partitions that are followed.
const LOGICAL_MAX: u32 = 256;

/// One of the four slots of a record.
struct Slot {
    kind: u8,
    first: u64,
    count: u64,
}

/// A table, if sector 0 has one with at least one partition and nothing that no partitioner writes.
pub(super) fn read(source: &dyn Source, sector: u64) -> Result<Option<Disk>, ShowError> {
    let record = read_up_to(source, 0, 512)?;
    let used: Vec<(u32, Slot)> = (1..).zip(slots(&record)).filter(|(_, slot)| slot.kind != 0).collect();
    let states_fit = (0..4).all(|slot| byte(&record, 446 + 16 * slot) & 0x7f == 0);
    if le16(&record, 510) != 0xaa55 || used.is_empty() || !states_fit {
        return Ok(None);
    }
    let mut disk = Disk {
        table: TableFound::Mbr,
        id: Some(format!("{:08x}", le32(&record, 440))),
        sector_bytes: Some(sector),
        volume_groups: Vec::new(),
        partitions: Vec::new(),
        notes: Vec::new(),
    };
    for (number, slot) in &used {
        add_partition(&mut disk, source.len(), *number, slot);
    }
    let extended = used.iter().find(|(_, slot)| types::is_extended(slot.kind));
    if let Some((_, extended)) = extended {
        logical(&mut disk, source, extended.first)?;
    }
    Ok(Some(disk))
}

fn slots(record: &[u8]) -> impl Iterator<Item = Slot> + '_ {
    (0..4).map(|slot| 446 + 16 * slot).map(|at| Slot {
        kind: byte(record, at + 4),
        first: le32(record, at + 8).into(),
        count: le32(record, at + 12).into(),
    })
}

/// Each record of the chain has one partition, counted from the record, and the next record, counted from the first.
fn logical(disk: &mut Disk, source: &dyn Source, base: u64) -> Result<(), ShowError> {
    let sector = disk.sector_bytes.unwrap_or(512);
    let (mut at, mut seen) = (base, BTreeSet::new());
    for number in 5..5 + LOGICAL_MAX {
        if !seen.insert(at) {
            disk.notes.push("the chain of logical partitions goes in circles".to_string());
            return Ok(());
        }
        let place = at * sector;
        let record = if place < source.len() { read_up_to(source, place, 512)? } else { Vec::new() };
        if le16(&record, 510) != 0xaa55 {
            disk.notes.push(format!("the chain of logical partitions is damaged: no record at sector {at}"));
            return Ok(());
        }
        let mut slots = slots(&record);
        if let Some(slot) = slots.next().filter(|slot| slot.kind != 0) {
            add_partition(disk, source.len(), number, &Slot { first: at + slot.first, ..slot });
        }
        match slots.next().filter(|slot| types::is_extended(slot.kind)) {
            Some(next) => at = base + next.first,
            None => return Ok(()),
        }
    }
    disk.notes.push(format!("more than {LOGICAL_MAX} logical partitions; these are the first"));
    Ok(())
}

/// Adds the partition of a slot, whose first sector is counted from the start of the disk.
fn add_partition(disk: &mut Disk, disk_bytes: u64, number: u32, slot: &Slot) {
    let first = slot.first;
    // Both are below 2^34 sectors of at most 4096 bytes.
    let sector = disk.sector_bytes.unwrap_or(512);
    let (start, bytes) = (first * sector, slot.count * sector);
    if start + bytes > disk_bytes {
        disk.notes
            .push(format!("partition {number} ends past the disk: sector {first}, {} of them", slot.count));
    }
    disk.partitions.push(Partition {
        number,
        name: String::new(),
        type_id: Some(format!("0x{:02x}", slot.kind)),
        type_words: types::mbr(slot.kind).to_string(),
        guid: disk.id.as_ref().map(|id| format!("{id}-{number:02x}")),
        start,
        bytes,
        filesystem: None,
    });
}
