//! Directories removed with all that is in them.
//!
//! In: a directory that this program chose. Out: nothing there. Never: a followed link. Trees that the sandbox made belong to
//! its ids: they can be removed inside its namespace only.

use std::ffi::CStr;
use std::io;
use std::os::fd::AsFd;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, FileType, Mode, chmodat, rmdir, unlinkat};
use rustix::io::Errno;

use crate::{Dir, file_type};

/// Removes a directory and all below it; one that is missing is removed already.
pub fn remove_tree(path: &Path) -> io::Result<()> {
    let dir = match Dir::open_itself(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(e) if e.kind() == io::ErrorKind::PermissionDenied => {
            // overlayfs leaves `work/work` with mode 0.
            chmodat(CWD, path, Mode::RWXU, AtFlags::empty())?;
            Dir::open_itself(path)?
        }
        other => other?,
    };
    empty(&dir, None)?;
    gone(rmdir(path))
}

impl Dir {
    /// Removes a directory below this one, and all that is in it.
    pub fn remove_tree(&self, path: impl AsRef<Path>) -> io::Result<()> {
        let (parent, name) = self.parent_of(path.as_ref())?;
        parent.below(name)?.clear()?;
        gone(unlinkat(parent.as_fd(), name, AtFlags::REMOVEDIR))
    }

    /// Removes a directory in this one if nothing is in it; one that is missing is removed already.
    pub fn remove_empty(&self, name: impl AsRef<Path>) -> io::Result<()> {
        let (parent, name) = self.parent_of(name.as_ref())?;
        gone(unlinkat(parent.as_fd(), name, AtFlags::REMOVEDIR))
    }

    /// Removes all that is in this directory.
    pub fn clear(&self) -> io::Result<()> {
        empty(self, None)
    }

    /// The same, but for what has this name.
    pub fn clear_but(&self, name: &str) -> io::Result<()> {
        empty(self, Some(name))
    }
}

/// Another process may be removing the same.
fn gone(result: rustix::io::Result<()>) -> io::Result<()> {
    match result {
        Err(Errno::NOENT) => Ok(()),
        other => Ok(other?),
    }
}

fn empty(dir: &Dir, but: Option<&str>) -> io::Result<()> {
    let stays = |name: &CStr| but.is_some_and(|but| but.as_bytes() == name.to_bytes());
    for name in dir.names()?.into_iter().filter(|name| !stays(name)) {
        let here = dir.here(&name);
        let Some(found) = here.statx()? else { continue };
        if file_type(&found) != FileType::Directory {
            gone(unlinkat(dir.as_fd(), name.as_c_str(), AtFlags::empty()))?;
            continue;
        }
        if found.stx_mode & 0o700 != 0o700 {
            // Its owner may lack the right to look into it.
            let _ = chmodat(dir.as_fd(), name.as_c_str(), Mode::RWXU, AtFlags::empty());
        }
        match here.open_dir() {
            Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
            below => empty(&below?, None)?,
        }
        gone(unlinkat(dir.as_fd(), name.as_c_str(), AtFlags::REMOVEDIR))?;
    }
    Ok(())
}
