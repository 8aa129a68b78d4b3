//! The lock of an output directory: images are put in place one after the other, whoever builds them.
//!
//! In: a directory. Out: the directory, open and locked until it is dropped. Never: a lock file that stays.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use dibber_fs::Dir;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::{OutputError, Stage, file_error};

/// Nobody holds the lock for longer: under it files are renamed, and read only after an interruption.
const PATIENCE: Duration = Duration::from_secs(600);
/// How often it is tried.
const PAUSE: Duration = Duration::from_millis(10);

/// An output directory under its lock (flock(2)), which ends with its holder, however that ends.
#[derive(Debug)]
pub(super) struct DirectoryLock {
    /// The directory.
    pub(super) dir: Dir,
    /// What errors call it.
    pub(super) path: PathBuf,
}

impl DirectoryLock {
    /// Takes the lock, or waits for it.
    pub(super) fn lock(path: &Path) -> Result<DirectoryLock, OutputError> {
        DirectoryLock::lock_open(Dir::open(path).map_err(file_error(path))?, path)
    }

    /// The same on the directory that a stage is in, whatever its path leads to by now.
    pub(super) fn lock_of(stage: &Stage) -> Result<DirectoryLock, OutputError> {
        let path = stage.place();
        // Opened anew: a lock is the opened file's, and ends with it.
        DirectoryLock::lock_open(stage.parent().below("").map_err(file_error(path))?, path)
    }

    fn lock_open(dir: Dir, path: &Path) -> Result<DirectoryLock, OutputError> {
        let start = Instant::now();
        loop {
            match flock(&dir, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(DirectoryLock { dir, path: path.into() }),
                Err(Errno::WOULDBLOCK | Errno::INTR) if start.elapsed() < PATIENCE => {
                    std::thread::sleep(PAUSE);
                }
                Err(Errno::WOULDBLOCK) => return Err(OutputError::Locked { dir: path.into() }),
                Err(error) => return Err(file_error(path)(io::Error::from(error))),
            }
        }
    }
}
