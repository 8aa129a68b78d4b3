//! The index of a directory: one root block, and a level of nodes below it if the leaves are many.
//!
//! In: the lowest hash of each leaf. Out: the blocks above the leaves. Never: a third level (`large_dir`).
//!
//! Source: `Documentation/filesystems/ext4/directory.rst`, hash tree directories.

use super::BLOCK;
use super::checksum::Crc;
use super::field::{put16, put32};

/// The root's list starts after `.`, `..` and `dx_root_info`, a node's after one unused entry.
const ROOT_LIST: usize = 32;
const NODE_LIST: usize = 8;
/// Entries of 8 bytes each; one place is kept for the checksum tail.
const ROOT_LIMIT: usize = (BLOCK as usize - ROOT_LIST) / 8 - 1;
const NODE_LIMIT: usize = (BLOCK as usize - NODE_LIST) / 8 - 1;
/// Leaves that two levels reach.
pub(super) const LEAVES_MAX: usize = ROOT_LIMIT * NODE_LIMIT;
/// `DX_HASH_HALF_MD4`.
const HALF_MD4: u8 = 1;

/// The shape of an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Index {
    /// Nodes between root and leaves; zero if the root lists the leaves itself.
    nodes: u32,
}

impl Index {
    /// The smallest index over so many leaves.
    pub(super) fn over(leaves: usize) -> Option<Index> {
        match leaves {
            0..=ROOT_LIMIT => Some(Index { nodes: 0 }),
            _ if leaves <= LEAVES_MAX => Some(Index { nodes: leaves.div_ceil(NODE_LIMIT) as u32 }),
            _ => None,
        }
    }

    /// Root and nodes.
    pub(super) fn blocks(self) -> u32 {
        1 + self.nodes
    }
}

/// Fills in the lists. Logical block 0 is the root, then come the nodes, then the leaves.
pub(super) fn fill(above: &mut [u8], index: Index, first_hashes: &[u32]) {
    let (root, nodes) = above.split_at_mut(BLOCK as usize);
    root[0x1c] = HALF_MD4;
    root[0x1d] = 8; // the length of dx_root_info
    root[0x1e] = u8::from(index.nodes > 0);
    let first_leaf = index.blocks();
    if index.nodes == 0 {
        ROOT.put(root, first_leaf, first_hashes.iter().copied());
        return;
    }
    ROOT.put(root, 1, first_hashes.iter().step_by(NODE_LIMIT).copied());
    let below = first_hashes.chunks(NODE_LIMIT);
    for (n, (node, hashes)) in nodes.chunks_exact_mut(BLOCK as usize).zip(below).enumerate() {
        put16(node, 4, BLOCK as u16);
        let block = first_leaf + (n * NODE_LIMIT) as u32;
        NODE.put(node, block, hashes.iter().copied());
    }
}

/// Where a block of an index has its list.
#[derive(Clone, Copy)]
struct List {
    at: usize,
    /// Most entries.
    limit: usize,
}

const ROOT: List = List { at: ROOT_LIST, limit: ROOT_LIMIT };
const NODE: List = List { at: NODE_LIST, limit: NODE_LIMIT };

impl List {
    /// Writes hashes and block numbers, the latter from `first` on. The first entry's hash is implied; limit and count stand in its place.
    fn put(self, block: &mut [u8], first: u32, hashes: impl Iterator<Item = u32>) {
        let List { at, limit } = self;
        let mut count = 0;
        for (n, hash) in hashes.enumerate() {
            put32(block, at + 8 * n, hash);
            put32(block, at + 8 * n + 4, first + n as u32);
            count = n + 1;
        }
        put16(block, at, limit as u16);
        put16(block, at + 2, count as u16);
    }
}

/// Sums each index block: what is in use, then the tail with a zero in the place of its sum.
pub(super) fn seal(above: &mut [u8], index: Index, seed: Crc) {
    for (n, block) in above.chunks_exact_mut(BLOCK as usize).enumerate().take(index.blocks() as usize) {
        let List { at: list, limit } = if n == 0 { ROOT } else { NODE };
        let count = usize::from(u16::from_le_bytes([block[list + 2], block[list + 3]]));
        let tail = list + 8 * limit;
        let sum = seed.over(&block[..list + 8 * count]).over(&block[tail..tail + 4]).over(&[0; 4]);
        put32(block, tail + 4, sum.value());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_levels_and_no_more() {
        assert_eq!(Index::over(507), Some(Index { nodes: 0 }));
        assert_eq!(Index::over(508), Some(Index { nodes: 1 }));
        assert_eq!(Index::over(507 * 510), Some(Index { nodes: 507 }));
        assert_eq!(Index::over(507 * 510 + 1), None);
    }
}
