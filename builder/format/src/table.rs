//! What tables of partitions have in common: their errors, and sectors.
//!
//! In: a placed partition. Out: its sectors, or why it has none. Never: a byte of a table.

use alloc::string::String;
use core::ops::RangeInclusive;
use dibber_model::extent::ExtentError;
use dibber_model::{Bytes, Placed};

/// Why a disk cannot be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DiskError {
    /// The table does not fit.
    #[error(
        "a disk of {len} bytes with sectors of {sector} has no room for a GPT; make it at least 1 MiB, in whole sectors"
    )]
    BadLength {
        /// Length of the disk.
        len: u64,
        /// Sector size.
        sector: u64,
    },
    /// A partition that does not lie on sectors.
    #[error(
        "partition `{part}` (from byte {start}, {len} bytes) is not a whole number of sectors of {sector} bytes"
    )]
    Unaligned {
        /// The partition.
        part: String,
        /// First byte.
        start: u64,
        /// Length in bytes.
        len: u64,
        /// Sector size.
        sector: u64,
    },
    /// A partition inside the table.
    #[error("partition `{part}` has sectors {first} to {last}, and the table leaves {} to {}", usable.start(), usable.end())]
    InTable {
        /// The partition.
        part: String,
        /// Its first sector.
        first: u64,
        /// Its last sector.
        last: u64,
        /// Sectors that partitions may have.
        usable: RangeInclusive<u64>,
    },
    /// A partition of another kind of table.
    #[error("partition `{part}` is of another kind than its disk's table")]
    WrongKind {
        /// The partition.
        part: String,
    },
    /// A number that the table does not have.
    #[error("partition `{part}` has number {number}, and the table has 1 to {max}")]
    BadNumber {
        /// The partition.
        part: String,
        /// Its number.
        number: u32,
        /// The largest there is.
        max: u32,
    },
    /// A number that is in use.
    #[error("partition `{part}` has number {number}, which another partition has")]
    TakenNumber {
        /// The partition.
        part: String,
        /// Its number.
        number: u32,
    },
    /// A name that does not fit a GPT entry.
    #[error("the name of partition `{part}` has {units} UTF-16 units, and a GPT holds {max}; shorten it")]
    LongName {
        /// The partition.
        part: String,
        /// Its length.
        units: usize,
        /// The longest there is.
        max: usize,
    },
    /// No slot for the extended partition.
    #[error("partition `{part}` is logical, and the MBR has no slot left for the extended partition")]
    NoSlot {
        /// The first logical partition.
        part: String,
    },
    /// No place for an extended boot record.
    #[error("partition `{part}` is logical, and the layout has no region `{record}` before it")]
    NoRecord {
        /// The partition.
        part: String,
        /// The missing region.
        record: String,
    },
    /// Logical partitions whose numbers do not rise with their places.
    #[error(
        "partition `{part}` lies before the extended partition that holds it; number logical partitions by place"
    )]
    BadChain {
        /// The partition.
        part: String,
    },
    /// A sector number past 32 bits.
    #[error(
        "partition `{part}` needs sector number or count {sector}, and an MBR ends at {}; use a GPT",
        u32::MAX
    )]
    PastMbr {
        /// The partition.
        part: String,
        /// The number that does not fit.
        sector: u64,
    },
    /// Content for a partition that is not there.
    #[error("there is content for partition `{part}`, and the layout has none of that name")]
    NoSuchPart {
        /// The name.
        part: String,
    },
    /// A partition without its content.
    #[error("partition `{part}` has no content")]
    NoContent {
        /// The partition.
        part: String,
    },
    /// Content longer than its partition.
    #[error("the content of partition `{part}` has {wanted} bytes, and the partition {available}")]
    TooLong {
        /// The partition.
        part: String,
        /// Length of the content.
        wanted: u64,
        /// Length of the partition.
        available: u64,
    },
    /// Boot code, and no table before which it could stand, or none asked for; or the other way round.
    #[error("boot code for BIOS: {0}")]
    BootCode(&'static str),
    /// core.img is longer than the gap.
    #[error("boot code after the MBR has {wanted} bytes, and the gap {available}")]
    GapTooSmall {
        /// Length of the code.
        wanted: u64,
        /// Length of the gap.
        available: u64,
    },
    /// Ranges that overlap.
    #[error("a disk of {}: {error}", Bytes(*len))]
    Extents {
        /// Length of the disk.
        len: u64,
        /// What is wrong.
        error: ExtentError,
    },
}

/// The sectors of a partition.
pub(crate) fn sectors(part: &Placed, sector: u64) -> Result<RangeInclusive<u64>, DiskError> {
    let aligned = part.start.is_multiple_of(sector) && part.len.is_multiple_of(sector);
    match part.start.checked_add(part.len) {
        Some(end) if aligned && part.len > 0 => Ok(part.start / sector..=end / sector - 1),
        _ => Err(DiskError::Unaligned {
            part: part.spec.name.clone(),
            start: part.start,
            len: part.len,
            sector,
        }),
    }
}
