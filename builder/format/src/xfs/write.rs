//! The plan becomes bytes.
//!
//! In: a surveyed tree and its plan. Out: `Extents`. Never: a decision.

use alloc::vec::Vec;
use core::ops::Range;

use dibber_model::{Content, Extents, Piece, Source};

use super::bmap::{self, Mapped};
use super::dir::Numbers;
use super::field::{put_bytes, put32};
use super::fork::AttrPlace;
use super::inode::{self, Fork, Format, Record};
use super::options::CHUNK_INODES;
use super::place::Placed;
use super::plan::Plan;
use super::seal::{LONG_TREE, REMOTE, Sealer};
use super::superblock::Known;
use super::survey::{Body, Survey, SurveyedInode};
use super::{BLOCK, Sink, XfsError, XfsParams, ag, log, superblock};

/// `XFS_DIFLAG_NEWRTBM`: the realtime bitmap is of the new form, though there is none.
const NEW_BITMAP: u16 = 4;
/// `XFS_SYMLINK_MAGIC`, and `struct xfs_dsymlink_hdr`.
const LINK_MAGIC: &[u8; 4] = b"XSLM";
const LINK_HEADER: usize = 56;

/// A filesystem under way.
struct Writer<'a, 't> {
    params: &'a XfsParams,
    survey: &'a Survey<'t>,
    plan: &'a Plan,
    sealer: Sealer,
    sink: Sink,
    /// All inodes of all chunks, by ordinal.
    inodes: Vec<u8>,
}

/// Writes a filesystem; what lies past its blocks, up to `len` bytes, is a hole.
pub(super) fn write(
    params: &XfsParams,
    survey: &Survey<'_>,
    plan: &Plan,
    len: u64,
) -> Result<Extents, XfsError> {
    let count = survey.inodes.next_multiple_of(CHUNK_INODES);
    let inodes = alloc::vec![0; count as usize * plan.geometry.options.inode_size as usize];
    let sealer = Sealer(params.uuid);
    let mut writer = Writer { params, survey, plan, sealer, sink: Sink::default(), inodes };
    writer.own_inodes();
    for (node, placed) in survey.nodes.iter().zip(&plan.placement.nodes) {
        writer.node(node, placed);
    }
    writer.free_inodes(count);
    writer.chunks();
    writer.groups();
    Ok(writer.sink.finish(len)?)
}

impl Writer<'_, '_> {
    fn ino(&self, ordinal: u32) -> u64 {
        self.plan.placement.ino(&self.plan.geometry, ordinal)
    }

    fn slot(&mut self, ordinal: u32) -> &mut [u8] {
        let size = self.plan.geometry.options.inode_size as usize;
        &mut self.inodes[ordinal as usize * size..][..size]
    }

    fn put_inode(&mut self, ordinal: u32, record: &Record<'_>) {
        let (options, sealer) = (self.plan.geometry.options, self.sealer);
        record.write(self.slot(ordinal), options, sealer);
    }

    /// The bitmap and the summary of the realtime device: files without content.
    fn own_inodes(&mut self) {
        let epoch = self.params.epoch;
        for (ordinal, flags) in [(1, NEW_BITMAP), (2, 0)] {
            let record = Record {
                ino: self.ino(ordinal),
                mode: 0o100_000,
                uid: 0,
                gid: 0,
                size: 0,
                links: 1,
                blocks: 0,
                flags,
                mtime: epoch,
                epoch,
                content: Fork::EMPTY,
                attrs: Fork::EMPTY,
                fork_offset: 0,
            };
            self.put_inode(ordinal, &record);
        }
    }

    fn node(&mut self, node: &SurveyedInode<'_>, placed: &Placed) {
        let ino = self.ino(node.ordinal);
        let (size, format, bytes) = self.body(node, placed, ino);
        let extents = if matches!(format, Format::Extents | Format::Tree) { placed.mapped.len() } else { 0 };
        let content = Fork { format, bytes: &bytes, extents: extents as u64 };
        let attr_bytes = self.attributes(node, placed, ino);
        let attrs = match &node.forks.attrs {
            AttrPlace::None => Fork::EMPTY,
            AttrPlace::Short(_) => Fork { format: Format::Local, bytes: &attr_bytes, extents: 0 },
            AttrPlace::Fork(_) => Fork { format: Format::Extents, bytes: &attr_bytes, extents: 1 },
        };
        let mapped: u64 = self.mapped(placed).iter().map(|run| run.blocks).sum();
        let record = Record {
            ino,
            mode: node.mode,
            uid: node.uid,
            gid: node.gid,
            size,
            links: node.links,
            blocks: mapped + placed.tree_blocks.len() as u64 + node.forks.attr_blocks(),
            flags: 0,
            mtime: node.mtime,
            epoch: self.params.epoch,
            content,
            attrs,
            fork_offset: node.forks.offset,
        };
        self.put_inode(node.ordinal, &record);
    }

