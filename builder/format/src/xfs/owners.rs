//! Whom each block of a group belongs to, for the tree of owners.
//!
//! In: the plan. Out: `struct xfs_rmap_rec` for every run of blocks in use. Never: without the option `rmapbt`.
//!
//! Source: `fs/xfs/libxfs/xfs_format.h`; what is merged, `xfs_rmap_map`.

use alloc::vec::Vec;
use core::ops::Range;

use super::field::{put32, put64};
use super::geometry::Geometry;
use super::plan::Plan;
use super::survey::Survey;

/// `XFS_RMAP_OWN_*`: what is no inode's.
const HEADERS: i64 = -3;
const LOG: i64 = -4;
const FREE_SPACE: i64 = -5;
const INODE_TREES: i64 = -6;
const INODES: i64 = -7;
const SHARED: i64 = -8;
/// `XFS_RMAP_OFF_ATTR_FORK` and `XFS_RMAP_OFF_BMBT_BLOCK`, above the bits of the logical block.
const OF_ATTRIBUTES: u64 = 1 << 63;
const OF_THE_MAP: u64 = 1 << 62;
/// Bytes of a record and of half a key.
const RECORD: usize = 24;
const KEY: usize = 20;

/// A run of blocks, by numbers in the group, and its owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Owned {
    start: u64,
    blocks: u64,
    owner: i64,
    /// The logical block in the owner, with flags above.
    offset: u64,
}

/// The records of every group, without those of the tree that they go into.
pub(super) struct Owners(Vec<Vec<Owned>>);

impl Owners {
    /// Collects them.
    pub(super) fn new(survey: &Survey<'_>, plan: &Plan) -> Owners {
        let (geometry, placement) = (&plan.geometry, &plan.placement);
        let mut owners = Owners((0..geometry.groups).map(|group| fixed(geometry, group)).collect());
        for chunks in &placement.chunks {
            let end = chunks.first + chunks.count * geometry.options.chunk_blocks();
            let group = &mut owners.0[chunks.group as usize];
            group.extend(owned(chunks.first..end, INODES));
            group.extend(owned(chunks.tree.clone(), INODE_TREES));
        }
        for (node, placed) in survey.nodes.iter().zip(&placement.nodes) {
            let ino = placement.ino(geometry, node.ordinal) as i64;
            for run in &placement.mapped[placed.mapped.clone()] {
                owners.add(geometry, run.physical..run.physical + run.blocks, ino, run.logical);
            }
            for block in &placement.tree_blocks[placed.tree_blocks.clone()] {
                owners.add(geometry, *block..*block + 1, ino, OF_THE_MAP);
            }
            owners.add(geometry, placed.attrs.clone(), ino, OF_ATTRIBUTES);
        }
        for group in &mut owners.0 {
            group.sort_unstable();
        }
        owners
    }

    /// Blocks of the filesystem that lie in one group.
    fn add(&mut self, geometry: &Geometry, blocks: Range<u64>, owner: i64, offset: u64) {
        if !blocks.is_empty() {
            let (group, start) = geometry.within(blocks.start);
            let blocks = blocks.end - blocks.start;
            self.0[group as usize].push(Owned { start, blocks, owner, offset });
        }
    }

    /// The records of a group, as bytes, with those of `own`: the blocks of the tree itself besides its root.
    pub(super) fn records(&self, group: u32, own: Range<u64>) -> Vec<u8> {
        let mut list = self.0[group as usize].clone();
        list.extend(owned(own, FREE_SPACE));
        list.sort_unstable();
        let mut merged: Vec<Owned> = Vec::with_capacity(list.len());
        for next in list {
            match merged.last_mut() {
                Some(last) if is_continued(last, &next) => last.blocks += next.blocks,
                _ => merged.push(next),
            }
        }
        merged.iter().flat_map(record).collect()
    }
}

fn owned(blocks: Range<u64>, owner: i64) -> Option<Owned> {
    let Range { start, end } = blocks;
    (start < end).then_some(Owned { start, blocks: end - start, owner, offset: 0 })
}

/// What every group has: headers, roots, log and free list.
fn fixed(geometry: &Geometry, group: u32) -> Vec<Owned> {
    let roots = geometry.roots();
    let single = |block: u64| block..block + 1;
    let log = roots.end..roots.end + geometry.log_in(group);
    let ranges = [
        Some((0..roots.by_place, HEADERS)),
        Some((roots.by_place..roots.inodes, FREE_SPACE)),
        Some((single(roots.inodes), INODE_TREES)),
        roots.free_inodes.map(|root| (single(root), INODE_TREES)),
        roots.owners.map(|root| (single(root), FREE_SPACE)),
        roots.shared.map(|root| (single(root), SHARED)),
        Some((log, LOG)),
        Some((geometry.free_list(group), FREE_SPACE)),
    ];
    ranges.into_iter().flatten().filter_map(|(blocks, owner)| owned(blocks, owner)).collect()
}

/// Whether one record tells both: one owner, and in an inode the next logical blocks.
fn is_continued(last: &Owned, next: &Owned) -> bool {
    let counts = last.owner >= 0 && last.offset & OF_THE_MAP == 0;
    last.owner == next.owner
        && last.start + last.blocks == next.start
        && next.offset == if counts { last.offset + last.blocks } else { last.offset }
}

fn record(owned: &Owned) -> [u8; RECORD] {
    let mut out = [0; RECORD];
    put32(&mut out, 0, owned.start as u32);
    put32(&mut out, 4, owned.blocks as u32);
    put64(&mut out, 8, owned.owner as u64);
    put64(&mut out, 16, owned.offset);
    out
}

/// The key of a block of the tree: where its first record begins, and where its last ends. Nothing is shared, so no earlier one ends later.
pub(super) fn key(first: &[u8], last: &[u8]) -> Vec<u8> {
    let number = |bytes: &[u8]| bytes.iter().fold(0u64, |number, byte| number << 8 | u64::from(*byte));
    let mut out = alloc::vec![0; 2 * KEY];
    out[..4].copy_from_slice(&first[..4]);
    out[4..KEY].copy_from_slice(&first[8..]);
    let more = number(&last[4..8]) - 1;
    let (owner, offset) = (number(&last[8..16]), number(&last[16..]));
    let counts = owner as i64 >= 0 && offset & OF_THE_MAP == 0;
    put32(&mut out, KEY, (number(&last[..4]) + more) as u32);
    put64(&mut out, KEY + 4, owner);
    put64(&mut out, KEY + 12, if counts { offset + more } else { offset });
    out
}
