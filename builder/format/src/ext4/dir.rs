//! Directories: which name goes into which block, and the bytes of those blocks.
//!
//! In: names with inode numbers. Out: leaf blocks, and the index above them if there are three or more. Never: an order
//! that depends on anything but names and the hash seed.
//!
//! Source: `Documentation/filesystems/ext4/directory.rst`.

use alloc::vec::Vec;

use super::BLOCK;
use super::checksum::Crc;
use super::field::{put16, put32};
use super::hash::{HashSeed, NameHash};
use super::htree::{self, Index};

/// What a leaf holds: a block without its checksum tail of 12 bytes.
pub(super) const LEAF_ROOM: usize = BLOCK as usize - 12;
/// e2fsck wants an index from three blocks on.
const LINEAR_MAX: usize = 2;
/// `.` and `..`, 12 bytes each, in front of the first linear block.
const DOTS: usize = 24;

/// A name in a directory.
#[derive(Clone, Copy, Debug)]
pub(super) struct DirEntry<'t> {
    pub(super) name: &'t [u8],
    pub(super) ino: u32,
    /// `EXT4_FT_*`.
    pub(super) kind: u8,
    /// Hash of the name; zero in linear directories.
    pub(super) hash: u32,
}

impl DirEntry<'_> {
    fn size(&self) -> usize {
        (8 + self.name.len()).next_multiple_of(4)
    }
}

/// A directory, cut into blocks.
#[derive(Clone, Debug)]
pub(super) struct Shape<'t> {
    pub(super) entries: Vec<DirEntry<'t>>,
    /// Where each leaf's entries end.
    pub(super) leaf_ends: Vec<usize>,
    /// The index, if it has one.
    pub(super) index: Option<Index>,
}

/// More leaves than an index of two levels reaches.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooManyLeaves(pub(super) usize);

