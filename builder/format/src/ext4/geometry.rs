//! Where the groups' own structures are.
//!
//! In: the number of groups, the inodes needs, options. Out: superblock copies, descriptors, bitmaps and inode tables,
//! placed. Never: file data.
//!
//! Source: `Documentation/filesystems/ext4/blockgroup.rst`; flexible groups of 16, sparse superblock copies.

use alloc::vec::Vec;
use core::ops::Range;

use super::options::Options;
use super::{BLOCK, GROUP_BLOCKS};

/// Groups whose bitmaps and inode tables are kept together (`s_log_groups_per_flex` is 4).
pub(super) const FLEX: u32 = 16;
/// Size of an inode on disk.
pub(super) const INODE_SIZE: u32 = 256;
/// Inodes in a block.
const INODES_PER_BLOCK: u32 = BLOCK as u32 / INODE_SIZE;
/// Descriptors of 64 bytes in a block.
const DESCRIPTORS_PER_BLOCK: u32 = BLOCK as u32 / 64;
/// Pointers in an indirect block, and so the most blocks that the resize inode keeps for descriptors.
const POINTERS: u32 = BLOCK as u32 / 4;

/// Where one group's structures are, by block number.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tables {
    pub(super) block_bitmap: u64,
    pub(super) inode_bitmap: u64,
    pub(super) inode_table: u64,
}

/// The fixed structures of a filesystem.
#[derive(Clone, Debug)]
pub(super) struct Geometry {
    pub(super) groups: u32,
    pub(super) inodes_per_group: u32,
    /// Blocks of group descriptors, in each copy.
    pub(super) descriptor_blocks: u32,
    /// Blocks kept behind them for growth, in each copy.
    pub(super) reserved_blocks: u32,
    pub(super) journal_blocks: u32,
    pub(super) tables: Vec<Tables>,
    /// Everything above as ranges of blocks: sorted, disjoint, not adjacent.
    pub(super) fixed: Vec<Range<u64>>,
}

/// What the number of groups does not settle.
#[derive(Clone, Copy, Debug)]
pub(super) struct GeometryNeeds {
    /// The highest inode number in use.
    pub(super) last_ino: u32,
    /// Blocks, if there is but one group; otherwise the groups are counted as full, so that the fixed structures do not
    /// depend on how full the last one is.
    pub(super) blocks: u64,
    pub(super) options: Options,
}

impl Geometry {
    /// The structures of so many groups; `None` if they cannot have as many inodes as are needs.
    pub(super) fn new(groups: u32, needs: GeometryNeeds) -> Option<Geometry> {
        let descriptor_blocks = groups.div_ceil(DESCRIPTORS_PER_BLOCK);
        let growth = needs.options.growth_groups(groups).div_ceil(DESCRIPTORS_PER_BLOCK.into());
        let reserved = growth.saturating_sub(descriptor_blocks.into()).clamp(1, POINTERS.into());
        let mut geometry = Geometry {
            groups,
            inodes_per_group: inodes_per_group(groups, needs)?,
            descriptor_blocks,
            reserved_blocks: reserved as u32,
            journal_blocks: needs.options.journal_blocks(groups),
            tables: Vec::with_capacity(groups as usize),
            fixed: Vec::new(),
        };
        geometry.place_tables();
        geometry.collect_fixed();
        Some(geometry)
    }

    /// First block of a group.
    pub(super) fn start(group: u32) -> u64 {
        u64::from(group) * GROUP_BLOCKS
    }

    /// Blocks of superblock copy, descriptors and reserve at the start of a group; zero if it has none.
    pub(super) fn head(&self, group: u32) -> u64 {
        if has_copy(group) { u64::from(1 + self.descriptor_blocks + self.reserved_blocks) } else { 0 }
    }

    /// Groups that have copies, after group 0.
    pub(super) fn copies(&self) -> impl Iterator<Item = u32> {
        (1..self.groups).filter(|group| has_copy(*group))
    }

    /// Blocks of an inode table.
    pub(super) fn table_blocks(&self) -> u64 {
        (self.inodes_per_group / INODES_PER_BLOCK).into()
    }

    /// End of the last fixed structure.
    pub(super) fn fixed_end(&self) -> u64 {
        self.fixed.last().map_or(0, |range| range.end)
    }

