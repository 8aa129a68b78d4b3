//! B-trees of numbers to values of a fixed length (`drivers/md/persistent-data/dm-btree-internal.h`).
//!
//! In: keys with values, sorted. Out: the block of the root. Never: a node that is fuller than its neighbours by more than one entry, so
//! that none but a root is emptier than the kernel takes.

use alloc::vec::Vec;

use super::blocks::{BLOCK, Blocks, put32, put64};

/// `struct node_header`.
const HEADER: usize = 32;
/// `INTERNAL_NODE` and `LEAF_NODE`.
const INTERNAL: u32 = 1;
const LEAF: u32 = 2;
/// `BTREE_CSUM_XOR`.
const BTREE: u32 = 121_107;

/// Entries that fit a node: a multiple of three (`calc_max_entries` of dm-btree.c).
const fn most(value: usize) -> usize {
    (BLOCK - HEADER) / (8 + value) / 3 * 3
}

/// Writes a tree, and tells its root.
pub(super) fn tree<const N: usize>(blocks: &mut Blocks, entries: &[(u64, [u8; N])]) -> u64 {
    let mut level = nodes(blocks, LEAF, entries);
    while level.len() > 1 {
        level = nodes(blocks, INTERNAL, &level);
    }
    let (_, root) = level[0];
    u64::from_le_bytes(root)
}

/// Nodes of one level, each with its first key; one without an entry where there is none.
fn nodes<const N: usize>(blocks: &mut Blocks, flags: u32, entries: &[(u64, [u8; N])]) -> Vec<(u64, [u8; 8])> {
    let count = entries.len().div_ceil(most(N)).max(1);
    let mut made = Vec::with_capacity(count);
    for index in 0..count {
        let range = entries.len() * index / count..entries.len() * (index + 1) / count;
        let own = &entries[range];
        let block = blocks.take();
        let bytes = blocks.at(block);
        put32(bytes, 4, flags);
        put64(bytes, 8, block);
        put32(bytes, 16, own.len() as u32);
        put32(bytes, 20, most(N) as u32);
        put32(bytes, 24, N as u32);
        let values = HEADER + most(N) * 8;
        for (n, (key, value)) in own.iter().enumerate() {
            put64(bytes, HEADER + n * 8, *key);
            bytes[values + n * N..values + (n + 1) * N].copy_from_slice(value);
        }
        blocks.seal(block, BTREE);
        made.push((own.first().map_or(0, |(key, _)| *key), block.to_le_bytes()));
    }
    made
}
