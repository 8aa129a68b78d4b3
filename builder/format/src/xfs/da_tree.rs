//! The tree over the leaves of a directory or of attributes, and the header that leaves and nodes share.
//!
//! In: how many leaves there are, and the highest hash of each. Out: the blocks above them. Never: a block emptier than it must be.
//!
//! Source: `fs/xfs/libxfs/xfs_da_format.h`, `struct xfs_da3_intnode`.

use alloc::vec::Vec;

use super::BLOCK;
use super::field::{put16, put32};

/// Bytes of `struct xfs_da3_node_hdr`, and of the leaf header of a directory.
pub(super) const NODE_HEADER: usize = 64;
/// Bytes of an entry: a hash, and a block number.
pub(super) const ENTRY: usize = 8;
/// Entries of a node: 504.
const NODE_ENTRIES: usize = (BLOCK as usize - NODE_HEADER) / ENTRY;
/// `XFS_DA3_NODE_MAGIC`.
const NODE_MAGIC: u16 = 0x3ebe;

/// A block of a fork, at its logical number; the place that it says is not known yet.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) logical: u64,
    pub(super) bytes: Vec<u8>,
}

impl Block {
    /// A block of zeros.
    pub(super) fn new(logical: u64) -> Block {
        Block { logical, bytes: alloc::vec![0; BLOCK as usize] }
    }
}

/// Neighbours of a block on its level, by logical number; 0 is none.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Neighbours {
    pub(super) forward: u32,
    pub(super) back: u32,
}

impl Neighbours {
    /// Those of number `n` of `count` blocks that lie in a row from `first` on.
    pub(super) fn in_row(first: u64, n: usize, count: usize) -> Neighbours {
        let at = first as u32 + n as u32;
        Neighbours { forward: if n + 1 < count { at + 1 } else { 0 }, back: if n > 0 { at - 1 } else { 0 } }
    }
}

/// Writes what `struct xfs_da3_blkinfo` has of a block's own.
pub(super) fn put_header(block: &mut [u8], magic: u16, neighbours: Neighbours) {
    put32(block, 0, neighbours.forward);
    put32(block, 4, neighbours.back);
    put16(block, 8, magic);
}

/// The shape of the tree: nodes of each level, from the root down; none if there is one leaf, which then is the root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DaTree {
    levels: Vec<usize>,
    leaves: usize,
}

impl DaTree {
    /// The tree over so many leaves.
    pub(super) fn over(leaves: usize) -> DaTree {
        let (mut levels, mut count) = (Vec::new(), leaves);
        while count > 1 {
            count = count.div_ceil(NODE_ENTRIES);
            levels.insert(0, count);
        }
        DaTree { levels, leaves }
    }

    /// Blocks above the leaves.
    pub(super) fn nodes(&self) -> usize {
        self.levels.iter().sum()
    }

    /// The nodes, in a row from logical block `first` on, root first; the leaves follow them. `hashes` has the highest of each leaf.
    pub(super) fn blocks(&self, first: u64, mut hashes: Vec<u32>) -> Vec<Block> {
        debug_assert_eq!(hashes.len(), self.leaves);
        let mut below = first + self.nodes() as u64;
        let mut blocks = Vec::with_capacity(self.nodes());
        for (depth, count) in self.levels.iter().enumerate().rev() {
            // Levels lie in a row, too: this one ends where the one below begins.
            let start = below - *count as u64;
            let level = (self.levels.len() - depth) as u16;
            let mut above = Vec::with_capacity(*count);
            for (n, hashes) in hashes.chunks(NODE_ENTRIES).enumerate() {
                let mut block = Block::new(start + n as u64);
                put_header(&mut block.bytes, NODE_MAGIC, Neighbours::in_row(start, n, *count));
                put16(&mut block.bytes, 56, hashes.len() as u16);
                put16(&mut block.bytes, 58, level);
                for (m, hash) in hashes.iter().enumerate() {
                    let at = NODE_HEADER + ENTRY * m;
                    put32(&mut block.bytes, at, *hash);
                    put32(&mut block.bytes, at + 4, below as u32 + (n * NODE_ENTRIES + m) as u32);
                }
                above.extend(hashes.last());
                blocks.push(block);
            }
            hashes = above;
            below = start;
        }
        blocks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_lie_before_the_leaves_with_the_root_first() {
        assert_eq!(DaTree::over(1).nodes(), 0);
        assert_eq!(DaTree::over(504).nodes(), 1);
        let tree = DaTree::over(505);
        assert_eq!(tree.nodes(), 3);
        let blocks = tree.blocks(100, (0..505).collect());
        let mut places: Vec<u64> = blocks.iter().map(|block| block.logical).collect();
        places.sort_unstable();
        assert_eq!(places, [100, 101, 102]);
        let root = blocks.iter().find(|block| block.logical == 100).unwrap();
        // Two entries on level 2: the highest hash of each node, and the node's number.
        assert_eq!(root.bytes[56..60], [0, 2, 0, 2]);
        assert_eq!(root.bytes[64..80], [0, 0, 1, 247, 0, 0, 0, 101, 0, 0, 1, 248, 0, 0, 0, 102]);
        let last = blocks.iter().find(|block| block.logical == 102).unwrap();
        assert_eq!(last.bytes[56..60], [0, 1, 0, 1]);
        // The last leaf: 103 is the first of 505.
        assert_eq!(last.bytes[68..72], [0, 0, 2, 95]);
        assert_eq!(last.bytes[4..8], [0, 0, 0, 101]);
    }
}
