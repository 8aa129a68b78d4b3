//! One image's files on their way from the previous set to the new one, and the way back.
//!
//! `images.json` itself is the journal. Before any file is touched it says, durably, what will be replaced by what, each by its
//! digest; so whatever an interruption leaves can be told, and undone, by what `images.json` says alone:
//!
//! | `images.json` names | the interruption was | what is done |
//! | --- | --- | --- |
//! | the previous set | before a file was touched | further names are removed |
//! | the previous set aside, or none | while files took their places | they are put back |
//! | the new set | after the commit | what is left of the previous one is removed |
//!
//! In: a switch, a locked directory. Out: one whole set under its names. Never: a file touched whose content is neither of the
//! previous set nor of the new one.

use std::collections::BTreeMap;
use std::path::Path;

use dibber_fs::Dir;
use dibber_model::Digest;
use serde::{Deserialize, Serialize};

use super::lock::DirectoryLock;
use super::place::LockedDirectory;
use super::{OutputError, Seen, SetEntry, SetFile, Stage, file_error, names};

/// What replaces what. Digests are those of the files' content, by the name in the directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Switch {
    /// The set that was there.
    #[serde(rename = "former", default, skip_serializing_if = "Option::is_none")]
    pub(super) previous: Option<SetEntry>,
    /// The set that is put in place.
    pub(super) coming: SetEntry,
    /// Files that are replaced, or that the new set has not; each is kept as `.former-NAME` until the new set is committed.
    pub(super) aside: BTreeMap<String, Digest>,
    /// Files of the new set.
    pub(super) placed: BTreeMap<String, Digest>,
}

impl Switch {
    /// Both sets.
    pub(super) fn entries(&self) -> impl Iterator<Item = &SetEntry> {
        self.previous.iter().chain([&self.coming])
    }

    /// The previous set under the names that it has aside.
    pub(super) fn kept(&self) -> Option<SetEntry> {
        let mut kept = self.previous.clone()?;
        for file in &mut kept.files {
            file.name = names::aside(&file.name);
            file.links.iter_mut().for_each(|link| *link = names::aside(link));
        }
        Some(kept)
    }

    /// Whether every file of the previous set is among those aside, as it was recorded.
    fn keeps_a_whole_set(&self) -> bool {
        let is_kept = |name: &str, digest| self.aside.get(name) == Some(&digest);
        let previous = self.previous.iter().flat_map(|previous| &previous.files);
        previous.flat_map(|file| file.names().map(|name| (name, file.sha256))).all(|(n, d)| is_kept(n, d))
    }
}

/// What `images.json` names of the image meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    /// The previous set, under its names.
    Previous,
    /// The previous set, as it is kept aside.
    Aside,
    /// No set: there was none, it was not whole, or it cannot have two names.
    None,
    /// The new set.
    Coming,
}

/// A switch under way.
pub(super) struct Switching<'a> {
    pub(super) place: LockedDirectory<'a>,
    pub(super) others: Vec<SetEntry>,
    pub(super) switch: Switch,
}

