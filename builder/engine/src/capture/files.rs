//! The files that a captured tree's content is read from.
//!
//! In: a [`FileRef`] of the tree. Out: the open file, from any thread. Never: a path outside the captured tree.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use dibber_model::FileRef;
use rustix::fs::OFlags;

use dibber_export::{Files, Stamp};
use dibber_fs::Dir;

/// Large files of a captured tree. PartContents the tree's mount, so it outlives an unmount of its name.
#[derive(Debug)]
pub struct CapturedFiles {
    root: Dir,
    /// Path of each, relative to the root.
    paths: Vec<Box<[u8]>>,
}

impl CapturedFiles {
    pub(super) fn new(root: Dir, paths: Vec<Box<[u8]>>) -> Self {
        CapturedFiles { root, paths }
    }

    /// How many there are: refs are below this.
    pub fn len(&self) -> usize {
        self.paths.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.paths.is_empty()
    }

    /// Opens a file for reading. The error of a ref that is not of this capture is `InvalidInput`.
    pub fn open(&self, file: FileRef) -> io::Result<File> {
        let path = self.path(file).ok_or(io::ErrorKind::InvalidInput)?;
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        Ok(File::from(self.root.open_in_mount(path, flags)?))
    }

    /// Its path in the tree, with a leading slash, for messages.
    pub fn name(&self, file: FileRef) -> PathBuf {
        Path::new("/").join(self.path(file).unwrap_or(Path::new("")))
    }

    fn path(&self, file: FileRef) -> Option<&Path> {
        self.paths.get(file.0 as usize).map(|path| Path::new(OsStr::from_bytes(path)))
    }
}

impl Files for CapturedFiles {
    fn open(&self, file: FileRef) -> io::Result<File> {
        CapturedFiles::open(self, file)
    }

    fn name(&self, file: FileRef) -> PathBuf {
        CapturedFiles::name(self, file)
    }

    /// Nothing runs any more when the tree is captured, and nothing else sees its layers.
    fn stamp(&self, _: FileRef) -> Option<Stamp> {
        None
    }
}
