//! What the tree asks of a filesystem, before any place is known.
//!
//! In: a tree. Out: its inodes in walk order, with directories cut, attributes encoded, forks divided and files counted in blocks; or
//! the path that xfs cannot hold. Never: block numbers on disk.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;

use dibber_model::{Content, Inode, InodeId, Kind, Meta, Rdev, Source, Timestamp, Tree};

use super::attr::{Attrs, Refused};
use super::dir::{DirEntry, Shape};
use super::fork::{AttrPlace, Forks};
use super::options::Options;
use super::walk::{Walk, ordinal};
use super::{BLOCK, XfsError};

/// Longest file: a signed length of 64 bits.
const FILE_MAX: u64 = i64::MAX as u64;
/// `XFS_SYMLINK_MAXLEN` is 1024, and the kernel takes only what is shorter.
const LINK_TARGET_MAX: usize = 1023;

/// Blocks of a file in a row, by logical number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) logical: u64,
    pub(super) blocks: u64,
}

/// What is behind an inode.
#[derive(Debug)]
pub(super) enum Body<'t> {
    Dir(Shape<'t>),
    /// `runs` selects from [`Survey::runs`].
    File {
        content: &'t Content,
        runs: Range<usize>,
    },
    ShortLink(&'t [u8]),
    LongLink(&'t [u8]),
    Device(Rdev),
    /// A fifo or a socket, which has the number of no device.
    Nothing,
}

/// An inode to be written.
#[derive(Debug)]
pub(super) struct SurveyedInode<'t> {
    pub(super) ordinal: u32,
    /// Type and permissions, `di_mode`.
    pub(super) mode: u16,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) mtime: Timestamp,
    pub(super) links: u32,
    /// The ordinal of the directory above; its own for the root.
    pub(super) parent: u32,
    pub(super) forks: Forks<'t>,
    pub(super) body: Body<'t>,
}

/// The whole tree, surveyed.
#[derive(Debug)]
pub(super) struct Survey<'t> {
    pub(super) nodes: Vec<SurveyedInode<'t>>,
    pub(super) runs: Vec<Run>,
    /// Inodes that there will be, the filesystem's own among them.
    pub(super) inodes: u32,
}

/// How a kind of inode is written.
struct KindCodes {
    /// Type bits of `di_mode`.
    mode: u16,
    /// `XFS_DIR3_FT_*` of a directory entry.
    entry: u8,
}

fn kind_codes(kind: &Kind) -> KindCodes {
    match kind {
        Kind::File(_) => KindCodes { mode: 0o100_000, entry: 1 },
        Kind::Dir(_) => KindCodes { mode: 0o040_000, entry: 2 },
        Kind::CharDev(_) => KindCodes { mode: 0o020_000, entry: 3 },
        Kind::BlockDev(_) => KindCodes { mode: 0o060_000, entry: 4 },
        Kind::Fifo => KindCodes { mode: 0o010_000, entry: 5 },
        Kind::Socket => KindCodes { mode: 0o140_000, entry: 6 },
        Kind::Symlink(_) => KindCodes { mode: 0o120_000, entry: 7 },
    }
}

/// A survey under way.
struct Surveyor<'t> {
    tree: &'t Tree,
    walk: Walk<'t>,
    options: Options,
    runs: Vec<Run>,
}

impl<'t> Survey<'t> {
    /// Surveys a tree.
    pub(super) fn new(tree: &'t Tree, options: Options) -> Result<Self, XfsError> {
        let walk = Walk::new(tree)?;
        let mut surveyor = Surveyor { tree, walk, options, runs: Vec::new() };
        let count = surveyor.walk.seen.len() as u32;
        let nodes = (0..count).map(|index| surveyor.node(index)).collect::<Result<Vec<_>, _>>()?;
        Ok(Survey { nodes, inodes: surveyor.walk.inodes(), runs: surveyor.runs })
    }
}