    /// Writes what is behind an inode. Its length, and what the inode itself has of it.
    fn body(&mut self, node: &SurveyedInode<'_>, placed: &Placed, ino: u64) -> (u64, Format, Vec<u8>) {
        match &node.body {
            Body::Dir(shape) => {
                let of = |ordinal| self.plan.placement.ino(&self.plan.geometry, ordinal);
                let numbers = Numbers { own: ino, parent: of(node.parent), of: &of };
                if shape.is_short() {
                    return (shape.size(), Format::Local, shape.short(&numbers));
                }
                for (mut block, header) in shape.blocks(&numbers) {
                    let place = self.place_of(placed, block.logical);
                    self.sealer.block(&mut block.bytes, header, place, ino);
                    self.sink.block(place).copy_from_slice(&block.bytes);
                }
                let (format, root) = self.map(node, placed, ino);
                (shape.size(), format, root)
            }
            Body::File { content, .. } => {
                self.content(content, placed);
                let (format, root) = self.map(node, placed, ino);
                (content.len, format, root)
            }
            Body::ShortLink(target) => (target.len() as u64, Format::Local, target.to_vec()),
            Body::LongLink(target) => {
                let place = self.place_of(placed, 0);
                let out = self.sink.block(place);
                put_bytes(out, 0, LINK_MAGIC);
                put32(out, 8, target.len() as u32);
                put_bytes(out, LINK_HEADER, target);
                self.sealer.block(out, REMOTE, place, ino);
                let (format, root) = self.map(node, placed, ino);
                (target.len() as u64, format, root)
            }
            Body::Device(rdev) => (0, Format::Device, inode::device(*rdev).to_vec()),
            Body::Nothing => (0, Format::Device, alloc::vec![0; 4]),
        }
    }

    /// Attributes: the bytes in the inode, or the record that leads to their blocks, which are written on the way.
    fn attributes(&mut self, node: &SurveyedInode<'_>, placed: &Placed, ino: u64) -> Vec<u8> {
        match &node.forks.attrs {
            AttrPlace::None => Vec::new(),
            AttrPlace::Short(attrs) => attrs.short(),
            AttrPlace::Fork(fork) => {
                let Range { start, end } = placed.attrs;
                for (mut block, header) in fork.blocks() {
                    let place = start + block.logical;
                    self.sealer.block(&mut block.bytes, header, place, ino);
                    self.sink.block(place).copy_from_slice(&block.bytes);
                }
                let run = Mapped { logical: 0, physical: start, blocks: end - start };
                bmap::encode(&[run], &[], BLOCK as usize, |block| self.plan.geometry.fsblock(block)).root
            }
        }
    }

    fn mapped(&self, placed: &Placed) -> &[Mapped] {
        &self.plan.placement.mapped[placed.mapped.clone()]
    }

    /// The block where a logical block of an inode lies.
    fn place_of(&self, placed: &Placed, logical: u64) -> u64 {
        let mapped = self.mapped(placed);
        let at = mapped.partition_point(|run| run.logical + run.blocks <= logical);
        mapped[at].physical + (logical - mapped[at].logical)
    }

    /// The map of an inode; its tree's blocks are written on the way.
    fn map(&mut self, node: &SurveyedInode<'_>, placed: &Placed, ino: u64) -> (Format, Vec<u8>) {
        let geometry = &self.plan.geometry;
        let places = &self.plan.placement.tree_blocks[placed.tree_blocks.clone()];
        let map = bmap::encode(self.mapped(placed), places, node.forks.room, |block| geometry.fsblock(block));
        let format = if map.is_tree() { Format::Tree } else { Format::Extents };
        for mut block in map.blocks {
            self.sealer.block(&mut block.bytes, LONG_TREE, block.place, ino);
            self.sink.block(block.place).copy_from_slice(&block.bytes);
        }
        (format, map.root)
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

    /// Inodes of the last chunk that are not in use.
    fn free_inodes(&mut self, count: u32) {
        for ordinal in self.survey.inodes..count {
            let (ino, sealer) = (self.ino(ordinal), self.sealer);
            inode::write_free(self.slot(ordinal), ino, sealer);
        }
    }

    fn chunks(&mut self) {
        let options = self.plan.geometry.options;
        let mut inodes = self.inodes.as_slice();
        for chunks in &self.plan.placement.chunks {
            let len = (chunks.count * options.chunk_blocks() * BLOCK) as usize;
            let (now, rest) = inodes.split_at(len);
            let at = (self.plan.geometry.start(chunks.group) + chunks.first) * BLOCK;
            self.sink.bytes(at, len).copy_from_slice(now);
            inodes = rest;
        }
    }

    /// Headers and superblocks, last: they count everything.
    fn groups(&mut self) {
        let geometry = &self.plan.geometry;
        let sector = geometry.options.sector;
        let start = geometry.log_start() * BLOCK;
        log::write(self.sink.bytes(start, log::len(sector)), self.params.uuid);
        let totals = ag::write(&mut self.sink, self.plan, self.survey, self.sealer);
        let has_attributes =
            self.survey.nodes.iter().any(|node| !matches!(node.forks.attrs, AttrPlace::None));
        let known = Known { root: self.ino(0), totals, has_attributes };
        for group in 0..geometry.groups {
            let out = self.sink.bytes(geometry.start(group) * BLOCK, sector as usize);
            superblock::write(out, self.params, geometry, &known);
        }
    }
}

/// The part of the file that a run maps, in bytes.
fn logical_bytes(run: &Mapped) -> Range<u64> {
    let start = run.logical * BLOCK;
    start..start + run.blocks * BLOCK
}
