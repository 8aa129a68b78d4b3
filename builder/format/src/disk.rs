//! A whole disk out of its table, its boot code and its partitions.
//!
//! In: a placed disk, and the extents of each partition. Out: the extents of the disk. Never: a place of its own choice.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use dibber_model::extent::ExtentError;
use dibber_model::{Bytes, DiskLayout, Extent, Extents, Holds, Piece, TableKind};

use crate::{gpt, mbr};

/// Boot code for a BIOS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BootCode {
    /// What goes over the first 440 bytes, before the disk signature and the table.
    pub first: [u8; 440],
    /// What goes into the gap after an MBR, from byte 512 on; nothing on a GPT disk, where it has a partition.
    pub gap: Option<Vec<u8>>,
}

/// What goes onto a disk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DiskContent {
    /// Partitions by name. One that holds nothing may be left out.
    pub parts: BTreeMap<String, Extents>,
    /// Boot code, if it starts by BIOS.
    pub boot_code: Option<BootCode>,
}

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
    #[error("partition `{part}` has sectors {first} to {last}, and the table leaves {} to {}", usable.0, usable.1)]
    InTable {
        /// The partition.
        part: String,
        /// Its first sector.
        first: u64,
        /// Its last sector.
        last: u64,
        /// First and last usable sector.
        usable: (u64, u64),
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

/// Puts tables, boot code and partitions together.
pub fn compose(layout: &DiskLayout, mut content: DiskContent) -> Result<Extents, DiskError> {
    let mut parts = tables(layout, content.boot_code.as_ref())?;
    for part in layout.parts() {
        let name = &part.spec.name;
        match content.parts.remove(name) {
            Some(extents) if extents.len() > part.len => {
                let (wanted, available) = (extents.len(), part.len);
                return Err(DiskError::TooLong { part: name.clone(), wanted, available });
            }
            Some(extents) => parts.push((part.start, extents)),
            None if part.spec.holds == Holds::Nothing => {}
            None => return Err(DiskError::NoContent { part: name.clone() }),
        }
    }
    if let Some(part) = content.parts.into_keys().next() {
        return Err(DiskError::NoSuchPart { part });
    }
    let len = layout.len();
    Extents::compose(len, parts).map_err(|error| DiskError::Extents { len, error })
}

/// The table with the boot code in it, and what lies in the gap.
fn tables(layout: &DiskLayout, boot: Option<&BootCode>) -> Result<Vec<(u64, Extents)>, DiskError> {
    match (layout.spec().bios_boot, boot) {
        (true, None) => return Err(DiskError::BootCode("the layout asks for it, and there is none")),
        (false, Some(_)) => {
            return Err(DiskError::BootCode("there is some, and the layout has no place for it"));
        }
        _ => {}
    }
    let gap = boot.and_then(|boot| boot.gap.as_deref());
    match layout.spec().table {
        TableKind::Bare if boot.is_some() => {
            Err(DiskError::BootCode("a disk without a table has no place for it"))
        }
        TableKind::Bare => Ok(Vec::new()),
        TableKind::Gpt { .. } if gap.is_some() => {
            Err(DiskError::BootCode("a GPT has no gap for core.img; it goes into the BIOS boot partition"))
        }
        TableKind::Gpt { disk } => {
            let mut ends = gpt::ends(layout, disk)?;
            overlay(&mut ends.head, boot);
            let tail_at = layout.len() - ends.tail.len() as u64;
            Ok(alloc::vec![(0, buffer(ends.head)), (tail_at, buffer(ends.tail))])
        }
        TableKind::Mbr { disk } => {
            let mut records = mbr::records(layout, disk)?;
            if let Some((_, first)) = records.first_mut() {
                overlay(first, boot);
            }
            let mut parts: Vec<(u64, Extents)> =
                records.into_iter().map(|(at, bytes)| (at, buffer(bytes.to_vec()))).collect();
            if let Some(gap) = gap {
                parts.push((512, boot_gap(layout, gap)?));
            }
            Ok(parts)
        }
    }
}

fn overlay(sector: &mut [u8], boot: Option<&BootCode>) {
    if let Some(boot) = boot {
        sector[..440].copy_from_slice(&boot.first);
    }
}

fn boot_gap(layout: &DiskLayout, code: &[u8]) -> Result<Extents, DiskError> {
    let parts = layout.parts().iter().map(|part| part.start);
    let records = layout.regions().iter().filter(|r| r.name.starts_with("EBR")).map(|r| r.start);
    let available = parts.chain(records).min().unwrap_or(layout.len()).saturating_sub(512);
    let wanted = code.len() as u64;
    if wanted > available {
        return Err(DiskError::GapTooSmall { wanted, available });
    }
    Ok(buffer(code.to_vec()))
}

/// A buffer as extents of its own length.
pub(crate) fn buffer(bytes: Vec<u8>) -> Extents {
    let len = bytes.len() as u64;
    Extents::new(len, alloc::vec![Extent { at: 0, piece: Piece::bytes(bytes) }])
        .expect("one piece at 0 that is as long as the whole neither overlaps nor reaches out")
}
