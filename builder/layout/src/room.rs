//! What a partition table takes for itself, and what it leaves.
//!
//! In: the kind of table and the sector size. Out: first and last bytes for partitions, and the table's own regions.
//! Never: partitions.

use alloc::string::ToString;
use alloc::vec::Vec;
use dibber_model::{Bytes, DiskSpec, Region, TableKind};

use crate::LayoutError;

/// Bytes of the array of GPT entries: 128 of 128 bytes, the least that UEFI 2.10 section 5.3.2 allows (16 KiB).
const GPT_ENTRIES: u64 = 128 * 128;

/// A disk is a whole number of these.
pub(crate) const DISK_UNIT: u64 = 1 << 20;

/// The space that a table leaves to partitions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    /// First byte that a partition may have, aligned.
    pub(crate) first: u64,
    /// Bytes that the table takes at the end.
    pub(crate) tail: u64,
}

impl Room {
    pub(crate) fn of(spec: &DiskSpec) -> Result<Room, LayoutError> {
        let sector = spec.sector.bytes();
        let (head, tail) = match spec.table {
            TableKind::Bare => (0, 0),
            TableKind::Gpt { .. } => (2 * sector + GPT_ENTRIES, sector + GPT_ENTRIES),
            TableKind::Mbr { .. } => (sector, 0),
        };
        let first = head
            .checked_next_multiple_of(spec.align)
            .ok_or_else(|| LayoutError::TooLarge { disk: spec.name.clone() })?;
        Ok(Room { first, tail })
    }

    /// Where partitions must end on a disk of `len` bytes: the last aligned byte before the table's tail.
    pub(crate) fn end(self, len: u64, align: u64) -> u64 {
        let end = len.saturating_sub(self.tail);
        end - end % align
    }
}

/// What an MBR can address: 2^32 sectors.
pub(crate) fn mbr_limit(spec: &DiskSpec) -> Bytes {
    Bytes(spec.sector.bytes() << 32)
}

/// The regions of the table itself on a disk of `len` bytes; `gap` is the length of boot code after an MBR.
pub(crate) fn regions(spec: &DiskSpec, len: u64, gap: u64) -> Vec<Region> {
    let sector = spec.sector.bytes();
    let region = |name: &str, start, len| Region { name: name.to_string(), start, len };
    match spec.table {
        TableKind::Bare => Vec::new(),
        TableKind::Mbr { .. } => {
            let mut regions = alloc::vec![region("MBR", 0, sector)];
            if gap > 0 {
                regions.push(region("boot gap", sector, gap));
            }
            regions
        }
        TableKind::Gpt { .. } => alloc::vec![
            region("MBR", 0, sector),
            region("GPT header", sector, sector),
            region("GPT entries", 2 * sector, GPT_ENTRIES),
            region("GPT backup entries", len - sector - GPT_ENTRIES, GPT_ENTRIES),
            region("GPT backup header", len - sector, sector),
        ],
    }
}
