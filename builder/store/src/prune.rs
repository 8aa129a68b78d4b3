//! What the store holds, and how it is kept small: `dibber cache ls` and `dibber cache prune`.
//!
//! In: limits. Out: what was removed. Never: a checkpoint that a running build uses, nor one left whose parent is gone.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use dibber_fs::{PathContext, PathError};
use dibber_model::{Bytes, Digest};

use super::{CheckpointMeta, Store, StoreError, checkpoint, lock, remove_tree};

/// A checkpoint, as `dibber cache ls` shows it.
#[derive(Clone, Debug)]
pub struct ListedCheckpoint {
    /// Step id.
    pub id: Digest,
    /// Image, phase, step, element ...; none if it cannot be read, and so is of no use.
    pub meta: Option<CheckpointMeta>,
    /// Bytes on disk.
    pub bytes: u64,
    /// When a build last used it.
    pub used: SystemTime,
    /// Whether a running build uses it.
    pub in_use: bool,
}

/// What may stay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PruneLimits {
    /// At most this much; the least recently used go first.
    pub size: Option<Bytes>,
    /// Nothing that was not used for so long.
    pub age: Option<Duration>,
    /// Nothing at all, downloads and answers included.
    pub all: bool,
}

/// What was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PruneSummary {
    /// Checkpoints removed.
    pub removed: usize,
    /// Bytes freed, of checkpoints.
    pub freed: u64,
    /// Bytes that checkpoints still take.
    pub left: u64,
    /// Checkpoints that would have gone, but that a running build uses.
    pub in_use: usize,
}

impl Store {
    /// Every checkpoint, the most recently used first.
    pub fn list(&self) -> Result<Vec<ListedCheckpoint>, StoreError> {
        let used = self.claimed(None)?;
        let dir = self.root.join("checkpoints");
        let mut found = Vec::new();
        for entry in fs::read_dir(&dir).with_path("read", &dir)? {
            let entry = entry.with_path("read", &dir)?;
            let Ok(id) = Digest::try_from(entry.file_name().to_string_lossy().into_owned()) else { continue };
            let path = entry.path();
            let record = checkpoint::read_record(&path).ok();
            let time = fs::metadata(path.join("meta.json")).and_then(|m| m.modified());
            found.push(ListedCheckpoint {
                id,
                bytes: record.iter().flat_map(|r| &r.parts).map(|part| part.stamp.bytes).sum(),
                meta: record.map(|r| r.meta),
                used: time.unwrap_or(SystemTime::UNIX_EPOCH),
                in_use: used.contains(&id),
            });
        }
        found.sort_by(|a, b| b.used.cmp(&a.used).then(a.id.cmp(&b.id)));
        Ok(found)
    }

    /// Removes what the limits do not allow, as of `now`. Runs inside the namespace, as what it removes belongs to its ids.
    pub fn prune(&self, limits: PruneLimits, now: SystemTime) -> Result<PruneSummary, StoreError> {
        let lock = self.lock()?;
        let listed = self.list()?;
        let children = children(&listed);
        let mut size: u64 = listed.iter().map(|item| item.bytes).sum();
        let (mut gone, mut done) = (BTreeSet::new(), PruneSummary::default());
        for item in listed.iter().rev() {
            let old =
                limits.age.is_some_and(|age| now.duration_since(item.used).is_ok_and(|unused| unused > age));
            let over = limits.size.is_some_and(|limit| size > limit.0);
            if gone.contains(&item.id) || !(limits.all || old || over || item.meta.is_none()) {
                continue;
            }
            let family: Vec<&ListedCheckpoint> = with_descendants(&listed, &children, item.id);
            if family.iter().any(|member| member.in_use) {
                done.in_use += 1;
                continue;
            }
            for member in family.into_iter().filter(|member| gone.insert(member.id)) {
                size -= member.bytes;
                done.freed += member.bytes;
                done.removed += 1;
            }
        }
        done.left = size;
        let trash = self.rename_out(gone.into_iter())?;
        drop(lock);
        trash.iter().try_for_each(|path| remove_tree(path).with_path("remove", path))?;
        if limits.all {
            self.remove_all_but_checkpoints()?;
        }
        Ok(done)
    }