    /// Bitmaps and tables of each flexible group, in a row from its first group's head on.
    fn place_tables(&mut self) {
        for first in (0..self.groups).step_by(FLEX as usize) {
            let count = FLEX.min(self.groups - first) as usize;
            let mut at = Geometry::start(first);
            let mut row = |blocks| -> Vec<u64> {
                (0..count)
                    .map(|_| {
                        let start = self.clear_of_heads(at, blocks);
                        at = start + blocks;
                        start
                    })
                    .collect()
            };
            let (block_bitmaps, inode_bitmaps, tables) = (row(1), row(1), row(self.table_blocks()));
            self.tables.extend((0..count).map(|n| Tables {
                block_bitmap: block_bitmaps[n],
                inode_bitmap: inode_bitmaps[n],
                inode_table: tables[n],
            }));
        }
    }

    /// The first place at or after `at` where so many blocks touch no head.
    fn clear_of_heads(&self, mut at: u64, blocks: u64) -> u64 {
        let mut group = at / GROUP_BLOCKS;
        while group <= (at + blocks - 1) / GROUP_BLOCKS {
            let start = group * GROUP_BLOCKS;
            let end = start + self.head(group as u32);
            if at < end && at + blocks > start {
                at = end;
            }
            group += 1;
        }
        at
    }

    fn collect_fixed(&mut self) {
        let mut ranges: Vec<Range<u64>> = Vec::new();
        for group in 0..self.groups {
            let start = Geometry::start(group);
            ranges.push(start..start + self.head(group));
        }
        for tables in &self.tables {
            ranges.push(tables.block_bitmap..tables.block_bitmap + 1);
            ranges.push(tables.inode_bitmap..tables.inode_bitmap + 1);
            ranges.push(tables.inode_table..tables.inode_table + self.table_blocks());
        }
        ranges.retain(|range| !range.is_empty());
        ranges.sort_unstable_by_key(|range| range.start);
        for range in ranges {
            match self.fixed.last_mut() {
                Some(last) if last.end == range.start => last.end = range.end,
                _ => self.fixed.push(range),
            }
        }
    }
}

/// A multiple of 16, so that inode tables fill their blocks, and e2fsck's bitmap of them whole bytes.
fn inodes_per_group(groups: u32, needs: GeometryNeeds) -> Option<u32> {
    let blocks = if groups == 1 { needs.blocks } else { GROUP_BLOCKS };
    let needed = needs.last_ino.div_ceil(groups);
    let asked = u32::try_from(needs.options.inodes(blocks)).unwrap_or(u32::MAX);
    // Inode numbers are 32 bits wide.
    let most = (u32::MAX / groups).min(GROUP_BLOCKS as u32) / INODES_PER_BLOCK * INODES_PER_BLOCK;
    let count = needed.max(asked.min(most)).checked_next_multiple_of(INODES_PER_BLOCK)?;
    (count <= most).then_some(count)
}

/// `sparse_super`: groups 0 and 1, and the powers of 3, 5 and 7.
pub(super) fn has_copy(group: u32) -> bool {
    let group = u64::from(group);
    let power_of = |base: u64| {
        let mut power = base;
        while power < group {
            power *= base;
        }
        power == group
    };
    group <= 1 || power_of(3) || power_of(5) || power_of(7)
}

#[cfg(test)]
mod tests {
    use super::*;
    use dibber_model::MkfsOptions;

    #[test]
    fn copies_are_where_sparse_super_has_them() {
        let copies: Vec<u32> = (0..400).filter(|group| has_copy(*group)).collect();
        assert_eq!(copies, [0, 1, 3, 5, 7, 9, 25, 27, 49, 81, 125, 243, 343]);
        assert!(!has_copy(u32::MAX));
    }

    #[test]
    fn structures_never_overlap() {
        for (groups, inode_ratio, last_ino) in
            [(1, 4096, 20), (17, 4096, 30_000), (40, 16384, 300_000), (400, 8192, 12)]
        {
            let options = MkfsOptions { inode_ratio: Some(inode_ratio), ..MkfsOptions::default() };
            let options = Options::new(&options).unwrap();
            let geometry = Geometry::new(groups, GeometryNeeds { last_ino, blocks: 9000, options }).unwrap();
            for pair in geometry.fixed.windows(2) {
                assert!(pair[0].end < pair[1].start, "{pair:?}");
            }
            let heads: u64 = (0..groups).map(|group| geometry.head(group)).sum();
            let all: u64 = geometry.fixed.iter().map(|range| range.end - range.start).sum();
            assert_eq!(all, heads + u64::from(groups) * (2 + geometry.table_blocks()));
        }
    }
}
