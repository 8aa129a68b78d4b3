//! An allocation group's own: its two headers, its free list, and the trees that they lead to.
//!
//! In: the plan. Out: AGF, AGI, AGFL and trees, and the counts of what is free. Never: a chunk in two groups.
//!
//! Source: `fs/xfs/libxfs/xfs_format.h`, `struct xfs_agf`, `xfs_agi` and `xfs_agfl`.

use alloc::vec::Vec;
use core::ops::Range;

use super::ag_tree::{
    self, BY_LENGTH_TREE, BY_PLACE_TREE, FREE_INODE_TREE, INODE_TREE, OWNER_TREE, SHARED_TREE, TreeKind,
};
use super::field::{put_bytes, put32, put64};
use super::geometry::{Geometry, Roots};
use super::options::CHUNK_INODES;
use super::owners::Owners;
use super::place::Chunks;
use super::plan::Plan;
use super::seal::{SHORT_TREE, Sealer};
use super::survey::Survey;
use super::{BLOCK, Sink};

/// `NULLAGBLOCK` and `NULLAGINO`.
const NONE: u32 = u32::MAX;

/// What the groups come to.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Totals {
    /// `sb_fdblocks`: free, on free lists, or in the trees of free space besides their roots.
    pub(super) free_blocks: u64,
    /// Inodes of all chunks.
    pub(super) inodes: u64,
    pub(super) free_inodes: u64,
}

/// Writes the groups of a plan.
pub(super) fn write(sink: &mut Sink, plan: &Plan, survey: &Survey<'_>, sealer: Sealer) -> Totals {
    let owners = plan.geometry.options.rmapbt.then(|| Owners::new(survey, plan));
    let mut totals = Totals::default();
    for group in 0..plan.geometry.groups {
        let chunks = plan.placement.chunks.iter().find(|chunks| chunks.group == group);
        let inodes = Inodes::new(chunks, survey.inodes, &plan.geometry);
        let mut writer =
            Group { geometry: &plan.geometry, roots: plan.geometry.roots(), group, sealer, sink };
        let mut free = plan.placement.free[group as usize].clone();
        let owner_tree = owners.as_ref().map(|owners| writer.owner_tree(owners, &mut free));
        let space = Space::new(&free, owner_tree);
        writer.space(&space);
        writer.inodes(&inodes, chunks);
        writer.free_list();
        totals.free_blocks += space.blocks + writer.free_list_len() + space.owner_tree.below_root;
        totals.inodes += inodes.count;
        totals.free_inodes += inodes.free;
    }
    totals
}

/// A tree as its header tells of it.
#[derive(Clone, Copy, Debug, Default)]
struct Grown {
    levels: u32,
    below_root: u64,
}

/// Free space of a group.
struct Space {
    /// Block and length, rising by block.
    by_place: Vec<(u32, u32)>,
    blocks: u64,
    longest: u32,
    owner_tree: Grown,
}

impl Space {
    fn new(free: &[Range<u64>], owner_tree: Option<Grown>) -> Space {
        let runs = free.iter().filter(|range| !range.is_empty());
        let by_place: Vec<(u32, u32)> =
            runs.map(|range| (range.start as u32, (range.end - range.start) as u32)).collect();
        // Two gaps before chunks and a tail are at most what a plan leaves.
        debug_assert!(by_place.len() <= BY_PLACE_TREE.in_leaf());
        Space {
            blocks: by_place.iter().map(|(_, len)| u64::from(*len)).sum(),
            longest: by_place.iter().map(|(_, len)| *len).max().unwrap_or(0),
            by_place,
            owner_tree: owner_tree.unwrap_or_default(),
        }
    }
}

fn pairs(runs: &[(u32, u32)]) -> Vec<u8> {
    runs.iter().flat_map(|(block, len)| [block.to_be_bytes(), len.to_be_bytes()]).flatten().collect()
}

/// Inodes of a group.
#[derive(Default)]
struct Inodes {
    count: u64,
    free: u64,
    /// `struct xfs_inobt_rec` of each chunk.
    records: Vec<u8>,
    /// The record of the chunk that is not full.
    partial: Vec<u8>,
    /// `agi_newino`: the last chunk.
    newest: Option<u32>,
}

impl Inodes {
    /// `used` inodes are there in all groups; all chunks but the last are full.
    fn new(chunks: Option<&Chunks>, used: u32, geometry: &Geometry) -> Inodes {
        let Some(chunks) = chunks else { return Inodes::default() };
        let options = geometry.options;
        let first = chunks.first * u64::from(options.inodes_per_block());
        let size = u64::from(CHUNK_INODES);
        let mut inodes = Inodes { count: chunks.count * size, ..Inodes::default() };
        for n in 0..chunks.count {
            let start = (first + n * size) as u32;
            let taken = u64::from(used).saturating_sub((chunks.before + n) * size).min(size);
            // A bit for each inode that is free; `taken` is not zero, as every chunk was asked for.
            let bits = if taken == size { 0 } else { u64::MAX << taken };
            let free = (size - taken) as u8;
            let mut record = [0; 16];
            put32(&mut record, 0, start);
            if options.sparse_inodes {
                // No hole, 64 inodes.
                record[6] = size as u8;
            }
            record[7] = free;
            put64(&mut record, 8, bits);
            inodes.records.extend_from_slice(&record);
            if free > 0 {
                inodes.partial.extend_from_slice(&record);
            }
            inodes.free += u64::from(free);
            inodes.newest = Some(start);
        }
        inodes
    }
}

/// A group under way.
struct Group<'a> {
    geometry: &'a Geometry,
    roots: Roots,
    group: u32,
    sealer: Sealer,
    sink: &'a mut Sink,
}

