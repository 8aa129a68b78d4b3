//! What outlives a build: checkpoints of steps, timings, answers of the network, downloads. People call it the cache. A build that finds a
//! checkpoint under the id of a step does not run the step again, so a checkpoint must be whole, and is compared with what was written
//! before it is used.
//!
//! In: results of steps, under their ids. Out: the same, whole or not at all. Never: a half-written checkpoint taken for a
//! result, or one removed while a build uses it.
//!
//! ```text
//! VERSION                   what wrote this directory
//! checkpoints/<step id>/    layer/ (if the step changed the tree), layer.content, meta.json, sealed
//! scratch/<session>/        what running steps write; a checkpoint is renamed out of it
//! running/<session>         held by a lock while a build runs: the ids that it uses, one a line
//! locks/                    the store's own lock, one for each image, and one for each step that runs
//! timings/<image>.json      seconds of each step, the last time
//! timings/<image>.inputs.json  what each step saw, the last time
//! answers/<digest>          what the network said
//! sets/<set id>             a digest of the files that were made under this id
//! downloads/shared/         packages by digest, for every image; never part of a step's id, like all downloads
//! downloads/confided/<id>/  the same for images that know the same secrets, which any file among them may tell
//! downloads/private/<id>/   what the hooks of one step of one chain left in their cache
//! downloads/sources/<id>/   source repositories, by what they are fetched with
//! sources/<digest>          large files of elements, for the sandbox to read
//! ```
#![forbid(unsafe_code)]
#![expect(
    clippy::disallowed_methods,
    reason = "names that the cache chose, in a directory that nobody else may write to"
)]

mod answers;
mod checkpoint;
mod content;
mod draft;
pub mod layers;
mod lock;
mod prune;
mod session;
mod site;
mod sources;
mod stamp;

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use dibber_fs::{PathContext, PathError};
use dibber_model::Digest;
use rustix::fs::{AtFlags, CWD, FileType, statat};

pub use answers::Timings;
pub use checkpoint::{Checkpoint, CheckpointMeta, Lookup, layers, squash_id};
pub use dibber_fs::remove_tree;
pub use draft::Draft;
pub use lock::{ImageLock, StepLock};
pub use prune::{ListedCheckpoint, PruneLimits, PruneSummary};
pub use session::Session;
pub use site::Site;
pub use stamp::Stamp;

/// How directories beside a cache are called in which `dibber doctor` tries whether one can lie there.
pub const TRIAL: &str = ".dibber-doctor-";

/// Version of the directory's layout and of the meaning of its checkpoints.
const VERSION: &str = "dibber store 1\n";

const DIRS: [&str; 9] =
    ["checkpoints", "scratch", "running", "locks", "timings", "answers", "sets", "downloads", "sources"];

/// Why the store could not be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No place for it.
    #[error(
        "no place for the cache: neither DIBBER_CACHE, XDG_CACHE_HOME nor HOME is set, and /etc/passwd gives you no home; set \
         DIBBER_CACHE to a directory"
    )]
    NoPlace,
    /// Another version.
    #[error("{path} was written by another version (`{found}`, this one is `{ours}`); remove it, or set DIBBER_CACHE to another directory", ours = VERSION.trim())]
    Version {
        /// The store.
        path: PathBuf,
        /// Its stamp.
        found: String,
    },
    /// Another person's is there.
    #[error(
        "{path} belongs to {owner}, and nobody builds in another's cache; set DIBBER_CACHE to a directory of your own{hint}"
    )]
    NotYours {
        /// The directory.
        path: PathBuf,
        /// User name, or user id.
        owner: String,
        /// More that may help.
        hint: &'static str,
    },
    /// Something else is there.
    #[error(
        "{path} is not a cache of dibber: it has files but no VERSION; set DIBBER_CACHE to an empty directory"
    )]
    Foreign {
        /// The directory.
        path: PathBuf,
    },
    /// A link on the way to it leads nowhere.
    #[error(
        "{path} is a link to {target}, which is not there; make that directory, or set DIBBER_CACHE to another one"
    )]
    Nowhere {
        /// The link.
        path: PathBuf,
        /// Where it leads.
        target: PathBuf,
    },
    /// The same image is being built.
    #[error(
        "{image} is being built already, by process {holder}; wait for it, or build in another cache (DIBBER_CACHE)"
    )]
    Busy {
        /// Its name.
        image: String,
        /// Process id of the other build, or `?`.
        holder: String,
    },
    /// A checkpoint disagrees with what was written.
    #[error("the checkpoint {id} of step {phase}/{name} is corrupted: {why}; it is removed and built again")]
    Corrupted {
        /// Step id.
        id: Digest,
        /// Phase, or `?`.
        phase: String,
        /// Step, or `?`.
        name: String,
        /// What disagrees.
        why: String,
    },
    /// A file is no longer what was scanned.
    #[error("{path} changed while it was read; start again when nothing writes to it")]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// A layer could not be read.
    #[error(transparent)]
    Layer(#[from] layers::LayerError),
    /// A file of the store.
    #[error("{0}{hint}", hint = hint(&.0.source))]
    File(#[from] PathError),
}

impl StoreError {
    /// What was left of a step that goes too deep to be kept, if this is about that.
    pub fn too_deep(&self) -> Option<String> {
        let StoreError::File(error) = self else { return None };
        error.source.get_ref()?.downcast_ref::<stamp::TooDeep>().map(ToString::to_string)
    }
}

/// What to do about errors that people can do something about.
fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "; `dibber cache prune` frees space, DIBBER_CACHE names another place"
        }
        io::ErrorKind::PermissionDenied
        | io::ErrorKind::ReadOnlyFilesystem
        | io::ErrorKind::NotADirectory => "; DIBBER_CACHE names another place",
        _ => "",
    }
}

