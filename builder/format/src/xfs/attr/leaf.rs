//! A leaf of attributes: entries by hash from the front, names and short values from the end.
//!
//! In: attributes sorted by hash. Out: as few leaves as hold them, as blocks. Never: a hole between names.

use alloc::vec::Vec;

use crate::xfs::BLOCK;
use crate::xfs::da_tree::{Block, ENTRY, Neighbours, put_header};
use crate::xfs::field::{put_bytes, put16, put32};

use super::{Stored, remote};

/// `XFS_ATTR3_LEAF_MAGIC`.
const MAGIC: u16 = 0x3bee;
/// `struct xfs_attr3_leaf_hdr`.
const HEADER: usize = 80;
/// `XFS_ATTR_LOCAL`: name and value are in the leaf.
const LOCAL: u8 = 1;
/// `xfs_attr_leaf_entsize_local_max`: an entry is local below three quarters of a block.
const LOCAL_MAX: usize = (BLOCK as usize >> 1) + (BLOCK as usize >> 2);
/// What stands before the name: two lengths; or the value's block and length, and the name's length.
const LOCAL_HEAD: usize = 3;
const REMOTE_HEAD: usize = 9;
/// What is kept for those in the second case: two bytes of padding more, which are counted wherever the name ends
/// (`xfs_attr_leaf_entsize_remote`).
const REMOTE_KEPT: usize = 11;

/// The attributes of one leaf.
#[derive(Debug, Default)]
pub(super) struct Leaf<'t> {
    list: Vec<Stored<'t>>,
}

fn local_size(attr: &Stored<'_>) -> usize {
    (LOCAL_HEAD + attr.name.len() + attr.value.len()).next_multiple_of(4)
}

fn is_local(attr: &Stored<'_>) -> bool {
    local_size(attr) < LOCAL_MAX
}

/// Bytes of an attribute in its leaf, without its entry.
fn size(attr: &Stored<'_>) -> usize {
    if is_local(attr) { local_size(attr) } else { (REMOTE_KEPT + attr.name.len()).next_multiple_of(4) }
}

/// Cuts a list into leaves, each as full as it will be.
pub(super) fn cut(list: Vec<Stored<'_>>) -> Vec<Leaf<'_>> {
    let (mut leaves, mut leaf, mut used) = (Vec::new(), Leaf::default(), HEADER);
    for attr in list {
        let more = ENTRY + size(&attr);
        if used + more > BLOCK as usize {
            leaves.push(core::mem::take(&mut leaf));
            used = HEADER;
        }
        used += more;
        leaf.list.push(attr);
    }
    leaves.push(leaf);
    leaves
}

impl Leaf<'_> {
    /// Values that are kept outside, in the order of their entries.
    pub(super) fn remote(&self) -> impl Iterator<Item = &[u8]> {
        self.list.iter().filter(|attr| !is_local(attr)).map(|attr| &*attr.value)
    }

    pub(super) fn highest_hash(&self) -> u32 {
        self.list.last().map_or(0, |attr| attr.hash)
    }

    /// The block of leaf `n` of `count`, which lie in a row from `first` on; values lie from block `value` on.
    pub(super) fn block(&self, first: u64, n: usize, count: usize, mut value: u64) -> Block {
        let mut block = Block::new(first + n as u64);
        let out = &mut block.bytes;
        put_header(out, MAGIC, Neighbours::in_row(first, n, count));
        let mut at = BLOCK as usize;
        for (n, attr) in self.list.iter().enumerate() {
            at -= size(attr);
            let entry = HEADER + ENTRY * n;
            put32(out, entry, attr.hash);
            put16(out, entry + 4, at as u16);
            if is_local(attr) {
                out[entry + 6] = attr.namespace | LOCAL;
                put16(out, at, attr.value.len() as u16);
                out[at + 2] = attr.name.len() as u8;
                put_bytes(out, at + LOCAL_HEAD, attr.name);
                put_bytes(out, at + LOCAL_HEAD + attr.name.len(), &attr.value);
            } else {
                out[entry + 6] = attr.namespace;
                put32(out, at, value as u32);
                put32(out, at + 4, attr.value.len() as u32);
                out[at + 8] = attr.name.len() as u8;
                put_bytes(out, at + REMOTE_HEAD, attr.name);
                value += remote::blocks(&attr.value);
            }
        }
        let entries = HEADER + ENTRY * self.list.len();
        put16(out, 56, self.list.len() as u16);
        put16(out, 58, (BLOCK as usize - at) as u16);
        put16(out, 60, at as u16);
        // The first of three records of free space.
        put16(out, 64, entries as u16);
        put16(out, 66, (at - entries) as u16);
        block
    }
}
