//! Files that QEMU inherits open, and opens by `/proc/self/fd`: they need no name in a directory, and are gone with the last process that
//! has them open.
//!
//! In: a directory for temporary files, or the name that the person gave. Out: a file, and a name under which a program that is
//! started finds it. Never: a file of a boot's own that has a name in a directory: nothing of it outlives the processes that have
//! it open, whatever ends them.
#![expect(
    clippy::disallowed_methods,
    reason = "a file that the person named, and nobody else's before it is made"
)]

use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use dibber_fs::{PathContext, PathError};
use rustix::io::{FdFlags, fcntl_setfd};

use super::BootError;

/// An open file that programs which are started inherit.
pub(super) struct InheritedFile {
    pub(super) file: File,
    /// `/proc/self/fd/N` (proc(5)), which opens the very file in this process and in those that it starts.
    pub(super) name: PathBuf,
    /// Where it is in a directory, if it goes from there unless it is [kept](InheritedFile::keep).
    kept: Option<PathBuf>,
}

impl InheritedFile {
    /// A new file that has no name, in the filesystem of this directory.
    pub(super) fn unnamed(dir: &Path) -> Result<InheritedFile, BootError> {
        let made = tempfile::tempfile_in(dir).and_then(|file| inherit(file, None));
        Ok(made.with_path("make a file in", dir)?)
    }

    /// A new file of this name.
    pub(super) fn named(path: &Path) -> Result<InheritedFile, BootError> {
        let made = File::options().read(true).write(true).create_new(true).open(path);
        made.and_then(|file| inherit(file, Some(path.into()))).map_err(|source| match source.kind() {
            io::ErrorKind::AlreadyExists => BootError::OverlayExists(path.into()),
            _ => PathError::new("make", path, source).into(),
        })
    }

    /// A file that has a name keeps it.
    pub(super) fn keep(mut self) {
        self.kept = None;
    }
}

impl Drop for InheritedFile {
    fn drop(&mut self) {
        if let Some(path) = &self.kept {
            // It was to be kept only if the guest ran.
            let _ = fs::remove_file(path);
        }
    }
}

fn inherit(file: File, kept: Option<PathBuf>) -> io::Result<InheritedFile> {
    fcntl_setfd(&file, FdFlags::empty())?;
    let name = PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()));
    Ok(InheritedFile { file, name, kept })
}
