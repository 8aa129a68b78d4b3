//! Values outside their leaf.
//!
//! In: a value. Out: blocks, each with a header. Never: a sum of the whole.
//!
//! Source: `struct xfs_attr3_rmt_hdr`, `fs/xfs/libxfs/xfs_attr_remote.c`.

use crate::xfs::BLOCK;
use crate::xfs::da_tree::Block;
use crate::xfs::field::{put_bytes, put32, put64};

/// `XFS_ATTR3_RMT_MAGIC`.
const MAGIC: &[u8; 4] = b"XARM";
/// Bytes of the header.
const HEADER: usize = 56;
/// Bytes of a value in a block.
const ROOM: usize = BLOCK as usize - HEADER;
/// `NULLCOMMITLSN`: values are never logged, so the log must not think that it has newer ones.
const NEVER_LOGGED: u64 = u64::MAX;

/// Blocks that a value takes.
pub(super) fn blocks(value: &[u8]) -> u64 {
    value.len().div_ceil(ROOM) as u64
}

/// The blocks of a value, from logical block `first` on.
pub(super) fn value(value: &[u8], first: u64) -> impl Iterator<Item = Block> {
    value.chunks(ROOM).enumerate().map(move |(n, part)| {
        let mut block = Block::new(first + n as u64);
        let out = &mut block.bytes;
        put_bytes(out, 0, MAGIC);
        put32(out, 4, (n * ROOM) as u32);
        put32(out, 8, part.len() as u32);
        put64(out, 48, NEVER_LOGGED);
        put_bytes(out, HEADER, part);
        block
    })
}
