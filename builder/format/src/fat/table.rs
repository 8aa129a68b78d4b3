//! The file allocation table.
//!
//! In: nodes with their clusters. Out: the table up to its last used entry; what follows is zero. Never: fragments.

use alloc::vec::Vec;

use super::geometry::{Geometry, Width};
use super::volume::Volume;

/// The first two entries: the media byte, and "clean, no errors"; and the end of a chain. FAT12 and FAT16 take the low bits.
const MEDIA: u32 = 0x0fff_fff8;
const CLEAN: u32 = 0x0fff_ffff;
const END: u32 = 0x0fff_ffff;

/// The used part of one table, in bytes.
pub(crate) fn table(geometry: &Geometry, volume: &Volume<'_>) -> Vec<u8> {
    let mut entries = alloc::vec![MEDIA, CLEAN];
    // Clusters were given out directories first, in this same order, without a gap.
    for files in [false, true] {
        for (id, node) in volume.nodes.iter().enumerate().filter(|(_, n)| n.content.is_some() == files) {
            let clusters = geometry.clusters_of(id, node.len);
            for left in (0..clusters).rev() {
                let next = entries.len() as u32 + 1;
                entries.push(if left == 0 { END } else { next });
            }
        }
    }
    match geometry.width {
        Width::Fat32 => entries.iter().flat_map(|entry| entry.to_le_bytes()).collect(),
        Width::Fat16 => entries.iter().flat_map(|entry| (*entry as u16).to_le_bytes()).collect(),
        Width::Fat12 => entries.chunks(2).flat_map(pair).collect(),
    }
}

/// Two entries of 12 bits in three bytes.
fn pair(entries: &[u32]) -> [u8; 3] {
    let (first, second) = (entries[0] & 0xfff, entries.get(1).copied().unwrap_or(0) & 0xfff);
    let both = (first | second << 12).to_le_bytes();
    [both[0], both[1], both[2]]
}
