//! Small elements for tests.
//!
//! In: paths and texts. Out: element directories and sets of them. Never: a file.

use alloc::borrow::ToOwned;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use dibber_model::Digest;

use crate::source::{Body, ElementSource, Entry, SourceSet};

/// An element of these files. `!path` is executable, `path@` a link to the text, `path/` a directory.
pub(crate) fn element(name: &str, files: &[(&str, &str)]) -> ElementSource {
    let mut entries = BTreeMap::new();
    for (path, text) in files {
        let executable = path.starts_with('!');
        let path = path.trim_start_matches('!');
        for (at, _) in path.match_indices('/') {
            entries.insert(path[..at].to_owned(), Entry::Dir);
        }
        let entry = match path.strip_suffix('@') {
            Some(_) => Entry::Symlink(text.to_string()),
            None => Entry::File {
                executable,
                digest: Digest::of(text.as_bytes()),
                body: Body::Inline(text.as_bytes().into()),
            },
        };
        if !path.ends_with('/') {
            entries.insert(path.trim_end_matches('@').to_owned(), entry);
        }
    }
    ElementSource { name: name.to_owned(), origin: format!("/e/{name}"), entries, modes: BTreeMap::new() }
}

/// A set of elements.
pub(crate) fn set(elements: &[ElementSource]) -> SourceSet {
    let elements = elements.iter().map(|element| (element.name.clone(), element.clone())).collect();
    SourceSet { elements, ..SourceSet::default() }
}

/// Owned words.
pub(crate) fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(ToString::to_string).collect()
}

/// Variables from `A=b` words.
pub(crate) fn env(text: &str) -> BTreeMap<String, String> {
    let pairs = text.split_whitespace().filter_map(|word| word.split_once('='));
    pairs.map(|(name, value)| (name.to_string(), value.to_string())).collect()
}
