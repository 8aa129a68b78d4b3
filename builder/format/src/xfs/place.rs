//! The place of everything that is not fixed: one pass over the groups, from low to high.
//!
//! In: the groups, and what the tree needs. Out: where inode chunks, directories, attributes and files are, and what is left. Never:
//! bytes.

use alloc::vec::Vec;
use core::ops::Range;

use super::ag_tree::INODE_TREE;
use super::bmap::{self, LENGTH_MAX, Mapped};
use super::geometry::Geometry;
use super::options::CHUNK_INODES;
use super::survey::{Body, Run, Survey};

/// Chunks of a group, in a row.
#[derive(Clone, Debug)]
pub(super) struct Chunks {
    pub(super) group: u32,
    /// Their first block, by its number in the group.
    pub(super) first: u64,
    /// How many there are.
    pub(super) count: u64,
    /// How many there are in groups before.
    pub(super) before: u64,
    /// Blocks of the group's inode tree besides its root, by their numbers in the group.
    pub(super) tree: Range<u64>,
}

/// Where an inode's blocks are: parts of [`Placement::mapped`] and [`Placement::tree_blocks`].
#[derive(Clone, Debug, Default)]
pub(super) struct Placed {
    pub(super) mapped: Range<usize>,
    pub(super) tree_blocks: Range<usize>,
    /// Blocks of attributes.
    pub(super) attrs: Range<u64>,
}

/// Where everything is. Blocks are those of the filesystem, but where another count is named.
#[derive(Debug)]
pub(super) struct Placement {
    pub(super) chunks: Vec<Chunks>,
    pub(super) mapped: Vec<Mapped>,
    /// Blocks of maps that do not fit into their inodes.
    pub(super) tree_blocks: Vec<u64>,
    /// By node of the survey.
    pub(super) nodes: Vec<Placed>,
    /// By group: what is free, by numbers in the group, rising.
    pub(super) free: Vec<Vec<Range<u64>>>,
    /// Blocks that found no place.
    pub(super) beyond: u64,
}

/// The free blocks of the groups, consumed in order; behind the last group come blocks that there are not.
struct Cursor<'g> {
    geometry: &'g Geometry,
    group: u32,
    at: u64,
    free: Vec<Vec<Range<u64>>>,
    beyond: u64,
}

impl<'g> Cursor<'g> {
    fn new(geometry: &'g Geometry) -> Self {
        let free = alloc::vec![Vec::new(); geometry.groups as usize];
        Cursor { geometry, group: 0, at: geometry.usable(0).start, free, beyond: 0 }
    }

    fn is_over(&self) -> bool {
        self.group == self.geometry.groups
    }

    /// Blocks of the current group that are left.
    fn left(&self) -> u64 {
        self.geometry.usable(self.group).end - self.at
    }

    /// Leaves what is between here and a block free.
    fn leave(&mut self, until: u64) {
        let start = self.geometry.start(self.group);
        if self.at < until {
            self.free[self.group as usize].push(self.at - start..until - start);
        }
        self.at = until;
    }

    fn next_group(&mut self) {
        self.leave(self.geometry.start(self.group) + self.geometry.len(self.group));
        self.group += 1;
        if !self.is_over() {
            self.at = self.geometry.usable(self.group).start;
        }
    }

    /// The next free blocks, at most `want` (which is not zero), as long as they lie in a row.
    fn take(&mut self, want: u64) -> Range<u64> {
        while !self.is_over() && self.left() == 0 {
            self.next_group();
        }
        let got = if self.is_over() {
            self.beyond += want;
            want
        } else {
            self.left().min(want)
        };
        self.at += got;
        self.at - got..self.at
    }

    /// So many blocks in a row. What is left of a group that is too short is not used.
    fn take_row(&mut self, want: u64) -> Range<u64> {
        while !self.is_over() && self.left() < want {
            self.next_group();
        }
        self.take(want)
    }

    /// As many chunks as this group holds, at most `want`, with the blocks of their tree behind them.
    fn take_chunks(&mut self, want: u64, before: u64) -> Chunks {
        let options = self.geometry.options;
        let start = self.geometry.start(self.group);
        let first = (self.at - start).next_multiple_of(options.chunk_align());
        let room = (self.geometry.usable(self.group).end - start).saturating_sub(first);
        let with_tree = |count| count * options.chunk_blocks() + INODE_TREE.below_root(count);
        let mut count = want.min(room / options.chunk_blocks());
        while with_tree(count) > room {
            count -= 1;
        }
        if count == 0 {
            return Chunks { group: self.group, first, count, before, tree: 0..0 };
        }
        self.leave(start + first);
        self.at += with_tree(count);
        let end = first + with_tree(count);
        Chunks { group: self.group, first, count, before, tree: first + count * options.chunk_blocks()..end }
    }
}

