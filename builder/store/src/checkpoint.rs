//! The result of one step, as it is kept: a directory with the step's layer, what is known of it, and a seal that is written last.
//!
//! In: a step id. Out: its result, checked, or that there is none. Never: a result that disagrees with what was written.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use dibber_fs::{Dir, PathContext};
use dibber_model::{Digest, Hasher};
use serde::{Deserialize, Serialize};

use super::content::Contents;
use super::{Stamp, Store, StoreError, stamp};

/// What is known of a step's result besides its files.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CheckpointMeta {
    /// The step before it; none for the first.
    pub parent: Option<Digest>,
    /// The image that it was made for first; others with the same steps share it.
    pub image: String,
    /// Phase of the step.
    pub phase: String,
    /// Name of the step.
    pub name: String,
    /// Element that the step is of.
    pub element: String,
    /// Seconds that it took.
    pub seconds: f64,
    /// When it was made: seconds since 1970.
    pub made: i64,
    /// What the driver needs to go on from here: mounts left, requests of the boot loader's installer ...
    pub state: serde_json::Value,
    /// The checkpoints whose layers this one's layer replaces, if it is a squash.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub squashes: Vec<Digest>,
}

/// What is in `meta.json`: the step's own words and the store's.
#[derive(Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) id: Digest,
    #[serde(flatten)]
    pub(super) meta: CheckpointMeta,
    /// Sub-directories, sorted by name.
    pub(super) parts: Vec<Part>,
}

/// A sub-directory of a checkpoint.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Part {
    pub(super) name: String,
    /// What it looked like.
    pub(super) stamp: Stamp,
    /// Digest of the file `NAME.content`, which says what each of its files held.
    pub(super) content: Digest,
}

impl Part {
    /// Looks at a part and reads all of it. What its files hold is written beside it.
    pub(super) fn describe(keep: &Dir, name: String) -> io::Result<Part> {
        let dir = keep.below(&name)?;
        let stamp = stamp::stamp_of(&dir)?;
        let content = Contents::read(&dir)?.to_bytes()?;
        keep.write_new(content_file(&name), &content, 0o600)?;
        Ok(Part { name, stamp, content: Digest::of(&content) })
    }

    /// Why its files do not hold what they held; `None` if they do.
    fn difference(&self, dir: &Dir) -> io::Result<Option<String>> {
        let file = content_file(&self.name);
        let then = dir.read(&file, LONGEST)?;
        if Digest::of(&then) != self.content {
            return Ok(Some(format!("{file} is not what was written")));
        }
        let now = Contents::read(&dir.below(&self.name)?)?;
        let path = Contents::from_bytes(&then)?.first_difference(&now);
        Ok(path.map(|path| format!("{} is not what was written", path.display())))
    }
}

/// No list of a layer's files is longer, in bytes: a hundred a file, for ten million of them.
const LONGEST: u64 = 1 << 30;

fn content_file(part: &str) -> String {
    format!("{part}.content")
}

/// A step's result. It stays while the session that asked for it lives.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    /// Step id.
    pub id: Digest,
    /// What the step said.
    pub meta: CheckpointMeta,
    /// Bytes that its files take on disk.
    pub bytes: u64,
    pub(super) dir: PathBuf,
    pub(super) parts: Vec<String>,
}

impl Checkpoint {
    /// Its layer of the tree; none if the step changed nothing.
    pub fn layer(&self) -> Option<PathBuf> {
        self.part("layer")
    }

    /// Another directory that it left (`hooks` ...).
    pub fn part(&self, name: &str) -> Option<PathBuf> {
        self.parts.iter().any(|part| part == name).then(|| self.dir.join(name))
    }
}

/// The layers of a chain of checkpoints, bottom first. A squash stands in the chain after the last one that it replaces.
pub fn layers(chain: &[Checkpoint]) -> Vec<PathBuf> {
    let mut stack: Vec<(Digest, PathBuf)> = Vec::new();
    for checkpoint in chain {
        stack.retain(|(id, _)| !checkpoint.meta.squashes.contains(id));
        stack.extend(checkpoint.layer().map(|layer| (checkpoint.id, layer)));
    }
    stack.into_iter().map(|(_, layer)| layer).collect()
}

