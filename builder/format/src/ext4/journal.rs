//! The journal: an empty one, ready for its first transaction.
//!
//! In: its length. Out: its superblock. Never: a transaction.
//!
//! Source: `Documentation/filesystems/ext4/journal.rst`. All fields are big-endian.

use super::BLOCK;

/// Its inode (`EXT4_JOURNAL_INO`).
pub(super) const JOURNAL_INO: u32 = 8;

/// Fills in the journal's superblock, version 2 without features.
pub(super) fn superblock(out: &mut [u8], blocks: u32) {
    let fields = [
        (0x00, 0xc03b_3998), // h_magic
        (0x04, 4),           // h_blocktype: superblock, version 2
        (0x0c, BLOCK as u32),
        (0x10, blocks),
        (0x14, 1), // s_first
        (0x18, 1), // s_sequence
        (0x40, 1), // s_nr_users
    ];
    for (at, value) in fields {
        out[at..at + 4].copy_from_slice(&u32::to_be_bytes(value));
    }
}
