//! One build's hold on the store: what it uses no other process removes, and what it leaves half made the next one clears.
//!
//! In: step ids. Out: checkpoints that stay while the session lives, and places to write new ones. Never: a directory left in
//! the way of the next build: what a killed session left is removed by the next one.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

use dibber_fs::PathContext;
use dibber_model::Digest;
use rustix::fs::{FlockOperation, Timespec, Timestamps, UTIME_NOW, flock, utimensat};

use super::checkpoint::Lookup;
use super::lock::StepLock;
use super::{Draft, Store, StoreError, lock, prune, remove_tree};

/// A running build. Used inside the namespace, since what it removes belongs to the sandbox's ids.
#[derive(Debug)]
pub struct Session {
    store: Store,
    name: String,
    claims: File,
    drafts: AtomicU32,
    /// Checkpoints whose content this session wrote, or compared with what was written.
    sound: Mutex<BTreeSet<Digest>>,
    /// Checkpoints that it dropped.
    dropped: Mutex<BTreeSet<Digest>>,
}

/// Sessions of one process, so that two images may be built by one.
static SESSIONS: AtomicU32 = AtomicU32::new(0);

impl Store {
    /// Begins a build, and removes what dead ones left.
    pub fn session(&self) -> Result<Session, StoreError> {
        let _lock = self.lock()?;
        self.sweep()?;
        // The name must be new among living and dead: process ids of different pid namespaces meet.
        let (name, path) = loop {
            let number = SESSIONS.fetch_add(1, Ordering::Relaxed);
            let name = format!("{}-{number}", std::process::id());
            let path = self.root.join("running").join(&name);
            if !path.exists() {
                break (name, path);
            }
        };
        let claims = lock::open(&path)?;
        flock(&claims, FlockOperation::NonBlockingLockExclusive).with_path("lock", &path)?;
        let scratch = self.root.join("scratch").join(&name);
        fs::create_dir(&scratch).with_path("create", &scratch)?;
        Ok(Session {
            store: self.clone(),
            name,
            claims,
            drafts: AtomicU32::new(0),
            sound: Mutex::default(),
            dropped: Mutex::default(),
        })
    }

    /// Removes the scratch of sessions that live no more. The store's lock is held.
    fn sweep(&self) -> Result<(), StoreError> {
        let running = self.root.join("running");
        for entry in fs::read_dir(&running).with_path("read", &running)? {
            let path = entry.with_path("read", &running)?.path();
            if !lock::is_held(&path)? {
                fs::remove_file(&path).with_path("remove", &path)?;
            }
        }
        let scratch = self.root.join("scratch");
        let used = self.claimed(None)?;
        for entry in fs::read_dir(&scratch).with_path("read", &scratch)? {
            let entry = entry.with_path("read", &scratch)?;
            let is_used = prune::dropped_id(&entry.file_name()).is_some_and(|id| used.contains(&id));
            if !is_used && !running.join(entry.file_name()).exists() {
                remove_tree(&entry.path()).with_path("remove", &entry.path())?;
            }
        }
        Ok(())
    }
}

impl Session {
    /// The store.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// A directory of this session alone, for what no checkpoint keeps; removed with it.
    pub fn scratch(&self) -> PathBuf {
        self.store.root.join("scratch").join(&self.name)
    }

    /// Looks up a step's result. It is claimed and checked: names, kinds, modes, owners, sizes and times of all its files. What
    /// they hold is not read: [`compare`](Self::compare) does that.
    pub fn find(&self, id: Digest) -> Result<Lookup, StoreError> {
        let lock = self.store.lock()?;
        let dir = self.store.checkpoint_dir(id);
        if !dir.try_exists().with_path("find", &dir)? {
            return Ok(Lookup::Missing);
        }
        self.claim(id)?;
        drop(lock);
        match self.store.check(id) {
            Ok(Some(found)) => {
                touch(&dir.join("meta.json")).with_path("touch", &dir)?;
                Ok(Lookup::Whole(Box::new(found)))
            }
            Ok(None) => Ok(Lookup::Missing),
            Err(error @ StoreError::Corrupted { .. }) => {
                self.drop_corrupted(id)?;
                Ok(Lookup::Dropped(error))
            }
            Err(error) => Err(error),
        }
    }

    /// Compares what the files of these checkpoints hold with what was written, once in a session; those that this session made
    /// itself are not read. To be called before anything reads their layers: a step that runs on them, a squash, a capture.
    ///
    /// # Errors
    /// `Corrupted`, when the checkpoint and all that was built on it are dropped already: begin again.
    pub fn compare(&self, ids: impl IntoIterator<Item = Digest>) -> Result<(), StoreError> {
        for id in ids {
            if self.sound.lock().unwrap_or_else(PoisonError::into_inner).contains(&id) {
                continue;
            }
            match self.store.compare(id) {
                Ok(()) => self.mark_sound(id),
                Err(error @ StoreError::Corrupted { .. }) => {
                    self.drop_corrupted(id)?;
                    return Err(error);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Whether this session found a checkpoint corrupted, and dropped it.
    pub fn has_dropped(&self, id: Digest) -> bool {
        self.dropped.lock().unwrap_or_else(PoisonError::into_inner).contains(&id)
    }

    fn drop_corrupted(&self, id: Digest) -> Result<(), StoreError> {
        self.dropped.lock().unwrap_or_else(PoisonError::into_inner).insert(id);
        self.store.drop_with_descendants(id, &self.name)
    }

    /// Remembers that the content of a checkpoint is known to be right.
    pub(super) fn mark_sound(&self, id: Digest) {
        self.sound.lock().unwrap_or_else(PoisonError::into_inner).insert(id);
    }

    /// A place for the result of a step that is about to run.
    pub fn draft(&self) -> Result<Draft<'_>, StoreError> {
        let number = self.drafts.fetch_add(1, Ordering::Relaxed);
        Draft::new(self, self.scratch().join(format!("step-{number}")))
    }

    /// Waits until no other build runs this step, and keeps others from it until the lock is dropped. Look for the result
    /// again before running it. `waiting` is called once if there is somebody to wait for.
    pub fn lock_step(&self, id: Digest, waiting: impl FnOnce()) -> Result<StepLock, StoreError> {
        StepLock::acquire(self.store.root.join(format!("locks/step-{id}")), waiting)
    }

    /// Waits for a lock of this name, and holds it until it is dropped.
    pub fn lock_named(&self, name: &str) -> Result<StepLock, StoreError> {
        StepLock::acquire(self.store.root.join("locks").join(name), || ())
    }

    pub(super) fn claim(&self, id: Digest) -> Result<(), StoreError> {
        let path = self.store.root.join("running").join(&self.name);
        Ok(writeln!(&self.claims, "{id}").with_path("write", &path)?)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // What fails here is done by the next session's sweep.
        let _ = remove_tree(&self.scratch());
        let _ = fs::remove_file(self.store.root.join("running").join(&self.name));
    }
}

/// Sets the time of last use.
fn touch(path: &Path) -> rustix::io::Result<()> {
    let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
    let times = Timestamps { last_access: now, last_modification: now };
    utimensat(rustix::fs::CWD, path, &times, rustix::fs::AtFlags::empty())
}