    /// Drops a checkpoint, and all that was built on it: that lies on files that are not what they were. What another session
    /// uses is moved out of the way only: its mounts keep it, and the first session after it removes it.
    pub(super) fn drop_with_descendants(&self, id: Digest, session: &str) -> Result<(), StoreError> {
        let lock = self.lock()?;
        let listed = self.list()?;
        let mut gone: BTreeSet<Digest> =
            with_descendants(&listed, &children(&listed), id).iter().map(|item| item.id).collect();
        gone.insert(id);
        let used = self.claimed(Some(session))?;
        self.rename_out(gone.iter().copied().filter(|id| used.contains(id)))?;
        let trash = self.rename_out(gone.iter().copied().filter(|id| !used.contains(id)))?;
        drop(lock);
        Ok(trash.iter().try_for_each(|path| remove_tree(path).with_path("remove", path))?)
    }

    /// Moves checkpoints to where a dead session's scratch would be, so that the next sweep ends what is interrupted here.
    fn rename_out(&self, ids: impl Iterator<Item = Digest>) -> Result<Vec<PathBuf>, StoreError> {
        let mut trash = Vec::new();
        for id in ids {
            let (from, scratch) = (self.checkpoint_dir(id), self.root.join("scratch"));
            let free = (0..).map(|n| scratch.join(format!("{GONE}{id}-{n}"))).find(|path| !path.exists());
            let to = free.expect("numbers do not end before names do");
            match fs::rename(&from, &to) {
                Ok(()) => trash.push(to),
                Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                Err(e) => return Err(PathError::new("remove", &from, e).into()),
            }
        }
        Ok(trash)
    }

    /// Ids that running sessions claimed, except this one.
    pub(super) fn claimed(&self, except: Option<&str>) -> Result<BTreeSet<Digest>, StoreError> {
        let running = self.root.join("running");
        let mut ids = BTreeSet::new();
        for entry in fs::read_dir(&running).with_path("read", &running)? {
            let entry = entry.with_path("read", &running)?;
            let path = entry.path();
            if entry.file_name().to_str() != except && lock::is_held(&path)? {
                let text = fs::read_to_string(&path).with_path("read", &path)?;
                ids.extend(text.lines().filter_map(|line| Digest::try_from(line.to_string()).ok()));
            }
        }
        Ok(ids)
    }

    /// Removes downloads, answers, timings, what is known of sets, and copies of sources.
    fn remove_all_but_checkpoints(&self) -> Result<(), StoreError> {
        for name in ["downloads", "answers", "timings", "sets", "sources"] {
            let dir = self.root.join(name);
            for entry in fs::read_dir(&dir).with_path("read", &dir)? {
                let entry = entry.with_path("read", &dir)?;
                let is_dir = entry.file_type().is_ok_and(|kind| kind.is_dir());
                let path = entry.path();
                let removed = if is_dir { remove_tree(&path) } else { fs::remove_file(&path) };
                removed.with_path("remove", &path)?;
            }
        }
        Ok(())
    }
}

/// How the names of checkpoints begin that were moved out of the way.
const GONE: &str = "gone-";

/// The checkpoint that a name in `scratch` stands for, if it is one that was moved out of the way.
pub(super) fn dropped_id(name: &OsStr) -> Option<Digest> {
    let id = name.to_str()?.strip_prefix(GONE)?.split('-').next()?;
    Digest::try_from(id.to_string()).ok()
}

/// Checkpoints by what they need: their parent, and for a squash what it replaces.
fn children(listed: &[ListedCheckpoint]) -> BTreeMap<Digest, Vec<Digest>> {
    let mut children: BTreeMap<Digest, Vec<Digest>> = BTreeMap::new();
    for item in listed {
        for needed in item.meta.iter().flat_map(|meta| meta.parent.iter().chain(&meta.squashes)) {
            children.entry(*needed).or_default().push(item.id);
        }
    }
    children
}

/// A checkpoint and all that needs it.
fn with_descendants<'a>(
    listed: &'a [ListedCheckpoint],
    children: &BTreeMap<Digest, Vec<Digest>>,
    id: Digest,
) -> Vec<&'a ListedCheckpoint> {
    let mut ids = BTreeSet::from([id]);
    let mut stack = vec![id];
    while let Some(id) = stack.pop() {
        for child in children.get(&id).into_iter().flatten() {
            if ids.insert(*child) {
                stack.push(*child);
            }
        }
    }
    listed.iter().filter(|item| ids.contains(&item.id)).collect()
}
