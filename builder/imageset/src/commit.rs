//! Puts a finished set in place.
//!
//! In: files in the stage, described. Out: the same under their names, and `images.json` that names them; or, after a failure,
//! the previous set as it was. Never: a moment in which `images.json` names a file by a digest that the file of that name has
//! not.
//!
//! rename(2) replaces one name at a time, and a set has many. So the previous set gets further names first, hard links
//! `.former-NAME`, and `images.json` names those while the new files take the names; then it names the new set. Each of its
//! writes is one rename, and each finds the files that it names already there and on disk.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;

use dibber_fs::Dir;
use dibber_model::Digest;
use rustix::fs::{Mode, fchmod, fchown};
use rustix::process::{getegid, geteuid};
use serde::{Deserialize, Serialize};

use super::lock::DirectoryLock;
use super::place::{LockedDirectory, write_new};
use super::switch::{Shown, Switching, settled};
use super::word::SetWord;
use super::{
    FileEntry, OutputError, Seen, SetEntry, SetFile, Sidecar, Stage, Switch, file_error, foreign, names,
};

/// One finished file of the stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MadeFile {
    /// The file's name in the stage, which is its name in the set.
    pub name: String,
    /// Further names that it gets.
    pub links: Vec<String>,
    /// Its description.
    pub sidecar: Sidecar,
}

/// What a build made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuiltSet {
    /// The files.
    pub files: Vec<MadeFile>,
}

/// Puts files, links and sidecars of the stage into the directory that it is in, and commits them with `images.json`. Files that
/// the image's previous set had, and this one has not, are removed. `seen` spares a second reading of what was read before.
pub fn commit(stage: &Stage, made: &BuiltSet, seen: &Seen) -> Result<SetEntry, OutputError> {
    let entry = entry(stage, made)?;
    let placed = make_ready(stage, made)?;
    // Other images may be put into the same directory at this moment.
    let held = DirectoryLock::lock_of(stage)?;
    let mut set = settled(&held, stage, seen)?;
    let place = LockedDirectory { held: &held, stage, seen };
    let taken = placed.keys().map(String::as_str).chain([names::SUMS]);
    set.refuse_foreign(&held.dir, stage.place(), seen, taken)?;
    let at = set.images.iter().position(|other| other.replaces(&entry));
    let previous = at.map(|at| set.images.remove(at));
    let aside = in_the_way(&place, previous.as_ref(), &placed)?;
    let switch = Switch { previous, coming: entry.clone(), aside, placed };
    let mut whole = SetFile { switch: Some(switch.clone()), ..set };
    crate::set::check::check_set(&whole).map_err(|why| at_stage(stage, why))?;
    whole.switch = None;
    let switching = Switching { place, others: whole.images, switch };
    put_in_place(&switching)?;
    Ok(entry)
}

fn at_stage(stage: &Stage, why: impl Into<String>) -> OutputError {
    file_error(stage.path())(io::Error::other(why.into()))
}

fn entry(stage: &Stage, made: &BuiltSet) -> Result<SetEntry, OutputError> {
    let first = made.files.first().ok_or_else(|| at_stage(stage, "the build made no files"))?;
    let files = made.files.iter().map(|file| FileEntry {
        name: file.name.clone(),
        links: file.links.clone(),
        kind: SetWord::new(&file.sidecar.kind),
        bytes: file.sidecar.bytes,
        sha256: file.sidecar.sha256,
        described: Some(Digest::of(&file.sidecar.text(&file.name))),
    });
    let of = &first.sidecar;
    let entry = SetEntry {
        name: of.image.clone(),
        arch: SetWord::new(&of.arch),
        platform: of.platform.as_deref().map(SetWord::new),
        id: of.id,
        files: files.collect(),
    };
    let alone = SetFile { version: 1, images: vec![entry.clone()], switch: None };
    crate::set::check::check_set(&alone).map_err(|why| at_stage(stage, why))?;
    Ok(entry)
}

/// Makes everything durable in the stage, under the names that it will have; returns the digest of each.
fn make_ready(stage: &Stage, made: &BuiltSet) -> Result<BTreeMap<String, Digest>, OutputError> {
    let mut placed = BTreeMap::new();
    for file in &made.files {
        let fault = |error| file_error(stage.path().join(&file.name))(error);
        for name in std::iter::once(&file.name).chain(&file.links) {
            let (sidecar, text) = (names::sidecar(name), file.sidecar.text(name));
            write_new(stage.dir(), &sidecar, &text).map_err(fault)?;
            placed.insert(sidecar, Digest::of(&text));
            placed.insert(name.clone(), file.sidecar.sha256);
        }
        take_over(stage.dir(), file).map_err(fault)?;
        for link in &file.links {
            let linked = stage.dir().remove_file(link);
            linked.and_then(|()| stage.dir().hard_link(&file.name, stage.dir(), link)).map_err(fault)?;
        }
    }
    Ok(placed)
}