/// What a look-up of a step's result found.
#[derive(Debug)]
pub enum Lookup {
    /// There is one, and it is what was written.
    Whole(Box<Checkpoint>),
    /// There is none.
    Missing,
    /// There was one, which is corrupted; it and all that was built on it is dropped. The error says what was wrong.
    Dropped(StoreError),
}

/// The id under which the squash of these checkpoints' layers, bottom first, is kept.
pub fn squash_id(of: &[Digest]) -> Digest {
    let mut hasher = Hasher::new("dibber squash");
    for id in of {
        hasher.digest(*id);
    }
    hasher.finish()
}

/// Reads `meta.json` and compares it with its seal, which is the last file that is written. The error says what disagrees.
pub(super) fn read_record(dir: &Path) -> Result<Record, String> {
    let unreadable = |file: &'static str| move |error: io::Error| format!("{file}: {error}");
    let seal = fs::read_to_string(dir.join("sealed")).map_err(unreadable("sealed"))?;
    let bytes = fs::read(dir.join("meta.json")).map_err(unreadable("meta.json"))?;
    if Digest::of(&bytes).to_string() != seal.trim_end() {
        return Err("meta.json is not what was written".to_string());
    }
    let record: Record = serde_json::from_slice(&bytes).map_err(|e| format!("meta.json: {e}"))?;
    if dir.file_name().and_then(|name| name.to_str()) != Some(record.id.to_string().as_str()) {
        return Err("it has the name of another".to_string());
    }
    Ok(record)
}

impl Store {
    /// Reads and checks a checkpoint, without claiming it: all but what its files hold.
    pub(super) fn check(&self, id: Digest) -> Result<Option<Checkpoint>, StoreError> {
        let dir = self.checkpoint_dir(id);
        if !dir.try_exists().with_path("find", &dir)? {
            return Ok(None);
        }
        let Record { meta, parts, .. } = self.record(id)?;
        let open = Dir::open_no_follow(&dir).with_path("open", &dir)?;
        let mut bytes = 0;
        for Part { name, stamp: written, .. } in &parts {
            let wrong = |why| corrupted(id, Some(&meta), why);
            let found = open.below(name).and_then(|part| stamp::stamp_of(&part));
            let found = found.map_err(|e| wrong(format!("{name}: {e}")))?;
            if (found.entries, found.digest) != (written.entries, written.digest) {
                return Err(wrong(format!(
                    "{name} has {} entries, {} were written, or one of them has another size, mode, owner or time",
                    found.entries, written.entries
                )));
            }
            bytes += written.bytes;
        }
        let parts = parts.into_iter().map(|part| part.name).collect();
        Ok(Some(Checkpoint { id, meta, bytes, dir, parts }))
    }

    /// Compares what the files of a checkpoint hold with what was written, and fails if one of them holds something else.
    pub(super) fn compare(&self, id: Digest) -> Result<(), StoreError> {
        let dir = self.checkpoint_dir(id);
        let Record { meta, parts, .. } = self.record(id)?;
        let open = Dir::open_no_follow(&dir).with_path("open", &dir)?;
        for part in &parts {
            // What cannot be read is as bad as what is wrong.
            let why = part.difference(&open).unwrap_or_else(|e| Some(e.to_string()));
            if let Some(why) = why {
                return Err(corrupted(id, Some(&meta), why));
            }
        }
        Ok(())
    }

    fn record(&self, id: Digest) -> Result<Record, StoreError> {
        read_record(&self.checkpoint_dir(id)).map_err(|why| corrupted(id, None, why))
    }
}

fn corrupted(id: Digest, meta: Option<&CheckpointMeta>, why: String) -> StoreError {
    let word = |of: fn(&CheckpointMeta) -> &String| meta.map_or("?", |meta| of(meta)).to_string();
    StoreError::Corrupted { id, phase: word(|meta| &meta.phase), name: word(|meta| &meta.name), why }
}
