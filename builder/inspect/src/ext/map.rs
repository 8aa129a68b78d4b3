//! Where the content of a file is: trees of extents (ext4), and pointers to blocks (ext2, ext3).
//!
//! In: an inode and a place in its content. Out: the stretch of blocks there, or a hole. Never: a tree walked from end to end: each
//! question goes down one path, so that no tree can hold more work than its answer.

use crate::ShowError;
use crate::field::{le16, le32};

use super::blocks::Blocks;
use super::inode::Inode;
use super::sum::crc;

/// Deepest tree of extents: more could not be filled by 2^32 blocks.
const DEPTH_MAX: u16 = 5;
/// Blocks that a file can have.
const END: u64 = 1 << 32;
/// Longest extent that was written to; longer ones are allocated, less this, and read as zeros.
const WRITTEN_MAX: u64 = 32768;
/// Pointers in an inode that lead to content directly.
const DIRECT: u64 = 12;

/// A stretch of a file's content, in blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    /// Its first block; `None` for a hole.
    pub(super) at: Option<u64>,
    /// How many blocks; at least one.
    pub(super) len: u64,
}

/// What is from block `logical` of a file's content on.
pub(super) fn run(blocks: &Blocks, inode: &Inode, logical: u64) -> Result<Run, ShowError> {
    if logical >= END {
        return Err(inode.damaged(format!("block {logical} of its content; there are at most {END}")));
    }
    if inode.has_extents() { extents(blocks, inode, logical) } else { pointers(blocks, inode, logical) }
}

fn extents(blocks: &Blocks, inode: &Inode, logical: u64) -> Result<Run, ShowError> {
    let (mut node, mut hole_ends) = (inode.map.to_vec(), END);
    let mut depth = le16(&node, 6);
    if depth > DEPTH_MAX {
        return Err(inode.damaged(format!("extents {depth} levels deep")));
    }
    loop {
        let count = usize::from(le16(&node, 2));
        if le16(&node, 0) != 0xf30a || le16(&node, 6) != depth || node.len() < 12 + 12 * count {
            return Err(inode.damaged("a node of its extents that is none"));
        }
        let mut keys = (0..count).map(|n| 12 + 12 * n).map(|at| (at, u64::from(le32(&node, at))));
        let after = keys.clone().map(|(_, key)| key).filter(|key| *key > logical).min();
        hole_ends = after.unwrap_or(END).min(hole_ends);
        let hole = Run { at: None, len: hole_ends - logical };
        let Some((at, key)) = keys.rfind(|(_, key)| *key <= logical) else { return Ok(hole) };
        if depth == 0 {
            return Ok(extent(&node[at..], logical - key).unwrap_or(hole));
        }
        depth -= 1;
        node = child(blocks, inode, u64::from(le32(&node, at + 4)) | u64::from(le16(&node, at + 8)) << 32)?;
    }
}

/// What a leaf's entry says of the block `skip` blocks after its first.
fn extent(entry: &[u8], skip: u64) -> Option<Run> {
    let len = u64::from(le16(entry, 4));
    let start = u64::from(le32(entry, 8)) | u64::from(le16(entry, 6)) << 32;
    let (at, len) = if len > WRITTEN_MAX { (None, len - WRITTEN_MAX) } else { (Some(start + skip), len) };
    len.checked_sub(skip).filter(|left| *left > 0).map(|len| Run { at, len })
}

fn child(blocks: &Blocks, inode: &Inode, block: u64) -> Result<Vec<u8>, ShowError> {
    let node = blocks.block(block)?;
    if let Some(seed) = inode.seed {
        let covered = 12 + 12 * usize::from(le16(&node, 4));
        let right = node.len() >= covered + 4 && crc(seed, &node[..covered]) == le32(&node, covered);
        if !right {
            return Err(inode.damaged("a node of its extents has a wrong checksum"));
        }
    }
    Ok(node)
}

fn pointers(blocks: &Blocks, inode: &Inode, logical: u64) -> Result<Run, ShowError> {
    if logical < DIRECT {
        return Ok(pointed(le32(&inode.map, logical as usize * 4)));
    }
    let per_block = blocks.superblock.block / 4;
    let (mut index, mut span) = (logical - DIRECT, per_block);
    for slot in [12, 13, 14] {
        if index >= span {
            index -= span;
            span *= per_block;
            continue;
        }
        let mut pointer = le32(&inode.map, slot * 4);
        // One level down, a pointer stands for a part of the span.
        while span > 1 {
            if pointer == 0 {
                return Ok(Run { at: None, len: span - index });
            }
            span /= per_block;
            let mut bytes = [0; 4];
            blocks.read(u64::from(pointer) * blocks.superblock.block + index / span * 4, &mut bytes)?;
            pointer = u32::from_le_bytes(bytes);
            index %= span;
        }
        return Ok(pointed(pointer));
    }
    Err(inode.damaged(format!("block {logical} of its content, which pointers cannot reach")))
}

/// The block that a pointer in sight of the content leads to.
fn pointed(pointer: u32) -> Run {
    Run { at: (pointer != 0).then_some(pointer.into()), len: 1 }
}
