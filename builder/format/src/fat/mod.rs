//! FAT12, FAT16 and FAT32 with long names, written once.
//!
//! Firmware reads its boot loader from a FAT. These are small and never changed by the build, so they are laid out in one pass, each file in one
//! piece, in the geometry that mkfs.fat would choose.
//!
//! In: a tree, an identity and a length. Out: extents, every file in one piece. Never: owners and modes, which FAT does
//! not have and a mount gives by option; anything else that it cannot hold is refused by path.
//!
//! After Microsoft's "FAT: General Overview of On-Disk Format", version 1.03.

mod boot;
mod choice;
mod dir;
mod error;
mod geometry;
mod name;
mod table;
mod time;
mod volume;

use alloc::vec::Vec;
use dibber_model::{Bytes, Content, Extent, Extents, Piece, SectorSize, Source, Timestamp, Tree};

pub use error::FatError;

use crate::filesystem::{FilesystemError, Making, Writer};
use volume::{FatNode, Volume};

/// What a FAT filesystem is given from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FatParams {
    /// Volume label, padded with spaces; all spaces is none. [`label`] makes one.
    pub label: [u8; 11],
    /// Volume id, which blkid shows as `XXXX-XXXX`, high half first.
    pub volume_id: u32,
    /// Time of the volume label; later times in the tree are cut to it.
    pub epoch: Timestamp,
    /// Sectors before the partition, as some BIOS boot code wants to know.
    pub hidden_sectors: u32,
    /// Logical sectors.
    pub sector: SectorSize,
}

/// The writer of FAT by what the plan says.
pub struct Fat;

impl Writer for Fat {
    fn measure(&self, tree: &Tree, making: &Making<'_>) -> Result<Bytes, FilesystemError> {
        Ok(measure(tree, &FatParams::of(making)?)?)
    }

    fn write(&self, tree: &Tree, making: &Making<'_>, len: u64) -> Result<Extents, FilesystemError> {
        Ok(write(tree, &FatParams::of(making)?, len)?)
    }
}

impl FatParams {
    fn of(making: &Making<'_>) -> Result<FatParams, FatError> {
        Ok(FatParams {
            label: label(&making.spec.label)?,
            volume_id: making.spec.volume_id(),
            epoch: making.epoch,
            // A field of 32 bits that only old BIOS boot code reads; past it, as mkfs.fat does, it says nothing.
            hidden_sectors: u32::try_from(making.start / making.sector.bytes()).unwrap_or(0),
            sector: making.sector,
        })
    }
}

/// The eleven bytes of a label: upper case, as dib and mkfs.fat make it, and padded with spaces.
pub fn label(text: &str) -> Result<[u8; 11], FatError> {
    let fits = |b: u8| (0x20..0x7f).contains(&b) && !br#""*+,./:;<=>?[\]|"#.contains(&b);
    if text.len() > 11 || text.starts_with(' ') || !text.bytes().all(fits) {
        return Err(FatError::BadLabel { label: text.into() });
    }
    let mut label = [b' '; 11];
    for (place, byte) in label.iter_mut().zip(text.bytes()) {
        *place = byte.to_ascii_uppercase();
    }
    Ok(label)
}

/// The fewest bytes that hold the tree, in whole sectors. Any larger length will do as well.
pub fn measure(tree: &Tree, params: &FatParams) -> Result<Bytes, FatError> {
    let volume = Volume::of(tree, params)?;
    let sectors = choice::least(&volume, params.sector.bytes());
    sectors.map(|sectors| Bytes(sectors * params.sector.bytes())).ok_or(FatError::TooLarge)
}

/// The filesystem, in `len` bytes. The length decides between FAT12, FAT16 and FAT32 and the size of clusters, as in
/// mkfs.fat; only if the tree would not fit so, another choice is taken with which it fits.
pub fn write(tree: &Tree, params: &FatParams, len: u64) -> Result<Extents, FatError> {
    let mut volume = Volume::of(tree, params)?;
    let sector = params.sector.bytes();
    let Some(geometry) = choice::choose(&volume, len, sector) else {
        let needs = choice::least(&volume, sector).ok_or(FatError::TooLarge)? * sector;
        return Err(FatError::TooSmall { needs, len });
    };
    let used = volume.allocate(&geometry);
    let mut list = Vec::new();
    let mut put = |at: u64, bytes: Vec<u8>| list.push(Extent { at, piece: Piece::bytes(bytes) });
    for (at, bytes) in boot::sectors(&geometry, params, used) {
        put(at * sector, bytes);
    }
    for (id, node) in volume.nodes.iter().enumerate().filter(|(_, node)| node.content.is_none()) {
        let bytes = dir::records(&volume, id, params);
        put(geometry.at(id, node.cluster), bytes);
    }
    let fat = Piece::bytes(table::table(&geometry, &volume));
    for copy in 0..2 {
        let at = (geometry.reserved + copy * geometry.fat_sectors) * sector;
        list.push(Extent { at, piece: fat.clone() });
    }
    for (id, node) in volume.nodes.iter().enumerate() {
        if let Some(content) = node.content {
            pieces(content, node, geometry.at(id, node.cluster), &mut list)?;
        }
    }
    Extents::new(len, list).map_err(|error| FatError::Extents { error })
}

fn pieces(content: &Content, node: &FatNode<'_>, at: u64, list: &mut Vec<Extent>) -> Result<(), FatError> {
    let bad = || FatError::BadContent { path: node.path.clone() };
    for range in &content.data {
        if range.start > range.end || range.end > content.len {
            return Err(bad());
        }
        let piece = match &content.source {
            Source::File(file) => {
                Piece::File { file: *file, offset: range.start, len: range.end - range.start }
            }
            Source::Inline(buffer) => {
                let end = usize::try_from(range.end).map_err(|_| bad())?;
                if end > buffer.len() {
                    return Err(bad());
                }
                Piece::Bytes { buffer: buffer.clone(), range: range.start as usize..end }
            }
        };
        list.push(Extent { at: at + range.start, piece });
    }
    Ok(())
}