/// The sandbox's root made the file; it becomes the person's, durable, and as open as the person's new files are.
fn take_over(stage: &Dir, made: &MadeFile) -> io::Result<()> {
    let file = stage.file(&made.name)?;
    let meta = file.metadata()?;
    if meta.nlink() != 1 {
        return Err(io::Error::other("it has further names, which no build gives"));
    }
    if meta.len() != made.sidecar.bytes {
        return Err(io::Error::other(format!(
            "it has {} bytes, and {} were made",
            meta.len(),
            made.sidecar.bytes
        )));
    }
    // Its sidecar was made under the person's umask.
    let mode = stage.file(names::sidecar(&made.name))?.metadata()?.mode() & 0o777;
    fchown(file.as_fd(), Some(geteuid()), Some(getegid()))?;
    fchmod(file.as_fd(), Mode::from_raw_mode(mode))?;
    file.sync_all()
}

/// What must make way: what has a name of the new set, and the files of the previous set that the new one has not, if they are
/// what was recorded.
fn in_the_way(
    place: &LockedDirectory<'_>,
    previous: Option<&SetEntry>,
    placed: &BTreeMap<String, Digest>,
) -> Result<BTreeMap<String, Digest>, OutputError> {
    let mut aside = BTreeMap::new();
    let mut found = |name: &str| -> Result<(), OutputError> {
        aside.extend(place.digest(name)?.digest().map(|digest| (name.to_string(), digest)));
        Ok(())
    };
    placed.keys().try_for_each(|name| found(name))?;
    for file in previous.iter().flat_map(|previous| &previous.files) {
        for name in file.names().filter(|name| !placed.contains_key(*name)) {
            let sidecar = names::sidecar(name);
            if place.has(name, file.sha256)? {
                found(name)?;
            }
            let is_its = foreign::is_sidecar_of(&place.held.dir, &sidecar, file);
            if !placed.contains_key(&sidecar) && is_its.map_err(file_error(place.held.path.join(&sidecar)))? {
                found(&sidecar)?;
            }
        }
    }
    Ok(aside)
}

fn put_in_place(switching: &Switching<'_>) -> Result<(), OutputError> {
    refuse_taken(switching)?;
    match forward(switching) {
        Ok(()) => {
            // The set is committed. What of the previous one cannot be removed now, the next command removes.
            let _ = switching.clear();
            Ok(())
        }
        Err(Stopped { shown, error }) => match switching.back(shown) {
            Ok(()) => Err(error),
            Err(undoing) => Err(OutputError::Halfway {
                dir: switching.place.held.path.clone(),
                error: Box::new(error),
                undoing: Box::new(undoing),
            }),
        },
    }
}

/// A name that the previous set is to have aside may be somebody's.
fn refuse_taken(switching: &Switching<'_>) -> Result<(), OutputError> {
    let held = switching.place.held;
    for name in switching.switch.aside.keys().map(|name| names::aside(name)) {
        if held.dir.stat(&name).map_err(file_error(&held.path))?.is_some() {
            return Err(OutputError::Foreign { path: held.path.join(name) });
        }
    }
    Ok(())
}

/// A failure on the way to the new set.
struct Stopped {
    /// What `images.json` names at that moment, at the latest.
    shown: Shown,
    error: OutputError,
}

/// From the previous set to the new one. A failure tells what `images.json` names at that moment, at the latest.
fn forward(switching: &Switching<'_>) -> Result<(), Stopped> {
    let place = &switching.place;
    let aside = || switching.switch.aside.keys().map(|name| (name.as_str(), names::aside(name)));
    let stopped = |shown| move |error| Stopped { shown, error };
    switching.show(Shown::Previous).map_err(stopped(Shown::Previous))?;
    let mut are_linked = true;
    for (name, kept) in aside() {
        are_linked &= place.link(name, &kept).map_err(stopped(Shown::Previous))?;
    }
    let meanwhile = switching.meanwhile(are_linked);
    switching.show(meanwhile).map_err(stopped(meanwhile))?;
    if !are_linked {
        aside().try_for_each(|(name, kept)| place.rename(name, &kept)).map_err(stopped(meanwhile))?;
    }
    for name in switching.switch.placed.keys() {
        let put = place.stage.dir().rename(name, &place.held.dir, name);
        put.map_err(file_error(place.held.path.join(name))).map_err(stopped(meanwhile))?;
    }
    // The commit.
    switching.show(Shown::Coming).map_err(stopped(Shown::Coming))
}
