//! What the tree asks of a filesystem, before any place is known.
//!
//! In: a tree. Out: its inodes in walk order, with directories cut, attributes encoded and files counted in blocks; or
//! the path that ext4 cannot hold. Never: block numbers on disk.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;

use dibber_model::{Content, Inode, InodeId, Kind, Meta, Rdev, Source, Timestamp, Tree};

use super::dir::{DirEntry, Shape, TooManyLeaves};
use super::hash::HashSeed;
use super::htree::LEAVES_MAX;
use super::walk::{LINK_MAX, LOST_FOUND, LOST_FOUND_INO, ROOT_INO, Walk};
use super::xattr::{Encoded, Refused, XattrBlock, XattrBlocks};
use super::{BLOCK, Ext4Error, Ext4Params};

/// Longest file: logical block numbers are 32 bits wide, and the last is not used.
const FILE_MAX: u64 = (u32::MAX as u64) * BLOCK;
/// Targets up to here are kept in the inode.
const SHORT_LINK: usize = 59;
/// `PATH_MAX` without its NUL.
const LINK_TARGET_MAX: usize = 4095;
/// `mke2fs` gives lost+found 16 KiB, so that e2fsck need not find room for names on a full disk.
const LOST_FOUND_BLOCKS: usize = 4;

/// Blocks of a file in a row, by logical number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) logical: u32,
    pub(super) blocks: u32,
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
    Nothing,
}

/// An inode to be written.
#[derive(Debug)]
pub(super) struct SurveyedInode<'t> {
    pub(super) ino: u32,
    /// Type and permissions, `i_mode`.
    pub(super) mode: u16,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) mtime: Timestamp,
    /// `i_links_count`.
    pub(super) links: u16,
    /// The number of the directory above; its own for the root.
    pub(super) parent: u32,
    pub(super) xattrs: Encoded,
    pub(super) body: Body<'t>,
}

/// The whole tree, surveyed.
#[derive(Debug)]
pub(super) struct Survey<'t> {
    pub(super) nodes: Vec<SurveyedInode<'t>>,
    pub(super) runs: Vec<Run>,
    pub(super) xattrs: Vec<XattrBlock>,
    pub(super) last_ino: u32,
}

/// How a kind of inode is written.
struct KindCodes {
    /// Type bits of `i_mode`.
    mode: u16,
    /// `EXT4_FT_*` of a directory entry.
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
    seed: HashSeed,
    runs: Vec<Run>,
    xattrs: XattrBlocks,
}

impl<'t> Survey<'t> {
    /// Surveys a tree.
    pub(super) fn new(tree: &'t Tree, params: &Ext4Params) -> Result<Self, Ext4Error> {
        let walk = Walk::new(tree)?;
        let seed = HashSeed::new(params.hash_seed);
        let mut surveyor = Surveyor { tree, walk, seed, runs: Vec::new(), xattrs: XattrBlocks::default() };
        let mut nodes = Vec::with_capacity(surveyor.walk.seen.len() + 1);
        for index in 0..surveyor.walk.seen.len() as u32 {
            nodes.push(surveyor.node(index)?);
        }
        if !surveyor.walk.has_lost_found {
            nodes.push(surveyor.lost_found(params.epoch));
        }
        let Surveyor { walk, runs, xattrs, .. } = surveyor;
        Ok(Survey { nodes, runs, xattrs: xattrs.list, last_ino: walk.last_ino })
    }
}

