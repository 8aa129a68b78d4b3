//! Directories removed with all that is in them, also where a hook nested them deeper than a process may have files open.
//!
//! In: a directory that this program chose. Out: nothing there. Never: a followed link. Trees that the sandbox made belong to
//! its ids: they can be removed inside its namespace only.

use std::ffi::CStr;
use std::io;
use std::os::fd::AsFd;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, FileType, Mode, RenameFlags, chmodat, renameat_with, rmdir, unlinkat};
use rustix::io::Errno;

use crate::{Dir, file_type};

/// Removes a directory and all below it; one that is missing is removed already.
pub fn remove_tree(path: &Path) -> io::Result<()> {
    let dir = match Dir::open_no_follow(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(e) if e.kind() == io::ErrorKind::PermissionDenied => {
            // overlayfs leaves `work/work` with mode 0.
            chmodat(CWD, path, Mode::RWXU, AtFlags::empty())?;
            Dir::open_no_follow(path)?
        }
        other => other?,
    };
    Removal::empty(&dir, None)?;
    ignore_missing(rmdir(path))
}

impl Dir {
    /// Removes a directory below this one, and all that is in it.
    pub fn remove_tree(&self, path: impl AsRef<Path>) -> io::Result<()> {
        let (parent, name) = self.parent_of(path.as_ref())?;
        parent.below(name)?.clear()?;
        ignore_missing(unlinkat(parent.as_fd(), name, AtFlags::REMOVEDIR))
    }

    /// Removes a directory in this one if nothing is in it; one that is missing is removed already.
    pub fn remove_empty(&self, name: impl AsRef<Path>) -> io::Result<()> {
        let (parent, name) = self.parent_of(name.as_ref())?;
        ignore_missing(unlinkat(parent.as_fd(), name, AtFlags::REMOVEDIR))
    }

    /// Removes all that is in this directory.
    pub fn clear(&self) -> io::Result<()> {
        Removal::empty(self, None)
    }

    /// The same, but for what has this name.
    pub fn clear_except(&self, name: &str) -> io::Result<()> {
        Removal::empty(self, Some(name))
    }
}

/// Another process may be removing the same.
fn ignore_missing(result: rustix::io::Result<()>) -> io::Result<()> {
    match result {
        Err(Errno::NOENT) => Ok(()),
        other => Ok(other?),
    }
}

/// Directories that are held open within each other. What is deeper is brought to the top first: whoever made it could make it
/// deeper than a process may have files open.
const HELD: usize = 100;

/// What the name of a directory begins with that was brought to the top.
const RAISED: &str = ".dibber-removed-";

/// A directory while it is emptied.
struct Removal<'a> {
    top: &'a Dir,
    /// How many directories were brought to the top.
    raised: u64,
}

impl Removal<'_> {
    /// Removes all that is in a directory, but for what has the name `kept`.
    fn empty(top: &Dir, kept: Option<&str>) -> io::Result<()> {
        let mut removal = Removal { top, raised: 0 };
        loop {
            let before = removal.raised;
            removal.empty_below(top, 0, kept)?;
            if removal.raised == before {
                return Ok(());
            }
        }
    }

    /// Empties `dir`, which is `depth` directories below the top.
    fn empty_below(&mut self, dir: &Dir, depth: usize, kept: Option<&str>) -> io::Result<()> {
        let stays = |name: &CStr| kept.is_some_and(|kept| kept.as_bytes() == name.to_bytes());
        for name in dir.names()?.into_iter().filter(|name| !stays(name)) {
            let entry = dir.entry(&name);
            let Some(found) = entry.statx()? else { continue };
            if file_type(&found) != FileType::Directory {
                ignore_missing(unlinkat(dir.as_fd(), name.as_c_str(), AtFlags::empty()))?;
                continue;
            }
            if found.stx_mode & 0o700 != 0o700 {
                // Its owner may lack the right to look into it.
                let _ = chmodat(dir.as_fd(), name.as_c_str(), Mode::RWXU, AtFlags::empty());
            }
            if depth == HELD {
                self.raise(dir, &name)?;
                continue;
            }
            match entry.open_dir() {
                Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
                open => self.empty_below(&open?, depth + 1, None)?,
            }
            ignore_missing(unlinkat(dir.as_fd(), name.as_c_str(), AtFlags::REMOVEDIR))?;
        }
        Ok(())
    }

    /// Moves a directory to the top, under a name that is free.
    fn raise(&mut self, dir: &Dir, name: &CStr) -> io::Result<()> {
        loop {
            self.raised += 1;
            let free = format!("{RAISED}{}", self.raised);
            match renameat_with(dir.as_fd(), name, self.top.as_fd(), free, RenameFlags::NOREPLACE) {
                Err(Errno::EXIST) => {}
                other => return ignore_missing(other),
            }
        }
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests lay traps, and look at what came of them")]
mod tests {
    use super::*;
    use std::fs;

    /// Directories within each other, wide enough to hold a file each.
    fn deep(at: &Path, levels: usize) {
        let mut dir = Dir::open(at).unwrap();
        for _ in 0..levels {
            dir.write_new("file", b"x", 0o644).unwrap();
            dir = dir.make_dir("d", 0o755).unwrap();
        }
    }

    #[test]
    fn deeper_than_files_may_be_open() {
        let place = tempfile::tempdir().unwrap();
        let tree = place.path().join("tree");
        fs::create_dir(&tree).unwrap();
        deep(&tree, 3000);
        fs::create_dir(tree.join(".dibber-removed-1")).unwrap();
        remove_tree(&tree).unwrap();
        assert!(!tree.exists());
    }

    #[test]
    fn all_but_one_name() {
        let place = tempfile::tempdir().unwrap();
        deep(place.path(), 150);
        fs::write(place.path().join("stays"), "").unwrap();
        fs::create_dir(place.path().join("d/stays")).unwrap();
        Dir::open(place.path()).unwrap().clear_except("stays").unwrap();
        let names: Vec<_> = fs::read_dir(place.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(names, ["stays"]);
    }
}
