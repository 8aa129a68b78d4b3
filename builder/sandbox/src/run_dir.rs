//! A /run to write for the driver, and for each hook: the read-only one of the template has a few files that must be in it.
//!
//! In: the /run that is there. Out: one in memory over it, with the same files. Never: a file of the host's.
#![expect(clippy::disallowed_methods, reason = "names that this program chose, in a namespace of its own")]

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::error::{Context, SandboxError};
use crate::mounts;

/// A /run to write, with what its read-only cover has.
pub(crate) fn make_writable() -> Result<(), SandboxError> {
    let mut saved = Vec::new();
    save(Path::new("/run"), &mut saved).context("read /run")?;
    mounts::place(&mounts::memory("0755")?, "/run")?;
    for entry in saved {
        let (path, made) = match &entry {
            SavedEntry::Dir(path) => (path, fs::create_dir_all(path)),
            SavedEntry::File { path, content } => (path, fs::write(path, content)),
        };
        made.context(format_args!("write {}", path.display()))?;
    }
    fs::create_dir_all("/run/lock").context("make /run/lock")?;
    fs::set_permissions("/run/lock", PermissionsExt::from_mode(0o1777)).context("open /run/lock to everyone")
}

/// What is made again.
enum SavedEntry {
    Dir(PathBuf),
    File { path: PathBuf, content: Vec<u8> },
}

/// Directories and files below a directory, in an order in which they can be made.
fn save(dir: &Path, saved: &mut Vec<SavedEntry>) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            saved.push(SavedEntry::Dir(path.clone()));
            save(&path, saved)?;
        } else {
            let content = fs::read(&path)?;
            saved.push(SavedEntry::File { path, content });
        }
    }
    Ok(())
}
