//! Directories (Linux, fs/ext4/ext4.h, `struct ext4_dir_entry_2`).
//!
//! In: an inode that is a directory. Out: its names, one after another. Never: its index (htree): blocks of that are empty to
//! whoever reads names in order.

use std::ops::ControlFlow;

use crate::ShowError;
use crate::field::{byte, le16, le32};

use super::blocks::Blocks;
use super::inode::Inode;
use super::map;
use super::sum::crc;

/// Bytes of an entry before its name.
const HEAD: usize = 8;
/// Bytes at the end of a block that hold its checksum, in the form of an entry without a name.
const TAIL: usize = 12;

/// What is called with each name, `.` and `..` among them, and the inode that it stands for.
pub(super) type Visit<'a> = &'a mut dyn FnMut(&[u8], u32) -> Result<ControlFlow<()>, ShowError>;

/// Goes through a directory until `visit` has enough.
pub(super) fn each(blocks: &Blocks, dir: &Inode, visit: Visit<'_>) -> Result<(), ShowError> {
    dir.readable()?;
    let block = blocks.superblock.block;
    let mut logical = 0;
    while logical < dir.size.div_ceil(block) {
        let run = map::run(blocks, dir, logical)?;
        let Some(first) = run.at else { return Err(dir.damaged("a directory with a hole")) };
        for number in first..first + run.len.min(dir.size.div_ceil(block) - logical) {
            if names(blocks, dir, number, visit)?.is_break() {
                return Ok(());
            }
        }
        logical += run.len;
    }
    Ok(())
}

fn names(blocks: &Blocks, dir: &Inode, number: u64, visit: Visit<'_>) -> Result<ControlFlow<()>, ShowError> {
    let bytes = blocks.block(number)?;
    if dir.seed.is_some_and(|seed| !sum_is_right(seed, &bytes)) {
        return Err(dir.damaged(format!("block {number} of the directory has a wrong checksum")));
    }
    let mut at = 0;
    while at < bytes.len() {
        let len = record_len(le16(&bytes, at + 4), bytes.len());
        // The high byte of a name's length is the file's type where directories have that.
        let high = if blocks.superblock.file_types { 0 } else { usize::from(byte(&bytes, at + 7)) << 8 };
        let name_len = usize::from(byte(&bytes, at + 6)) | high;
        if len < HEAD || len > bytes.len() - at || name_len > len - HEAD {
            return Err(dir.damaged(format!("an entry of {len} bytes with a name of {name_len}")));
        }
        let inode = le32(&bytes, at);
        if inode != 0 {
            let name = &bytes[at + HEAD..at + HEAD + name_len];
            if name.is_empty() || name.iter().any(|byte| matches!(byte, 0 | b'/')) {
                return Err(dir.damaged("a name that is empty, or has a slash or a zero byte"));
            }
            if visit(name, inode)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        at += len;
    }
    Ok(ControlFlow::Continue(()))
}

/// Blocks of 64 KiB have entries as long as themselves, which 16 bits cannot tell.
fn record_len(stored: u16, block: usize) -> usize {
    match usize::from(stored) {
        0 | 0xffff if block == 1 << 16 => block,
        len => len & !3 | (len & 3) << 16,
    }
}

/// Whether a block of names has the checksum that ends it. Blocks of the index are one entry without a name, or `.` and one more,
/// and end otherwise: what is in them is not used.
fn sum_is_right(seed: u32, bytes: &[u8]) -> bool {
    let tail = bytes.len() - TAIL;
    let is_tail = le32(bytes, tail) == 0 && le16(bytes, tail + 4) == 12 && le16(bytes, tail + 6) == 0xde00;
    if is_tail {
        return crc(seed, &bytes[..tail]) == le32(bytes, tail + 8);
    }
    let spans = |at: usize| record_len(le16(bytes, at + 4), bytes.len()) == bytes.len() - at;
    (le32(bytes, 0) == 0 && spans(0)) || spans(12)
}
