//! Which step is the first to see a variable's name: until then the variable is not given, and members of a set that
//! differ in it share what they do.
//!
//! In: steps, and names of variables. Out: for each name the number of the first step that is given it. Never: a variable
//! that a step is given and its id does not cover; `build` asks here for both.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use dibber_model::Phase;

use super::hooks;
use super::steps::StepRequest;
use crate::source::ElementSource;
use crate::step::{Action, Step};

/// For each name the first step that sees it written in a file of its hooks directory. One that no step sees is given to
/// none. From the first on, every step is given it: what an earlier hook wrote into the tree may read it.
pub(crate) fn first_given(
    request: &StepRequest<'_>,
    steps: &[Step],
    names: &BTreeSet<String>,
) -> BTreeMap<String, usize> {
    let mut found: BTreeMap<String, usize> = names.iter().map(|name| (name.clone(), usize::MAX)).collect();
    let mut read: BTreeSet<(String, String)> = BTreeSet::new();
    for (at, step) in steps.iter().enumerate() {
        let mut seen: Vec<&str> = Vec::new();
        for file in hooks::seen_by(request, step) {
            if !read.insert((file.element.clone(), file.source.clone())) {
                continue;
            }
            let element = request.elements.iter().find(|element| element.name == file.element);
            seen.extend(element.into_iter().flat_map(|element| mentioned(element, &file.source, names)));
        }
        if reads_all(step) {
            seen.extend(names.iter().map(String::as_str));
        }
        for name in seen {
            if let Some(first) = found.get_mut(name) {
                *first = at.min(*first);
            }
        }
    }
    found
}

/// Native steps that put names of variables together, or write them all down.
fn reads_all(step: &Step) -> bool {
    match step.action {
        Action::FetchSources => true,
        Action::Manifests => step.phase == Phase::Cleanup,
        _ => false,
    }
}

/// Names that a file mentions. What is for people is not read, nor what is no text: a program that asks for a variable
/// without any hook that names it is not given it.
fn mentioned<'a>(element: &ElementSource, path: &str, names: &'a BTreeSet<String>) -> Vec<&'a str> {
    let is_for_people =
        [".rst", ".md", ".txt"].iter().any(|end| path.ends_with(end)) || path.starts_with("README");
    let Some(text) = element.text(path).filter(|_| !is_for_people) else { return Vec::new() };
    let is_environment = path.starts_with("environment.d/");
    // grub-mkconfig and its like ask the stand-in for grub-probe, which answers from the disk's variables. Postinst scripts ask
    // as well, but go on without an answer, and finalise hooks make what they made anew.
    let asks_for_the_disk = text.starts_with("#!") && text.contains("grub");
    let names_it = |name: &&String| {
        text.lines().any(|line| !(is_environment && assigns(line, name)) && says(line, name))
    };
    let asked = |name: &&String| names_it(name) || (asks_for_the_disk && is_of_the_disk(name));
    names.iter().filter(asked).map(String::as_str).collect()
}

/// Variables that the plan's disk sets.
fn is_of_the_disk(name: &str) -> bool {
    OF_THE_DISK.contains(&name) || name.starts_with("DIB_ROOT_") || name.starts_with("DIB_BOOT_")
}

/// `export NAME=${NAME:-default}`: gives the variable a value, and reads it for nothing else.
fn assigns(line: &str, name: &str) -> bool {
    let line = line.trim();
    let line = line.strip_prefix("export ").unwrap_or(line);
    let Some(value) = line.strip_prefix(name).and_then(|rest| rest.strip_prefix('=')) else { return false };
    // All of it stands in one expansion.
    let bare = value.trim_matches('"');
    if bare.starts_with(&format!("${{{name}")) && bare.find('}') == Some(bare.len() - 1) {
        return !bare[name.len() + 2..].contains(['$', '`']);
    }
    let assigns_more = value
        .split_whitespace()
        .skip(1)
        .any(|word| word.split_once('=').is_some_and(|(name, _)| crate::image::is_variable(name)));
    !assigns_more && !value.contains([';', '&', '|', '`']) && !value.contains("$(")
}

/// Whether a line names a variable, the beginning of its name (`DIB_$x`), or something that reads the whole environment.
fn says(line: &str, name: &str) -> bool {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut rest = line;
    while let Some(start) = rest.find(is_word) {
        let word_on = &rest[start..];
        let end = word_on.find(|c: char| !is_word(c)).unwrap_or(word_on.len());
        let (word, after) = word_on.split_at(end);
        let begins = word.len() >= 4 && word.ends_with('_') && name.starts_with(word);
        let before = line[..line.len() - word_on.len()].trim_end();
        if word == name || begins || lists_all(before, word, after) {
            return true;
        }
        rest = after;
    }
    false
}

fn lists_all(before: &str, word: &str, after: &str) -> bool {
    let is_command = before.is_empty() || before.ends_with(['(', '|', ';', '&', '`']);
    let after = after.trim_start();
    match word {
        "printenv" | "compgen" | "environ" => true,
        "export" | "declare" | "typeset" => after.starts_with("-p") || after.starts_with("-x"),
        "env" | "set" if is_command => after.is_empty() || after.starts_with(['|', ';', ')', '>', '&', '#']),
        _ => false,
    }
}

