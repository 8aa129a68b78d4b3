//! Blocks of names, and the one that has its hashes with it.
//!
//! In: names. Out: `struct xfs_dir3_data_hdr` and entries in a row, with one piece of free space at the end. Never: an entry over
//! two blocks.

use alloc::vec::Vec;

use crate::xfs::BLOCK;
use crate::xfs::da_tree::{Block, ENTRY};
use crate::xfs::field::{put_bytes, put16, put32, put64};
use crate::xfs::hash::hash;
use crate::xfs::seal::{DIR_BLOCK, Header};

use super::{DirEntry, KIND_DIR, Numbers};

/// `XFS_DIR3_DATA_MAGIC` and `XFS_DIR3_BLOCK_MAGIC`.
const DATA_MAGIC: &[u8; 4] = b"XDD3";
const BLOCK_MAGIC: &[u8; 4] = b"XDB3";
/// `struct xfs_dir3_data_hdr`, and its `best_free`.
const HEADER: u64 = 64;
const BEST_FREE: usize = 48;
/// Where names begin: behind the header, and the entries of `.` and `..`, of 16 bytes each.
pub(super) const FIRST_NAME: u64 = HEADER + 2 * 16;
/// `struct xfs_dir2_block_tail`: how many hashes there are, and how many of them are stale.
const TAIL: usize = 8;

/// More blocks than the logical numbers before the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::xfs) struct TooManyBlocks {
    pub(in crate::xfs) blocks: u64,
    pub(in crate::xfs) max: u64,
}

/// A hash, and where its name is, in units of eight bytes.
pub(super) type Hashed = (u32, u32);

/// Bytes of an entry: number, length, name, kind and the entry's own place, on eight bytes.
pub(super) fn entry_size(name: usize) -> u64 {
    (8 + 1 + name + 1 + 2).next_multiple_of(8) as u64
}

/// Where the names lie.
pub(super) struct Places {
    /// By entry, in bytes from the start of the directory.
    of: Vec<u64>,
    /// End of the last.
    pub(super) end: u64,
}

/// Places names in a row; one that would reach into the next block begins there.
pub(super) fn places(entries: &[DirEntry<'_>]) -> Places {
    let mut end = FIRST_NAME;
    let of = entries.iter().map(|entry| {
        let size = entry_size(entry.name.len());
        if end % BLOCK + size > BLOCK || end.is_multiple_of(BLOCK) {
            end = end.next_multiple_of(BLOCK) + HEADER;
        }
        end += size;
        end - size
    });
    Places { of: of.collect(), end }
}

/// Whether names that end there leave room for their hashes in the first block.
pub(super) fn fits_in_one(end: u64, names: usize) -> bool {
    end + ((names + 2) * ENTRY + TAIL) as u64 <= BLOCK
}

/// The hashes of all names, `.` and `..` among them, sorted.
pub(super) fn hashes(entries: &[DirEntry<'_>]) -> Vec<Hashed> {
    let own = [(hash(b"."), (HEADER / 8) as u32), (hash(b".."), (HEADER / 8) as u32 + 2)];
    let places = places(entries).of;
    let names = entries.iter().zip(places).map(|(entry, place)| (hash(entry.name), (place / 8) as u32));
    let mut hashes: Vec<Hashed> = own.into_iter().chain(names).collect();
    hashes.sort_unstable();
    hashes
}

/// Writes hashes from a byte of a block on.
pub(super) fn put_hashes(block: &mut [u8], at: usize, hashes: &[Hashed]) {
    for (n, (hash, place)) in hashes.iter().enumerate() {
        put32(block, at + ENTRY * n, *hash);
        put32(block, at + ENTRY * n + 4, *place);
    }
}

/// The block of a directory that is one block.
pub(super) fn single(entries: &[DirEntry<'_>], numbers: &Numbers<'_>) -> (Block, Header) {
    let hashes = hashes(entries);
    let list = BLOCK as usize - TAIL - ENTRY * hashes.len();
    let mut block = fill(entries, numbers, 1).remove(0);
    put_bytes(&mut block.bytes, 0, BLOCK_MAGIC);
    put_free(&mut block.bytes, places(entries).end as usize, list);
    put_hashes(&mut block.bytes, list, &hashes);
    put32(&mut block.bytes, BLOCK as usize - TAIL, hashes.len() as u32);
    (block, DIR_BLOCK)
}

/// All blocks of names, and how much is free in each.
pub(super) fn data(
    entries: &[DirEntry<'_>],
    numbers: &Numbers<'_>,
    count: u64,
) -> (Vec<(Block, Header)>, Vec<u16>) {
    let mut ends = alloc::vec![0; count as usize];
    for (entry, place) in entries.iter().zip(places(entries).of) {
        ends[(place / BLOCK) as usize] = (place % BLOCK + entry_size(entry.name.len())) as usize;
    }
    let blocks = fill(entries, numbers, count).into_iter().zip(&ends).map(|(mut block, end)| {
        put_bytes(&mut block.bytes, 0, DATA_MAGIC);
        put_free(&mut block.bytes, *end, BLOCK as usize);
        (block, DIR_BLOCK)
    });
    (blocks.collect(), ends.iter().map(|end| (BLOCK as usize - end) as u16).collect())
}

/// Blocks with the entries in them, and nothing else.
fn fill(entries: &[DirEntry<'_>], numbers: &Numbers<'_>, count: u64) -> Vec<Block> {
    let mut blocks: Vec<Block> = (0..count).map(Block::new).collect();
    let mut put = |place: u64, name: &[u8], ino: u64, kind: u8| {
        let (block, at) = (&mut blocks[(place / BLOCK) as usize].bytes, (place % BLOCK) as usize);
        put64(block, at, ino);
        block[at + 8] = name.len() as u8;
        put_bytes(block, at + 9, name);
        block[at + 9 + name.len()] = kind;
        put16(block, at + entry_size(name.len()) as usize - 2, at as u16);
    };
    put(HEADER, b".", numbers.own, KIND_DIR);
    put(HEADER + 16, b"..", numbers.parent, KIND_DIR);
    for (entry, place) in entries.iter().zip(places(entries).of) {
        put(place, entry.name, (numbers.of)(entry.ordinal), entry.kind);
    }
    blocks
}

/// Writes `struct xfs_dir2_data_unused` over what is free, and the header's list of the largest pieces, which has this one.
fn put_free(block: &mut [u8], from: usize, to: usize) {
    if from == to {
        return;
    }
    put16(block, BEST_FREE, from as u16);
    put16(block, BEST_FREE + 2, (to - from) as u16);
    // XFS_DIR2_DATA_FREE_TAG, its length, and at its end its place.
    put16(block, from, 0xffff);
    put16(block, from + 2, (to - from) as u16);
    put16(block, to - 2, from as u16);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_never_cross_a_block() {
        let names: Vec<Vec<u8>> = (0..500).map(|n| alloc::vec![b'x'; n % 255 + 1]).collect();
        let entries: Vec<DirEntry<'_>> =
            names.iter().map(|name| DirEntry { name, ordinal: 3, kind: 1 }).collect();
        let places = places(&entries);
        for (entry, place) in entries.iter().zip(&places.of) {
            let end = place + entry_size(entry.name.len());
            assert_eq!(place / BLOCK, (end - 1) / BLOCK);
            assert!(place % BLOCK >= HEADER && place % 8 == 0);
        }
    }
}
