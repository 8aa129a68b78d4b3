//! A tree as a `newc` cpio archive: what the Linux kernel unpacks as an initial ramdisk.
//!
//! An initial ramdisk is a cpio archive that the kernel unpacks into memory. Archives of cpio(1) carry inode numbers and times of the disk that
//! they were made on; this one carries only what the tree says, so the same tree gives the same bytes.
//!
//! In: a tree. Out: the archive as extents, and what it cannot hold. Never: the content of a file, or an inode number of the
//! disk that the tree was on.
//!
//! The format is the kernel's, Documentation/driver-api/early-userspace/buffer-format.rst and init/initramfs.c. Names are as
//! `find` prints them without `./`, the root as `.`; parents come before children, names of a directory in bytewise order.

mod entry;
mod error;

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Range;
use dibber_model::{Content, Extent, Extents, InodeId, Kind, Piece, Rdev, Source, Tree};

use entry::{CpioHeader, padded};
pub use error::CpioError;

/// Name of the entry that ends an archive.
const TRAILER: &[u8] = b"TRAILER!!!";
/// Archives are whole blocks of this size, as those of other programs are.
const BLOCK: u64 = 512;
/// Most bytes of one file: its length is eight hexadecimal digits.
const LARGEST: u64 = u32::MAX as u64;
/// Longest name or link target, without the NUL (`PATH_MAX` less one): the kernel skips what is longer, without a word.
const LONGEST: usize = 4095;

const S_IFSOCK: u32 = 0o140_000;
const S_IFLNK: u32 = 0o120_000;
const S_IFREG: u32 = 0o100_000;
const S_IFBLK: u32 = 0o060_000;
const S_IFDIR: u32 = 0o040_000;
const S_IFCHR: u32 = 0o020_000;
const S_IFIFO: u32 = 0o010_000;

/// Something of the tree that the archive does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Omitted {
    /// Path from the root, without a leading slash.
    pub path: Vec<u8>,
    /// What is missing, and why.
    pub what: String,
}

/// An archive.
#[derive(Clone, Debug)]
pub struct Archive {
    /// Its bytes, uncompressed; holes of files are holes, and read as zeros.
    pub extents: Extents,
    /// What it does not hold, in the order of names: extended attributes, and times outside of 1970 to 2106.
    pub omitted: Vec<Omitted>,
}

/// Makes the archive. Fails on a file of 4 GiB or more, and on a path of more than 4095 bytes, with its name.
pub fn write(tree: &Tree) -> Result<Archive, CpioError> {
    let names = tree.walk();
    let mut links: BTreeMap<InodeId, Links> = BTreeMap::new();
    for (_, id) in &names {
        let next = links.len() as u32 + 1;
        links.entry(*id).or_insert(Links { number: next, names: 0, left: 0 }).add();
    }
    let mut writer = Writer::default();
    for (path, id) in &names {
        let known = links.get_mut(id).expect("every id of the walk was counted");
        known.left -= 1;
        writer.entry(tree, path, *id, *known)?;
    }
    writer.finish()
}

/// The names of one inode.
#[derive(Clone, Copy)]
struct Links {
    /// The inode's number in the archive: its place in the walk, from 1.
    number: u32,
    /// How many names it has.
    names: u32,
    /// How many of them are still to come.
    left: u32,
}

impl Links {
    fn add(&mut self) {
        self.names += 1;
        self.left += 1;
    }
}

/// A range of `heads`, and its offset in the archive.
struct PlacedRange {
    at: u64,
    range: Range<usize>,
}

/// The archive so far. Headers lie in one buffer; extents refer to it by range.
#[derive(Default)]
struct Writer {
    heads: Vec<u8>,
    /// Where ranges of `heads` go.
    placed: Vec<PlacedRange>,
    bodies: Vec<Extent>,
    at: u64,
    omitted: Vec<Omitted>,
}