/// Variables that platforms of one architecture have different values of, and that hooks alone read: the program's own,
/// and dib's. Those by which the program itself decides what to do are given to every step.
pub(crate) fn deferrable(variables: &[BTreeMap<String, String>]) -> BTreeSet<String> {
    let names: BTreeSet<&String> = variables.iter().flat_map(BTreeMap::keys).collect();
    let differs = |name: &&&String| variables.iter().any(|one| one.get(**name) != variables[0].get(**name));
    names.iter().filter(differs).filter(|name| is_for_hooks(name)).map(|name| name.to_string()).collect()
}

/// Names, or beginnings of names, that plan or build read.
const READ_HERE: [&str; 13] = [
    "DIB_REPO",
    "DIB_GITREPOBASE",
    "DIB_INSTALLTYPE",
    "DIB_DEFAULT_INSTALLTYPE",
    "DIB_RELEASE",
    "DIB_OFFLINE",
    "DIB_INIT_SYSTEM",
    "DIB_PYTHON_VERSION",
    "DIB_IMAGE_CACHE",
    "DIB_DISTRIBUTION_MIRROR",
    "DIB_DEBIAN",
    "DIB_APT",
    "DIB_DEBUG",
];

/// The disk's variables that do not begin as dib's do.
const OF_THE_DISK: [&str; 4] = ["FS_TYPE", "ROOT_LABEL", "IMAGE_BLOCK_DEVICE", "IMAGE_BLOCK_DEVICES"];

fn is_for_hooks(name: &str) -> bool {
    OF_THE_DISK.contains(&name)
        || (name.starts_with("DIB_") && !READ_HERE.iter().any(|known| name.starts_with(known)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_where_hooks_read_them() {
        let name = "DIB_ROOT_UUID";
        for line in [
            "echo $DIB_ROOT_UUID",
            "${DIB_ROOT_UUID:-x}",
            "for x in A B; do eval y=\\$DIB_$x; done",
            "echo ${!DIB_*}",
            "env | sort",
            "x=$(env)",
            "export -p > /tmp/all",
            "os.environ['X']",
        ] {
            assert!(says(line, name), "{line}");
        }
        for line in [
            "#!/usr/bin/env bash",
            "set -eu",
            "echo $DIB_ROOT_UUIDS",
            "export X=1",
            "DIBBER_ROOT_UUID",
            "echo it is not set; mend it",
            "",
        ] {
            assert!(!says(line, name), "{line}");
        }
        for line in
            ["export DIB_A=${DIB_A:-a b}", "DIB_A=1", "export DIB_A=${DIB_A-a b=c}", "DIB_A=\"${DIB_A:-}\""]
        {
            assert!(assigns(line, "DIB_A"), "{line}");
        }
        for line in [
            "export DIB_A=${DIB_A:-a} B=$DIB_A",
            "B=$DIB_A",
            "DIB_A=$(x $DIB_A)",
            "DIB_A=1; echo $DIB_A",
            "DIB_A=${DIB_A:-$(x)}",
        ] {
            assert!(!assigns(line, "DIB_A"), "{line}");
        }
    }

    #[test]
    fn hooks_that_call_grub_are_given_the_disk() {
        let body: alloc::sync::Arc<[u8]> = b"#!/bin/bash\ngrub-mkconfig -o /boot/grub/grub.cfg\n"[..].into();
        let digest = dibber_model::Digest::of(&body);
        let entry = crate::Entry::File { executable: true, digest, body: crate::Body::Inline(body) };
        let entries = BTreeMap::from([("finalise.d/50-x".to_string(), entry)]);
        let element = ElementSource { name: "x".into(), origin: "x".into(), entries, modes: BTreeMap::new() };
        let names = ["DIB_ROOT_UUID", "DIB_PLATFORM", "FS_TYPE"].map(String::from).into();
        assert_eq!(mentioned(&element, "finalise.d/50-x", &names), ["DIB_ROOT_UUID", "FS_TYPE"]);
    }

    #[test]
    fn only_what_differs_is_held_back() {
        let map = |pairs: &[(&str, &str)]| {
            pairs
                .iter()
                .map(|(name, value)| (name.to_string(), value.to_string()))
                .collect::<BTreeMap<_, _>>()
        };
        let plain = map(&[("DIB_A", "1"), ("DIB_B", "1"), ("PIP_INDEX_URL", "1"), ("DIB_REPOREF_x", "1")]);
        let nine = map(&[
            ("DIB_A", "2"),
            ("DIB_B", "1"),
            ("PIP_INDEX_URL", "2"),
            ("DIB_REPOREF_x", "2"),
            ("FS_TYPE", "x"),
        ]);
        assert_eq!(deferrable(&[plain, nine]).into_iter().collect::<Vec<_>>(), ["DIB_A", "FS_TYPE"]);
        assert!(deferrable(&[]).is_empty());
    }
}
