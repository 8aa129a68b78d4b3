//! The download cache, as the hooks of one step see it (`DIB_IMAGE_CACHE`). dib shares one directory among all images, which every
//! hook may write to; here what a hook leaves there reaches other images only where its bytes are known by a digest.
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

use super::error::{StepError, path_error};
use lists::ListedPackages;
use pool::PackagePool;

/// What of a cache is shared, or of one step only: never kept where hooks put it.
const NOT_KEPT: [&str; 3] = ["apt", "packages", "wheels"];

/// What a build has downloaded, and how it is handed out.
pub(super) struct Downloads<'a> {
    session: &'a Session,
    /// Packages that all images share.
    shared: PackagePool,
    /// Packages of the images that are given the same secrets and files of the person.
    private: Option<PackagePool>,
    listed: Mutex<Option<ListedPackages>>,
}

/// For whom a cache is opened.
pub(super) struct CacheRequest<'b> {
    /// The mounted tree.
    pub(super) tree: &'b Dir,
    /// Mounts that will be replayed: those of the cache must find their directories.
    pub(super) mounts: &'b [MountRequest],
    /// Under what its own files are kept; `None` throws them away.
    pub(super) keep: Option<Digest>,
    /// Whether the step, or one before it, saw a secret or a file of the person's.
    pub(super) has_private_inputs: bool,
}

/// A cache in place at [`CACHE`].
pub(super) struct Cache<'a> {
    overlay: Option<Overlay>,
    upper: PathBuf,
    keep: bool,
    pool: &'a PackagePool,
    _alone: Option<StepLock>,
}

impl<'a> Downloads<'a> {
    /// Of this session's store. `private_inputs` is a digest of the secrets and files that the image's hooks are given, if they are given any.
    pub(super) fn open_in(session: &'a Session, private_inputs: Option<Digest>) -> Result<Self, StepError> {
        let open = |name: &str| PackagePool::open(&session.store().downloads(name)?);
        let private = private_inputs.map(|known| open(&format!("confided/{known}"))).transpose()?;
        Ok(Downloads { session, shared: open("shared")?, private, listed: Mutex::default() })
    }

    /// The session whose store this is of.
    pub(super) fn session(&self) -> &'a Session {
        self.session
    }

    fn pool(&self, has_private_inputs: bool) -> &PackagePool {
        self.private.as_ref().filter(|_| has_private_inputs).unwrap_or(&self.shared)
    }

    /// Puts a step's cache in place.
    pub(super) fn open(&self, request: &CacheRequest<'_>) -> Result<Cache<'_>, StepError> {
        let scratch = self.scratch()?;
        let view = scratch.join("view");
        fs::create_dir(&view).map_err(path_error(&view))?;
        self.link_packages(&view, request).map_err(path_error(&view))?;
        let (upper, alone) = match request.keep {
            Some(id) => {
                let alone = self.session.lock_named(&format!("downloads-{id}"))?;
                (self.session.store().downloads("private")?.join(id.to_string()), Some(alone))
            }
            None => (scratch.join("upper"), None),
        };
        // A killed build left it as it was.
        remove_not_kept(&upper).map_err(path_error(&upper))?;
        let pool = self.pool(request.has_private_inputs);
        let lowers = [pool.root().to_path_buf(), view];
        empty_cache()?;
        let overlay = Overlay::mount_again(&lowers, &upper, &scratch.join("work"), Path::new(CACHE))?;
        Ok(Cache { overlay: Some(overlay), upper, keep: request.keep.is_some(), pool, _alone: alone })
    }

    /// The directory of a source as the cache, to be fetched into; nothing else of the cache is there.
    pub(super) fn open_source(&self, key: Digest) -> Result<Bound, StepError> {
        let dir = self.source(key)?;
        empty_cache()?;
        mount_bind(&dir, CACHE).map_err(|e| path_error(CACHE)(e.into()))?;
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
        fs::create_dir_all(&dir).map_err(path_error(&dir))?;
        Ok(dir)
    }

    /// An empty directory that goes with the session.
    fn scratch(&self) -> Result<PathBuf, StepError> {
        let scratch = self.session.scratch().join("downloads");
        remove_tree(&scratch).and_then(|()| fs::create_dir(&scratch)).map_err(path_error(&scratch))?;
        Ok(scratch)
    }

    /// Directories that mounts of the cache want, and in those of apt the packages that the tree's lists name.
    fn link_packages(&self, view: &Path, request: &CacheRequest<'_>) -> std::io::Result<()> {
        let view = Dir::open(view)?;
        for place in request.mounts.iter().filter_map(in_cache) {
            let dir = view.make_dirs(place, 0o755)?;
            if !place.starts_with("apt") {
                continue;
            }
            dir.make_dir("partial", 0o755)?;
            let pool = self.pool(request.has_private_inputs);
            let kept = pool.kept_by_others()?;
            if kept.is_empty() {
                continue;
            }
            let mut listed = self.listed.lock().unwrap_or_else(PoisonError::into_inner);
            let found = ListedPackages::read_from(request.tree, &kept, listed.take())?;
            for (name, digest) in listed.insert(found).packages() {
                pool.link_into(*digest, &dir, name)?;
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
        self.pool.collect_from(&self.upper).map_err(path_error(&self.upper))?;
        remove_not_kept(&self.upper).map_err(path_error(&self.upper))?;
        let is_empty = Dir::open(&self.upper).and_then(|dir| Ok(dir.names()?.is_empty()));
        if !self.keep || is_empty.map_err(path_error(&self.upper))? {
            remove_tree(&self.upper).map_err(path_error(&self.upper))?;
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

/// What lies under the mounts is nobody's: a shell at a breakpoint may have written there.
fn empty_cache() -> Result<(), StepError> {
    Dir::open(Path::new(CACHE)).and_then(|dir| dir.clear()).map_err(path_error(CACHE))
}

/// Removes from an upper directory what is not kept there.
fn remove_not_kept(upper: &Path) -> std::io::Result<()> {
    let dir = match Dir::open_no_follow(upper) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        other => other?,
    };
    for name in dir.names()? {
        let is_not_kept = NOT_KEPT.iter().any(|not_kept| os(&name) == *not_kept);
        let Some(found) = dir.entry(&name).statx()?.filter(|_| is_not_kept) else { continue };
        match file_type(&found) {
            FileType::Directory => remove_tree(&upper.join(os(&name)))?,
            _ => dir.remove_file(os(&name))?,
        }
    }
    Ok(())
}
