//! A tree as a tar stream (POSIX.1-2001 pax; xattrs as `SCHILY.xattr`, which GNU tar, bsdtar and mksquashfs read).
//!
//! In: a tree and its files. Out: one stream, whose every byte is the tree's. Never: the host's clock, users or order.

use std::collections::BTreeMap;
use std::io::Write;
use std::ops::Range;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use dibber_model::{Content, FileRef, InodeId, Kind, Meta, Source as ContentSource, Tree};
use tar::{EntryType, Header};

use super::files::{FileReader, Files};
use super::pax::{Records, empty_header};
use super::sparse::SparseFile;
use super::{LeftOut, PourError};

/// Bytes of a file that are held at a time.
const READ: usize = 256 << 10;
const BLOCK: u64 = 512;

/// Where a stream of bytes goes, by name.
pub struct NamedWriter<'a> {
    /// What takes the bytes.
    pub to: &'a mut dyn Write,
    /// What it is called, for messages.
    pub path: &'a Path,
}

/// Writes a tree as tar, and tells what tar cannot hold (sockets). Names start with `./`; parents come before children,
/// names of a directory in bytewise order; the first name of an inode is the file, the others are hard links to it. Holes
/// of files stay holes.
pub fn write_tar(tree: &Tree, files: &dyn Files, stream: NamedWriter<'_>) -> Result<Vec<LeftOut>, PourError> {
    write_members(tree, files, stream, Form { top: ".", holes: Holes::LeftOut })
}

/// The same as an App Container Image: all files below `rootfs`, and its manifest, if there is one, at the end.
pub fn write_aci(
    tree: &Tree,
    files: &dyn Files,
    stream: NamedWriter<'_>,
    manifest: Option<&str>,
) -> Result<Vec<LeftOut>, PourError> {
    let NamedWriter { to, path } = stream;
    let top = tree.inode(InodeId::ROOT).meta.mtime;
    let mut archive = TarWriter::new(files, NamedWriter { to, path });
    let left_out = archive.write_tree(tree, Form { top: "rootfs", holes: Holes::LeftOut })?;
    if let Some(text) = manifest {
        let meta = Meta { mode: 0o644, mtime: top, ..Meta::default() };
        let size = text.len() as u64;
        archive.start_member(&TarMember {
            name: b"manifest",
            size,
            ..TarMember::new(EntryType::Regular, &meta)
        })?;
        archive.put(text.as_bytes())?;
        archive.pad(size)?;
    }
    archive.end()?;
    Ok(left_out)
}

/// How a tree is written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Form {
    /// What the root directory is called.
    top: &'static str,
    holes: Holes,
}

impl Form {
    /// For readers that know nothing of holes: mksquashfs, which finds zeros itself; engines of containers.
    pub(super) const LAYER: Form = Form { top: ".", holes: Holes::AsZeros };
}

/// What becomes of the holes of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holes {
    /// They are told of, and take no room.
    LeftOut,
    /// They are zeros, as every reader of tar has them.
    AsZeros,
}

/// Writes the archive.
pub(super) fn write_members(
    tree: &Tree,
    files: &dyn Files,
    stream: NamedWriter<'_>,
    form: Form,
) -> Result<Vec<LeftOut>, PourError> {
    let mut archive = TarWriter::new(files, stream);
    let left_out = archive.write_tree(tree, form)?;
    archive.end()?;
    Ok(left_out)
}

/// The same through gzip, without a name or time in its header. `level` is 1 to 9.
pub fn write_tgz(
    tree: &Tree,
    files: &dyn Files,
    stream: NamedWriter<'_>,
    level: u8,
) -> Result<Vec<LeftOut>, PourError> {
    let NamedWriter { to, path } = stream;
    let level = flate2::Compression::new(u32::from(level.clamp(1, 9)));
    let mut gzip = flate2::GzBuilder::new().mtime(0).operating_system(255).write(to, level);
    let left_out = write_tar(tree, files, NamedWriter { to: &mut gzip, path })?;
    gzip.finish().map_err(|e| PourError::write(path, 0, e))?;
    Ok(left_out)
}

