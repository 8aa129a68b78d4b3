//! Whether an `images.json` is one that dibber could have written.
//!
//! In: what was read from a file that anybody may have written. Out: nothing, or what is wrong with it. Never: a look at the
//! directory.

use std::collections::BTreeSet;

use crate::word::SetWord;
use crate::{FileEntry, SetEntry, SetFile, Switch, names};

/// More images than any directory has.
const IMAGES: usize = 5_000;
/// More files than an image has outputs.
const FILES: usize = 100;
/// More names than a file has.
const LINKS: usize = 10;

/// What is wrong with a set.
pub(crate) fn check_set(set: &SetFile) -> Result<(), String> {
    if set.version != 1 {
        return Err(format!("version {} is unknown", set.version));
    }
    if set.images.len() > IMAGES {
        return Err(format!("it names more than {IMAGES} images"));
    }
    let mut taken = BTreeSet::new();
    let kept = set.switch.as_ref().and_then(Switch::kept);
    for entry in &set.images {
        // The previous set of an image that is being replaced has names of its own, which `switch` checks.
        let under_way = set.switch.as_ref().is_some_and(|switch| switch.coming.replaces(entry));
        if !under_way {
            check_entry(entry)?;
            take_names(&mut taken, entry)?;
        } else if kept.as_ref() != Some(entry) && !set.switch.iter().any(|s| s.entries().any(|e| e == entry))
        {
            return Err(format!("{} is neither the former nor the new set of its image", entry.name));
        }
    }
    let mut keys = BTreeSet::new();
    if !set.images.iter().all(|entry| keys.insert(entry.key())) {
        return Err("it names an image twice".into());
    }
    set.switch.as_ref().map_or(Ok(()), |switch| check_switch(switch, &taken))
}

fn check_entry(entry: &SetEntry) -> Result<(), String> {
    let words = [entry.name.as_str(), entry.arch.as_str()];
    words.into_iter().chain(entry.platform.as_ref().map(SetWord::as_str)).try_for_each(check_plain)?;
    if entry.files.len() > FILES || entry.files.iter().any(|file| file.links.len() > LINKS) {
        return Err(format!("{} has more files than an image has", entry.name));
    }
    entry.files.iter().try_for_each(|file| check_plain(file.kind.as_str()))?;
    entry.files.iter().flat_map(FileEntry::names).try_for_each(check_plain)
}

fn check_plain(word: &str) -> Result<(), String> {
    // Quoted, so that what is in it stays data for whoever reads the message.
    names::fault(word).map_or(Ok(()), |why| Err(format!("{word:?} is no plain name: {why}")))
}

/// Notes the names of an entry, sidecars included; one that is taken is an error.
fn take_names(taken: &mut BTreeSet<String>, entry: &SetEntry) -> Result<(), String> {
    for name in entry.files.iter().flat_map(FileEntry::names) {
        for name in [name.to_string(), names::sidecar(name)] {
            if !taken.insert(name.clone()) {
                return Err(format!("{name:?} is the name of two files"));
            }
        }
    }
    Ok(())
}

fn check_switch(switch: &Switch, taken: &BTreeSet<String>) -> Result<(), String> {
    let mut own = BTreeSet::new();
    for one in switch.entries() {
        check_entry(one)?;
        let mut names = BTreeSet::new();
        take_names(&mut names, one)?;
        own.extend(names);
    }
    if switch.previous.as_ref().is_some_and(|previous| !previous.replaces(&switch.coming)) {
        return Err("the former set is of another image than the new one".into());
    }
    if let Some(name) = own.iter().find(|name| taken.contains(*name)) {
        return Err(format!("{name:?} is the name of two files"));
    }
    match switch.aside.keys().chain(switch.placed.keys()).find(|name| !own.contains(*name)) {
        Some(name) => Err(format!("{name:?} is neither of the former nor of the new set")),
        None => Ok(()),
    }
}