/// The store, open.
#[derive(Clone, Debug)]
pub struct Store {
    root: PathBuf,
}

impl Store {
    /// Opens the store at `root`, or makes it, for its owner only (0700).
    pub fn open(root: &Path) -> Result<Store, StoreError> {
        let private = |path: &Path| {
            let mut builder = fs::DirBuilder::new();
            builder.recursive(true).mode(0o700).create(path).with_path("create", path)
        };
        let site = Store::survey(root)?;
        private(root)?;
        let root = root.canonicalize().with_path("find", root)?;
        if site != Site::Store {
            fs::set_permissions(&root, fs::Permissions::from_mode(0o700)).with_path("protect", &root)?;
            write_beside(&root.join("VERSION"), VERSION.as_bytes())?;
        }
        for dir in DIRS {
            private(&root.join(dir))?;
            refuse_foreign(&root.join(dir))?;
        }
        Ok(Store { root })
    }

    /// The same store under another path, as the sandbox sees it. Nothing is checked or made.
    pub fn seen_at(root: &Path) -> Store {
        Store { root: root.to_path_buf() }
    }

    /// The store's directory.
    pub fn path(&self) -> &Path {
        &self.root
    }

    /// Directories that steps write to, and which must therefore belong to the sandbox's root: relative to the store.
    pub fn shared_dirs() -> impl Iterator<Item = &'static str> {
        DIRS.into_iter()
    }

    /// The directory of one kind of downloads (`shared`, `confided/ID`, `private`, `sources`).
    pub fn downloads(&self, name: &str) -> Result<PathBuf, StoreError> {
        let path = self.root.join("downloads").join(name);
        fs::create_dir_all(&path).with_path("create", &path)?;
        Ok(path)
    }

    fn checkpoint_dir(&self, id: Digest) -> PathBuf {
        self.root.join("checkpoints").join(id.to_string())
    }
}

/// Refuses a directory that is neither this person's nor its sandbox's root's, and a link.
fn refuse_foreign(path: &Path) -> Result<(), StoreError> {
    let found = statat(CWD, path, AtFlags::SYMLINK_NOFOLLOW).with_path("look at", path)?;
    if FileType::from_raw_mode(found.st_mode) != FileType::Directory {
        return Err(PathError::new("use", path, io::ErrorKind::NotADirectory).into());
    }
    if dibber_sandbox::is_own(found.st_uid) {
        return Ok(());
    }
    let hint = match rustix::process::geteuid().is_root() {
        true => ", or run it with `sudo -H`, so that it is root's",
        false => "; a sudo that keeps HOME leaves root's cache there, and root can remove it",
    };
    Err(StoreError::NotYours { path: path.into(), owner: dibber_fs::passwd::user_name(found.st_uid), hint })
}

/// Whether a name is one that an interrupted `open` may have left.
fn is_ours(name: &std::ffi::OsStr) -> bool {
    let left = |name: &str| name.starts_with(".VERSION.") || name.starts_with(TRIAL);
    name.to_str().is_some_and(|name| DIRS.contains(&name) || left(name))
}

/// Writes a file under another name, syncs it, then renames it: readers see the old or the new content, whole.
fn write_beside(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let beside = path.with_file_name(format!(".{name}.{}", std::process::id()));
    let write = || {
        let mut file = fs::File::create(&beside)?;
        io::Write::write_all(&mut file, bytes)?;
        file.sync_data()?;
        fs::rename(&beside, path)
    };
    Ok(write().with_path("write", path)?)
}
