//! The stage directory: where the files of one image are made, and the lock that keeps two builds of it apart.
//!
//! In: an output directory and a basename. Out: an empty, locked directory beside the results. Never: a directory of somebody else's
//! emptied, or given away; left behind, except by `kill -9`, and then cleared by the next build.
#![expect(clippy::disallowed_methods, reason = "paths that the person who calls named")]

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use dibber_fs::Dir;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::{OutputError, file_error, set};

/// An empty file that is in every stage: what tells one that was left from a directory that only has its name.
const MARK: &str = ".dibber-stage";

/// A stage directory, removed when dropped.
#[derive(Debug)]
pub struct Stage {
    /// The output directory.
    place: PathBuf,
    parent: Dir,
    name: String,
    path: PathBuf,
    /// Holds the lock as long as it is open.
    dir: Dir,
}

impl Stage {
    /// Makes `DIR/.dibber-BASENAME` and locks it; what a killed build left in it is removed.
    pub fn open(dir: &Path, basename: &str) -> Result<Stage, OutputError> {
        fs::create_dir_all(dir).map_err(file_error(dir))?;
        let parent = Dir::open(dir).map_err(file_error(dir))?;
        let name = format!(".dibber-{basename}");
        let path = dir.join(&name);
        loop {
            let open = own_directory(&parent, &name, &path)?;
            match flock(&open, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => {}
                Err(Errno::WOULDBLOCK) => {
                    return Err(OutputError::Busy { basename: basename.into(), dir: dir.into() });
                }
                Err(error) => return Err(file_error(&path)(io::Error::from(error))),
            }
            // Between opening and locking, the build that had it may have removed it: then this lock is on nothing.
            if is_named(&open, &parent, &name) {
                claim(&open).map_err(|error| match error.kind() {
                    io::ErrorKind::DirectoryNotEmpty => refused(&path, "it has files of somebody else's"),
                    _ => file_error(&path)(error),
                })?;
                return Ok(Stage { place: dir.into(), parent, name, path, dir: open });
            }
        }
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The output directory that it is in.
    pub fn place(&self) -> &Path {
        &self.place
    }

    /// The directory itself.
    pub fn dir(&self) -> &Dir {
        &self.dir
    }

    /// The output directory itself.
    pub fn parent(&self) -> &Dir {
        &self.parent
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // What cannot be removed now is cleared by the next build of the same image.
        let _ = clear(&self.dir)
            .and_then(|()| self.dir.remove_file(MARK))
            .and_then(|()| self.parent.remove_empty(&self.name));
    }
}

/// Opens the directory of this name, or makes it. Another's, or something else of the name, is refused.
fn own_directory(parent: &Dir, name: &str, path: &Path) -> Result<Dir, OutputError> {
    let dir = parent.make_dir_private(name).map_err(|error| match error.kind() {
        io::ErrorKind::NotADirectory => refused(path, "it is not a directory"),
        _ if set::is_of_another_kind(&error) => refused(path, "it is a link"),
        _ => file_error(path)(error),
    })?;
    match dibber_sandbox::is_own(dir.statx().map_err(file_error(path))?.stx_uid) {
        true => Ok(dir),
        false => Err(refused(path, "it belongs to somebody else")),
    }
}

fn refused(path: &Path, why: &'static str) -> OutputError {
    OutputError::Stage { path: path.into(), why }
}

/// Whether a name leads to an open directory.
fn is_named(open: &Dir, parent: &Dir, name: &str) -> bool {
    match (open.statx(), parent.stat(name)) {
        (Ok(a), Ok(Some(b))) => {
            (a.stx_dev_major, a.stx_dev_minor, a.stx_ino) == (b.stx_dev_major, b.stx_dev_minor, b.stx_ino)
        }
        _ => false,
    }
}

/// Takes a directory that is new, or that a build left. One with other files in it is `DirectoryNotEmpty`.
fn claim(dir: &Dir) -> io::Result<()> {
    match dir.stat(MARK)? {
        Some(_) => clear(dir),
        None if dir.names()?.is_empty() => dir.create_by_umask(MARK).map(drop),
        None => Err(io::ErrorKind::DirectoryNotEmpty.into()),
    }
}

/// Removes what is in a stage but its mark, which goes last: an interruption leaves a stage.
fn clear(dir: &Dir) -> io::Result<()> {
    dir.clear_except(MARK)
}
