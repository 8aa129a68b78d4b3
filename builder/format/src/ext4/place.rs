//! The place of everything that is not fixed: one pass over the free blocks, from low to high, with nothing skipped.
//!
//! In: the fixed structures, and what the tree needs. Out: block numbers for the journal, directories, attributes and
//! files. Never: bytes.

use alloc::vec::Vec;
use core::ops::Range;

use super::extent_tree::{self, LENGTH_MAX, Mapped};
use super::geometry::Geometry;
use super::survey::{Body, Run, Survey};

/// The free blocks between the fixed ones, consumed in order.
struct Free<'g> {
    fixed: &'g [Range<u64>],
    at: u64,
}

impl Free<'_> {
    /// The next free blocks, at most `want` (which is not zero), as long as they lie in a row.
    fn take(&mut self, want: u64) -> Range<u64> {
        while let Some((first, rest)) = self.fixed.split_first() {
            if self.at < first.start {
                break;
            }
            self.at = self.at.max(first.end);
            self.fixed = rest;
        }
        let end = self.fixed.first().map_or(u64::MAX, |range| range.start);
        let start = self.at;
        self.at = end.min(start.saturating_add(want));
        start..self.at
    }
}

/// Where an inode's blocks are: parts of [`Placement::mapped`] and [`Placement::tree_blocks`].
#[derive(Clone, Debug, Default)]
pub(super) struct Placed {
    pub(super) mapped: Range<usize>,
    pub(super) tree_blocks: Range<usize>,
}

/// Where everything is.
#[derive(Debug, Default)]
pub(super) struct Placement {
    pub(super) mapped: Vec<Mapped>,
    /// Blocks of extent trees that do not fit into their inodes.
    pub(super) tree_blocks: Vec<u64>,
    /// By node of the survey.
    pub(super) nodes: Vec<Placed>,
    /// By attribute block of the survey.
    pub(super) xattr_blocks: Vec<u64>,
    pub(super) journal: Placed,
    /// The double-indirect block of the resize inode.
    pub(super) resize: u64,
    /// Every block below is in use; above, only fixed ones are.
    pub(super) end: u64,
}

impl Placement {
    /// Places what is read at boot or at mount first, in walk order: journal, attributes, directories, long symbolic
    /// links; then the files, in the same order.
    pub(super) fn new(survey: &Survey<'_>, geometry: &Geometry) -> Placement {
        let mut free = Free { fixed: &geometry.fixed, at: 0 };
        let mut placement =
            Placement { nodes: alloc::vec![Placed::default(); survey.nodes.len()], ..Placement::default() };
        placement.resize = free.take(1).start;
        placement.journal = placement.map(&mut free, &[Run { logical: 0, blocks: geometry.journal_blocks }]);
        placement.xattr_blocks = survey.xattrs.iter().map(|_| free.take(1).start).collect();
        for (at, node) in survey.nodes.iter().enumerate() {
            let blocks = match &node.body {
                Body::Dir(shape) => shape.blocks(),
                Body::LongLink(_) => 1,
                _ => continue,
            };
            placement.nodes[at] = placement.map(&mut free, &[Run { logical: 0, blocks }]);
        }
        for (at, node) in survey.nodes.iter().enumerate() {
            if let Body::File { runs, .. } = &node.body {
                placement.nodes[at] = placement.map(&mut free, &survey.runs[runs.clone()]);
            }
        }
        placement.end = free.at;
        placement
    }

    fn map(&mut self, free: &mut Free<'_>, runs: &[Run]) -> Placed {
        let (first, first_tree) = (self.mapped.len(), self.tree_blocks.len());
        for run in runs {
            let (mut logical, mut left) = (run.logical, run.blocks);
            while left > 0 {
                let got = free.take(left.min(LENGTH_MAX).into());
                let blocks = (got.end - got.start) as u32;
                self.mapped.push(Mapped { logical, physical: got.start, blocks });
                logical += blocks;
                left -= blocks;
            }
        }
        for _ in 0..extent_tree::blocks_over(self.mapped.len() - first) {
            self.tree_blocks.push(free.take(1).start);
        }
        Placed { mapped: first..self.mapped.len(), tree_blocks: first_tree..self.tree_blocks.len() }
    }
}
