//! A whole disk out of its table, its boot code and its partitions.
//!
//! In: a placed disk, and the extents of each partition. Out: the extents of the disk. Never: a place of its own choice.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use dibber_model::{DiskLayout, Extent, Extents, PartContents, Piece, TableKind};

pub use crate::table::DiskError;
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
            None if part.spec.contents == PartContents::Nothing => {}
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
            let mut records = mbr::boot_records(layout, disk)?;
            if let Some(first) = records.first_mut() {
                overlay(&mut first.bytes, boot);
            }
            let mut parts: Vec<(u64, Extents)> =
                records.into_iter().map(|record| (record.at, buffer(record.bytes.to_vec()))).collect();
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
