//! The download cache, as the hooks of one step see it (`DIB_IMAGE_CACHE`).
//!
//! In: a step, what its tree's package lists say. Out: a directory to write in; afterwards, packages for everybody, and the rest
//! for the same step of the same chain. Never: a file that one image's hooks wrote, under a name that another image trusts.
//!
//! A step's result is kept under an id that says nothing of downloads, so what a cache holds must not change it:
//!
//! - What hooks leave is theirs: it is kept for the step whose hooks, variables, and steps before it are the same, whatever the
//!   archive says by then, and whenever that is. Such a step could as well have made it itself.
//! - Packages and wheels are shared, by the digest of their bytes; those of steps that know what others do not (a secret, a file of the
//!   person's) with the images that know the same, as any file can be called a package. They are offered under a name where the tree's own package
//!   lists give that digest for it; else whoever takes one asks for a digest and compares it (`packages/DIGEST-NAME`).
//! - Nothing else of `apt/` and `wheels/` outlives the step.
#![expect(clippy::disallowed_methods, reason = "names that the cache chose, in its own directory")]

mod lists;
mod pool;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use dibber_fs::{Dir, file_type, os};
use dibber_model::Digest;
use dibber_sandbox::{CACHE, MountRequest, MountSource};
use dibber_store::layers::Overlay;
use dibber_store::{Session, StepLock, remove_tree};
use rustix::fs::FileType;
use rustix::mount::{UnmountFlags, mount_bind, unmount};

use super::error::{StepError, at};
use lists::Wanted;
use pool::Pool;

/// What of a cache is shared, or of one step only: never kept where hooks put it.
const PASSING: [&str; 3] = ["apt", "packages", "wheels"];

/// What a build has downloaded, and how it is handed out.
pub(crate) struct Downloads<'a> {
    session: &'a Session,
    /// Everybody's.
    shared: Pool,
    /// That of the images which know the same secrets and files.
    confided: Option<Pool>,
    wanted: Mutex<Option<Wanted>>,
}

/// For whom a cache is opened.
pub(super) struct For<'b> {
    /// The mounted tree.
    pub(super) tree: &'b Dir,
    /// Mounts that will be replayed: those of the cache must find their directories.
    pub(super) mounts: &'b [MountRequest],
    /// Under what its own files are kept; `None` throws them away.
    pub(super) keep: Option<Digest>,
    /// Whether the step, or one before it, saw a secret or a file of the person's.
    pub(super) confided: bool,
}

/// A cache in place at [`CACHE`].
pub(super) struct Cache<'a> {
    overlay: Option<Overlay>,
    upper: PathBuf,
    keep: bool,
    pool: &'a Pool,
    _alone: Option<StepLock>,
}

impl<'a> Downloads<'a> {
    /// Of this session's store. `confided` is a digest of the secrets and files that the image's hooks are given, if they are given any.
    pub(crate) fn of(session: &'a Session, confided: Option<Digest>) -> Result<Self, StepError> {
        let open = |name: &str| Pool::open(&session.store().downloads(name)?);
        let confided = confided.map(|known| open(&format!("confided/{known}"))).transpose()?;
        Ok(Downloads { session, shared: open("shared")?, confided, wanted: Mutex::default() })
    }

    fn pool(&self, confided: bool) -> &Pool {
        self.confided.as_ref().filter(|_| confided).unwrap_or(&self.shared)
    }

