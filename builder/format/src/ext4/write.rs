//! The plan becomes bytes.
//!
//! In: a surveyed tree and its plan. Out: `Extents`. Never: a decision.

use alloc::vec::Vec;
use core::ops::Range;

use dibber_model::{Content, Extents, Piece, Source};

use super::checksum::Crc;
use super::extent_tree::{self, ExtentTree, Mapped, TreeBlock};
use super::field::put32;
use super::geometry::{Geometry, INODE_SIZE};
use super::group::{self, Inodes};
use super::inode::{self, Record};
use super::journal::{self, JOURNAL_INO};
use super::place::Placed;
use super::plan::Plan;
use super::resize::{self, RESIZE_INO};
use super::superblock::Superblock;
use super::survey::{Body, Survey, SurveyedInode};
use super::{BLOCK, Ext4Error, Ext4Params};
use crate::sink::Sink;

/// A filesystem under way.
struct Writer<'a, 't> {
    params: &'a Ext4Params,
    survey: &'a Survey<'t>,
    plan: &'a Plan,
    seed: Crc,
    sink: Sink,
    /// All inodes up to the last in use, from number 1.
    inodes: Vec<u8>,
}

/// Writes a filesystem; what lies past its blocks, up to `len` bytes, is a hole.
pub(super) fn write(
    params: &Ext4Params,
    survey: &Survey<'_>,
    plan: &Plan,
    len: u64,
) -> Result<Extents, Ext4Error> {
    let seed = Crc::of_filesystem(params.uuid);
    let inodes = alloc::vec![0; survey.last_ino as usize * INODE_SIZE as usize];
    let mut writer = Writer { params, survey, plan, seed, sink: Sink::default(), inodes };
    let journal_map = writer.journal();
    writer.resize_inode();
    writer.xattr_blocks();
    for (node, placed) in survey.nodes.iter().zip(&plan.placement.nodes) {
        writer.node(node, placed);
    }
    writer.inode_tables();
    writer.groups(&journal_map);
    Ok(writer.sink.finish(len)?)
}

