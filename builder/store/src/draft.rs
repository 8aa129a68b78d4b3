//! The result of a step while it is made: a directory of the session's scratch, which becomes a checkpoint by one rename.
//!
//! In: directories that the step fills. Out: a checkpoint, if the step succeeded. Never: a checkpoint of a name before all its
//! bytes are on disk.

use std::fs;
use std::os::fd::AsFd;
use std::path::PathBuf;

use dibber_fs::{Dir, PathContext};
use dibber_model::Digest;

use super::checkpoint::{Checkpoint, Lookup, Part, Record};
use super::{CheckpointMeta, Session, StoreError, remove_tree};

/// A step's result, not yet kept. Dropped without [`commit`](Draft::commit), it is removed.
#[derive(Debug)]
pub struct Draft<'a> {
    session: &'a Session,
    dir: Option<PathBuf>,
}

impl<'a> Draft<'a> {
    pub(super) fn new(session: &'a Session, dir: PathBuf) -> Result<Self, StoreError> {
        for dir in [&dir, &dir.join("keep")] {
            fs::create_dir(dir).with_path("create", dir)?;
        }
        Ok(Draft { session, dir: Some(dir) })
    }

    fn dir(&self) -> PathBuf {
        self.dir.clone().unwrap_or_default()
    }

    /// Where the step's layer goes: the `upper` of [`Overlay::mount`](crate::layers::Overlay::mount), which makes it.
    pub fn layer(&self) -> PathBuf {
        self.part("layer")
    }

    /// Where another directory that the step leaves goes (`hooks` ...). Only those that exist at the commit are kept.
    pub fn part(&self, name: &str) -> PathBuf {
        self.dir().join("keep").join(name)
    }

    /// Gives up a part, such as a layer that [`is_unchanged`](crate::layers::is_unchanged).
    pub fn discard_part(&self, name: &str) -> Result<(), StoreError> {
        let path = self.part(name);
        Ok(remove_tree(&path).with_path("remove", &path)?)
    }

    /// The `work` of the mount whose upper is the part `name`.
    pub fn work(&self, name: &str) -> PathBuf {
        self.dir().join(format!("work-{name}"))
    }

    /// Where the tree can be mounted.
    pub fn mount_point(&self) -> Result<PathBuf, StoreError> {
        let path = self.dir().join("tree");
        if !path.exists() {
            fs::create_dir(&path).with_path("create", &path)?;
        }
        Ok(path)
    }

    /// Keeps the result under its step's id: it is read and described while it is in memory, synced once, renamed. All mounts
    /// of its parts must be gone. If another build kept the same step meanwhile, that one's result is taken.
    pub fn commit(mut self, id: Digest, meta: CheckpointMeta) -> Result<Checkpoint, StoreError> {
        let dir = self.dir();
        let keep = dir.join("keep");
        let open = Dir::open_no_follow(&keep).with_path("open", &keep)?;
        let mut parts = Vec::new();
        for name in open.names().with_path("read", &keep)? {
            let name = name.to_string_lossy().into_owned();
            let place = keep.join(&name);
            parts.push(Part::describe(&open, name).with_path("read", &place)?);
        }
        let record = Record { id, meta, parts };
        let text = serde_json::to_vec_pretty(&record).expect("a record's keys are strings");
        let write = |name: &str, bytes: &[u8]| {
            open.write_new(name, bytes, 0o644).with_path("write", &keep.join(name))
        };
        write("meta.json", &text)?;
        write("sealed", Digest::of(&text).to_string().as_bytes())?;
        // The mounts were volatile: until now nothing of the layer need be on disk, and the rename must not get there first.
        rustix::fs::syncfs(open.as_fd()).with_path("sync", &keep)?;
        let store = self.session.store();
        let lock = store.lock()?;
        self.session.claim(id)?;
        let target = store.checkpoint_dir(id);
        if target.try_exists().with_path("find", &target)? {
            drop(lock);
            if let Lookup::Whole(found) = self.session.find(id)? {
                return Ok(*found);
            }
            // It was corrupted, and is gone.
            let _lock = store.lock()?;
            fs::rename(&keep, &target).with_path("keep", &target)?;
        } else {
            fs::rename(&keep, &target).with_path("keep", &target)?;
        }
        self.discard();
        self.session.mark_sound(id);
        let bytes = record.parts.iter().map(|part| part.stamp.bytes).sum();
        let parts = record.parts.into_iter().map(|part| part.name).collect();
        Ok(Checkpoint { id, meta: record.meta, bytes, dir: target, parts })
    }

    fn discard(&mut self) {
        if let Some(dir) = self.dir.take() {
            // What fails here is done when the session ends, or by the next one's sweep.
            let _ = remove_tree(&dir);
        }
    }
}

impl Drop for Draft<'_> {
    fn drop(&mut self) {
        self.discard();
    }
}
