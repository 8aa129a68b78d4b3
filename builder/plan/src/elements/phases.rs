//! The phase directories of elements: what runs, what is data, and what was probably meant to run.
//!
//! In: elements. Out: hooks by phase, and the faults of their names and modes. Never: an order (see `run_parts`).

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use dibber_model::Phase;

use super::error::{ElementError, ElementWarning, FileLine};
use super::{line_ends, run_parts};
use crate::source::{ElementSource, Entry};
use crate::spelling;

/// Directories that other elements read, whose names are near a phase's without being a slip.
const OTHERS: [&str; 8] = [
    "init.d",
    "boot.d",
    "udev.d",
    "modprobe.d",
    "binary-deps.d",
    "ramdisk-install.d",
    "dracut-drivers.d",
    "yum.repos.d",
];

/// Symbolic links followed before a circle is assumed, as in the kernel.
const MAX_LINKS: usize = 40;

/// What dib-run-parts makes of one entry of a phase directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It runs.
    Runs,
    /// A file that does not run.
    Data,
    /// A directory.
    Directory,
}

/// The place of an element's file, for messages.
pub(crate) fn place(element: &ElementSource, path: &str) -> FileLine {
    FileLine::new(format!("{}/{path}", element.origin), 0)
}

/// Whether an entry is executable once links within the element are followed. A link that leaves the element is taken
/// to be: what it points to is known only inside the sandbox.
fn is_executable(element: &ElementSource, path: &str) -> Option<bool> {
    let mut path = path.to_string();
    for _ in 0..MAX_LINKS {
        match element.entries.get(&path) {
            Some(Entry::File { executable, .. }) => return Some(*executable),
            Some(Entry::Dir) => return None,
            Some(Entry::Symlink(target)) => match join(&path, target) {
                Some(next) => path = next,
                None => return Some(true),
            },
            None => return Some(true),
        }
    }
    Some(false)
}

/// Where a link leads within the element; nothing if it is absolute or climbs out.
pub fn join(link: &str, target: &str) -> Option<String> {
    if target.starts_with('/') {
        return None;
    }
    let mut parts: Vec<&str> = link.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

/// What dib-run-parts makes of `path`, an entry directly in a phase directory.
pub fn verdict(element: &ElementSource, path: &str) -> Verdict {
    let name = path.rsplit('/').next().unwrap_or(path);
    match is_executable(element, path) {
        None => Verdict::Directory,
        Some(true) if run_parts::is_hook_name(name) => Verdict::Runs,
        Some(_) => Verdict::Data,
    }
}

/// What lies directly in a directory of an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Child<'a> {
    /// Its name in the directory.
    pub name: &'a str,
    /// Its path in the element.
    pub path: &'a str,
}

/// What lies directly in a directory of an element, by name.
pub fn children<'a>(
    element: &'a ElementSource,
    directory: &str,
) -> impl Iterator<Item = Child<'a>> + use<'a> {
    let start = format!("{directory}/");
    let skip = start.len();
    element
        .entries
        .range(start.clone()..)
        .take_while(move |(path, _)| path.starts_with(&start))
        .map(move |(path, _)| Child { name: &path[skip..], path })
        .filter(|child| !child.name.is_empty() && !child.name.contains('/'))
}

/// The hooks of a phase in one element.
pub fn hooks<'a>(element: &'a ElementSource, directory: &str) -> impl Iterator<Item = Child<'a>> + use<'a> {
    children(element, directory).filter(|child| verdict(element, child.path) == Verdict::Runs)
}

/// Looks over the phase directories of every element. Refuses a script that cannot start; warns of what will not run though it may be
/// meant to, as dib passes over it: a script that is not executable, a name that dib-run-parts skips, a directory whose name is nearly
/// a phase's.
pub(crate) fn check(elements: &[ElementSource]) -> Result<Vec<ElementWarning>, ElementError> {
    let mut warnings = Vec::new();
    for complaint in elements.iter().flat_map(look) {
        warnings.push(complaint?);
    }
    Ok(warnings)
}

/// The same of one element, to the end.
pub(crate) fn look(element: &ElementSource) -> Vec<Result<ElementWarning, ElementError>> {
    let mut told = Vec::new();
    for (name, entry) in &element.entries {
        if *entry == Entry::Dir && !name.contains('/') {
            told.extend(misspelt_phase(element, name).map(Ok));
        }
    }
    for phase in Phase::all() {
        let directory = phase.directory();
        for Child { name, path } in children(element, &directory) {
            told.extend(not_executable(element, path, &directory).map(Ok));
            told.extend(skipped(element, name, path).map(Ok));
            if verdict(element, path) == Verdict::Runs {
                told.extend(line_ends::check_hook(element, path).transpose());
            }
        }
    }
    for Child { name, path } in children(element, "environment.d") {
        let misread = line_ends::check_environment(element, path);
        told.extend(misread.filter(|_| run_parts::is_environment_name(name)).map(Ok));
    }
    told
}

/// A digit in front is how hooks are named; data beside them (units, keys, rules) is not.
fn looks_like_a_hook(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_digit())
}

/// dib's own enable-serial-console has such a file, and so have elements of octavia and trove: trees like them must still work.
fn not_executable(element: &ElementSource, path: &str, directory: &str) -> Option<ElementWarning> {
    let name = path.rsplit('/').next().unwrap_or(path);
    let meant = looks_like_a_hook(name) && run_parts::is_hook_name(name);
    let passed_over = meant && is_executable(element, path) == Some(false);
    passed_over.then(|| ElementWarning::NotExecutable {
        place: place(element, path),
        directory: directory.to_string(),
    })
}

fn skipped(element: &ElementSource, name: &str, path: &str) -> Option<ElementWarning> {
    let executable = is_executable(element, path) == Some(true);
    if !executable || !looks_like_a_hook(name) || run_parts::is_hook_name(name) {
        return None;
    }
    let stem = ["sh", "bash", "py", "pl"].iter().find_map(|end| name.strip_suffix(end)?.strip_suffix('.'));
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let mend = stem.unwrap_or(name).chars().map(|c| if fits(c) { c } else { '-' }).collect();
    Some(ElementWarning::IgnoredName { place: place(element, path), mend })
}

fn misspelt_phase(element: &ElementSource, name: &str) -> Option<ElementWarning> {
    let mut known: Vec<String> = Phase::all().map(Phase::directory).collect();
    known.push("environment.d".to_string());
    let bare = [".d", "-d", "_d"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
    let is_phase = |stem: &str| known.iter().any(|phase| phase.strip_suffix(".d") == Some(stem));
    let looks = name.ends_with(".d") || is_phase(bare) || is_phase(&bare.replace('_', "-"));
    if !looks || OTHERS.contains(&name) || known.iter().any(|phase| phase == name) {
        return None;
    }
    // The shared `.d` is not part of what is compared, or every short name would be near `root.d`.
    let stems = known.iter().filter_map(|phase| phase.strip_suffix(".d"));
    let meant = if is_phase(bare) { bare } else { spelling::nearest_name(bare, stems)? };
    Some(ElementWarning::MisspeltPhase { place: place(element, name), meant: format!("{meant}.d") })
}

#[cfg(test)]
#[path = "phases_tests.rs"]
mod tests;