    /// Puts a step's cache in place.
    pub(super) fn open(&self, wish: &For<'_>) -> Result<Cache<'_>, StepError> {
        let scratch = self.scratch()?;
        let view = scratch.join("view");
        fs::create_dir(&view).map_err(at(&view))?;
        self.offer(&view, wish).map_err(at(&view))?;
        let (upper, alone) = match wish.keep {
            Some(id) => {
                let alone = self.session.lock_named(&format!("downloads-{id}"))?;
                (self.session.store().downloads("private")?.join(id.to_string()), Some(alone))
            }
            None => (scratch.join("upper"), None),
        };
        // A killed build left it as it was.
        tidy(&upper).map_err(at(&upper))?;
        let pool = self.pool(wish.confided);
        let lowers = [pool.root().to_path_buf(), view];
        empty_cache()?;
        let overlay = Overlay::mount_again(&lowers, &upper, &scratch.join("work"), Path::new(CACHE))?;
        Ok(Cache { overlay: Some(overlay), upper, keep: wish.keep.is_some(), pool, _alone: alone })
    }

    /// The directory of a source as the cache, to be fetched into; nothing else of the cache is there.
    pub(super) fn open_source(&self, key: Digest) -> Result<Bound, StepError> {
        let dir = self.source(key)?;
        empty_cache()?;
        mount_bind(&dir, CACHE).map_err(|e| at(CACHE)(e.into()))?;
        Ok(Bound)
    }

    /// The same to be copied from: what is written there is thrown away.
    pub(super) fn show_source(&self, key: Digest) -> Result<Overlay, StepError> {
        let (dir, scratch) = (self.source(key)?, self.scratch()?);
        empty_cache()?;
        Ok(Overlay::mount(&[dir], &scratch.join("upper"), &scratch.join("work"), Path::new(CACHE))?)
    }

    /// Keeps others from a source until this is dropped.
    pub(super) fn hold_source(&self, key: Digest) -> Result<StepLock, StepError> {
        Ok(self.session.lock_named(&format!("source-{key}"))?)
    }

    fn source(&self, key: Digest) -> Result<PathBuf, StepError> {
        let dir = self.session.store().downloads("sources")?.join(key.to_string());
        fs::create_dir_all(&dir).map_err(at(&dir))?;
        Ok(dir)
    }

    /// An empty directory that goes with the session.
    fn scratch(&self) -> Result<PathBuf, StepError> {
        let scratch = self.session.scratch().join("downloads");
        remove_tree(&scratch).and_then(|()| fs::create_dir(&scratch)).map_err(at(&scratch))?;
        Ok(scratch)
    }

    /// Directories that mounts of the cache want, and in those of apt the packages that the tree's lists name.
    fn offer(&self, view: &Path, wish: &For<'_>) -> std::io::Result<()> {
        let view = Dir::open(view)?;
        for place in wish.mounts.iter().filter_map(in_cache) {
            let dir = view.make_dirs(place, 0o755)?;
            if !place.starts_with("apt") {
                continue;
            }
            dir.make_dir("partial", 0o755)?;
            let pool = self.pool(wish.confided);
            let kept = pool.of_others()?;
            if kept.is_empty() {
                continue;
            }
            let mut wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
            let found = Wanted::of(wish.tree, &kept, wanted.take())?;
            for (name, digest) in wanted.insert(found).packages() {
                pool.hand_out(*digest, &dir, name)?;
            }
        }
        Ok(())
    }
}

impl Cache<'_> {
    /// Takes it down. Packages go to the others.
    pub(super) fn close(mut self) -> Result<(), StepError> {
        if let Some(overlay) = self.overlay.take() {
            overlay.unmount()?;
        }
        self.pool.harvest(&self.upper).map_err(at(&self.upper))?;
        tidy(&self.upper).map_err(at(&self.upper))?;
        let is_empty = Dir::open(&self.upper).and_then(|dir| Ok(dir.names()?.is_empty()));
        if !self.keep || is_empty.map_err(at(&self.upper))? {
            remove_tree(&self.upper).map_err(at(&self.upper))?;
        }
        Ok(())
    }
}

/// The place in the cache that a mount shows, if it shows one.
pub(super) fn in_cache(mount: &MountRequest) -> Option<&Path> {
    match &mount.what {
        MountSource::Bind { source, .. } => Path::new(source).strip_prefix(CACHE).ok(),
        MountSource::New { .. } => None,
    }
}

/// A directory bound to [`CACHE`] until this is dropped.
pub(super) struct Bound;

impl Drop for Bound {
    fn drop(&mut self) {
        // Nobody is left to be told of an error.
        let _ = unmount(CACHE, UnmountFlags::DETACH);
    }
}

/// What lies under the mounts is nobody's: a shell at a break point may have written there.
fn empty_cache() -> Result<(), StepError> {
    Dir::open(Path::new(CACHE)).and_then(|dir| dir.clear()).map_err(at(CACHE))
}

/// Removes from an upper directory what is not kept there.
fn tidy(upper: &Path) -> std::io::Result<()> {
    let dir = match Dir::open_no_follow(upper) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        other => other?,
    };
    for name in dir.names()? {
        let passing = PASSING.iter().any(|passing| os(&name) == *passing);
        let Some(found) = dir.entry(&name).statx()?.filter(|_| passing) else { continue };
        match file_type(&found) {
            FileType::Directory => remove_tree(&upper.join(os(&name)))?,
            _ => dir.remove_file(os(&name))?,
        }
    }
    Ok(())
}
