//! A directory in its inode.
//!
//! In: names. Out: `struct xfs_dir2_sf_hdr` and its entries. Never: inode numbers of eight bytes: chunks lie where four suffice.

use alloc::vec::Vec;

use super::block::{FIRST_NAME, entry_size};
use super::{DirEntry, Numbers};

/// Counts of a byte each, and the parent's number.
const HEADER: usize = 2 + 4;
/// Length, offset, kind and number of an entry, without its name.
const ENTRY: usize = 1 + 2 + 1 + 4;

/// Bytes that these names take.
pub(super) fn size(entries: &[DirEntry<'_>]) -> usize {
    HEADER + entries.iter().map(|entry| ENTRY + entry.name.len()).sum::<usize>()
}

/// The bytes.
pub(super) fn bytes(entries: &[DirEntry<'_>], numbers: &Numbers<'_>) -> Vec<u8> {
    let mut out = Vec::with_capacity(size(entries));
    // An inode has less room than 255 entries take.
    out.extend_from_slice(&[entries.len() as u8, 0]);
    out.extend_from_slice(&(numbers.parent as u32).to_be_bytes());
    // Where the name would be in a block: readdir(3) tells positions by it.
    let mut place = FIRST_NAME;
    for entry in entries {
        out.push(entry.name.len() as u8);
        out.extend_from_slice(&(place as u16).to_be_bytes());
        out.extend_from_slice(entry.name);
        out.push(entry.kind);
        out.extend_from_slice(&((numbers.of)(entry.ordinal) as u32).to_be_bytes());
        place += entry_size(entry.name.len());
    }
    out
}
