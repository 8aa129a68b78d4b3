//! Which chunks and which blocks of metadata are used (`drivers/md/persistent-data/dm-space-map-common.c`).
//!
//! In: how many there are, of which the first are used, each once. Out: the root of a space map, for the superblock. Never: a count of
//! more than one: nothing is shared where there are no snapshots.

use alloc::vec::Vec;

use super::blocks::{BLOCK, Blocks, put32, put64};
use super::btree;

/// `struct disk_bitmap_header`, and entries of two bits behind it.
const HEADER: usize = 16;
const ENTRIES: u64 = (BLOCK - HEADER) as u64 * 4;
/// `BITMAP_CSUM_XOR` and `INDEX_CSUM_XOR`.
const BITMAP: u32 = 240_779;
const INDEX: u32 = 160_478;
/// A count of one; the first bit of an entry is the higher.
const ONE: u8 = 0b10;
/// `struct disk_metadata_index`: where its entries begin.
const INDEX_HEADER: usize = 16;

/// A root: how many there are and are used, the index of bitmaps, and counts of more than two, of which there are none.
type Root = [u8; 32];

/// The chunks of a pool.
pub(super) fn of_data(blocks: &mut Blocks, total: u64, used: u64) -> Root {
    let taken = (0..total.div_ceil(ENTRIES)).map(|_| blocks.take()).collect::<Vec<u64>>();
    let index = bitmaps(blocks, &taken, total, used);
    let pairs = index.into_iter().enumerate().map(|(n, entry)| (n as u64, entry));
    let index = btree::tree(blocks, &pairs.collect::<Vec<_>>());
    let counts = btree::tree::<4>(blocks, &[]);
    root(total, used, index, counts)
}

/// The blocks of metadata, among them those of this map; it is written last.
pub(super) fn of_metadata(blocks: &mut Blocks, total: u64) -> Root {
    let taken = (0..total.div_ceil(ENTRIES)).map(|_| blocks.take()).collect::<Vec<u64>>();
    let counts = btree::tree::<4>(blocks, &[]);
    let index = blocks.take();
    let used = blocks.count();
    let entries = bitmaps(blocks, &taken, total, used);
    let bytes = blocks.at(index);
    put64(bytes, 8, index);
    for (n, entry) in entries.iter().enumerate() {
        let at = INDEX_HEADER + n * entry.len();
        bytes[at..at + entry.len()].copy_from_slice(entry);
    }
    blocks.seal(index, INDEX);
    root(total, used, index, counts)
}

/// Fills bitmaps, and tells of each where it is, how many of its entries are free, and which is the first.
fn bitmaps(blocks: &mut Blocks, taken: &[u64], total: u64, used: u64) -> Vec<[u8; 16]> {
    let mut index = Vec::with_capacity(taken.len());
    for (n, block) in taken.iter().enumerate() {
        let first = n as u64 * ENTRIES;
        let (here, full) = ((total - first).min(ENTRIES), used.saturating_sub(first).min(ENTRIES));
        let bytes = blocks.at(*block);
        put64(bytes, 8, *block);
        for entry in 0..full as usize {
            bytes[HEADER + entry / 4] |= ONE << (entry % 4 * 2);
        }
        blocks.seal(*block, BITMAP);
        let mut entry = [0; 16];
        put64(&mut entry, 0, *block);
        put32(&mut entry, 8, here.saturating_sub(full) as u32);
        put32(&mut entry, 12, full as u32);
        index.push(entry);
    }
    index
}

fn root(total: u64, used: u64, index: u64, counts: u64) -> Root {
    let mut root = [0; 32];
    for (n, number) in [total, used, index, counts].into_iter().enumerate() {
        put64(&mut root, n * 8, number);
    }
    root
}