impl Switching<'_> {
    /// Writes `images.json` so that it names this, and how to undo what is done next.
    pub(super) fn show(&self, shown: Shown) -> Result<(), OutputError> {
        self.publish(shown, Some(self.switch.clone()))
    }

    /// The same, and there is nothing more to undo.
    pub(super) fn finish(&self, shown: Shown) -> Result<(), OutputError> {
        self.publish(shown, None)
    }

    fn publish(&self, shown: Shown, switch: Option<Switch>) -> Result<(), OutputError> {
        let entry = match shown {
            Shown::Previous => self.switch.previous.clone(),
            Shown::Aside => self.switch.kept(),
            Shown::None => None,
            Shown::Coming => Some(self.switch.coming.clone()),
        };
        let mut images: Vec<SetEntry> = self.others.iter().cloned().chain(entry).collect();
        images.sort_by(|a, b| a.key().cmp(&b.key()));
        self.place.publish(&SetFile { version: 1, images, switch })
    }

    /// What to show while files take their places.
    pub(super) fn meanwhile(&self, are_linked: bool) -> Shown {
        match self.switch.previous.is_some() && are_linked && self.switch.keeps_a_whole_set() {
            true => Shown::Aside,
            false => Shown::None,
        }
    }

    /// Undoes what was done since `images.json` named the previous set.
    pub(super) fn back(&self, shown: Shown) -> Result<(), OutputError> {
        self.refuse_others()?;
        let standing = match shown {
            Shown::Coming => self.meanwhile(self.all_are_aside()?),
            other => other,
        };
        // SHA256SUMS is written before images.json, so an interruption may have left the sums of what was to come next.
        self.show(standing)?;
        if standing != Shown::Previous {
            for (name, digest) in &self.switch.aside {
                self.put_back(name, *digest)?;
            }
            for (name, digest) in &self.switch.placed {
                if !self.switch.aside.contains_key(name) {
                    self.remove(name, *digest)?;
                }
            }
            self.show(Shown::Previous)?;
        }
        self.remove_aside()?;
        self.finish(Shown::Previous)
    }

    /// Removes what is left of the previous set, when `images.json` names the new one.
    pub(super) fn clear(&self) -> Result<(), OutputError> {
        for (name, digest) in &self.switch.aside {
            if !self.switch.placed.contains_key(name) {
                self.remove(name, *digest)?;
            }
        }
        self.remove_aside()?;
        self.finish(Shown::Coming)
    }

    fn remove_aside(&self) -> Result<(), OutputError> {
        self.switch.aside.iter().try_for_each(|(name, digest)| self.remove(&names::aside(name), *digest))
    }

    /// Removes a file, if it is the one that is meant.
    fn remove(&self, name: &str, digest: Digest) -> Result<(), OutputError> {
        match self.place.has(name, digest)? {
            true => self.dir().remove_file(name).map_err(file_error(self.path().join(name))),
            false => Ok(()),
        }
    }

    fn all_are_aside(&self) -> Result<bool, OutputError> {
        for (name, digest) in &self.switch.aside {
            if !self.place.has(&names::aside(name), *digest)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// A file that came between is nobody's to remove.
    fn refuse_others(&self) -> Result<(), OutputError> {
        for name in self.switch.placed.keys().chain(self.switch.aside.keys()) {
            let known = [self.switch.placed.get(name), self.switch.aside.get(name)];
            let found = self.place.digest(name)?;
            if found.is_other() || found.digest().is_some_and(|found| !known.contains(&Some(&found))) {
                return Err(OutputError::Foreign { path: self.path().join(name) });
            }
        }
        Ok(())
    }

    fn put_back(&self, name: &str, digest: Digest) -> Result<(), OutputError> {
        let aside = names::aside(name);
        match !self.place.has(name, digest)? && self.place.has(&aside, digest)? {
            true => self.place.link_over(&aside, name),
            false => Ok(()),
        }
    }

    fn dir(&self) -> &Dir {
        &self.place.held.dir
    }

    fn path(&self) -> &Path {
        &self.place.held.path
    }
}

/// The set of a locked directory, after what an interrupted commit left was brought to an end.
pub(super) fn settled(held: &DirectoryLock, stage: &Stage, seen: &Seen) -> Result<SetFile, OutputError> {
    let set = SetFile::read_in(&held.dir, &held.path)?;
    if set.switch.is_some() {
        set.refuse_foreign(&held.dir, &held.path, seen, [names::SUMS])?;
    }
    let Some(switch) = set.switch else { return Ok(set) };
    let (own, others): (Vec<_>, Vec<_>) =
        set.images.into_iter().partition(|entry| switch.coming.replaces(entry));
    let named = own.first();
    let shown = match named {
        None => Shown::None,
        Some(_) if named == switch.previous.as_ref() => Shown::Previous,
        Some(_) if named == Some(&switch.coming) => Shown::Coming,
        Some(_) => Shown::Aside,
    };
    let switching = Switching { place: LockedDirectory { held, stage, seen }, others, switch };
    match shown {
        Shown::Coming => switching.clear()?,
        other => switching.back(other)?,
    }
    SetFile::read_in(&held.dir, &held.path)
}

/// Brings to an end what an interrupted commit left in a directory. Who may not write there is content: `images.json` names a
/// whole set meanwhile, too.
pub fn settle(dir: &Path) -> Result<(), OutputError> {
    if SetFile::read(dir)?.switch.is_none() {
        return Ok(());
    }
    let settled = DirectoryLock::lock(dir).and_then(|held| {
        // Whoever was at it may have come to the end meanwhile.
        if SetFile::read_in(&held.dir, dir)?.switch.is_none() {
            return Ok(());
        }
        let stage = Stage::open(dir, "mend")?;
        settled(&held, &stage, &Seen::default()).map(drop)
    });
    match settled {
        Err(error) if error.is_not_allowed() => Ok(()),
        other => other,
    }
}
