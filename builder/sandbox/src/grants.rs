//! What of the host a worker is granted, and whose the granted directories are: the sandbox's root writes to them, whom the host
//! knows under another number.
//!
//! In: paths that the person's program chose. Out: the directories, the sandbox's own. Never: a directory of somebody else's given
//! away, or another one mounted than was looked at.
#![expect(clippy::disallowed_methods, reason = "paths that the person who calls named")]

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use dibber_fs::{Dir, FileId};
use rustix::fs::{Gid, Mode, Uid, fchmod, fchown};
use serde::{Deserialize, Serialize};

use crate::emulator::Emulator;
use crate::error::SandboxError;
use crate::given::Given;
use crate::ids::{Ids, MapWriter, Owner};
use crate::isolation::Isolation;
use crate::{mounts, serde_path};

/// What of the host a worker is granted: two directories to write, files to read, an emulator. The directories must exist; they
/// become mode 0700, because what is in them has set-user-ID files, and belong to the sandbox's root.
#[derive(Clone, Debug)]
pub struct SandboxGrants {
    /// Layers and checkpoints. Seen by the driver alone.
    pub store: PathBuf,
    /// Where outputs are made, on the file system on which they will stay. Seen by the driver alone.
    pub stage: PathBuf,
    /// Files of the host that the job's image names. Seen by the host-side hooks that are given them.
    pub given: Vec<Given>,
    /// What runs programs of another architecture, if the job has any.
    pub emulator: Option<Emulator>,
    /// Names under which hooks call this program, besides those of the stand-ins for the host's tools.
    pub commands: Vec<String>,
    /// How far hooks are to be kept apart from what the build runs in.
    pub isolation: Isolation,
}

/// A directory that a worker is granted: where it is, and which it is, as its path may lead to another one by then.
#[derive(Serialize, Deserialize)]
pub(crate) struct GrantedDir {
    #[serde(with = "serde_path")]
    pub(crate) path: PathBuf,
    id: FileId,
}

impl GrantedDir {
    /// Makes the person's directory the sandbox's root's own, and remembers which it is.
    pub(crate) fn grant(path: &Path, ids: &Ids) -> Result<GrantedDir, SandboxError> {
        let granted = give_to_root(path, ids).and_then(|open| {
            Ok(GrantedDir { path: fs::canonicalize(path)?, id: FileId::from(&open.statx()?) })
        });
        granted.map_err(|source| SandboxError::Grant { path: path.to_path_buf(), source })
    }

    /// A copy of its mount, in the namespace of whoever asks.
    pub(crate) fn mount(&self) -> Result<OwnedFd, SandboxError> {
        let open = Dir::open_no_follow(&self.path).and_then(|dir| Ok((FileId::from(&dir.statx()?), dir)));
        let (found, dir) = open.map_err(|source| SandboxError::Grant { path: self.path.clone(), source })?;
        if found != self.id {
            let source = io::Error::other("somebody put another directory in its place meanwhile");
            return Err(SandboxError::Grant { path: self.path.clone(), source });
        }
        mounts::copy_of(&dir, &self.path.to_string_lossy())
    }
}

/// Makes a directory of the person's the sandbox's root's own, as [`start_worker`](crate::start_worker) does with the granted ones.
pub fn give_to_sandbox(dir: &Path) -> Result<(), SandboxError> {
    let given = Ids::for_sandbox().map(|ids| give_to_root(dir, &ids))?;
    given.map(drop).map_err(|source| SandboxError::Grant { path: dir.to_path_buf(), source })
}

/// Whether a directory of this owner is the person's: made by it, or by its sandbox's root, to whom
/// [`start_worker`](crate::start_worker) gives directories.
pub fn is_own(uid: u32) -> bool {
    let own = rustix::process::geteuid().as_raw();
    // Where there is no sandbox, it owns nothing.
    uid == own || Ids::for_sandbox().is_ok_and(|ids| uid == ids.root().uid)
}

/// Makes a directory the sandbox's own. Only root can give one away; a user's is the sandbox's root's already. One of somebody
/// else's, and a link, stay as they are.
fn give_to_root(dir: &Path, ids: &Ids) -> io::Result<Dir> {
    let open = Dir::open_no_follow(dir)?;
    let found = open.statx()?;
    let Owner { uid, gid } = ids.root();
    if ![uid, rustix::process::geteuid().as_raw()].contains(&found.stx_uid) {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "it belongs to somebody else"));
    }
    if found.stx_mode & 0o7777 != 0o700 {
        fchmod(&open, Mode::RWXU)?;
    }
    if ids.writer != MapWriter::Helpers && (found.stx_uid, found.stx_gid) != (uid, gid) {
        // Maps are written in the ids of this very namespace, so an owner needs no translation.
        fchown(&open, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)))?;
    }
    Ok(open)
}