impl Placement {
    /// Places what is read at boot or at mount first, in walk order: inodes, attributes, directories, long symbolic links; then the
    /// files, in the same order.
    pub(super) fn new(survey: &Survey<'_>, geometry: &Geometry) -> Placement {
        let mut cursor = Cursor::new(geometry);
        let mut placement = Placement {
            chunks: Vec::new(),
            mapped: Vec::new(),
            tree_blocks: Vec::new(),
            nodes: alloc::vec![Placed::default(); survey.nodes.len()],
            free: Vec::new(),
            beyond: 0,
        };
        placement.place_chunks(&mut cursor, survey.inodes.div_ceil(CHUNK_INODES).into());
        for (node, placed) in survey.nodes.iter().zip(&mut placement.nodes) {
            let blocks = node.forks.attr_blocks();
            if blocks > 0 {
                placed.attrs = cursor.take_row(blocks);
            }
        }
        for (at, node) in survey.nodes.iter().enumerate() {
            let runs: Vec<Run> = match &node.body {
                Body::Dir(shape) => shape
                    .segments()
                    .iter()
                    .map(|segment| Run { logical: segment.logical, blocks: segment.blocks })
                    .collect(),
                Body::LongLink(_) => alloc::vec![Run { logical: 0, blocks: 1 }],
                _ => continue,
            };
            placement.map(&mut cursor, at, &runs, node.forks.room);
        }
        for (at, node) in survey.nodes.iter().enumerate() {
            if let Body::File { runs, .. } = &node.body {
                placement.map(&mut cursor, at, &survey.runs[runs.clone()], node.forks.room);
            }
        }
        while !cursor.is_over() {
            cursor.next_group();
        }
        placement.free = cursor.free;
        placement.beyond = cursor.beyond;
        placement
    }

    /// Chunks before anything else, so that the root directory is where `xfs_repair` computes it to be (`xfs_ialloc_calc_rootino`).
    fn place_chunks(&mut self, cursor: &mut Cursor<'_>, count: u64) {
        let mut placed = 0;
        while placed < count && !cursor.is_over() {
            let chunks = cursor.take_chunks(count - placed, placed);
            placed += chunks.count;
            if chunks.count > 0 {
                self.chunks.push(chunks);
            }
            if placed < count {
                cursor.next_group();
            }
        }
        cursor.beyond += (count - placed) * cursor.geometry.options.chunk_blocks();
    }

    fn map(&mut self, cursor: &mut Cursor<'_>, at: usize, runs: &[Run], room: usize) {
        let (first, first_tree) = (self.mapped.len(), self.tree_blocks.len());
        for run in runs {
            let (mut logical, mut left) = (run.logical, run.blocks);
            while left > 0 {
                let got = cursor.take(left.min(LENGTH_MAX));
                let blocks = got.end - got.start;
                self.mapped.push(Mapped { logical, physical: got.start, blocks });
                logical += blocks;
                left -= blocks;
            }
        }
        for _ in 0..bmap::blocks_over(self.mapped.len() - first, room) {
            self.tree_blocks.push(cursor.take(1).start);
        }
        let placed = &mut self.nodes[at];
        placed.mapped = first..self.mapped.len();
        placed.tree_blocks = first_tree..self.tree_blocks.len();
    }

    /// The block and the slot in it of an inode, by its ordinal; the block by its number in the group.
    fn inode_place(&self, ordinal: u32) -> (u32, u64) {
        let chunk = u64::from(ordinal / CHUNK_INODES);
        let chunks = self
            .chunks
            .iter()
            .rfind(|chunks| chunks.before <= chunk)
            .expect("a plan is used only if all its chunks are placed");
        (chunks.group, (chunk - chunks.before) * u64::from(CHUNK_INODES) + u64::from(ordinal % CHUNK_INODES))
    }

    /// The number of an inode: its group, its block there, and its place in the block.
    pub(super) fn ino(&self, geometry: &Geometry, ordinal: u32) -> u64 {
        let (group, nth) = self.inode_place(ordinal);
        let per_block = u64::from(geometry.options.inodes_per_block());
        let first = self.chunks.iter().find(|chunks| chunks.group == group).map_or(0, |chunks| chunks.first);
        (geometry.fsblock(geometry.start(group) + first)) * per_block + nth
    }
}
