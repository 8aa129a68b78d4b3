//! The map from a file's blocks to the disk's.
//!
//! In: mapped runs in logical order. Out: the 60 bytes in the inode, and the tree's blocks if four runs are not enough.
//! Never: a tree deeper, or a block emptier, than it must be.
//!
//! Source: `Documentation/filesystems/ext4/ifork.rst`, extent tree.

use alloc::vec::Vec;

use super::BLOCK;
use super::checksum::Crc;
use super::field::{put16, put32};

/// Longest run of initialised blocks (`EXT_INIT_MAX_LEN`).
pub(super) const LENGTH_MAX: u32 = 32_768;
/// Records of 12 bytes behind a header of 12: in the inode, and in a block with its checksum.
const IN_INODE: usize = 60 / 12 - 1;
const IN_BLOCK: usize = (BLOCK as usize - 4) / 12 - 1;
const MAGIC: u16 = 0xf30a;

/// Blocks of a file that lie in a row on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mapped {
    pub(super) logical: u32,
    pub(super) physical: u64,
    pub(super) blocks: u32,
}

/// How many blocks the tree over so many runs takes outside the inode.
pub(super) fn blocks_over(runs: usize) -> usize {
    let (mut level, mut blocks) = (runs, 0);
    while level > IN_INODE {
        level = level.div_ceil(IN_BLOCK);
        blocks += level;
    }
    blocks
}

/// A block of the tree.
#[derive(Debug)]
pub(super) struct TreeBlock {
    /// Its block number.
    pub(super) place: u64,
    pub(super) bytes: Vec<u8>,
}

/// The map of one file.
#[derive(Debug)]
pub(super) struct ExtentTree {
    /// The part in the inode.
    pub(super) root: [u8; 60],
    /// The rest, from the leaves upwards.
    pub(super) blocks: Vec<TreeBlock>,
}

/// A record of a node.
struct Record {
    /// The first logical block that it is about.
    logical: u32,
    bytes: [u8; 12],
}

/// The tree over these runs: `places` has [`blocks_over`] block numbers, used from the leaves upwards.
pub(super) fn encode(runs: &[Mapped], places: &[u64], seed: Crc) -> ExtentTree {
    let mut level: Vec<Record> = runs.iter().map(leaf_record).collect();
    let (mut depth, mut blocks) = (0, Vec::with_capacity(places.len()));
    let mut places = places.iter();
    while level.len() > IN_INODE {
        let mut above = Vec::with_capacity(level.len().div_ceil(IN_BLOCK));
        for (records, place) in level.chunks(IN_BLOCK).zip(&mut places) {
            let mut block = alloc::vec![0; BLOCK as usize];
            fill(&mut block, IN_BLOCK, depth, records);
            let end = block.len() - 4;
            let sum = seed.over(&block[..end]).value();
            put32(&mut block, end, sum);
            blocks.push(TreeBlock { place: *place, bytes: block });
            above.push(index_record(records[0].logical, *place));
        }
        level = above;
        depth += 1;
    }
    let mut root = [0; 60];
    fill(&mut root, IN_INODE, depth, &level);
    ExtentTree { root, blocks }
}

fn fill(node: &mut [u8], limit: usize, depth: u16, records: &[Record]) {
    put16(node, 0, MAGIC);
    put16(node, 2, records.len() as u16);
    put16(node, 4, limit as u16);
    put16(node, 6, depth);
    for (slot, record) in node[12..].chunks_exact_mut(12).zip(records) {
        slot.copy_from_slice(&record.bytes);
    }
}

fn leaf_record(run: &Mapped) -> Record {
    let mut record = [0; 12];
    put32(&mut record, 0, run.logical);
    put16(&mut record, 4, run.blocks as u16);
    put16(&mut record, 6, (run.physical >> 32) as u16);
    put32(&mut record, 8, run.physical as u32);
    Record { logical: run.logical, bytes: record }
}

fn index_record(logical: u32, child: u64) -> Record {
    let mut record = [0; 12];
    put32(&mut record, 0, logical);
    put32(&mut record, 4, child as u32);
    put16(&mut record, 8, (child >> 32) as u16);
    Record { logical, bytes: record }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trees_take_the_blocks_that_were_counted() {
        for runs in [0, 1, 4, 5, 340, 341, 1360, 1361, 340 * 340 * 4, 340 * 340 * 4 + 1] {
            let places: Vec<u64> = (0..blocks_over(runs) as u64).map(|n| 1000 + n).collect();
            let mapped: Vec<Mapped> =
                (0..runs as u32).map(|n| Mapped { logical: 2 * n, physical: 5, blocks: 1 }).collect();
            let ExtentTree { root, blocks } = encode(&mapped, &places, Crc::START);
            assert_eq!(blocks.len(), places.len(), "{runs} runs");
            let depth = [4, 4 * 340, 4 * 340 * 340].iter().filter(|limit| runs > **limit).count();
            assert_eq!(usize::from(root[6]), depth, "{runs} runs");
        }
        assert_eq!((blocks_over(4), blocks_over(5), blocks_over(1361)), (0, 1, 5 + 1));
    }
}