impl<'t> Surveyor<'t> {
    fn node(&mut self, index: u32) -> Result<SurveyedInode<'t>, Ext4Error> {
        let seen = &self.walk.seen[index as usize];
        let (ino, names, parent) = (seen.ino, seen.names, self.walk.seen[seen.parent as usize].ino);
        let Inode { meta, kind } = self.tree.inode(seen.id);
        let xattrs = self.xattrs.encode(&meta.xattrs).map_err(|why| self.refused_xattr(index, &why))?;
        let mut links = names;
        let body = match kind {
            Kind::Dir(entries) => {
                let shape = self.dir(index, entries)?;
                links = 2 + shape.entries.iter().filter(|entry| entry.kind == 2).count() as u32;
                Body::Dir(shape)
            }
            Kind::File(content) => Body::File { content, runs: self.file(index, content)? },
            Kind::Symlink(target) => self.link(index, target)?,
            Kind::BlockDev(rdev) | Kind::CharDev(rdev) => self.device(index, *rdev)?,
            Kind::Fifo | Kind::Socket => Body::Nothing,
        };
        let links = self.links(index, links, matches!(kind, Kind::Dir(_)))?;
        let Meta { mode, uid, gid, mtime, .. } = *meta;
        let mode = (mode & 0o7777) | kind_codes(kind).mode;
        Ok(SurveyedInode { ino, mode, uid, gid, mtime, links, parent, xattrs, body })
    }

    /// The directory that e2fsck wants, where the tree has none.
    fn lost_found(&self, epoch: Timestamp) -> SurveyedInode<'t> {
        let shape =
            Shape::new(Vec::new(), self.seed, LOST_FOUND_BLOCKS).expect("an empty directory needs no index");
        SurveyedInode {
            ino: LOST_FOUND_INO,
            mode: 0o040_700,
            uid: 0,
            gid: 0,
            mtime: epoch,
            links: 2,
            parent: ROOT_INO,
            xattrs: Encoded::default(),
            body: Body::Dir(shape),
        }
    }

    fn dir(&self, index: u32, names: &'t BTreeMap<Box<[u8]>, InodeId>) -> Result<Shape<'t>, Ext4Error> {
        let mut entries = Vec::with_capacity(names.len() + 1);
        for (name, id) in names {
            let kind = kind_codes(&self.tree.inode(*id).kind).entry;
            entries.push(DirEntry { name, ino: self.walk.ino(*id), kind, hash: 0 });
        }
        if index == 0 {
            match entries.binary_search_by_key(&LOST_FOUND, |entry| entry.name) {
                Ok(_) if !self.walk.has_lost_found => return Err(Ext4Error::LostFound),
                Ok(_) => {}
                Err(at) => {
                    entries.insert(at, DirEntry { name: LOST_FOUND, ino: LOST_FOUND_INO, kind: 2, hash: 0 });
                }
            }
        }
        let is_lost_found = self.walk.seen[index as usize].ino == LOST_FOUND_INO;
        let min_blocks = if is_lost_found { LOST_FOUND_BLOCKS } else { 1 };
        Shape::new(entries, self.seed, min_blocks).map_err(|TooManyLeaves(blocks)| Ext4Error::DirSize {
            path: self.walk.path(index),
            blocks,
            max: LEAVES_MAX,
        })
    }

    /// Data ranges, widened to blocks and merged where they meet.
    fn file(&mut self, index: u32, content: &Content) -> Result<Range<usize>, Ext4Error> {
        if content.len > FILE_MAX {
            let path = self.walk.path(index);
            return Err(Ext4Error::FileSize { path, len: content.len, max: FILE_MAX });
        }
        let first = self.runs.len();
        let mut before = 0;
        for data in &content.data {
            self.check_data(index, content, data, before)?;
            before = data.end;
            let (start, end) = ((data.start / BLOCK) as u32, data.end.div_ceil(BLOCK) as u32);
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
    ) -> Result<(), Ext4Error> {
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
        Err(Ext4Error::Content { path: self.walk.path(index), start: data.start, end: data.end, why })
    }

    fn link(&self, index: u32, target: &'t [u8]) -> Result<Body<'t>, Ext4Error> {
        match target.len() {
            len if len == 0 || len > LINK_TARGET_MAX || target.contains(&0) => {
                Err(Ext4Error::Symlink { path: self.walk.path(index), len })
            }
            ..=SHORT_LINK => Ok(Body::ShortLink(target)),
            _ => Ok(Body::LongLink(target)),
        }
    }

    fn device(&self, index: u32, rdev: Rdev) -> Result<Body<'t>, Ext4Error> {
        let Rdev { major, minor } = rdev;
        if major >= 1 << 12 || minor >= 1 << 20 {
            return Err(Ext4Error::Device { path: self.walk.path(index), major, minor });
        }
        Ok(Body::Device(rdev))
    }

    /// `dir_nlink`: a directory with too many subdirectories says 1.
    fn links(&self, index: u32, links: u32, is_dir: bool) -> Result<u16, Ext4Error> {
        match u16::try_from(links) {
            Ok(fits) if links <= LINK_MAX => Ok(fits),
            _ if is_dir => Ok(1),
            _ => Err(Ext4Error::Links { path: self.walk.path(index), links }),
        }
    }

    fn refused_xattr(&self, index: u32, why: &Refused<'_>) -> Ext4Error {
        let path = self.walk.path(index);
        let text = |name| String::from_utf8_lossy(name).into_owned();
        match *why {
            Refused::Name(name) => Ext4Error::XattrName { path, name: text(name) },
            Refused::Acl(name, why) => Ext4Error::Acl { path, name: text(name), why },
            Refused::Size { name, size, room } => Ext4Error::XattrSize { path, name: text(name), size, room },
        }
    }
}