impl Writer<'_, '_> {
    /// The record of an inode that the filesystem has for itself.
    fn own(&self, size: u64, blocks: u64, map: [u8; 60]) -> Record<'static> {
        let epoch = self.params.epoch;
        Record {
            mode: 0o100_600,
            uid: 0,
            gid: 0,
            size,
            links: 1,
            blocks,
            flags: 0,
            map,
            xattr_block: 0,
            xattrs: &[],
            mtime: epoch,
            epoch,
        }
    }

    fn put_inode(&mut self, ino: u32, record: &Record<'_>) {
        let at = (ino as usize - 1) * INODE_SIZE as usize;
        let out = &mut self.inodes[at..at + INODE_SIZE as usize];
        record.write(out, self.seed.of_inode(ino));
    }

    /// The map of an inode over extents; its tree's blocks are written on the way.
    fn extents(&mut self, ino: u32, placed: &Placed) -> [u8; 60] {
        let places = &self.plan.placement.tree_blocks[placed.tree_blocks.clone()];
        let ExtentTree { root: map, blocks } =
            extent_tree::encode(self.mapped(placed), places, self.seed.of_inode(ino));
        for TreeBlock { place, bytes } in blocks {
            self.sink.block(place).copy_from_slice(&bytes);
        }
        map
    }

    fn mapped(&self, placed: &Placed) -> &[Mapped] {
        &self.plan.placement.mapped[placed.mapped.clone()]
    }

    /// Blocks of an inode's content and of its extent tree.
    fn blocks(&self, placed: &Placed) -> u64 {
        let content: u64 = self.mapped(placed).iter().map(|run| u64::from(run.blocks)).sum();
        content + placed.tree_blocks.len() as u64
    }

    fn journal(&mut self) -> [u8; 60] {
        let placed = &self.plan.placement.journal;
        let blocks = self.plan.geometry.journal_blocks;
        let map = self.extents(JOURNAL_INO, placed);
        if let Some(first) = self.mapped(placed).first().map(|run| run.physical) {
            journal::superblock(self.sink.block(first), blocks);
        }
        let record = self.own(u64::from(blocks) * BLOCK, self.blocks(placed), map);
        self.put_inode(JOURNAL_INO, &Record { flags: inode::EXTENTS, ..record });
        map
    }

    fn resize_inode(&mut self) {
        let geometry = &self.plan.geometry;
        let double = self.plan.placement.resize;
        resize::write(&mut self.sink, geometry, double);
        let record = self.own(resize::SIZE, resize::blocks(geometry), resize::map(double));
        self.put_inode(RESIZE_INO, &record);
    }

    fn xattr_blocks(&mut self) {
        for (block, place) in self.survey.xattrs.iter().zip(&self.plan.placement.xattr_blocks) {
            let out = self.sink.block(*place);
            out.copy_from_slice(&block.bytes);
            put32(out, 4, block.sharers);
            // The sum covers the block's number, then the block with a zero in the place of the sum.
            let sum = self.seed.over(&place.to_le_bytes()).over(out).value();
            put32(out, 16, sum);
        }
    }

    fn node(&mut self, node: &SurveyedInode<'_>, placed: &Placed) {
        let mut flags = inode::EXTENTS;
        let (size, map) = match &node.body {
            Body::Dir(shape) => {
                if shape.index.is_some() {
                    flags |= inode::INDEX;
                }
                let bytes = shape.bytes(node.ino, node.parent, self.seed.of_inode(node.ino));
                self.own_content(placed, &bytes);
                (bytes.len() as u64, self.extents(node.ino, placed))
            }
            Body::LongLink(target) => {
                self.own_content(placed, target);
                (target.len() as u64, self.extents(node.ino, placed))
            }
            Body::File { content, .. } => {
                self.content(content, placed);
                (content.len, self.extents(node.ino, placed))
            }
            Body::ShortLink(target) => {
                flags = 0;
                let mut map = [0; 60];
                map[..target.len()].copy_from_slice(target);
                (target.len() as u64, map)
            }
            Body::Device(rdev) => {
                flags = 0;
                (0, inode::device_map(*rdev))
            }
            Body::Nothing => {
                flags = 0;
                (0, [0; 60])
            }
        };
        let xattr_block = node.xattrs.block.map(|at| self.plan.placement.xattr_blocks[at as usize]);
        let record = Record {
            mode: node.mode,
            uid: node.uid,
            gid: node.gid,
            size,
            links: node.links,
            blocks: self.blocks(placed) + u64::from(xattr_block.is_some()),
            flags,
            map,
            xattr_block: xattr_block.unwrap_or(0),
            xattrs: &node.xattrs.in_inode,
            mtime: node.mtime,
            epoch: self.params.epoch,
        };
        self.put_inode(node.ino, &record);
    }

    /// Bytes made here, at the blocks of an inode. The last block may be filled in part.
    fn own_content(&mut self, placed: &Placed, mut bytes: &[u8]) {
        let plan = self.plan;
        for run in &plan.placement.mapped[placed.mapped.clone()] {
            let len = bytes.len().min(run.blocks as usize * BLOCK as usize);
            let (now, rest) = bytes.split_at(len);
            // Whole blocks, so that neighbours join to one extent.
            let room = len.next_multiple_of(BLOCK as usize);
            self.sink.bytes(run.physical * BLOCK, room)[..len].copy_from_slice(now);
            bytes = rest;
        }
    }

    /// A file's data ranges, each cut where its blocks do not lie in a row.
    fn content(&mut self, content: &Content, placed: &Placed) {
        let plan = self.plan;
        let mapped = &plan.placement.mapped[placed.mapped.clone()];
        let mut first = 0;
        for data in &content.data {
            while mapped.get(first).is_some_and(|run| logical_bytes(run).end <= data.start) {
                first += 1;
            }
            for run in mapped[first..].iter().take_while(|run| logical_bytes(run).start < data.end) {
                let bytes = logical_bytes(run);
                let (from, to) = (data.start.max(bytes.start), data.end.min(bytes.end));
                let piece = match &content.source {
                    Source::File(file) => Piece::File { file: *file, offset: from, len: to - from },
                    Source::Inline(buffer) => {
                        Piece::Bytes { buffer: buffer.clone(), range: from as usize..to as usize }
                    }
                };
                self.sink.piece(run.physical * BLOCK + from - bytes.start, piece);
            }
        }
    }

    fn inode_tables(&mut self) {
        let per_group = self.plan.geometry.inodes_per_group as usize * INODE_SIZE as usize;
        for (tables, inodes) in self.plan.geometry.tables.iter().zip(self.inodes.chunks(per_group)) {
            let room = inodes.len().next_multiple_of(BLOCK as usize);
            let out = self.sink.bytes(tables.inode_table * BLOCK, room);
            out[..inodes.len()].copy_from_slice(inodes);
        }
    }

    /// Descriptors and superblocks, last: they count everything.
    fn groups(&mut self, journal_map: &[u8; 60]) {
        let is_dir = |node: &&SurveyedInode<'_>| matches!(node.body, Body::Dir(_));
        let mut dirs: Vec<u32> = self.survey.nodes.iter().filter(is_dir).map(|node| node.ino).collect();
        dirs.sort_unstable();
        let inodes = Inodes { last: self.survey.last_ino, dirs };
        let totals = group::write(&mut self.sink, self.plan, &inodes, self.seed);
        let superblock = Superblock::new(self.params, self.plan, &totals, journal_map);
        let descriptors: alloc::sync::Arc<[u8]> = totals.descriptors.as_slice().into();
        for group in core::iter::once(0).chain(self.plan.geometry.copies()) {
            let start = Geometry::start(group) * BLOCK;
            // The first 1024 bytes of the disk are the boot sector's.
            let at = if group == 0 { 1024 } else { start };
            self.sink.bytes(at, 1024).copy_from_slice(&superblock.copy(group));
            self.sink.piece(start + BLOCK, Piece::bytes(descriptors.clone()));
        }
    }
}

/// The part of the file that a run maps, in bytes.
fn logical_bytes(run: &Mapped) -> Range<u64> {
    let start = u64::from(run.logical) * BLOCK;
    start..start + u64::from(run.blocks) * BLOCK
}
