//! Places in a tree to mount on. A mount needs something that it lies over: what the tree lacks of that is added before a hook runs
//! in it, and taken away again.
//!
//! In: a tree. Out: the directories and files that mounts lie over. Never: a link of a tree followed out of it.
#![expect(
    clippy::disallowed_methods,
    reason = "directories that the driver made, by their whole names; what a hook left in them is reached by descriptor"
)]

use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{AtFlags, FileType, Mode, mkdirat, unlinkat};
use rustix::io::Errno;

use crate::error::{Context, SandboxError};
use crate::mounts::within;

/// Directories that a tree must have before a hook can run in it, and their modes (as base-files has them).
const NEEDED: [(&str, u32); 5] =
    [("proc", 0o555), ("sys", 0o555), ("dev", 0o755), ("run", 0o755), ("tmp", 0o1777)];
/// The name of `IN_TARGET` within the tree's /tmp.
const HOOKS: &str = "in_target.d";

/// What was added to a tree for one hook.
pub(crate) struct MountPoints {
    tree: OwnedFd,
    made: Vec<&'static str>,
    in_tmp: Option<OwnedFd>,
}

impl MountPoints {
    /// Adds what mounts need to be placed on.
    pub(crate) fn add(build_dir: &Path) -> Result<MountPoints, SandboxError> {
        let build = File::open(build_dir).context(format_args!("open {}", build_dir.display()))?;
        let tree = open_plain_dir(&build, "mnt", "")?;
        let mut points = MountPoints { tree, made: Vec::new(), in_tmp: None };
        let added = points.add_missing();
        match added {
            Ok(()) => Ok(points),
            Err(error) => {
                points.remove();
                Err(error)
            }
        }
    }

    fn add_missing(&mut self) -> Result<(), SandboxError> {
        for (name, mode) in NEEDED {
            match mkdirat(&self.tree, name, Mode::from_raw_mode(mode)) {
                Ok(()) => {
                    rustix::fs::chmodat(&self.tree, name, Mode::from_raw_mode(mode), AtFlags::empty())
                        .context(format_args!("set the mode of the tree's /{name}"))?;
                    self.made.push(name);
                }
                Err(Errno::EXIST) => {}
                Err(error) => return Err(error).context(format_args!("make the tree's /{name}")),
            }
            open_plain_dir(&self.tree, name, name)?;
        }
        let tmp = open_plain_dir(&self.tree, "tmp", "tmp")?;
        match mkdirat(&tmp, HOOKS, Mode::from_raw_mode(0o755)) {
            Ok(()) => {}
            Err(Errno::EXIST) => drop(open_plain_dir(&tmp, HOOKS, "tmp/in_target.d")?),
            Err(error) => return Err(error).context("make the tree's /tmp/in_target.d"),
        }
        self.in_tmp = Some(tmp);
        Ok(())
    }

    /// Takes it away, where hooks have not made it their own.
    pub(crate) fn remove(self) {
        // What is gone, or is in use by now, is not ours to remove.
        if let Some(tmp) = &self.in_tmp {
            let _ = unlinkat(tmp, HOOKS, AtFlags::REMOVEDIR);
        }
        for name in &self.made {
            let _ = unlinkat(&self.tree, *name, AtFlags::REMOVEDIR);
        }
    }
}

/// Opens a plain directory; `told` is its path in the tree, for the message.
fn open_plain_dir(parent: &impl std::os::fd::AsFd, name: &str, told: &str) -> Result<OwnedFd, SandboxError> {
    let refuse = |why: String| SandboxError::Tree { path: format!("/{told}"), why };
    let found = within(parent, name, false).map_err(|error| match error {
        Errno::LOOP => refuse("it is a symbolic link".to_owned()),
        other => refuse(other.to_string()),
    })?;
    let kind = rustix::fs::fstat(&found).map(|stat| FileType::from_raw_mode(stat.st_mode));
    if kind == Ok(FileType::Directory) { Ok(found) } else { Err(refuse("it is a file".to_owned())) }
}
