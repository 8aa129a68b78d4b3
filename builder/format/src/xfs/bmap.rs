//! The map from a file's blocks to the disk's.
//!
//! In: mapped runs in logical order. Out: what the inode has of it, and the tree's blocks if that is not all. Never: a tree deeper, or a
//! block that another one would do without.
//!
//! Source: `fs/xfs/libxfs/xfs_format.h` (`struct xfs_bmbt_rec`, `struct xfs_bmdr_block`), `xfs_bmap_btree.c`.

use alloc::vec::Vec;

use super::BLOCK;
use super::field::{put_bytes, put16, put64};
use super::spread::spread;

/// Longest run: 21 bits of length, of which the kernel sets all (`XFS_MAX_BMBT_EXTLEN`).
pub(super) const LENGTH_MAX: u64 = (1 << 21) - 1;
/// Bytes of a run.
const RECORD: usize = 16;
/// Bytes of a key and of a block number.
const NUMBER: usize = 8;
/// `struct xfs_bmdr_block`: level, and how many records.
const ROOT_HEADER: usize = 4;
/// A block of the tree, behind `struct xfs_btree_block_lhdr`.
const HEADER: usize = 72;
/// Records of a leaf, or keys with block numbers of a node: 251.
const IN_BLOCK: usize = (BLOCK as usize - HEADER) / RECORD;
/// `XFS_BMAP_CRC_MAGIC`.
const MAGIC: &[u8; 4] = b"BMA3";

/// Blocks of a file that lie in a row on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mapped {
    pub(super) logical: u64,
    /// Their first block in the filesystem.
    pub(super) physical: u64,
    pub(super) blocks: u64,
}

/// Keys and block numbers that the root in the inode has room for.
fn in_root(room: usize) -> usize {
    (room - ROOT_HEADER) / (2 * NUMBER)
}

/// How many blocks the tree over so many runs takes outside the inode, which has `room` bytes for it.
pub(super) fn blocks_over(runs: usize, room: usize) -> usize {
    if runs * RECORD <= room {
        return 0;
    }
    let (mut level, mut blocks) = (runs.div_ceil(IN_BLOCK), 0);
    loop {
        blocks += level;
        if level <= in_root(room) {
            return blocks;
        }
        level = level.div_ceil(IN_BLOCK);
    }
}

/// A block of the tree, unsealed.
#[derive(Debug)]
pub(super) struct TreeBlock {
    /// Its block in the filesystem.
    pub(super) place: u64,
    pub(super) bytes: Vec<u8>,
}

/// The map of one file.
#[derive(Debug)]
pub(super) struct Map {
    /// The part in the inode.
    pub(super) root: Vec<u8>,
    /// The rest, from the leaves upwards.
    pub(super) blocks: Vec<TreeBlock>,
}

impl Map {
    /// Whether there is a tree.
    pub(super) fn is_tree(&self) -> bool {
        !self.blocks.is_empty()
    }
}

