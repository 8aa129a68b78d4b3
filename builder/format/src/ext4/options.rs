//! What the caller chooses, checked.
//!
//! In: `MkfsOptions`. Out: the same with defaults, in blocks and groups. Never: a value that a kernel or e2fsck objects to.
//!
//! Defaults follow `mke2fs` 1.47 (`mke2fs.conf`, and `ext2fs_default_journal_size` for the journal).

use core::ops::RangeInclusive;

use dibber_model::{Bytes, MkfsOptions};

use super::{BLOCK, Ext4Error, GROUP_BLOCKS, GROUP_BYTES};

/// One inode per so many bytes.
const INODE_RATIO: u32 = 16_384;
/// Per cent of the blocks that only root may use.
const RESERVED_PERCENT: u8 = 5;
/// How much larger the filesystem may grow before `meta_bg` comes in.
const GROWTH: u64 = 1024;
/// `JBD2_MIN_JOURNAL_BLOCKS`.
const JOURNAL_MIN: u64 = 1024;
/// The most that `mke2fs` accepts for `-J size`.
const JOURNAL_MAX: u64 = 10_240_000;

/// Choices, with defaults filled in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Options {
    inode_ratio: u32,
    pub(super) reserved_percent: u8,
    journal: Option<u32>,
    grow_to: Option<Bytes>,
}

fn within(option: &'static str, value: u64, range: RangeInclusive<u64>) -> Result<(), Ext4Error> {
    match range.contains(&value) {
        true => Ok(()),
        false => Err(Ext4Error::Option { option, value, min: *range.start(), max: *range.end() }),
    }
}

impl Options {
    pub(super) fn new(asked: &MkfsOptions) -> Result<Self, Ext4Error> {
        let inode_ratio = asked.inode_ratio.unwrap_or(INODE_RATIO);
        // A group of 32768 blocks has one bitmap block for its inodes: not more of them than blocks.
        within("inode_ratio", inode_ratio.into(), BLOCK..=64 << 20)?;
        let reserved_percent = asked.reserved_percent.unwrap_or(RESERVED_PERCENT);
        within("reserved_percent", reserved_percent.into(), 0..=50)?;
        if let Some(Bytes(journal)) = asked.journal {
            within("journal", journal, JOURNAL_MIN * BLOCK..=JOURNAL_MAX * BLOCK)?;
        }
        Ok(Options {
            inode_ratio,
            reserved_percent,
            journal: asked.journal.map(|journal| (journal.0 / BLOCK) as u32),
            grow_to: asked.grow_to,
        })
    }

    /// Length of the journal. The default goes by whole groups, so that a little more room never asks for a larger one.
    pub(super) fn journal_blocks(self, groups: u32) -> u32 {
        self.journal.unwrap_or(match groups {
            0..=1 => 1 << 10,
            2..=8 => 1 << 12,
            9..=16 => 1 << 13,
            17..=128 => 1 << 14,
            129..=256 => 1 << 15,
            257..=512 => 1 << 16,
            513..=1024 => 1 << 17,
            _ => 1 << 18,
        })
    }

    /// Groups that the filesystem must be able to grow to by the resize inode.
    pub(super) fn growth_groups(self, groups: u32) -> u64 {
        self.grow_to.map_or(u64::from(groups) * GROWTH, |Bytes(bytes)| bytes.div_ceil(GROUP_BYTES))
    }

    /// Inodes that a single group of `blocks` blocks should have.
    pub(super) fn inodes(self, blocks: u64) -> u64 {
        (blocks.min(GROUP_BLOCKS) * BLOCK).div_ceil(self.inode_ratio.into())
    }
}