impl<'t> Surveyor<'t> {
    fn node(&mut self, index: u32) -> Result<SurveyedInode<'t>, XfsError> {
        let seen = &self.walk.seen[index as usize];
        let (names, parent) = (seen.names, ordinal(seen.parent));
        let Inode { meta, kind } = self.tree.inode(seen.id);
        let attrs = Attrs::new(&meta.xattrs).map_err(|why| self.refused_xattr(index, &why))?;
        let literal = self.options.literal();
        let (body, forks, links) = match kind {
            Kind::Dir(entries) => {
                let entries = self.entries(entries);
                let (attrs, room) = AttrPlace::beside_data(attrs, literal);
                let shape = Shape::new(entries, room.most).map_err(|over| XfsError::DirSize {
                    path: self.walk.path(index),
                    blocks: over.blocks,
                    max: over.max,
                })?;
                let local = shape.is_short().then(|| shape.short_size());
                let links = 2 + shape.directories();
                (Body::Dir(shape), Forks::new(attrs, room, local), links)
            }
            Kind::File(content) => {
                let (attrs, room) = AttrPlace::beside_data(attrs, literal);
                let body = Body::File { content, runs: self.file(index, content)? };
                (body, Forks::new(attrs, room, None), names)
            }
            Kind::Symlink(target) => {
                self.check_link(index, target)?;
                let (attrs, room) = AttrPlace::beside_data(attrs, literal);
                let is_short = target.len() <= room.most;
                let body = if is_short { Body::ShortLink(target) } else { Body::LongLink(target) };
                (body, Forks::new(attrs, room, is_short.then_some(target.len())), names)
            }
            Kind::BlockDev(rdev) | Kind::CharDev(rdev) => {
                (self.device(index, *rdev)?, Forks::beside_device(attrs, literal), names)
            }
            Kind::Fifo | Kind::Socket => (Body::Nothing, Forks::beside_device(attrs, literal), names),
        };
        let Meta { mode, uid, gid, mtime, .. } = *meta;
        let mode = (mode & 0o7777) | kind_codes(kind).mode;
        Ok(SurveyedInode { ordinal: ordinal(index), mode, uid, gid, mtime, links, parent, forks, body })
    }

    fn entries(&self, names: &'t BTreeMap<Box<[u8]>, InodeId>) -> Vec<DirEntry<'t>> {
        let kind = |id: InodeId| kind_codes(&self.tree.inode(id).kind).entry;
        names
            .iter()
            .map(|(name, id)| DirEntry { name, ordinal: self.walk.ordinal(*id), kind: kind(*id) })
            .collect()
    }

    /// Data ranges, widened to blocks and merged where they meet.
    fn file(&mut self, index: u32, content: &Content) -> Result<Range<usize>, XfsError> {
        if content.len > FILE_MAX {
            let path = self.walk.path(index);
            return Err(XfsError::FileSize { path, len: content.len, max: FILE_MAX });
        }
        let first = self.runs.len();
        let mut before = 0;
        for data in &content.data {
            self.check_data(index, content, data, before)?;
            before = data.end;
            let (start, end) = (data.start / BLOCK, data.end.div_ceil(BLOCK));
            match self.runs[first..].last_mut() {
                Some(last) if last.logical + last.blocks >= start => last.blocks = end - last.logical,
                _ => self.runs.push(Run { logical: start, blocks: end - start }),
            }
        }
        Ok(first..self.runs.len())
    }

    fn check_data(
        &self,
        index: u32,
        content: &Content,
        data: &Range<u64>,
        before: u64,
    ) -> Result<(), XfsError> {
        let held = match &content.source {
            Source::Inline(bytes) => bytes.len() as u64,
            Source::File(_) => u64::MAX,
        };
        let why = match data {
            _ if data.is_empty() => "is empty",
            _ if data.start < before => "is not behind the range before it",
            _ if data.end > content.len => "reaches past the end of the file",
            _ if data.end > held => "reaches past the bytes that are held for it",
            _ => return Ok(()),
        };
        Err(XfsError::Content { path: self.walk.path(index), start: data.start, end: data.end, why })
    }

    fn check_link(&self, index: u32, target: &[u8]) -> Result<(), XfsError> {
        let len = target.len();
        if len == 0 || len > LINK_TARGET_MAX || target.contains(&0) {
            return Err(XfsError::Symlink { path: self.walk.path(index), len, max: LINK_TARGET_MAX });
        }
        Ok(())
    }

    /// 14 bits and 18 on disk; of the former the kernel takes 9 (`xfs_vn_mknod`: Irix does not want to see the others).
    fn device(&self, index: u32, rdev: Rdev) -> Result<Body<'t>, XfsError> {
        let Rdev { major, minor } = rdev;
        if major >= 1 << 9 || minor >= 1 << 18 {
            return Err(XfsError::Device { path: self.walk.path(index), major, minor });
        }
        Ok(Body::Device(rdev))
    }

    fn refused_xattr(&self, index: u32, why: &Refused<'_>) -> XfsError {
        let path = self.walk.path(index);
        let text = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
        match why {
            Refused::Name(name) => XfsError::XattrName { path, name: text(name) },
            Refused::Acl(name, why) => XfsError::Acl { path, name: text(name), why },
            Refused::Size { name, size } => XfsError::XattrSize { path, name: text(name), size: *size },
        }
    }
}
