//! Digests of files, each state of a file read once in a run.
//!
//! In: a name in an open directory. Out: the SHA-256 of the regular file of that name. Never: a link followed, a special file
//! waited for.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::sync::{Mutex, PoisonError};

use dibber_fs::Dir;
use dibber_model::Digest;

use super::set::is_of_another_kind;

/// What tells one state of a file from another. Not its time of change (`ctime`): a further name alters that, and no byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct FileState {
    device: u64,
    inode: u64,
    bytes: u64,
    modified: (i64, i64),
}

impl FileState {
    fn of(file: &File) -> io::Result<FileState> {
        let meta = file.metadata()?;
        let modified = (meta.mtime(), meta.mtime_nsec());
        Ok(FileState { device: meta.dev(), inode: meta.ino(), bytes: meta.len(), modified })
    }
}

/// Digests that were read, by the state of the file.
#[derive(Debug, Default)]
pub struct Seen(Mutex<HashMap<FileState, Digest>>);

/// What has a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FoundFile {
    /// Nothing.
    Nothing,
    /// A regular file of this content.
    File(Digest),
    /// A link, a directory, a device.
    Other,
}

impl FoundFile {
    /// The digest, if it is a file.
    pub(super) fn digest(self) -> Option<Digest> {
        match self {
            FoundFile::File(digest) => Some(digest),
            FoundFile::Nothing | FoundFile::Other => None,
        }
    }

    /// Whether something has the name that is no file.
    pub(super) fn is_other(self) -> bool {
        self == FoundFile::Other
    }
}

impl Seen {
    /// What has this name. An error is one of reading: it tells nothing of what is there.
    pub(super) fn find(&self, dir: &Dir, name: &str) -> io::Result<FoundFile> {
        let file = match dir.file(name) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(FoundFile::Nothing),
            Err(error) if is_of_another_kind(&error) => return Ok(FoundFile::Other),
            other => other?,
        };
        let before = FileState::of(&file)?;
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&before).copied();
        if let Some(known) = known {
            return Ok(FoundFile::File(known));
        }
        let digest = dibber_fs::sha256(&file)?;
        if FileState::of(&file)? == before {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(before, digest);
        }
        Ok(FoundFile::File(digest))
    }

    /// Whether the regular file of this name is there, can be read, and has this content.
    pub(super) fn is(&self, dir: &Dir, name: &str, digest: Digest) -> bool {
        self.find(dir, name).is_ok_and(|found| found == FoundFile::File(digest))
    }
}
