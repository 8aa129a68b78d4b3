//! Several image files, one image: entries of one `imagename` meet as TripleO's builder merges them.
//!
//! In: image files in their order. Out: for each name its values by key, each with the place it came from. Never: a later
//! file's word over an earlier one's, except where lists append and variables update.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::keys::{APPENDED, FILE_SHAPE, SECTIONED};
use crate::source::TextSource;
use crate::yaml::{Fault, Node, Yaml, read};

/// The merged entry of one image.
#[derive(Clone, Debug)]
pub struct Merged {
    /// Its name.
    pub name: String,
    /// Its first entry; a mapping whose values were merged.
    pub entry: Yaml,
}

/// Every image of the files, in the order in which they first appear.
pub fn merged(files: &[TextSource]) -> Result<Vec<Merged>, Fault> {
    let mut images: Vec<Merged> = Vec::new();
    for file in files {
        let yaml = read(&Arc::new(file.clone()))?;
        not_of_dibs_front_end(&yaml)?;
        FILE_SHAPE.check(&yaml)?;
        for entry in yaml.get("disk_images").map(Yaml::items).unwrap_or_default() {
            // The shape made sure of the name.
            let name = entry.get_text("imagename").unwrap_or_default();
            check_name(name, entry)?;
            match images.iter_mut().find(|image| image.name == name) {
                Some(image) => join(&mut image.entry, entry),
                None => images.push(Merged { name: name.to_string(), entry: entry.clone() }),
            }
        }
    }
    Ok(images)
}

/// A list of images is what dib's command `diskimage-builder` takes.
fn not_of_dibs_front_end(yaml: &Yaml) -> Result<(), Fault> {
    let is_entry = |item: &Yaml| matches!(&item.node, Node::Map(_));
    if !matches!(&yaml.node, Node::List(_)) || !yaml.items().iter().all(is_entry) {
        return Ok(());
    }
    let fault = yaml.at.bad("this is a list of images, as dib's command `diskimage-builder` takes it");
    Err(fault.hint(
        "write `disk_images:` above it, and in each image `arch` for `architecture`, `outputs` for `types` and `skip_base` for \
         `skip-base`",
    ))
}

/// The name becomes part of file names.
fn check_name(name: &str, entry: &Yaml) -> Result<(), Fault> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '+');
    if !name.is_empty() && !name.starts_with(['.', '-']) && name.chars().all(fits) {
        return Ok(());
    }
    let at = entry.get("imagename").map_or(&entry.at, |value| &value.at);
    Err(at.bad(alloc::format!("`{name}` cannot name an image; use letters, digits, `-`, `_`, `+` and `.`")))
}

fn join(into: &mut Yaml, from: &Yaml) {
    for (key, value) in from.entries() {
        let name = key.text().unwrap_or_default();
        if value.node == Node::Null {
            continue;
        }
        let Node::Map(entries) = &mut into.node else { return };
        let known =
            entries.iter_mut().find(|(other, have)| other.text() == Some(name) && have.node != Node::Null);
        match known {
            None => {
                entries.retain(|(other, _)| other.text() != Some(name));
                entries.push((key.clone(), value.clone()));
            }
            Some((_, have)) if APPENDED.contains(&name) => extend(have, value),
            Some((_, have)) if SECTIONED.contains(&name) => join_sections(have, value),
            Some(_) => {}
        }
    }
}

/// Sections of one name are joined as images are.
fn join_sections(have: &mut Yaml, more: &Yaml) {
    for (key, section) in more.entries() {
        let Node::Map(entries) = &mut have.node else { return };
        match entries.iter_mut().find(|(other, _)| other.text() == key.text()) {
            Some((_, known)) => join(known, section),
            None => entries.push((key.clone(), section.clone())),
        }
    }
}

/// Lists append, mappings update.
pub(super) fn extend(have: &mut Yaml, more: &Yaml) {
    match (&mut have.node, &more.node) {
        (Node::List(items), Node::List(new)) => items.extend(new.iter().cloned()),
        (Node::Map(entries), Node::Map(new)) => {
            let mut updates: BTreeMap<&str, &(Yaml, Yaml)> =
                new.iter().map(|entry| (entry.0.text().unwrap_or_default(), entry)).collect();
            for entry in entries.iter_mut() {
                if let Some(update) = updates.remove(entry.0.text().unwrap_or_default()) {
                    *entry = update.clone();
                }
            }
            entries.extend(updates.into_values().cloned());
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, text: &str) -> TextSource {
        TextSource { origin: name.into(), text: text.into() }
    }

    #[test]
    fn lists_append_variables_update_and_the_first_file_wins() {
        let first = "disk_images:\n  - imagename: a\n    distro: debian\n    release:\n    elements: [vm]\n    environment: {A: 1, B: 2}\n  - {imagename: b}\n";
        let second = "disk_images:\n  - imagename: a\n    distro: fedora\n    release: x\n    elements: [base]\n    environment: {B: 3, C: 4}\n";
        let images = merged(&[file("1", first), file("2", second)]).unwrap();
        assert_eq!(images.iter().map(|image| image.name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
        let a = &images[0].entry;
        assert_eq!(a.get_text("distro"), Some("debian"));
        assert_eq!(a.get_text("release"), Some("x"));
        assert_eq!(a.get_texts("elements"), ["vm", "base"]);
        let environment = a.get("environment").unwrap();
        assert_eq!(["A", "B", "C"].map(|key| environment.get_text(key)), [Some("1"), Some("3"), Some("4")]);
        assert_eq!(environment.get("B").unwrap().at.to_string(), "2:6:22");
    }

    #[test]
    fn strangers_are_refused_by_place() {
        for (text, message) in [
            (
                "disk_images:\n  - imagename: a\n    elemnts: [vm]\n",
                "f:3:5: unknown key `elemnts`; did you mean `elements`?",
            ),
            (
                "disk_images:\n  - imagename: a\n    elements: vm\n",
                "f:3:15: a list is expected here, not a text",
            ),
            ("disk_images:\n  - arch: amd64\n", "f:2:5: an image needs the key `imagename`"),
            ("disk_images:\n  - imagename: ../a\n", "f:2:16: `../a` cannot name an image"),
            ("disk_images:\n  - imagename: a\n    outputs: [qcow]\n", "f:3:15: `qcow` is not one of qcow2"),
            (
                "disk_images:\n  - imagename: a\n    users: [{groups: [sudo]}]\n",
                "f:3:13: a user needs the key `name`",
            ),
            (
                "- imagename: a\n  types: [qcow2]\n",
                "f:1:1: this is a list of images, as dib's command `diskimage-builder` takes it; write `disk_images:` above it",
            ),
            ("images: []\n", "f:1:1: unknown key `images`; known here are disk_images"),
            ("- a\n", "f:1:1: an image file (a mapping) is expected here, not a list"),
            ("", "f:1:1: an image file (a mapping) is expected here, not nothing"),
        ] {
            let fault = merged(&[file("f", text)]).unwrap_err().to_string();
            assert!(fault.starts_with(message), "{text}\n{fault}");
        }
    }
}
