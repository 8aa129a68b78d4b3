//! Sidecars and sums of a set whose files are right: whether they are as they were written, and written again where not.
//!
//! In: an entry of `images.json`, which has the digest of each sidecar. Out: the same bytes as the build wrote. Never: a file of
//! the set itself touched.

use dibber_fs::Dir;
use dibber_model::Digest;

use super::lock::DirectoryLock;
use super::place::LockedDirectory;
use super::switch::settled;
use super::{FileEntry, OutputError, Seen, SetEntry, SetFile, Sidecar, Stage, names, sidecar, sums};

/// How a planned image stands against what is in the directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SetStatus {
    /// Every file is as it was committed, and so is what describes them.
    UpToDate,
    /// Every file is, and these, which describe them, are not; they can be written again.
    Undescribed(Vec<String>),
    /// It is to be made again, for this reason.
    Stale(String),
}

/// A file that is not as it was written.
struct FaultyFile {
    name: String,
    /// What belongs in it.
    text: Vec<u8>,
}

/// Holds an entry of a directory's set against the directory, reading each file whole.
pub fn standing(dir: &Dir, set: &SetFile, entry: &SetEntry, seen: &Seen) -> SetStatus {
    if let Some(fault) = entry.fault(dir, Some(seen)) {
        return SetStatus::Stale(fault);
    }
    match faulty(dir, set, entry) {
        Err(why) => SetStatus::Stale(why),
        Ok(texts) if texts.is_empty() => SetStatus::UpToDate,
        Ok(texts) => SetStatus::Undescribed(texts.into_iter().map(|file| file.name).collect()),
    }
}

/// Writes again what describes the files of an image, where it is not as it was.
pub fn describe_again(stage: &Stage, entry: &SetEntry, seen: &Seen) -> Result<(), OutputError> {
    let held = DirectoryLock::lock_of(stage)?;
    let set = settled(&held, stage, seen)?;
    let place = LockedDirectory { held: &held, stage, seen };
    // Where it is another's now, or there is nothing to tell it from, the next build sees to it.
    if set.images.contains(entry) {
        for FaultyFile { name, text } in faulty(&held.dir, &set, entry).unwrap_or_default() {
            place.write(&name, &text)?;
        }
    }
    Ok(())
}

/// The files that describe an image and are not as they were written, with what belongs in them.
fn faulty(dir: &Dir, set: &SetFile, entry: &SetEntry) -> Result<Vec<FaultyFile>, String> {
    let mut faulty = Vec::new();
    for file in &entry.files {
        let sidecar =
            source(dir, file).ok_or_else(|| format!("nothing is left that describes {}", file.name))?;
        for name in file.names() {
            let (beside, text) = (names::sidecar(name), sidecar.text(names::own(name)));
            if dir.read(&beside, sidecar::LONGEST).ok().as_ref() != Some(&text) {
                faulty.push(FaultyFile { name: beside, text });
            }
        }
    }
    let text = sums::text(&set.images).into_bytes();
    if dir.read(names::SUMS, sums::LONGEST).ok().as_ref() != Some(&text) {
        faulty.push(FaultyFile { name: names::SUMS.into(), text });
    }
    Ok(faulty)
}

/// What describes a file, from any of its sidecars that is as it was written but for the name.
fn source(dir: &Dir, file: &FileEntry) -> Option<Sidecar> {
    let described = file.described?;
    let found = file.names().filter_map(|name| sidecar::read(dir, &names::sidecar(name)).ok().flatten());
    found.into_iter().find(|sidecar| Digest::of(&sidecar.text(names::own(&file.name))) == described)
}