pub(super) fn absolute_path(path: &[u8]) -> PathBuf {
    PathBuf::from(std::ffi::OsString::from_vec([b"/", path].concat()))
}

/// One member of the archive.
struct TarMember<'a> {
    kind: EntryType,
    meta: &'a Meta,
    name: &'a [u8],
    link: &'a [u8],
    size: u64,
    sparse: Option<&'a SparseFile>,
    device: Option<(u32, u32)>,
}

impl<'a> TarMember<'a> {
    fn new(kind: EntryType, meta: &'a Meta) -> Self {
        TarMember { kind, meta, name: b"", link: b"", size: 0, sparse: None, device: None }
    }

    /// The member's header, and the records for what does not fit it.
    fn headers(&self) -> (Header, Records) {
        let mut records = Records::default();
        let mut header = empty_header(self.kind);
        let stood_for = self.sparse.map(|_| SparseFile::stand_in_name(self.name));
        {
            let name = stood_for.as_deref().unwrap_or(self.name);
            let ustar = header.as_ustar_mut().expect("empty_header() makes ustar headers");
            records.text_field("path", name, &mut ustar.name);
            records.text_field("linkpath", self.link, &mut ustar.linkname);
        }
        if let Some(sparse) = self.sparse {
            sparse.describe(self.name, &mut records);
        }
        header.set_mode(u32::from(self.meta.mode));
        header.set_uid(records.number_field("uid", u64::from(self.meta.uid), 7));
        header.set_gid(records.number_field("gid", u64::from(self.meta.gid), 7));
        header.set_size(records.number_field("size", self.size, 11));
        header.set_mtime(records.time_field(self.meta.mtime));
        if let Some((major, minor)) = self.device {
            header.set_device_major(major).expect("a ustar header has a major number");
            header.set_device_minor(minor).expect("a ustar header has a minor number");
        }
        // The other names of a hard-linked inode need not say it again.
        if self.kind != EntryType::Link {
            for xattr in &self.meta.xattrs {
                records.put(&[b"SCHILY.xattr.", &xattr.name[..]].concat(), &xattr.value);
            }
        }
        header.set_cksum();
        (header, records)
    }
}

/// The stream, and how far it is.
struct TarWriter<'a, 'b> {
    source: FileReader<'a>,
    stream: NamedWriter<'b>,
    at: u64,
    buffer: Vec<u8>,
}

impl<'a, 'b> TarWriter<'a, 'b> {
    fn new(files: &'a dyn Files, stream: NamedWriter<'b>) -> Self {
        TarWriter { source: FileReader::new(files), stream, at: 0, buffer: vec![0; READ] }
    }

