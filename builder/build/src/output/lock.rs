//! The stage directory: where the files of one image are made, and the lock that keeps two builds of it apart.
//!
//! In: an output directory and a stem. Out: an empty, locked directory beside the results. Never: left behind, except by
//! `kill -9`, and then cleared by the next build.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use super::{OutputError, at};

/// A stage directory, removed when dropped.
#[derive(Debug)]
pub struct Stage {
    path: PathBuf,
    /// Holds the lock as long as it is open.
    _lock: File,
}

impl Stage {
    /// Makes `DIR/.dibber-STEM` and locks it; what a killed build left in it is removed.
    pub fn open(dir: &Path, stem: &str) -> Result<Stage, OutputError> {
        fs::create_dir_all(dir).map_err(at(dir))?;
        let path = dir.join(format!(".dibber-{stem}"));
        loop {
            fs::create_dir_all(&path).map_err(at(&path))?;
            let lock = File::open(&path).map_err(at(&path))?;
            if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
                return Err(OutputError::Busy { stem: stem.into(), dir: dir.into() });
            }
            // Between opening and locking, the build that had it may have removed it: then this lock is on nothing.
            if same_directory(&lock, &path) {
                clear(&path)?;
                return Ok(Stage { path, _lock: lock });
            }
        }
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // What cannot be removed now is cleared by the next build of the same image.
        let _ = fs::remove_dir_all(&self.path);
    }
}

fn same_directory(open: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    match (open.metadata(), fs::metadata(path)) {
        (Ok(a), Ok(b)) => (a.dev(), a.ino()) == (b.dev(), b.ino()),
        _ => false,
    }
}

fn clear(path: &Path) -> Result<(), OutputError> {
    for entry in fs::read_dir(path).map_err(at(path))? {
        let entry = entry.map_err(at(path))?.path();
        let removed = if entry.is_dir() { fs::remove_dir_all(&entry) } else { fs::remove_file(&entry) };
        removed.map_err(at(&entry))?;
    }
    Ok(())
}
