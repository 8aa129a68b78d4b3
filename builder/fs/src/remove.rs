//! Directories removed with all that is in them.
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

/// Directories that are held open within each other. What is deeper is brought to the top first: whoever made it could make it
/// deeper than a process may have files open.
const HELD: usize = 100;

/// What the name of a directory begins with that was brought to the top.
const RAISED: &str = ".dibber-removed-";

fn empty(top: &Dir, but: Option<&str>) -> io::Result<()> {
    let mut raised = 0;
    loop {
        let before = raised;
        below(top, top, (but, 0), &mut raised)?;
        if raised == before {
            return Ok(());
        }
    }
}

/// Empties `dir`, which is `depth` directories below `top`; counts what it brought there.
fn below(top: &Dir, dir: &Dir, (but, depth): (Option<&str>, usize), raised: &mut u64) -> io::Result<()> {
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
        if depth == HELD {
            raise(top, dir, &name, raised)?;
            continue;
        }
        match here.open_dir() {
            Err(e) if e.kind() == io::ErrorKind::NotFound => continue,
            open => below(top, &open?, (None, depth + 1), raised)?,
        }
        gone(unlinkat(dir.as_fd(), name.as_c_str(), AtFlags::REMOVEDIR))?;
    }
    Ok(())
}

/// Moves a directory up, under a name that is free.
fn raise(top: &Dir, dir: &Dir, name: &CStr, raised: &mut u64) -> io::Result<()> {
    loop {
        *raised += 1;
        let free = format!("{RAISED}{raised}");
        match renameat_with(dir.as_fd(), name, top.as_fd(), free, RenameFlags::NOREPLACE) {
            Err(Errno::EXIST) => {}
            other => return gone(other),
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
        Dir::open(place.path()).unwrap().clear_but("stays").unwrap();
        let names: Vec<_> = fs::read_dir(place.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(names, ["stays"]);
    }
}