/// The map over these runs. `places` has [`blocks_over`] blocks, used from the leaves upwards; `fsblock` spells a block's number.
pub(super) fn encode(runs: &[Mapped], places: &[u64], room: usize, fsblock: impl Fn(u64) -> u64) -> Map {
    let records = runs.iter().map(|run| record(run, fsblock(run.physical)));
    if places.is_empty() {
        return Map { root: records.flatten().collect(), blocks: Vec::new() };
    }
    let records: Vec<[u8; RECORD]> = records.collect();
    let mut places = places.iter().copied();
    let mut blocks = Vec::with_capacity(places.len());
    let mut level: Vec<Child> = Vec::new();
    let taken: Vec<u64> = places.by_ref().take(records.len().div_ceil(IN_BLOCK)).collect();
    let mut done = 0;
    for (n, part) in spread(&records, IN_BLOCK).enumerate() {
        let mut bytes = block(0, part.len(), neighbours(&taken, n, &fsblock));
        put_bytes(&mut bytes, HEADER, part.as_flattened());
        level.push(Child { logical: runs[done].logical, place: fsblock(taken[n]) });
        done += part.len();
        blocks.push(TreeBlock { place: taken[n], bytes });
    }
    let mut height = 1;
    while level.len() > in_root(room) {
        let taken: Vec<u64> = places.by_ref().take(level.len().div_ceil(IN_BLOCK)).collect();
        let mut above = Vec::with_capacity(taken.len());
        for (n, children) in spread(&level, IN_BLOCK).enumerate() {
            let mut bytes = block(height, children.len(), neighbours(&taken, n, &fsblock));
            put_children(&mut bytes[HEADER..], IN_BLOCK, children);
            above.push(Child { logical: children[0].logical, place: fsblock(taken[n]) });
            blocks.push(TreeBlock { place: taken[n], bytes });
        }
        level = above;
        height += 1;
    }
    let mut root = alloc::vec![0; ROOT_HEADER + in_root(room) * 2 * NUMBER];
    put16(&mut root, 0, height);
    put16(&mut root, 2, level.len() as u16);
    put_children(&mut root[ROOT_HEADER..], in_root(room), &level);
    Map { root, blocks }
}

/// A block below a node: its first logical block, and its number.
struct Child {
    logical: u64,
    place: u64,
}

/// Keys, then block numbers behind the room for all keys.
fn put_children(node: &mut [u8], limit: usize, children: &[Child]) {
    for (n, child) in children.iter().enumerate() {
        put64(node, NUMBER * n, child.logical);
        put64(node, NUMBER * (limit + n), child.place);
    }
}

/// A flag that is not set, 54 bits of logical block, 52 of block, 21 of length.
fn record(run: &Mapped, block: u64) -> [u8; RECORD] {
    let mut out = [0; RECORD];
    put64(&mut out, 0, (run.logical << 9) | (block >> 43));
    put64(&mut out, 8, (block << 21) | run.blocks);
    out
}

/// The numbers of the blocks to the left and to the right on a level; all ones for none.
fn neighbours(places: &[u64], n: usize, fsblock: impl Fn(u64) -> u64) -> [u64; 2] {
    let left = n.checked_sub(1).map_or(u64::MAX, |left| fsblock(places[left]));
    let right = places.get(n + 1).map_or(u64::MAX, |right| fsblock(*right));
    [left, right]
}

fn block(level: u16, records: usize, [left, right]: [u64; 2]) -> Vec<u8> {
    let mut bytes = alloc::vec![0; BLOCK as usize];
    put_bytes(&mut bytes, 0, MAGIC);
    put16(&mut bytes, 4, level);
    put16(&mut bytes, 6, records as u16);
    put64(&mut bytes, 8, left);
    put64(&mut bytes, 16, right);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trees_take_the_blocks_that_were_counted() {
        for room in [56, 192, 336] {
            for runs in [0, 1, 3, 4, 12, 21, 22, 251, 252, 751, 753, 754, 5271, 5272, 251 * 251 * 3 + 1] {
                let places: Vec<u64> = (0..blocks_over(runs, room) as u64).map(|n| 1000 + n).collect();
                let mapped: Vec<Mapped> =
                    (0..runs as u64).map(|n| Mapped { logical: 2 * n, physical: 5, blocks: 1 }).collect();
                let map = encode(&mapped, &places, room, |block| block);
                assert_eq!(map.blocks.len(), places.len(), "{runs} runs");
                assert!(map.root.len() <= room, "{runs} runs");
                assert_eq!(map.is_tree(), runs * 16 > room, "{runs} runs");
            }
        }
        assert_eq!((blocks_over(21, 336), blocks_over(22, 336), blocks_over(251 * 3 + 1, 56)), (0, 1, 4 + 1));
    }

    #[test]
    fn a_run_is_128_bits() {
        let run = Mapped { logical: 1, physical: 0, blocks: 3 };
        let bits = u128::from_be_bytes(record(&run, 0x8_0000_0000_0005));
        assert_eq!(bits, 1 << 73 | 0x8_0000_0000_0005 << 21 | 3);
    }
}
