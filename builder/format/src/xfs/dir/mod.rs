//! Directories: in the inode, in one block, or in blocks of names with an index of hashes behind them.
//!
//! In: names in bytewise order, and what they stand for. Out: the smallest of the four forms that holds them, as bytes. Never: a
//! name in the middle of free space: names lie in a row.
//!
//! Source: `fs/xfs/libxfs/xfs_da_format.h`.

mod block;
mod index;
mod short;

use alloc::vec::Vec;

use super::BLOCK;
use super::da_tree::Block;
use super::seal::Header;

pub(super) use block::TooManyBlocks;

/// First logical block of the index: `XFS_DIR2_LEAF_OFFSET`, 32 GiB.
const LEAF_START: u64 = (32 << 30) / BLOCK;
/// First logical block of the list of free space: `XFS_DIR2_FREE_OFFSET`, 64 GiB.
const FREE_START: u64 = (64 << 30) / BLOCK;

/// A name in a directory.
#[derive(Clone, Copy, Debug)]
pub(super) struct DirEntry<'t> {
    pub(super) name: &'t [u8],
    /// The ordinal of what it stands for.
    pub(super) ordinal: u32,
    /// `XFS_DIR3_FT_*`.
    pub(super) kind: u8,
}

/// `XFS_DIR3_FT_DIR`.
pub(super) const KIND_DIR: u8 = 2;

/// How a directory is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// In the inode.
    Short,
    /// Names and hashes in one block.
    Block,
    /// Blocks of names, and one of hashes.
    Leaf,
    /// Blocks of names, a tree of hashes, and a list of free space.
    Node,
}

/// A row of logical blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    pub(super) logical: u64,
    pub(super) blocks: u64,
}

/// A directory, cut.
#[derive(Debug)]
pub(super) struct Shape<'t> {
    entries: Vec<DirEntry<'t>>,
    form: Form,
    /// Blocks of names.
    data_blocks: u64,
}

/// The inode numbers that a directory is written with.
pub(super) struct Numbers<'a> {
    pub(super) own: u64,
    /// The directory above; of the root, itself.
    pub(super) parent: u64,
    /// By ordinal.
    pub(super) of: &'a dyn Fn(u32) -> u64,
}

impl<'t> Shape<'t> {
    /// The smallest form. `room` is what the inode has for it, in bytes.
    pub(super) fn new(entries: Vec<DirEntry<'t>>, room: usize) -> Result<Self, TooManyBlocks> {
        let (form, data_blocks) = if short::size(&entries) <= room {
            (Form::Short, 0)
        } else {
            let end = block::places(&entries).end;
            let blocks = end.div_ceil(BLOCK);
            if block::fits_in_one(end, entries.len()) {
                (Form::Block, 1)
            } else if blocks > LEAF_START {
                return Err(TooManyBlocks { blocks, max: LEAF_START });
            } else if index::fits_in_one(entries.len(), blocks) {
                (Form::Leaf, blocks)
            } else {
                (Form::Node, blocks)
            }
        };
        Ok(Shape { entries, form, data_blocks })
    }

    /// Directories in it.
    pub(super) fn directories(&self) -> u32 {
        self.entries.iter().filter(|entry| entry.kind == KIND_DIR).count() as u32
    }

    /// Whether it is in the inode.
    pub(super) fn is_short(&self) -> bool {
        self.form == Form::Short
    }

    /// Bytes that it takes in the inode, if it is there.
    pub(super) fn short_size(&self) -> usize {
        short::size(&self.entries)
    }

    /// `di_size`: what is in the inode, or the blocks of names.
    pub(super) fn size(&self) -> u64 {
        if self.is_short() { self.short_size() as u64 } else { self.data_blocks * BLOCK }
    }

    /// The rows of blocks that it has.
    pub(super) fn segments(&self) -> Vec<Segment> {
        let mut segments = Vec::new();
        let mut add = |logical, blocks| segments.push(Segment { logical, blocks });
        if !self.is_short() {
            add(0, self.data_blocks);
        }
        match self.form {
            Form::Short | Form::Block => {}
            Form::Leaf => add(LEAF_START, 1),
            Form::Node => {
                add(LEAF_START, index::blocks(self.entries.len()));
                add(FREE_START, index::free_blocks(self.data_blocks));
            }
        }
        segments
    }

    /// The bytes in the inode.
    pub(super) fn short(&self, numbers: &Numbers<'_>) -> Vec<u8> {
        short::bytes(&self.entries, numbers)
    }

    /// Its blocks, unsealed, each with the header by which it is sealed.
    pub(super) fn blocks(&self, numbers: &Numbers<'_>) -> Vec<(Block, Header)> {
        match self.form {
            Form::Short => Vec::new(),
            Form::Block => alloc::vec![block::single(&self.entries, numbers)],
            Form::Leaf | Form::Node => {
                let (mut blocks, best) = block::data(&self.entries, numbers, self.data_blocks);
                let hashes = block::hashes(&self.entries);
                match self.form {
                    Form::Leaf => blocks.push(index::single(&hashes, &best)),
                    _ => blocks.extend(index::tree(&hashes, &best)),
                }
                blocks
            }
        }
    }
}
