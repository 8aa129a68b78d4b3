//! ext2, ext3 and ext4, for reading (Linux, fs/ext4).
//!
//! Images of clouds have root filesystems of this family, and mounting one asks for root and trusts the kernel's parser with bytes that anybody
//! may have made. This reader needs no privileges, and checks every number before it is used.
//!
//! In: the bytes of a partition. Out: its files, as they are after its journal was replayed in memory. Never: memory or work by a
//! number that the image alone vouches for: descriptors, extents and directories are read where a question leads, and held no longer.

mod blocks;
mod directory;
mod inode;
mod journal;
mod map;
mod sum;
mod superblock;

use std::io::Write;
use std::ops::ControlFlow;
use std::rc::Rc;

use super::ShowError;
use super::source::Source;
use super::volume::{Entries, Entry, Kind, PathNames, Volume, shown};
use blocks::Blocks;
use inode::Inode;
use superblock::Superblock;

pub(super) use superblock::{describe, kind};

/// The root directory's inode.
const ROOT: u32 = 2;
/// Bytes of content that are read at once.
const PIECE: usize = 1 << 16;
/// Longest target of a symbolic link that is kept in its inode.
const SHORT_TARGET: u64 = 59;

/// An open filesystem.
pub(super) struct Ext {
    blocks: Blocks,
}

impl Ext {
    pub(super) fn open(source: &Rc<dyn Source>, superblock: &[u8]) -> Result<Ext, ShowError> {
        let superblock = Superblock::parse(superblock, source.len())?;
        let dirty = superblock.journal;
        let mut blocks = Blocks::new(source, superblock);
        if let Some(number) = dirty {
            blocks.replayed = journal::replay(&blocks, number)?;
        }
        let ext = Ext { blocks };
        ext.root()?;
        ext.blocks.budget().hold_copies(ext.blocks.replayed.len());
        Ok(ext)
    }

    fn entry(&self, name: &[u8], number: u32, place: PathNames<'_>) -> Result<Entry, ShowError> {
        let inode = Inode::read(&self.blocks, number)?;
        let kind = inode.kind()?;
        let target = if kind == Kind::Symlink { Some(self.target(&inode, place)?) } else { None };
        Ok(Entry {
            name: name.to_vec(),
            kind,
            mode: inode.permissions(),
            uid: inode.uid,
            gid: inode.gid,
            size: inode.size,
            mtime: inode.mtime,
            target,
            node: number.into(),
        })
    }

    /// Where a symbolic link points: at most a block, as Linux has it.
    fn target(&self, inode: &Inode, place: PathNames<'_>) -> Result<Vec<u8>, ShowError> {
        inode.readable()?;
        if inode.size == 0 || inode.size > self.blocks.superblock.block {
            return Err(ShowError::damaged(shown(place), format!("a symbolic link of {} bytes", inode.size)));
        }
        if inode.size <= SHORT_TARGET && !inode.has_extents() {
            return Ok(inode.map[..inode.size as usize].to_vec());
        }
        let mut target = Vec::new();
        self.content(inode, &mut target)?;
        Ok(target)
    }

    fn content(&self, inode: &Inode, sink: &mut dyn Write) -> Result<(), ShowError> {
        inode.readable()?;
        let block = self.blocks.superblock.block;
        let mut piece = vec![0; PIECE.max(block as usize)];
        let mut at = 0;
        while at < inode.size {
            let run = map::run(&self.blocks, inode, at / block)?;
            // Lengths of runs are below 2^33 blocks of at most 2^16 bytes.
            let end = (at + run.len * block).min(inode.size);
            let mut from = run.at.map(|first| first.saturating_mul(block));
            while at < end {
                let part = &mut piece[..(end - at).min(PIECE as u64) as usize];
                match &mut from {
                    Some(from) => {
                        self.blocks.read(*from, part)?;
                        *from += part.len() as u64;
                    }
                    None => part.fill(0),
                }
                sink.write_all(part)?;
                at += part.len() as u64;
            }
        }
        Ok(())
    }
}

impl Volume for Ext {
    fn root(&self) -> Result<Entry, ShowError> {
        let root = self.entry(b"", ROOT, &[])?;
        if root.kind != Kind::Directory {
            return Err(ShowError::damaged("/", format!("its root is a {}", root.kind.words())));
        }
        Ok(root)
    }

    fn child(&self, dir: &Entry, name: &[u8], place: PathNames<'_>) -> Result<Option<Entry>, ShowError> {
        let mut found = None;
        directory::each(&self.blocks, &self.inode(dir)?, &mut |known, number| {
            if known == name {
                found = Some(number);
                return Ok(ControlFlow::Break(()));
            }
            Ok(ControlFlow::Continue(()))
        })?;
        found.map(|number| self.entry(name, number, place)).transpose()
    }

    fn list(&self, dir: &Entry, place: PathNames<'_>) -> Result<Vec<Entry>, ShowError> {
        let mut entries = Entries::default();
        directory::each(&self.blocks, &self.inode(dir)?, &mut |name, number| {
            if name != b"." && name != b".." {
                entries.add(self.entry(name, number, place)?, place)?;
            }
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(entries.sorted())
    }

    fn read(&self, file: &Entry, _: PathNames<'_>, sink: &mut dyn Write) -> Result<(), ShowError> {
        self.content(&self.inode(file)?, sink)
    }
}

impl Ext {
    /// The inode of an entry, whose node is the number that `entry` took.
    fn inode(&self, entry: &Entry) -> Result<Inode, ShowError> {
        Inode::read(&self.blocks, u32::try_from(entry.node).unwrap_or(0))
    }
}
