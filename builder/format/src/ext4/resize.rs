//! The resize inode: it owns the blocks kept behind each copy of the group descriptors.
//!
//! In: the geometry. Out: its double-indirect block, and one indirect block for each reserved block of group 0, which
//! lists the reserved blocks at the same place behind the other copies. Never: an extent tree; growth needs this old map.
//!
//! Source: the kernel's `fs/ext4/resize.c` (`verify_reserved_gdb`, `reserve_backup_gdb`).

use alloc::vec::Vec;

use super::BLOCK;
use super::field::put32;
use super::geometry::Geometry;
use crate::sink::Sink;

/// Its number (`EXT4_RESIZE_INO`).
pub(super) const RESIZE_INO: u32 = 7;
/// Pointers in a block.
const POINTERS: u64 = BLOCK / 4;
/// Its length reaches over everything that a double-indirect block can map.
pub(super) const SIZE: u64 = (12 + POINTERS + POINTERS * POINTERS) * BLOCK;

/// Blocks that it owns: the double-indirect one, and the reserve of every copy.
pub(super) fn blocks(geometry: &Geometry) -> u64 {
    1 + u64::from(geometry.reserved_blocks) * (1 + geometry.copies().count() as u64)
}

/// Its `i_block`: nothing but the double-indirect block.
pub(super) fn map(double: u64) -> [u8; 60] {
    let mut map = [0; 60];
    put32(&mut map, 13 * 4, double as u32);
    map
}

/// Writes the pointer blocks.
pub(super) fn write(sink: &mut Sink, geometry: &Geometry, double: u64) {
    let copies: Vec<u64> = geometry.copies().map(Geometry::start).collect();
    let first = 1 + geometry.descriptor_blocks;
    let reserved = first..first + geometry.reserved_blocks;
    for block in reserved.clone() {
        let out = sink.block(block.into());
        for (slot, copy) in out.chunks_exact_mut(4).zip(&copies) {
            slot.copy_from_slice(&((copy + u64::from(block)) as u32).to_le_bytes());
        }
    }
    let out = sink.block(double);
    for block in reserved {
        // The place of a pointer is the number of the descriptor block that the block may become.
        let slot = (u64::from(block) - 1) % POINTERS;
        put32(out, slot as usize * 4, block);
    }
}
