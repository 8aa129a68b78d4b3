//! The trees of an allocation group: free space, inodes, shared blocks, owners of blocks.
//!
//! In: sorted records, as bytes. Out: the tree's blocks, as few as can be. Never: an order of records that is made here.
//!
//! Source: `fs/xfs/libxfs/xfs_format.h`, `struct xfs_btree_block` in its short form.

use alloc::vec::Vec;

use super::BLOCK;
use super::field::{put_bytes, put16, put32};
use super::spread::spread;

/// `struct xfs_btree_block_shdr` with magic number, level and count.
const HEADER: usize = 56;
/// `NULLAGBLOCK`.
const NONE: u32 = u32::MAX;

/// A kind of tree.
pub(super) struct TreeKind {
    magic: &'static [u8; 4],
    /// Bytes of a record.
    record: usize,
    /// Bytes of a key.
    key: usize,
    /// The key of a block, by the first and the last record below it.
    key_of: fn(first: &[u8], last: &[u8]) -> Vec<u8>,
}

/// The start of the first record is the key.
fn first_bytes<const N: usize>(first: &[u8], _last: &[u8]) -> Vec<u8> {
    first[..N].to_vec()
}

/// Free space by place: block, length.
pub(super) const BY_PLACE_TREE: TreeKind =
    TreeKind { magic: b"AB3B", record: 8, key: 8, key_of: first_bytes::<8> };
/// The same by length.
pub(super) const BY_LENGTH_TREE: TreeKind = TreeKind { magic: b"AB3C", ..BY_PLACE_TREE };
/// Chunks of inodes: `struct xfs_inobt_rec`.
pub(super) const INODE_TREE: TreeKind =
    TreeKind { magic: b"IAB3", record: 16, key: 4, key_of: first_bytes::<4> };
/// Those with free inodes.
pub(super) const FREE_INODE_TREE: TreeKind = TreeKind { magic: b"FIB3", ..INODE_TREE };
/// Blocks that files share: `struct xfs_refcount_rec`.
pub(super) const SHARED_TREE: TreeKind =
    TreeKind { magic: b"R3FC", record: 12, key: 4, key_of: first_bytes::<4> };
/// Owners of blocks: `struct xfs_rmap_rec`, with the lowest and the highest of a block as its key.
pub(super) const OWNER_TREE: TreeKind =
    TreeKind { magic: b"RMB3", record: 24, key: 2 * 20, key_of: super::owners::key };

impl TreeKind {
    /// Records of a leaf.
    pub(super) const fn in_leaf(&self) -> usize {
        (BLOCK as usize - HEADER) / self.record
    }

    /// Keys, with the numbers of blocks, of a node.
    pub(super) const fn in_node(&self) -> usize {
        (BLOCK as usize - HEADER) / (self.key + 4)
    }

    /// Blocks besides the root, over so many records.
    pub(super) fn below_root(&self, records: u64) -> u64 {
        let (mut level, mut blocks) = (records.div_ceil(self.in_leaf() as u64), 0);
        while level > 1 {
            blocks += level;
            level = level.div_ceil(self.in_node() as u64);
        }
        blocks
    }
}

/// A block of a tree, unsealed, at its number in the group.
#[derive(Debug)]
pub(super) struct TreeBlock {
    pub(super) place: u64,
    pub(super) bytes: Vec<u8>,
}

/// A tree.
#[derive(Debug)]
pub(super) struct Tree {
    pub(super) blocks: Vec<TreeBlock>,
    pub(super) levels: u32,
}

/// What a level tells the one above.
struct Child<'r> {
    place: u64,
    first: &'r [u8],
    last: &'r [u8],
}

/// Builds a tree. `below` has [`TreeKind::below_root`] blocks by their numbers in the group, used from the leaves upwards.
pub(super) fn build(kind: &TreeKind, records: &[u8], root: u64, below: impl Iterator<Item = u64>) -> Tree {
    let mut below = below;
    let mut place_level = |count: usize| -> Vec<u64> {
        if count <= 1 { alloc::vec![root] } else { below.by_ref().take(count).collect() }
    };
    let records: Vec<&[u8]> = records.chunks(kind.record).collect();
    let leaves: Vec<&[&[u8]]> = spread(&records, kind.in_leaf()).collect();
    let places = place_level(leaves.len());
    let mut blocks = Vec::new();
    if leaves.is_empty() {
        blocks.push(block(kind, 0, 0, &places, 0));
        return Tree { blocks, levels: 1 };
    }
    let mut level: Vec<Child<'_>> = Vec::with_capacity(leaves.len());
    for (n, part) in leaves.iter().enumerate() {
        let mut leaf = block(kind, 0, part.len(), &places, n);
        put_bytes(&mut leaf.bytes, HEADER, &part.concat());
        blocks.push(leaf);
        level.push(Child { place: places[n], first: part[0], last: part[part.len() - 1] });
    }
    let mut levels = 1;
    while level.len() > 1 {
        let places = place_level(level.len().div_ceil(kind.in_node()));
        let mut above = Vec::with_capacity(places.len());
        for (n, children) in spread(&level, kind.in_node()).enumerate() {
            let mut node = block(kind, levels, children.len(), &places, n);
            for (m, child) in children.iter().enumerate() {
                let key = (kind.key_of)(child.first, child.last);
                put_bytes(&mut node.bytes, HEADER + kind.key * m, &key);
                put32(&mut node.bytes, HEADER + kind.key * kind.in_node() + 4 * m, child.place as u32);
            }
            blocks.push(node);
            let last = children[children.len() - 1].last;
            above.push(Child { place: places[n], first: children[0].first, last });
        }
        level = above;
        levels += 1;
    }
    Tree { blocks, levels: levels.into() }
}

fn block(kind: &TreeKind, level: u16, count: usize, places: &[u64], n: usize) -> TreeBlock {
    let mut bytes = alloc::vec![0; BLOCK as usize];
    let neighbour = |at: Option<usize>| at.and_then(|at| places.get(at)).map_or(NONE, |place| *place as u32);
    put_bytes(&mut bytes, 0, kind.magic);
    put16(&mut bytes, 4, level);
    put16(&mut bytes, 6, count as u16);
    put32(&mut bytes, 8, neighbour(n.checked_sub(1)));
    put32(&mut bytes, 12, neighbour(Some(n + 1)));
    TreeBlock { place: places[n], bytes }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trees_take_the_blocks_that_were_counted() {
        for (records, levels) in [(0, 1), (1, 1), (252, 1), (253, 2), (252 * 505, 2), (252 * 505 + 1, 3)] {
            let bytes = alloc::vec![7; records * 16];
            let below = INODE_TREE.below_root(records as u64);
            let tree = build(&INODE_TREE, &bytes, 3, 100..100 + below);
            assert_eq!(tree.blocks.len() as u64, below + 1, "{records}");
            assert_eq!(tree.levels, levels, "{records}");
            assert_eq!(tree.blocks.iter().filter(|block| block.place == 3).count(), 1, "{records}");
        }
    }
}