impl Group<'_> {
    fn tree(&mut self, kind: &TreeKind, records: &[u8], root: u64, below: Range<u64>) -> Grown {
        let below_root = below.end - below.start;
        let tree = ag_tree::build(kind, records, root, below);
        for mut block in tree.blocks {
            let place = self.geometry.start(self.group) + block.place;
            self.sealer.block(&mut block.bytes, SHORT_TREE, place, self.group.into());
            self.sink.block(place).copy_from_slice(&block.bytes);
        }
        Grown { levels: tree.levels, below_root }
    }

    /// The tree of owners. Its blocks are taken from the end of the group, where the plan keeps more than such a tree ever has.
    fn owner_tree(&mut self, owners: &Owners, free: &mut [Range<u64>]) -> Grown {
        let root = self.roots.owners.expect("owners are collected only if there is such a tree");
        let tail = free.last_mut().expect("every group ends with what is kept of it");
        let mut below = 0;
        let (records, own) = loop {
            let own = tail.end - below..tail.end;
            let records = owners.records(self.group, own.clone());
            // The blocks have a record of their own, which may ask for one block more.
            let needs = OWNER_TREE.below_root((records.len() / 24) as u64);
            if needs <= below {
                break (records, own);
            }
            below = needs;
        };
        tail.end = own.start;
        self.tree(&OWNER_TREE, &records, root, own)
    }

    /// A header of the group: number `n` of its sectors.
    fn header(&mut self, n: u64, magic: &[u8; 4]) -> &mut [u8] {
        let sector = self.geometry.options.sector;
        let at = self.geometry.start(self.group) * BLOCK + n * sector;
        let out = self.sink.bytes(at, sector as usize);
        put_bytes(out, 0, magic);
        out
    }

    fn free_list_len(&self) -> u64 {
        let list = self.geometry.free_list(self.group);
        list.end - list.start
    }

    /// AGF, and the trees of free space, owners and shared blocks.
    fn space(&mut self, space: &Space) {
        let roots = self.roots;
        self.tree(&BY_PLACE_TREE, &pairs(&space.by_place), roots.by_place, 0..0);
        let mut by_length = space.by_place.clone();
        by_length.sort_unstable_by_key(|(block, len)| (*len, *block));
        self.tree(&BY_LENGTH_TREE, &pairs(&by_length), roots.by_length, 0..0);
        if let Some(root) = roots.shared {
            self.tree(&SHARED_TREE, &[], root, 0..0);
        }
        let (group, len, list) = (self.group, self.geometry.len(self.group), self.free_list_len());
        let sealer = self.sealer;
        let out = self.header(1, b"XAGF");
        let owner_tree = space.owner_tree;
        let fields = [
            (4, 1), // version
            (8, group),
            (12, len as u32),
            (16, roots.by_place as u32),
            (20, roots.by_length as u32),
            (24, roots.owners.unwrap_or(0) as u32),
            (28, 1),
            (32, 1),
            (36, owner_tree.levels),
            // The free list is a ring, of which entries 1 and later are in use, as mkfs.xfs begins it.
            (40, 1),
            (44, list as u32),
            (48, list as u32),
            (52, space.blocks as u32),
            (56, space.longest),
            // agf_btreeblks
            (60, owner_tree.below_root as u32),
            (80, roots.owners.map_or(0, |_| 1 + owner_tree.below_root as u32)),
            (84, roots.shared.map_or(0, |_| 1)),
            (88, roots.shared.unwrap_or(0) as u32),
            (92, roots.shared.map_or(0, |_| 1)),
        ];
        for (at, value) in fields {
            put32(out, at, value);
        }
        sealer.record(out, 64, 216);
    }

    /// AGI, and the trees of inodes.
    fn inodes(&mut self, inodes: &Inodes, chunks: Option<&Chunks>) {
        let roots = self.roots;
        let below = chunks.map_or(0..0, |chunks| chunks.tree.clone());
        let all = self.tree(&INODE_TREE, &inodes.records, roots.inodes, below);
        if let Some(root) = roots.free_inodes {
            self.tree(&FREE_INODE_TREE, &inodes.partial, root, 0..0);
        }
        let (group, len, sealer) = (self.group, self.geometry.len(self.group), self.sealer);
        let counted = self.geometry.options.inobtcount;
        let out = self.header(2, b"XAGI");
        // agi_unlinked: no file is open that has no name.
        out[40..296].fill(0xff);
        let fields = [
            (4, 1), // version
            (8, group),
            (12, len as u32),
            (16, inodes.count as u32),
            (20, roots.inodes as u32),
            (24, all.levels),
            (28, inodes.free as u32),
            (32, inodes.newest.unwrap_or(NONE)),
            (36, NONE),
            (328, roots.free_inodes.unwrap_or(0) as u32),
            (332, roots.free_inodes.map_or(0, |_| 1)),
            (336, if counted { 1 + all.below_root as u32 } else { 0 }),
            (340, u32::from(counted)),
        ];
        for (at, value) in fields {
            put32(out, at, value);
        }
        sealer.record(out, 296, 312);
    }

    fn free_list(&mut self) {
        let (group, list, sealer) = (self.group, self.geometry.free_list(self.group), self.sealer);
        let out = self.header(3, b"XAFL");
        put32(out, 4, group);
        out[36..].fill(0xff);
        // From entry 1 on, as AGF says.
        for (n, block) in (1..).zip(list) {
            put32(out, 36 + 4 * n, block as u32);
        }
        sealer.record(out, 8, 32);
    }
}
