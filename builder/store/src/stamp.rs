//! A cheap check of a layer: what each name in it is, all that `statx` tells of it.
//!
//! In: a directory. Out: a digest. Never: content, link targets or attributes, which [`content`](super::content) compares: what
//! is missing, cut short, added or written to is seen here, a flipped bit of a disk there.

use std::io;
use std::path::{Path, PathBuf};

use dibber_model::{Digest, Hasher};
use rayon::prelude::*;
use rustix::fs::{FileType, Statx};
use serde::{Deserialize, Serialize};

use dibber_fs::{Dir, file_type, os};

/// What a layer looked like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// Entries, whiteouts included.
    pub entries: u64,
    /// Bytes that it takes on disk.
    pub bytes: u64,
    /// Digest over path, kind, mode, owner, links, size, device and time of each entry, and of the root.
    pub digest: Digest,
}

/// Looks at all of a directory, in parallel.
pub(super) fn stamp_of(root: &Dir) -> io::Result<Stamp> {
    let (mut entries, mut bytes, mut hasher) = (0, 0, Hasher::new("dibber layer"));
    add_statx(&mut hasher, &root.statx()?);
    for listing in by_level(root, read_level)? {
        entries += listing.entries;
        bytes += listing.bytes;
        hasher.digest(listing.digest);
    }
    Ok(Stamp { entries, bytes, digest: hasher.finish() })
}

/// What a hook left goes deeper than any tree.
#[derive(Debug, thiserror::Error)]
#[error(
    "more than {DEEPEST} directories within each other, or paths of more than {LONGEST} bytes, below $TMP_BUILD_DIR/{top}"
)]
pub(super) struct TooDeep {
    /// The first names of one such path.
    top: PathBuf,
}

fn refuse_depth(level: &[PathBuf], depth: usize) -> io::Result<()> {
    let long = level.iter().find(|path| path.as_os_str().len() > LONGEST);
    let Some(path) = long.or(level.first().filter(|_| depth > DEEPEST)) else { return Ok(()) };
    let top = path.components().take(3).collect();
    Err(io::Error::other(TooDeep { top }))
}

/// One directory of a walk.
pub(super) struct Level<T> {
    /// What was read of it.
    pub(super) read: T,
    /// The directories in it.
    pub(super) below: Vec<PathBuf>,
}

/// No tree is deeper, in directories within each other. Paths of programs end at 4096 bytes (`PATH_MAX`), and whoever went deeper
/// would only make all that walk the tree slow.
const DEEPEST: usize = 500;
/// `PATH_MAX` of `linux/limits.h`: no program could open what is at a longer path.
const LONGEST: usize = 4096;

/// Reads all directories below a root, those of a level in parallel. What was read comes in the order of a sorted walk.
pub(super) fn by_level<T: Send>(
    root: &Dir,
    read: impl Fn(&Path, &Dir) -> io::Result<Level<T>> + Sync,
) -> io::Result<Vec<T>> {
    let mut all = Vec::new();
    let (mut level, mut depth) = (vec![PathBuf::new()], 0);
    while !level.is_empty() {
        let open = |path: &PathBuf| read(path, &root.below(path)?);
        let found: Vec<Level<T>> = level.par_iter().map(open).collect::<Result<_, _>>()?;
        level = Vec::new();
        for Level { read, below } in found {
            all.push(read);
            level.extend(below);
        }
        depth += 1;
        refuse_depth(&level, depth)?;
    }
    Ok(all)
}

struct Listing {
    entries: u64,
    bytes: u64,
    digest: Digest,
}

fn read_level(path: &Path, dir: &Dir) -> io::Result<Level<Listing>> {
    let mut hasher = Hasher::new("directory");
    let (mut listing, mut below) = (Listing { entries: 0, bytes: 0, digest: Digest::of(b"") }, Vec::new());
    for name in dir.names()? {
        let found = dir.entry(&name).statx()?.ok_or(io::ErrorKind::NotFound)?;
        hasher.part(name.to_bytes());
        add_statx(&mut hasher, &found);
        listing.entries += 1;
        listing.bytes += found.stx_blocks * 512;
        if file_type(&found) == FileType::Directory {
            below.push(path.join(os(&name)));
        }
    }
    listing.digest = hasher.finish();
    Ok(Level { read: listing, below })
}

/// Adds what `statx` told of an entry.
fn add_statx(hasher: &mut Hasher, found: &Statx) {
    // A directory's size and links are how its file system keeps it.
    let (size, links) = match file_type(found) {
        FileType::Directory => (0, 0),
        // A whiteout is a link to one that overlayfs keeps in its work directory, which is removed after this look.
        FileType::CharacterDevice => (0, 0),
        _ => (found.stx_size, found.stx_nlink),
    };
    let mut all = Vec::with_capacity(64);
    all.extend(found.stx_mode.to_le_bytes());
    for number in [found.stx_uid, found.stx_gid, found.stx_rdev_major, found.stx_rdev_minor, links] {
        all.extend(number.to_le_bytes());
    }
    all.extend(size.to_le_bytes());
    all.extend(found.stx_mtime.tv_sec.to_le_bytes());
    all.extend(found.stx_mtime.tv_nsec.to_le_bytes());
    hasher.part(&all);
}