impl<'t> Shape<'t> {
    /// Cuts a directory. `entries` come in bytewise order, without `.` and `..`; a linear directory gets at least
    /// `min_blocks`.
    pub(super) fn new(
        mut entries: Vec<DirEntry<'t>>,
        seed: HashSeed,
        min_blocks: usize,
    ) -> Result<Self, TooManyLeaves> {
        let mut leaf_ends = cut(&entries, DOTS, LINEAR_MAX);
        if leaf_ends.len() <= LINEAR_MAX {
            let blocks = min_blocks.max(leaf_ends.len());
            leaf_ends.resize(blocks, entries.len());
            return Ok(Shape { entries, leaf_ends, index: None });
        }
        let mut hashed: Vec<(NameHash, DirEntry<'t>)> = Vec::with_capacity(entries.len());
        for entry in entries.drain(..) {
            let hash = seed.hash(entry.name);
            hashed.push((hash, DirEntry { hash: hash.major, ..entry }));
        }
        hashed.sort_unstable_by_key(|(hash, entry)| (*hash, entry.name));
        entries.extend(hashed.into_iter().map(|(_, entry)| entry));
        leaf_ends = cut(&entries, 0, usize::MAX);
        let index = Index::over(leaf_ends.len()).ok_or(TooManyLeaves(leaf_ends.len()))?;
        Ok(Shape { entries, leaf_ends, index: Some(index) })
    }

    /// Its size in blocks.
    pub(super) fn blocks(&self) -> u32 {
        self.leaf_ends.len() as u32 + self.index.map_or(0, Index::blocks)
    }

    /// All blocks in logical order: the index (if any), then the leaves.
    pub(super) fn bytes(&self, ino: u32, parent: u32, seed: Crc) -> Vec<u8> {
        let size = BLOCK as usize;
        let mut out = alloc::vec![0; self.blocks() as usize * size];
        let leaves = match self.index {
            Some(index) => {
                let (above, leaves) = out.split_at_mut(index.blocks() as usize * size);
                htree::fill(above, index, &self.first_hashes());
                dots(above, ino, parent, size - 12);
                htree::seal(above, index, seed);
                leaves
            }
            None => &mut out[..],
        };
        let mut first = 0;
        for (leaf, (block, end)) in leaves.chunks_exact_mut(size).zip(&self.leaf_ends).enumerate() {
            let mut at = 0;
            if leaf == 0 && self.index.is_none() {
                let room = if *end == 0 { LEAF_ROOM - 12 } else { 12 };
                dots(block, ino, parent, room);
                at = DOTS;
            }
            fill_leaf(block, at, &self.entries[first..*end]);
            seal_leaf(block, seed);
            first = *end;
        }
        out
    }

    /// The lowest hash of each leaf. Bit 0 says that the hash goes on from the leaf before.
    fn first_hashes(&self) -> Vec<u32> {
        let mut hashes = Vec::with_capacity(self.leaf_ends.len());
        let mut first = 0;
        for end in &self.leaf_ends {
            let hash = self.entries[first].hash;
            let goes_on = first > 0 && self.entries[first - 1].hash == hash;
            hashes.push(hash | u32::from(goes_on));
            first = *end;
        }
        hashes
    }
}

/// Fills leaves to the brim and tells where each one's entries end. Stops when there are more than `enough`.
fn cut(entries: &[DirEntry<'_>], dots: usize, enough: usize) -> Vec<usize> {
    let mut ends = Vec::new();
    let mut used = dots;
    for (at, entry) in entries.iter().enumerate() {
        if used + entry.size() > LEAF_ROOM {
            ends.push(at);
            used = 0;
            if ends.len() > enough {
                return ends;
            }
        }
        used += entry.size();
    }
    ends.push(entries.len());
    ends
}

fn fill_leaf(block: &mut [u8], mut at: usize, entries: &[DirEntry<'_>]) {
    for (n, entry) in entries.iter().enumerate() {
        // The last entry reaches to the tail.
        let size = if n + 1 == entries.len() { LEAF_ROOM - at } else { entry.size() };
        put_entry(&mut block[at..at + size], entry);
        at += size;
    }
    if at == 0 {
        put16(block, 4, LEAF_ROOM as u16);
    }
}

/// `.` and `..`, the latter over `rest` bytes.
fn dots(block: &mut [u8], ino: u32, parent: u32, rest: usize) {
    let dot = |name, ino| DirEntry { name, ino, kind: 2, hash: 0 };
    put_entry(&mut block[..12], &dot(b".", ino));
    put_entry(&mut block[12..12 + rest], &dot(b"..", parent));
}

fn put_entry(record: &mut [u8], entry: &DirEntry<'_>) {
    put32(record, 0, entry.ino);
    put16(record, 4, record.len() as u16);
    record[6] = entry.name.len() as u8;
    record[7] = entry.kind;
    record[8..8 + entry.name.len()].copy_from_slice(entry.name);
}

/// The tail looks like an unused entry of type 0xde, so that readers without checksums skip it.
fn seal_leaf(block: &mut [u8], seed: Crc) {
    let sum = seed.over(&block[..LEAF_ROOM]).value();
    put16(block, LEAF_ROOM + 4, 12);
    block[LEAF_ROOM + 7] = 0xde;
    put32(block, LEAF_ROOM + 8, sum);
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn entry(name: &[u8], hash: u32) -> DirEntry<'_> {
        DirEntry { name, ino: 12, kind: 1, hash }
    }

    #[test]
    fn a_hash_that_goes_on_in_the_next_leaf_is_marked() {
        let entries =
            alloc::vec![entry(b"a", 4), entry(b"b", 8), entry(b"c", 8), entry(b"d", 8), entry(b"e", 10)];
        let shape = Shape { entries, leaf_ends: alloc::vec![2, 3, 4, 5], index: Index::over(4) };
        assert_eq!(shape.first_hashes(), [4, 8 | 1, 8 | 1, 10]);
    }

    #[test]
    fn names_are_cut_where_blocks_are_full() {
        let names: Vec<[u8; 252]> = (0..100).map(|n| [n + 1; 252]).collect();
        let shape = |count: usize| {
            let entries = names[..count].iter().map(|name| entry(name, 0)).collect();
            Shape::new(entries, HashSeed::new(Uuid::nil()), 1).unwrap()
        };
        // 260 bytes each: 15 behind the dots of the first block, 15 in the next.
        assert_eq!((shape(0).blocks(), shape(15).blocks(), shape(16).blocks()), (1, 1, 2));
        assert_eq!(shape(30).leaf_ends, [15, 30]);
        let indexed = shape(31);
        assert_eq!((indexed.blocks(), indexed.leaf_ends.as_slice()), (4, &[15, 30, 31][..]));
        assert!(indexed.entries.is_sorted_by_key(|entry| entry.hash));
    }
}