    /// Every member of a tree, parents before children; tells what tar cannot hold.
    fn write_tree(&mut self, tree: &Tree, form: Form) -> Result<Vec<LeftOut>, PourError> {
        let mut first_names: BTreeMap<InodeId, Vec<u8>> = BTreeMap::new();
        let mut left_out = Vec::new();
        for (path, id) in tree.walk() {
            let inode = tree.inode(id);
            let mut name = [form.top.as_bytes(), b"/", &path[..]].concat();
            if let Some(first) = first_names.get(&id) {
                self.start_member(&TarMember {
                    name: &name,
                    link: first,
                    ..TarMember::new(EntryType::Link, &inode.meta)
                })?;
                continue;
            }
            let new = |kind| TarMember::new(kind, &inode.meta);
            match &inode.kind {
                Kind::Dir(_) => {
                    if !path.is_empty() {
                        name.push(b'/');
                    }
                    self.start_member(&TarMember { name: &name, ..new(EntryType::Directory) })?;
                }
                Kind::File(content) => {
                    let sparse = SparseFile::of(content).filter(|_| form.holes == Holes::LeftOut);
                    let size = sparse.as_ref().map_or(content.len, SparseFile::stored);
                    let sparse = sparse.as_ref();
                    self.start_member(&TarMember { name: &name, size, sparse, ..new(EntryType::Regular) })?;
                    match sparse {
                        Some(sparse) => self.write_sparse(content, sparse)?,
                        None => self.write_content(content, 0..content.len)?,
                    }
                    self.pad(size)?;
                }
                Kind::Symlink(target) => {
                    self.start_member(&TarMember { name: &name, link: target, ..new(EntryType::Symlink) })?;
                }
                Kind::BlockDev(rdev) => {
                    let device = Some((rdev.major, rdev.minor));
                    self.start_member(&TarMember { name: &name, device, ..new(EntryType::Block) })?;
                }
                Kind::CharDev(rdev) => {
                    let device = Some((rdev.major, rdev.minor));
                    self.start_member(&TarMember { name: &name, device, ..new(EntryType::Char) })?;
                }
                Kind::Fifo => self.start_member(&TarMember { name: &name, ..new(EntryType::Fifo) })?,
                Kind::Socket => {
                    left_out.push(LeftOut {
                        path: absolute_path(&path),
                        what: "a socket, which tar cannot hold".into(),
                    });
                    continue;
                }
            }
            if !matches!(inode.kind, Kind::Dir(_)) {
                first_names.insert(id, name);
            }
        }
        Ok(left_out)
    }

    /// Two blocks of zeros end an archive.
    fn end(&mut self) -> Result<(), PourError> {
        self.put(&[0; 2 * BLOCK as usize])
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), PourError> {
        put(&mut self.stream, &mut self.at, bytes)
    }

    fn start_member(&mut self, member: &TarMember<'_>) -> Result<(), PourError> {
        let (header, records) = member.headers();
        if let Some(bytes) = records.into_member() {
            self.put(&bytes)?;
        }
        self.put(header.as_bytes())
    }

    /// The map of a file, and what it has between its holes.
    fn write_sparse(&mut self, content: &Content, sparse: &SparseFile) -> Result<(), PourError> {
        self.put(&sparse.map)?;
        sparse.data.iter().try_for_each(|range| self.write_content(content, range.clone()))
    }

    /// The bytes of a part of a file, holes as zeros.
    fn write_content(&mut self, content: &Content, part: Range<u64>) -> Result<(), PourError> {
        let mut done = part.start;
        for range in &content.data {
            let (start, end) = (range.start.max(part.start), range.end.min(part.end));
            if start >= end {
                continue;
            }
            self.write_zeros(start - done)?;
            match &content.source {
                ContentSource::Inline(bytes) => self.put(&bytes[start as usize..end as usize])?,
                ContentSource::File(file) => self.copy_range(*file, start, end)?,
            }
            done = end;
        }
        self.write_zeros(part.end - done)
    }

    /// Fills up the last block of so many bytes.
    fn pad(&mut self, size: u64) -> Result<(), PourError> {
        self.write_zeros(size.next_multiple_of(BLOCK) - size)
    }

    fn copy_range(&mut self, file: FileRef, mut from: u64, to: u64) -> Result<(), PourError> {
        while from < to {
            let now = (to - from).min(READ as u64) as usize;
            self.source.read(file, from, &mut self.buffer[..now])?;
            put(&mut self.stream, &mut self.at, &self.buffer[..now])?;
            from += now as u64;
        }
        Ok(())
    }

    fn write_zeros(&mut self, mut len: u64) -> Result<(), PourError> {
        while len > 0 {
            let now = len.min(READ as u64) as usize;
            self.buffer[..now].fill(0);
            put(&mut self.stream, &mut self.at, &self.buffer[..now])?;
            len -= now as u64;
        }
        Ok(())
    }
}

fn put(stream: &mut NamedWriter<'_>, at: &mut u64, bytes: &[u8]) -> Result<(), PourError> {
    stream.to.write_all(bytes).map_err(|e| PourError::write(stream.path, *at, e))?;
    *at += bytes.len() as u64;
    Ok(())
}
