//! Paths of the building machine that an image names: a key in somebody's home, a source repository, a local mirror.
//!
//! In: variables, source repositories and the archive of a plan. Out: the paths, each with what names it and the first step
//! that may read it. Never: a look at the machine: whether something is there, crate `build` finds out.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::archive::Archive;
use crate::elements::repositories;
use crate::elements::steps::StepRequest;
use crate::elements::visibility::{NEVER, Visibility};
use crate::step::{Action, Step};

/// A path of the building machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostPath {
    /// Absolute path.
    pub path: String,
    /// What names it: a variable, `source repository NAME`, `mirror`.
    pub named_by: String,
    /// The first step that may read it, by its place among the plan's steps.
    pub from: usize,
    /// The variable by which the person names it instead, where only an element does: elements are untrusted, so then hooks are
    /// given what everybody may read.
    pub unless: Option<String>,
}

/// Paths that a plan names, in the order of the paths, each once: by what lets it be read first.
pub(crate) fn host_paths(
    request: &StepRequest<'_>,
    visibility: &Visibility,
    steps: &[Step],
    archive: &Archive,
) -> Vec<HostPath> {
    let mut found: BTreeMap<String, HostPath> = BTreeMap::new();
    let mut add = |path: &str, named_by: String, from: usize, unless: Option<String>| {
        let new = HostPath { path: path.to_string(), named_by, from, unless };
        let known = found.entry(path.to_string()).or_insert_with(|| new.clone());
        if (new.unless.is_some(), new.from) < (known.unless.is_some(), known.from) {
            *known = new;
        }
    };
    let urls = [("mirror", &archive.mirror), ("security mirror", &archive.security)];
    for (key, url) in urls {
        if let Some(path) = url.as_deref().and_then(path_of) {
            add(path, key.to_string(), 0, None);
        }
    }
    for (name, value) in request.variables {
        let from = visibility.variable_from(name);
        for path in paths_in(value).filter(|_| from != NEVER) {
            add(path, name.clone(), from, None);
        }
    }
    let fetches = steps.iter().position(|step| step.action == Action::FetchSources);
    // What is wrong with their files, the elements engine says.
    let sources = repositories::repositories(request.elements, request.variables).unwrap_or_default();
    for (source, from) in sources.iter().flat_map(|source| fetches.map(|from| (source, from))) {
        if let Some(path) = path_of(&source.location) {
            let is_persons = request.variables.values().flat_map(|value| paths_in(value)).any(|named| {
                path.strip_prefix(named).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            });
            let unless = (!is_persons).then(|| repositories::location_variable(&source.name));
            add(path, format!("source repository {}", source.name), from, unless);
        }
    }
    found.into_values().collect()
}

/// The paths that a variable names: the one that it is, and those of a list with blanks, commas or colons between them.
fn paths_in(text: &str) -> impl Iterator<Item = &str> {
    let is_between = |c: char| c.is_whitespace() || c == ',' || c == ':';
    let all = text.split(is_between).filter(move |part| *part != text).filter_map(|part| {
        // Not of a URL, whose path begins after a host.
        path_of(part).filter(|path| !path.starts_with("//"))
    });
    path_of(text).into_iter().chain(all)
}

/// The path that a text is, plainly or as a `file:` URL (RFC 8089 without a host).
fn path_of(text: &str) -> Option<&str> {
    let path = text.strip_prefix("file://").unwrap_or(text);
    let plain = path.split('/').skip(1).all(|part| part != ".." && part != ".");
    let fits = path.starts_with('/') && path.len() > 1 && plain && !path.contains(['\n', '\0']);
    fits.then(|| path.trim_end_matches('/')).filter(|path| !path.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_may_list_paths() {
        let paths = |text| paths_in(text).collect::<Vec<_>>();
        assert_eq!(paths("/home/me/key.pub"), ["/home/me/key.pub"]);
        assert_eq!(
            paths("/home/a.pub /home/b.pub"),
            ["/home/a.pub /home/b.pub", "/home/a.pub", "/home/b.pub"]
        );
        assert_eq!(paths("relative:/srv/a,/srv/b"), ["/srv/a", "/srv/b"]);
        assert_eq!(paths("file:///srv/mirror"), ["/srv/mirror"]);
        assert_eq!(paths("https://x/y root=/dev/sda"), [""; 0]);
    }

    #[test]
    fn paths_and_file_urls_name_files() {
        assert_eq!(path_of("/home/me/key.pub"), Some("/home/me/key.pub"));
        assert_eq!(path_of("file:///srv/mirror/"), Some("/srv/mirror"));
        for text in ["", "/", "///", "relative/path", "file://host/x", "https://x/y", "/a/../b", "/a\nb"] {
            assert_eq!(path_of(text), None, "{text:?}");
        }
    }
}
