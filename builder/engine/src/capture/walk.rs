//! Reads a mounted tree: level by level, the directories of a level in parallel.
//!
//! In: the root of a mounted tree. Out: for each directory its entries in bytewise order, numbered in the order of a sorted
//! walk by level. Never: a followed link or a crossed mount point.

use std::ffi::CString;
use std::io;
use std::path::{Path, PathBuf};

use dibber_fs::{Dir, DirEntry, file_type, meta};
use dibber_model::{Kind, Meta, Rdev};
use rayon::prelude::*;
use rustix::fs::{FileType, Mode, OFlags, Statx};
use rustix::mount::{OpenTreeFlags, open_tree};

use super::entry::{EntryKind, FileId, FoundEntry};
use super::{CaptureError, content, path_error};

/// A tree as it was found.
pub(super) struct WalkedTree {
    pub(super) root: Dir,
    pub(super) meta: Meta,
    /// Entries by the number of their directory; the root is 0.
    pub(super) dirs: Vec<Vec<FoundEntry>>,
}

/// Walks the tree at `root`.
pub(super) fn walk(root: &Dir) -> Result<WalkedTree, CaptureError> {
    let top = Path::new("");
    let dir = open_root(root).map_err(path_error("open", top))?;
    let found = dir.statx().map_err(path_error("read", top))?;
    let xattrs = dir.xattrs().map_err(path_error("read", top))?;
    let mut dirs = Vec::new();
    let mut level = vec![PathBuf::new()];
    while !level.is_empty() {
        let read: Vec<Vec<FoundEntry>> = level
            .par_iter()
            .map(|path| read_directory(&dir, path, found.stx_mnt_id))
            .collect::<Result<_, CaptureError>>()?;
        let base = dirs.len() + read.len();
        let mut next = Vec::new();
        for (path, mut entries) in level.iter().zip(read) {
            for entry in &mut entries {
                if let EntryKind::Dir(number @ Some(_)) = &mut entry.what {
                    *number = Some(base + next.len());
                    next.push(path.join(dibber_fs::os(&entry.name)));
                }
            }
            dirs.push(entries);
        }
        level = next;
    }
    Ok(WalkedTree { root: dir, meta: meta(&found, xattrs), dirs })
}

/// A private clone of the mount, in which nothing else is mounted, so that what lies under mount points can be seen. Without
/// the right to it (tests, as an ordinary user) the tree itself, in which mount points look empty.
fn open_root(root: &Dir) -> io::Result<Dir> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let clone = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    if let Ok(tree) = open_tree(root, "", clone | OpenTreeFlags::AT_EMPTY_PATH) {
        return Ok(Dir::from(rustix::fs::openat(tree, c".", flags, Mode::empty())?));
    }
    root.below("")
}

/// Entries of the directory at `path`, in bytewise order.
fn read_directory(root: &Dir, path: &Path, mount: u64) -> Result<Vec<FoundEntry>, CaptureError> {
    let dir = open_below(root, path).map_err(path_error("open", path))?;
    let names = dir.names().map_err(path_error("read", path))?;
    let read = |name: &CString| -> Result<Option<FoundEntry>, CaptureError> {
        read_entry(dir.entry(name), mount).map_err(|e| path_error("read", &path.join(dibber_fs::os(name)))(e))
    };
    // Directories of ten thousands of files are shared out; for small ones that would cost more than it gains.
    let found: Result<Vec<Option<FoundEntry>>, _> = if names.len() > 256 {
        names.par_iter().map(read).collect()
    } else {
        names.iter().map(read).collect()
    };
    Ok(found?.into_iter().flatten().collect())
}

/// Opens a directory below the root by the names on the way, none of which may be a link.
fn open_below(root: &Dir, path: &Path) -> io::Result<Dir> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(Dir::from(root.open_in_mount(path, flags)?))
}

/// What has this name; `None` if it is gone by now.
fn read_entry(here: DirEntry<'_>, mount: u64) -> io::Result<Option<FoundEntry>> {
    let Some(stat) = here.statx()? else { return Ok(None) };
    let kind = file_type(&stat);
    let what = match kind {
        FileType::Directory => EntryKind::Dir((stat.stx_mnt_id == mount).then_some(0)),
        FileType::RegularFile => content::read_file(here, &stat)?,
        FileType::Symlink => EntryKind::Other(Kind::Symlink(here.read_link()?.to_bytes().into())),
        FileType::BlockDevice => EntryKind::Other(Kind::BlockDev(rdev(&stat))),
        FileType::CharacterDevice => EntryKind::Other(Kind::CharDev(rdev(&stat))),
        FileType::Fifo => EntryKind::Other(Kind::Fifo),
        FileType::Socket => EntryKind::Other(Kind::Socket),
        FileType::Unknown => return Err(io::Error::other("it is of a kind that is not known")),
    };
    let links = (kind != FileType::Directory && stat.stx_nlink > 1).then(|| FileId::of_stat(&stat));
    let xattrs = here.xattrs()?;
    Ok(Some(FoundEntry { name: here.name.to_owned(), meta: meta(&stat, xattrs), links, what }))
}

fn rdev(stat: &Statx) -> Rdev {
    Rdev { major: stat.stx_rdev_major, minor: stat.stx_rdev_minor }
}
