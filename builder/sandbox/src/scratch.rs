//! The worker's temporary files: they may be larger than memory, so they are in the store.
//!
//! In: a store. Out: a directory that is locked while the worker lives. Never: what a killed worker left, kept for longer than until
//! the next one starts.
#![expect(clippy::disallowed_methods, reason = "a directory that the driver made, by its whole name")]

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use dibber_fs::{Dir, remove_tree};
use rustix::fs::{FlockOperation, flock};

use crate::error::{Context, SandboxError};

/// A directory of the store for this worker's temporary files: they may be larger than memory. Locked while the worker
/// lives; those of workers that were killed are removed first.
pub(crate) fn make(store: &Path) -> Result<PathBuf, SandboxError> {
    let all = store.join("sandbox-tmp");
    fs::create_dir_all(&all).context("make a directory for temporary files")?;
    let lock = File::open(&all).context("open the directory for temporary files")?;
    flock(&lock, FlockOperation::LockExclusive).context("lock the directory for temporary files")?;
    for entry in fs::read_dir(&all).context("read the directory for temporary files")?.flatten() {
        let Ok(left) = Dir::open_no_follow(&entry.path()) else { continue };
        if flock(&left, FlockOperation::NonBlockingLockExclusive).is_ok() {
            // What cannot be removed now the next worker tries, and is nothing to the build of this one.
            let _ = remove_tree(&entry.path());
        }
    }
    let made = tempfile::Builder::new()
        .prefix("worker-")
        .tempdir_in(&all)
        .context("make a directory for temporary files")?;
    let held = File::open(made.path()).context("open a directory for temporary files")?;
    flock(&held, FlockOperation::LockExclusive).context("lock a directory for temporary files")?;
    // Held as long as a process of this worker lives.
    std::mem::forget(held);
    let path = made.keep();
    fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o1777))
        .context("open /tmp to everyone")?;
    Ok(path)
}
