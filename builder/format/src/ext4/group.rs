//! Group descriptors and bitmaps.
//!
//! In: the plan, and which inodes are directories. Out: descriptors, bitmaps, and the counts of what is free. Never: a
//! group that the kernel must still initialise: holes are zeros, and the flags say so.
//!
//! Source: `Documentation/filesystems/ext4/group_descr.rst` and `bitmaps.rst`.

use alloc::vec::Vec;

use super::BLOCK;
use super::GROUP_BLOCKS;
use super::checksum::Crc;
use super::field::{put_halves, put_split, put16};
use super::geometry::{Geometry, Tables};
use super::plan::Plan;
use crate::sink::Sink;

/// Size of a descriptor with `64bit`.
pub(super) const DESCRIPTOR_SIZE: usize = 64;
/// `EXT4_BG_INODE_UNINIT`, `EXT4_BG_BLOCK_UNINIT`, `EXT4_BG_INODE_ZEROED`.
const INODE_UNINIT: u16 = 1;
const BLOCK_UNINIT: u16 = 2;
const INODE_ZEROED: u16 = 4;

/// What the groups come to.
#[derive(Debug, Default)]
pub(super) struct Totals {
    pub(super) free_blocks: u64,
    pub(super) free_inodes: u32,
    /// All descriptors, padded to whole blocks.
    pub(super) descriptors: Vec<u8>,
}

/// The use of inodes.
pub(super) struct Inodes {
    pub(super) last: u32,
    /// Numbers of the directories, rising.
    pub(super) dirs: Vec<u32>,
}

/// Writes the bitmaps of all groups and makes their descriptors.
pub(super) fn write(sink: &mut Sink, plan: &Plan, inodes: &Inodes, seed: Crc) -> Totals {
    let geometry = &plan.geometry;
    let size = geometry.descriptor_blocks as usize * BLOCK as usize;
    let mut totals = Totals { descriptors: alloc::vec![0; size], ..Totals::default() };
    let mut fixed = 0;
    for (group, tables) in (0..).zip(&geometry.tables) {
        let one = One::new(plan, inodes, group);
        let used = one.block_bitmap(plan, &mut fixed);
        let out = &mut totals.descriptors[group as usize * DESCRIPTOR_SIZE..][..DESCRIPTOR_SIZE];
        one.describe(out, tables, used.free);
        if one.flags & BLOCK_UNINIT == 0 {
            put_halves(out, 0x18, 0x38, seed.over(&used.bits).value());
            sink.block(tables.block_bitmap).copy_from_slice(&used.bits);
        }
        if one.flags & INODE_UNINIT == 0 {
            let bits = one.inode_bitmap();
            put_halves(out, 0x1a, 0x3a, seed.over(&bits[..one.inodes as usize / 8]).value());
            sink.block(tables.inode_bitmap).copy_from_slice(&bits);
        }
        // Only the low half of this sum has a field.
        put16(out, 0x1e, seed.over(&group.to_le_bytes()).over(out).value() as u16);
        totals.free_blocks += used.free;
        totals.free_inodes += one.inodes - one.used_inodes;
    }
    totals
}

/// The blocks in use of one group.
struct Used {
    bits: Vec<u8>,
    free: u64,
}

/// One group.
struct One {
    start: u64,
    end: u64,
    flags: u16,
    inodes: u32,
    used_inodes: u32,
    dirs: u32,
}

impl One {
    fn new(plan: &Plan, inodes: &Inodes, group: u32) -> One {
        let geometry = &plan.geometry;
        let start = Geometry::start(group);
        let end = (start + GROUP_BLOCKS).min(plan.blocks);
        // Group n holds the inodes from n * count + 1 on.
        let count = geometry.inodes_per_group;
        let before = group.saturating_mul(count);
        let used_inodes = inodes.last.saturating_sub(before).min(count);
        let first_dir = inodes.dirs.partition_point(|ino| *ino <= before);
        let last_dir = inodes.dirs.partition_point(|ino| *ino <= before + used_inodes);
        let mut flags = INODE_ZEROED;
        if used_inodes == 0 {
            flags |= INODE_UNINIT;
            // The kernel makes such a bitmap itself, from the head of the group, and only for a whole group. The tables
            // of a flexible group are at its start: they end before any group that begins behind them.
            let head_end = start + geometry.head(group);
            let free = plan.placement.end <= start && !overlaps_tables(geometry, head_end, end);
            if free && group + 1 < geometry.groups {
                flags |= BLOCK_UNINIT;
            }
        }
        One { start, end, flags, inodes: count, used_inodes, dirs: (last_dir - first_dir) as u32 }
    }

    /// Bits of blocks in use: all below the end of the placement, the fixed ones, and what is past the end of the
    /// filesystem. `fixed` is the first fixed range that may reach into this group.
    fn block_bitmap(&self, plan: &Plan, fixed: &mut usize) -> Used {
        let mut bits = alloc::vec![0; BLOCK as usize];
        let mut used = set_bits(&mut bits, 0, plan.placement.end.clamp(self.start, self.end) - self.start);
        let ranges = &plan.geometry.fixed;
        while ranges.get(*fixed).is_some_and(|range| range.end <= self.start) {
            *fixed += 1;
        }
        let floor = plan.placement.end.max(self.start);
        for range in ranges[*fixed..].iter().take_while(|range| range.start < self.end) {
            let (from, to) = (range.start.max(floor), range.end.min(self.end));
            if from < to {
                used += set_bits(&mut bits, from - self.start, to - self.start);
            }
        }
        set_bits(&mut bits, self.end - self.start, GROUP_BLOCKS);
        Used { bits, free: self.end - self.start - used }
    }

    /// Bits of inodes in use, and of the bitmap's unused end.
    fn inode_bitmap(&self) -> Vec<u8> {
        let mut bits = alloc::vec![0; BLOCK as usize];
        set_bits(&mut bits, 0, self.used_inodes.into());
        set_bits(&mut bits, self.inodes.into(), GROUP_BLOCKS);
        bits
    }

    fn describe(&self, out: &mut [u8], tables: &Tables, free_blocks: u64) {
        put_split(out, 0x00, 0x20, tables.block_bitmap);
        put_split(out, 0x04, 0x24, tables.inode_bitmap);
        put_split(out, 0x08, 0x28, tables.inode_table);
        put_halves(out, 0x0c, 0x2c, free_blocks as u32);
        put_halves(out, 0x0e, 0x2e, self.inodes - self.used_inodes);
        put_halves(out, 0x10, 0x30, self.dirs);
        put16(out, 0x12, self.flags);
        // Inodes behind the last one in use.
        put_halves(out, 0x1c, 0x32, self.inodes - self.used_inodes);
    }
}

/// Whether fixed structures other than the group's head lie between two blocks.
fn overlaps_tables(geometry: &Geometry, from: u64, to: u64) -> bool {
    let next = geometry.fixed.partition_point(|range| range.end <= from);
    geometry.fixed.get(next).is_some_and(|range| range.start < to)
}

/// Sets the bits from `from` up to `to`, and returns how many these are.
fn set_bits(bits: &mut [u8], from: u64, to: u64) -> u64 {
    let (from, to) = (from as usize, to as usize);
    let mut at = from;
    while at < to {
        if at % 8 == 0 && at + 8 <= to {
            let whole = (to - at) / 8;
            bits[at / 8..at / 8 + whole].fill(0xff);
            at += whole * 8;
        } else {
            bits[at / 8] |= 1 << (at % 8);
            at += 1;
        }
    }
    (to.max(from) - from) as u64
}
