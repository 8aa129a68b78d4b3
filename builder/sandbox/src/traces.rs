//! What the sandbox must leave on disks while it runs, and takes away again.
//!
//! In: a tree, a store. Out: places to mount on, a directory for temporary files. Never: a link of a tree followed out of it.
#![expect(
    clippy::disallowed_methods,
    reason = "directories that the driver made, by their whole names; what a hook left in them is reached by descriptor"
)]

use std::fs::{self, File};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use dibber_fs::{Dir, remove_tree};
use rustix::fs::{AtFlags, FileType, FlockOperation, Mode, OFlags, flock, mkdirat, openat, statat, unlinkat};
use rustix::io::Errno;

use super::error::{Doing, SandboxError};
use super::mounts::within;

/// Directories that a tree must have before a hook can run in it, and their modes (as base-files has them).
const NEEDED: [(&str, u32); 5] =
    [("proc", 0o555), ("sys", 0o555), ("dev", 0o755), ("run", 0o755), ("tmp", 0o1777)];
/// The name of `IN_TARGET` within the tree's /tmp.
const HOOKS: &str = "in_target.d";

/// What was added to a tree for one hook.
pub(super) struct Traces {
    tree: OwnedFd,
    made: Vec<&'static str>,
    in_tmp: Option<OwnedFd>,
    /// The tree's /etc and the inode of the empty resolv.conf there.
    resolv: Option<(OwnedFd, u64)>,
}

impl Traces {
    /// Adds what mounts need to be placed on.
    pub(super) fn leave(build_dir: &Path) -> Result<Traces, SandboxError> {
        let build = File::open(build_dir).doing(format_args!("open {}", build_dir.display()))?;
        let tree = directory(&build, "mnt", "")?;
        let mut traces = Traces { tree, made: Vec::new(), in_tmp: None, resolv: None };
        let added = traces.add();
        match added {
            Ok(()) => Ok(traces),
            Err(error) => {
                traces.remove();
                Err(error)
            }
        }
    }

    fn add(&mut self) -> Result<(), SandboxError> {
        for (name, mode) in NEEDED {
            match mkdirat(&self.tree, name, Mode::from_raw_mode(mode)) {
                Ok(()) => {
                    rustix::fs::chmodat(&self.tree, name, Mode::from_raw_mode(mode), AtFlags::empty())
                        .doing(format_args!("set the mode of the tree's /{name}"))?;
                    self.made.push(name);
                }
                Err(Errno::EXIST) => {}
                Err(error) => return Err(error).doing(format_args!("make the tree's /{name}")),
            }
            directory(&self.tree, name, name)?;
        }
        let tmp = directory(&self.tree, "tmp", "tmp")?;
        match mkdirat(&tmp, HOOKS, Mode::from_raw_mode(0o755)) {
            Ok(()) => {}
            Err(Errno::EXIST) => drop(directory(&tmp, HOOKS, "tmp/in_target.d")?),
            Err(error) => return Err(error).doing("make the tree's /tmp/in_target.d"),
        }
        self.in_tmp = Some(tmp);
        if let Ok(etc) = directory(&self.tree, "etc", "etc") {
            self.resolv = empty_file(etc)?;
        }
        Ok(())
    }

    /// Takes it away, where hooks have not made it their own.
    pub(super) fn remove(self) {
        // What is gone, or is in use by now, is not ours to remove.
        if let Some(tmp) = &self.in_tmp {
            let _ = unlinkat(tmp, HOOKS, AtFlags::REMOVEDIR);
        }
        if let Some((etc, inode)) = &self.resolv {
            let same = statat(etc, "resolv.conf", AtFlags::SYMLINK_NOFOLLOW);
            if same.is_ok_and(|found| found.st_ino == *inode && found.st_size == 0) {
                let _ = unlinkat(etc, "resolv.conf", AtFlags::empty());
            }
        }
        for name in &self.made {
            let _ = unlinkat(&self.tree, *name, AtFlags::REMOVEDIR);
        }
    }
}

/// Opens a plain directory; `told` is its path in the tree, for the message.
fn directory(parent: &impl std::os::fd::AsFd, name: &str, told: &str) -> Result<OwnedFd, SandboxError> {
    let refuse = |why: String| SandboxError::Tree { path: format!("/{told}"), why };
    let found = within(parent, name, false).map_err(|error| match error {
        Errno::LOOP => refuse("it is a symbolic link".to_owned()),
        other => refuse(other.to_string()),
    })?;
    let kind = rustix::fs::fstat(&found).map(|stat| FileType::from_raw_mode(stat.st_mode));
    if kind == Ok(FileType::Directory) { Ok(found) } else { Err(refuse("it is a file".to_owned())) }
}

fn empty_file(etc: OwnedFd) -> Result<Option<(OwnedFd, u64)>, SandboxError> {
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
    match openat(&etc, "resolv.conf", flags, Mode::from_raw_mode(0o644)) {
        Ok(file) => {
            let inode = rustix::fs::fstat(&file).doing("look at the tree's /etc/resolv.conf")?.st_ino;
            Ok(Some((etc, inode)))
        }
        Err(Errno::EXIST) => Ok(None),
        Err(error) => Err(error).doing("make the tree's /etc/resolv.conf"),
    }
}

/// A directory of the store for this worker's temporary files: they may be larger than memory. Locked while the worker
/// lives; those of workers that were killed are removed first.
pub(super) fn scratch(store: &Path) -> Result<PathBuf, SandboxError> {
    let all = store.join("sandbox-tmp");
    fs::create_dir_all(&all).doing("make a directory for temporary files")?;
    let lock = File::open(&all).doing("open the directory for temporary files")?;
    flock(&lock, FlockOperation::LockExclusive).doing("lock the directory for temporary files")?;
    for entry in fs::read_dir(&all).doing("read the directory for temporary files")?.flatten() {
        let Ok(left) = Dir::open_itself(&entry.path()) else { continue };
        if flock(&left, FlockOperation::NonBlockingLockExclusive).is_ok() {
            // What cannot be removed now the next worker tries, and is nothing to the build of this one.
            let _ = remove_tree(&entry.path());
        }
    }
    let made = tempfile::Builder::new()
        .prefix("worker-")
        .tempdir_in(&all)
        .doing("make a directory for temporary files")?;
    let held = File::open(made.path()).doing("open a directory for temporary files")?;
    flock(&held, FlockOperation::LockExclusive).doing("lock a directory for temporary files")?;
    // Held as long as a process of this worker lives.
    std::mem::forget(held);
    let path = made.keep();
    fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o1777))
        .doing("open /tmp to everyone")?;
    Ok(path)
}
