//! A cheap check of a layer: names, kinds, sizes and times of all that is in it.
//!
//! In: a directory. Out: a digest. Never: the content of files: what is missing, cut short, added or written to is seen, a
//! flipped bit of a disk is not.

use std::io;
use std::path::{Path, PathBuf};

use dibber_model::{Digest, Hasher};
use rayon::prelude::*;
use rustix::fs::FileType;
use serde::{Deserialize, Serialize};

use dibber_fs::{Dir, file_type, os};

/// What a layer looked like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// Entries, whiteouts included.
    pub entries: u64,
    /// Bytes that it takes on disk.
    pub bytes: u64,
    /// Digest over path, kind, mode, size and time of each entry.
    pub digest: Digest,
}

/// Looks at all of a directory, in parallel.
pub(super) fn stamp(root: &Path) -> io::Result<Stamp> {
    let (mut entries, mut bytes, mut hasher) = (0, 0, Hasher::new("dibber layer"));
    let mut level = vec![PathBuf::new()];
    while !level.is_empty() {
        let read: Vec<Listing> = level.par_iter().map(|dir| listing(root, dir)).collect::<Result<_, _>>()?;
        level = Vec::new();
        for listing in read {
            entries += listing.entries;
            bytes += listing.bytes;
            hasher.digest(listing.digest);
            level.extend(listing.dirs);
        }
    }
    Ok(Stamp { entries, bytes, digest: hasher.finish() })
}

struct Listing {
    entries: u64,
    bytes: u64,
    digest: Digest,
    dirs: Vec<PathBuf>,
}

fn listing(root: &Path, path: &Path) -> io::Result<Listing> {
    let dir = Dir::open(&root.join(path))?;
    let mut hasher = Hasher::new("directory");
    let mut listing = Listing { entries: 0, bytes: 0, digest: Digest::of(b""), dirs: Vec::new() };
    for name in dir.names()? {
        let found = dir.here(&name).statx()?.ok_or(io::ErrorKind::NotFound)?;
        let is_dir = file_type(&found) == FileType::Directory;
        hasher.part(name.to_bytes()).part(&found.stx_mode.to_le_bytes());
        // A directory's size is how its file system keeps it.
        hasher.part(&if is_dir { 0 } else { found.stx_size }.to_le_bytes());
        hasher.part(&found.stx_mtime.tv_sec.to_le_bytes()).part(&found.stx_mtime.tv_nsec.to_le_bytes());
        listing.entries += 1;
        listing.bytes += found.stx_blocks * 512;
        if is_dir {
            listing.dirs.push(path.join(os(&name)));
        }
    }
    listing.digest = hasher.finish();
    Ok(listing)
}
