//! Small elements for tests.
//!
//! In: paths and texts. Out: element directories. Never: a file.

use alloc::borrow::ToOwned;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use dibber_model::Digest;
use dibber_plan::{Body, ElementSource, Entry};

use crate::{LintRequest, lint};

/// An element of these files. `!path` is executable, `path@` a link to the text.
pub(crate) fn element(name: &str, files: &[(&str, &str)]) -> ElementSource {
    let mut entries = BTreeMap::new();
    for (path, text) in files {
        let executable = path.starts_with('!');
        let path = path.trim_start_matches('!');
        for (at, _) in path.match_indices('/') {
            entries.insert(path[..at].to_owned(), Entry::Dir);
        }
        let entry = match path.ends_with('@') {
            true => Entry::Symlink(text.to_string()),
            false => Entry::File {
                executable,
                digest: Digest::of(text.as_bytes()),
                body: Body::Inline(text.as_bytes().into()),
            },
        };
        entries.insert(path.trim_end_matches('@').to_owned(), entry);
    }
    ElementSource { name: name.to_owned(), origin: format!("e/{name}"), entries, modes: BTreeMap::new() }
}

/// What is found of a rule in elements: places, in order.
pub(crate) fn places(rule: &str, elements: &[ElementSource]) -> Vec<String> {
    let findings = lint(&LintRequest { elements, known: &[] });
    findings.iter().filter(|finding| finding.rule.name == rule).map(|finding| finding.place()).collect()
}