impl Writer {
    fn entry(&mut self, tree: &Tree, path: &[u8], id: InodeId, links: Links) -> Result<(), CpioError> {
        let inode = tree.inode(id);
        if path.len() > LONGEST {
            return Err(CpioError::Name { path: error::shown(path), bytes: path.len() });
        }
        let (format, rdev) = match &inode.kind {
            Kind::Dir(_) => (S_IFDIR, None),
            Kind::File(_) => (S_IFREG, None),
            Kind::Symlink(_) => (S_IFLNK, None),
            Kind::BlockDev(rdev) => (S_IFBLK, Some(*rdev)),
            Kind::CharDev(rdev) => (S_IFCHR, Some(*rdev)),
            Kind::Fifo => (S_IFIFO, None),
            Kind::Socket => (S_IFSOCK, None),
        };
        // The last name of an inode carries what the tree tells of it once.
        let last = links.left == 0;
        let mtime = self.time(path, inode.meta.mtime.secs, last);
        if last {
            for xattr in &inode.meta.xattrs {
                let name = String::from_utf8_lossy(&xattr.name);
                self.omit(path, alloc::format!("the attribute {name}"));
            }
        }
        let mut header = CpioHeader {
            ino: links.number,
            mode: format | u32::from(inode.meta.mode),
            uid: inode.meta.uid,
            gid: inode.meta.gid,
            // The count is of names; a directory's is what a file system would say, and nobody reads it.
            nlink: if format == S_IFDIR { 2 } else { links.names },
            mtime,
            rdev: rdev.unwrap_or(Rdev { major: 0, minor: 0 }),
            ..CpioHeader::default()
        };
        let name: &[u8] = if path.is_empty() { b"." } else { path };
        match &inode.kind {
            // Data goes with the last name, as other writers have it: the kernel and cpio -i link the names to each other.
            Kind::File(content) if last => {
                if content.len > LARGEST {
                    return Err(CpioError::Large { path: error::shown(path), bytes: content.len });
                }
                header.size = content.len as u32;
                self.head(&header, name);
                self.body(content);
            }
            Kind::Symlink(target) => {
                if target.len() > LONGEST {
                    return Err(CpioError::Target { path: error::shown(path), bytes: target.len() });
                }
                header.size = target.len() as u32;
                self.head(&header, name);
                self.bytes(target);
            }
            _ => self.head(&header, name),
        }
        Ok(())
    }

    /// Seconds since 1970 in 32 bits, which the kernel reads without a sign.
    fn time(&mut self, path: &[u8], secs: i64, tell: bool) -> u32 {
        let fits = secs.clamp(0, i64::from(u32::MAX));
        if tell && fits != secs {
            self.omit(path, alloc::format!("the time {secs}, outside of 1970 to 2106"));
        }
        fits as u32
    }

    fn omit(&mut self, path: &[u8], what: String) {
        self.omitted.push(Omitted { path: path.to_vec(), what });
    }

    fn head(&mut self, header: &CpioHeader, name: &[u8]) {
        let start = self.heads.len();
        header.write(name, &mut self.heads);
        self.place(start);
    }

    /// Small content of our own, padded.
    fn bytes(&mut self, bytes: &[u8]) {
        let start = self.heads.len();
        self.heads.extend_from_slice(bytes);
        self.heads.resize(start + padded(bytes.len() as u64) as usize, 0);
        self.place(start);
    }

    /// What was appended to `heads` since `start` is next in the archive.
    fn place(&mut self, start: usize) {
        let end = self.heads.len();
        match self.placed.last_mut() {
            Some(PlacedRange { at, range }) if range.end == start && *at + range.len() as u64 == self.at => {
                range.end = end;
            }
            _ => self.placed.push(PlacedRange { at: self.at, range: start..end }),
        }
        self.at += (end - start) as u64;
    }

    fn body(&mut self, content: &Content) {
        for range in &content.data {
            let piece = match &content.source {
                Source::Inline(bytes) => {
                    Piece::Bytes { buffer: bytes.clone(), range: range.start as usize..range.end as usize }
                }
                Source::File(file) => {
                    Piece::File { file: *file, offset: range.start, len: range.end - range.start }
                }
            };
            self.bodies.push(Extent { at: self.at + range.start, piece });
        }
        self.at += padded(content.len);
    }

    fn finish(mut self) -> Result<Archive, CpioError> {
        self.head(&CpioHeader { nlink: 1, ..CpioHeader::default() }, TRAILER);
        let len = self.at.next_multiple_of(BLOCK);
        let heads: Arc<[u8]> = self.heads.into();
        let head =
            |PlacedRange { at, range }| Extent { at, piece: Piece::Bytes { buffer: heads.clone(), range } };
        let mut list = self.bodies;
        list.extend(self.placed.into_iter().map(head));
        Ok(Archive { extents: Extents::new(len, list)?, omitted: self.omitted })
    }
}

#[cfg(test)]
mod tests;
