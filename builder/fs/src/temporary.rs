//! Directories for what lives as long as one command. A command that is killed cannot remove its own: the next one of its kind does.
//!
//! In: `TMPDIR`. Out: a new directory, for its owner only. Never: a failure because `TMPDIR` names what is not there; one that a
//! command which was killed left behind, beside a new one of its kind.
#![expect(clippy::disallowed_methods, reason = "paths of the host, which no hook writes to")]

use std::path::{Path, PathBuf};
use std::{fs, io};

use rustix::fs::{FlockOperation, flock};
use rustix::process::geteuid;
use tempfile::TempDir;

use crate::Dir;

/// How often another process may take a new directory for one that was left behind, before it is locked.
const TRIES: usize = 16;

/// A directory that is removed when this is dropped, or by the next command of its kind if nobody could do that.
pub struct Temporary {
    dir: TempDir,
    /// Locked for as long as the process lives: so others know that it is in use.
    _held: Dir,
}

impl Temporary {
    /// Where it is.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }
}

/// A new directory in `TMPDIR`, or else in /tmp or /var/tmp. What earlier commands left there under this prefix is removed.
pub fn directory(prefix: &str) -> io::Result<Temporary> {
    let places = [std::env::temp_dir(), PathBuf::from("/tmp"), PathBuf::from("/var/tmp")];
    let place = places.iter().find(|place| place.is_dir()).unwrap_or(&places[0]);
    sweep(place, prefix);
    for _ in 0..TRIES {
        let dir = tempfile::Builder::new().prefix(prefix).tempdir_in(place)?;
        let Ok(held) = Dir::open_no_follow(dir.path()) else { continue };
        flock(&held, FlockOperation::LockExclusive)?;
        // Between making and locking, another process may have swept it away.
        if dir.path().is_dir() {
            return Ok(Temporary { dir, _held: held });
        }
    }
    Err(io::Error::other("other processes remove what is made here; set TMPDIR to another directory"))
}

/// Removes the caller's directories of this prefix that no process holds. What cannot be removed stays.
fn sweep(place: &Path, prefix: &str) {
    let Ok(entries) = fs::read_dir(place) else { return };
    for entry in entries.flatten() {
        if !entry.file_name().as_encoded_bytes().starts_with(prefix.as_bytes()) {
            continue;
        }
        let Ok(dir) = Dir::open_no_follow(&entry.path()) else { continue };
        let is_own = dir.statx().is_ok_and(|found| found.stx_uid == geteuid().as_raw());
        if is_own && flock(&dir, FlockOperation::NonBlockingLockExclusive).is_ok() {
            let _ = dir.clear().and_then(|()| fs::remove_dir(entry.path()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In the system's own place for such, where other programs' directories are: this prefix is nobody else's.
    #[test]
    fn what_was_left_is_swept_and_what_is_held_stays() {
        let prefix = format!("dibber-test-{}-", std::process::id());
        let held = directory(&prefix).expect("a directory");
        let left = std::env::temp_dir().join(format!("{prefix}left"));
        fs::create_dir_all(left.join("deep")).expect("make");
        fs::write(left.join("deep/secret"), "x").expect("write");
        let next = directory(&prefix).expect("a directory");
        assert!(!left.exists() && held.path().is_dir() && next.path().is_dir());
        let gone = held.path().to_path_buf();
        drop(held);
        assert!(!gone.exists());
    }
}
