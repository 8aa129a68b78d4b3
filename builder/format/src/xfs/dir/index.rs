//! The index of a directory of more than one block: where each hash leads, and which block has room.
//!
//! In: sorted hashes, and the free bytes of each block of names. Out: one leaf, or leaves under nodes and a list of free space. Never: a
//! leaf that is not full, but for the last.

use alloc::vec::Vec;

use crate::xfs::BLOCK;
use crate::xfs::da_tree::{Block, DaTree, ENTRY, NODE_HEADER, Neighbours, put_header};
use crate::xfs::field::{put_bytes, put16, put32};
use crate::xfs::seal::{DA_BLOCK, DIR_BLOCK, Header};

use super::block::{Hashed, put_hashes};
use super::{FREE_START, LEAF_START};

/// `XFS_DIR3_LEAF1_MAGIC`, `XFS_DIR3_LEAFN_MAGIC` and `XFS_DIR3_FREE_MAGIC`.
const LEAF1_MAGIC: u16 = 0x3df1;
const LEAFN_MAGIC: u16 = 0x3dff;
const FREE_MAGIC: &[u8; 4] = b"XDF3";
/// Hashes of a leaf under a node: 504.
const LEAF_ENTRIES: usize = (BLOCK as usize - NODE_HEADER) / ENTRY;
/// `struct xfs_dir3_free_hdr`, and blocks of names that one block of the list tells about: 2016.
const FREE_HEADER: usize = 64;
const FREE_ENTRIES: usize = (BLOCK as usize - FREE_HEADER) / 2;
/// `struct xfs_dir2_leaf_tail`: how many blocks of names there are.
const TAIL: usize = 4;

/// Whether one leaf holds the hashes, and the free bytes of all blocks.
pub(super) fn fits_in_one(names: usize, blocks: u64) -> bool {
    (NODE_HEADER + ENTRY * (names + 2) + TAIL) as u64 + 2 * blocks <= BLOCK
}

fn leaves(hashes: usize) -> usize {
    hashes.div_ceil(LEAF_ENTRIES)
}

/// Leaves and nodes over so many names.
pub(super) fn blocks(names: usize) -> u64 {
    let leaves = leaves(names + 2);
    (leaves + DaTree::over(leaves).nodes()) as u64
}

/// Blocks of the list of free space.
pub(super) fn free_blocks(data_blocks: u64) -> u64 {
    data_blocks.div_ceil(FREE_ENTRIES as u64)
}

fn leaf(logical: u64, magic: u16, neighbours: Neighbours, hashes: &[Hashed]) -> Block {
    let mut block = Block::new(logical);
    put_header(&mut block.bytes, magic, neighbours);
    put16(&mut block.bytes, 56, hashes.len() as u16);
    put_hashes(&mut block.bytes, NODE_HEADER, hashes);
    block
}

/// The one leaf, which has the free bytes at its end.
pub(super) fn single(hashes: &[Hashed], best: &[u16]) -> (Block, Header) {
    let mut block = leaf(LEAF_START, LEAF1_MAGIC, Neighbours::default(), hashes);
    let tail = BLOCK as usize - TAIL;
    put_best(&mut block.bytes, tail - 2 * best.len(), best);
    put32(&mut block.bytes, tail, best.len() as u32);
    (block, DA_BLOCK)
}

fn put_best(block: &mut [u8], at: usize, best: &[u16]) {
    for (n, free) in best.iter().enumerate() {
        put16(block, at + 2 * n, *free);
    }
}

/// Nodes, leaves and the list of free space.
pub(super) fn tree(hashes: &[Hashed], best: &[u16]) -> Vec<(Block, Header)> {
    let count = leaves(hashes.len());
    let tree = DaTree::over(count);
    let highest = hashes.chunks(LEAF_ENTRIES).filter_map(|part| part.last()).map(|(hash, _)| *hash);
    let mut blocks: Vec<(Block, Header)> =
        tree.blocks(LEAF_START, highest.collect()).into_iter().map(|block| (block, DA_BLOCK)).collect();
    let first = LEAF_START + tree.nodes() as u64;
    for (n, part) in hashes.chunks(LEAF_ENTRIES).enumerate() {
        let neighbours = Neighbours::in_row(first, n, count);
        blocks.push((leaf(first + n as u64, LEAFN_MAGIC, neighbours, part), DA_BLOCK));
    }
    for (n, part) in best.chunks(FREE_ENTRIES).enumerate() {
        let mut block = Block::new(FREE_START + n as u64);
        put_bytes(&mut block.bytes, 0, FREE_MAGIC);
        put32(&mut block.bytes, 48, (n * FREE_ENTRIES) as u32);
        // As many are valid as in use: every block of names is there.
        put32(&mut block.bytes, 52, part.len() as u32);
        put32(&mut block.bytes, 56, part.len() as u32);
        put_best(&mut block.bytes, FREE_HEADER, part);
        blocks.push((block, DIR_BLOCK));
    }
    blocks
}
