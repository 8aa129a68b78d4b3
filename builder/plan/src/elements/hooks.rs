//! The hooks directory, as a step sees it: dib's flat merge of all elements.
//!
//! In: elements and steps. Out: which file stands at which path. Never: a copy; `build` writes and hashes them.
//!
//! Follows `generate_hooks` of dib: every sub-directory but `tests` and `__pycache__` is merged by name, where two files of one
//! name are an error, and top-level files lie flat. Where dib's winner depends on bash's hash order, ours is the last in resolved order.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use dibber_model::Phase;

use super::error::{ElementError, ElementWarning};
use super::phases::{self, Child};
use super::steps::install_type;
use super::steps::request::StepRequest;
use super::steps::scripts::scripts;
use super::visibility::{OWN_DIRECTORIES, Visibility};
use super::{package_installs, required_variables, run_parts};
use crate::network;
use crate::source::{ElementSource, Entry};
use crate::step::{Action, Step};

/// One path of the hooks directory.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HookFile {
    /// Path in the hooks directory: `install.d/10-ssh`.
    pub path: String,
    /// The element that it comes from.
    pub element: String,
    /// Path within that element; another than `path` for what an install type spliced in.
    pub source: String,
}

/// A step, and its place among a plan's steps; [`NEVER`](super::visibility::NEVER) for one that is in no plan.
#[derive(Clone, Copy, Debug)]
pub struct StepPlace<'a> {
    /// The step.
    pub step: &'a Step,
    /// Its place.
    pub at: usize,
}

/// Directories of an element that are never copied.
const LEFT_OUT: [&str; 2] = ["tests", "__pycache__"];

/// Whether a path is a file by which an element tells this program something, which hooks do not see.
pub fn is_declaration(path: &str) -> bool {
    path == network::FILE || path == required_variables::FILE
}

/// Whether an entry is copied at all. `ls` does not list dot files of a directory.
pub fn is_copied(path: &str) -> bool {
    match path.split_once('/') {
        None if is_declaration(path) => false,
        None => !path.ends_with(".pyc") && !LEFT_OUT.contains(&path),
        Some((top, rest)) => !LEFT_OUT.contains(&top) && !rest.starts_with('.'),
    }
}

/// Files that every element has for itself, which readers look for through `IMAGE_ELEMENT_YAML`.
fn is_per_element(name: &str) -> bool {
    let names = ["element-deps", "element-provides", "pkg-map", "svc-map", "__init__.py"];
    names.contains(&name)
        || package_installs::is_list(name)
        || name.starts_with("README")
        || name.starts_with('.')
}

/// Refuses two elements with one file of a directory, as dib does ("duplicated hook").
pub fn check_duplicates(elements: &[ElementSource]) -> Result<(), ElementError> {
    let mut seen: BTreeMap<&str, &ElementSource> = BTreeMap::new();
    for element in elements {
        for (path, entry) in &element.entries {
            let depth = path.matches('/').count();
            if depth != 1 || *entry == Entry::Dir || !is_copied(path) {
                continue;
            }
            if let Some(first) = seen.insert(path, element) {
                let (first, second) = (phases::place(first, path), phases::place(element, path));
                return Err(ElementError::DuplicateHook { path: path.clone(), first, second });
            }
        }
    }
    Ok(())
}

/// Files that one element hides from another in the hooks directory, where that may matter.
pub fn hidden(elements: &[ElementSource]) -> Vec<ElementWarning> {
    let mut warnings = Vec::new();
    let mut seen: BTreeMap<&str, &ElementSource> = BTreeMap::new();
    for element in elements {
        for (path, entry) in &element.entries {
            if *entry == Entry::Dir || !is_copied(path) || is_per_element(path) {
                continue;
            }
            if let Some(loser) = seen.insert(path, element) {
                let (winner, loser) = (phases::place(element, path), phases::place(loser, path));
                warnings.push(ElementWarning::Hidden { path: path.clone(), winner, loser });
            }
        }
    }
    warnings
}

/// An element's script by its element and its path there.
pub(crate) type ScriptKey<'a> = (&'a str, &'a str);

/// The scripts of all phases, with the phase that runs each.
pub(crate) fn all_scripts<'a>(request: &StepRequest<'a>) -> BTreeMap<ScriptKey<'a>, Phase> {
    Phase::all()
        .flat_map(|phase| scripts(request, phase).into_iter().map(move |hook| (phase, hook)))
        .map(|(phase, hook)| ((hook.element.name.as_str(), hook.path), phase))
        .collect()
}

/// The scripts that a step sees: those of its own phase that ran before it, itself, and what it is a link to. A native step sees no
/// more than the hooks before it.
pub(crate) fn scripts_seen_by<'a>(
    request: &StepRequest<'a>,
    step: &Step,
    all: &BTreeMap<ScriptKey<'a>, Phase>,
) -> Vec<(&'a ElementSource, &'a str)> {
    let mut wanted = BTreeSet::new();
    if let Action::Script { path } = &step.action {
        wanted.extend(link_chain(request.elements, &step.element, path));
    }
    let mut seen = Vec::new();
    for element in request.elements {
        for path in element.entries.keys().map(String::as_str).filter(|path| is_copied(path)) {
            let Some(phase) = all.get(&(element.name.as_str(), path)) else { continue };
            let name = path.rsplit('/').next().unwrap_or(path);
            if (*phase == step.phase && comes_before_or_is(name, step)) || wanted.contains(path) {
                seen.push((element, path));
            }
        }
    }
    seen
}

/// What a step sees of the hooks directory, by path: scripts (see [`scripts_seen_by`]), and the other files that it is given.
pub(crate) fn seen_by(
    request: &StepRequest<'_>,
    visibility: &Visibility,
    place: StepPlace<'_>,
) -> Vec<HookFile> {
    let all = all_scripts(request);
    let scripts = scripts_seen_by(request, place.step, &all);
    let others = request.elements.iter().flat_map(|element| {
        let paths = element.entries.keys().map(String::as_str).filter(|path| is_copied(path));
        paths.map(move |path| (element, path))
    });
    let given = others.filter(|(element, path)| {
        let is_script = all.contains_key(&(element.name.as_str(), *path));
        !is_script && visibility.file_from(&element.name, path) <= place.at
    });
    let mut all: Vec<(&ElementSource, &str)> = scripts.into_iter().chain(given).collect();
    // A later element's file takes the place of an earlier one's.
    all.sort_by_key(|(element, _)| request.elements.iter().position(|other| other.name == element.name));
    let mut files: BTreeMap<String, HookFile> = BTreeMap::new();
    for (element, path) in all {
        for place in places(request, path) {
            let file =
                HookFile { path: place.clone(), element: element.name.clone(), source: path.to_string() };
            files.insert(place, file);
        }
    }
    files.into_values().collect()
}

/// All that lies in the hooks directory of a step, by path: what it sees of the flat merge, and each element's own directory with what the step
/// is given of it; of a phase's files what it sees of the phase. A step's id has all of this, and its hooks directory nothing else of elements.
pub fn laid_out(request: &StepRequest<'_>, visibility: &Visibility, place: StepPlace<'_>) -> Vec<HookFile> {
    let mut files = seen_by(request, visibility, place);
    let seen: BTreeSet<(String, String)> =
        files.iter().map(|file| (file.element.clone(), file.source.clone())).collect();
    let is_given = |element: &ElementSource, path: &str| match phase_of(path) {
        // A phase's directory itself is there in every step, whoever brings it.
        Some(_) => path.contains('/') && seen.contains(&(element.name.clone(), path.to_string())),
        None => visibility.file_from(&element.name, path) <= place.at,
    };
    files.retain(|file| phase_of(&file.source).is_none() || file.source.contains('/'));
    files.extend(own_directories(request.elements, &is_given));
    files
}

/// Each element's own directory, with all but the phases' files.
pub fn all_own_directories(elements: &[ElementSource]) -> Vec<HookFile> {
    own_directories(elements, &|_, path| phase_of(path).is_none())
}

fn own_directories(
    elements: &[ElementSource],
    is_given: &dyn Fn(&ElementSource, &str) -> bool,
) -> Vec<HookFile> {
    let mut files = Vec::new();
    for element in elements {
        let paths = element.entries.keys().filter(|path| !is_declaration(path));
        files.extend(paths.filter(|path| is_given(element, path)).map(|path| HookFile {
            path: format!("{OWN_DIRECTORIES}/{}/{path}", element.name),
            element: element.name.clone(),
            source: path.clone(),
        }));
    }
    files
}

/// The phase in whose directory a path is, or which it is.
fn phase_of(path: &str) -> Option<Phase> {
    path.split('/').next().and_then(Phase::of_directory)
}

/// Image packages come after every hook of install; all else has its place by name.
fn comes_before_or_is(name: &str, step: &Step) -> bool {
    step.action == Action::ImagePackages || run_parts::compare(name, &step.name).is_le()
}

/// The files that a hook is a link to, within its element and by the same path in any other.
pub(crate) fn link_chain(elements: &[ElementSource], element: &str, path: &str) -> Vec<String> {
    let mut chain = Vec::new();
    let mut path = path.to_string();
    let mut owner = elements.iter().find(|candidate| candidate.name == element);
    while let Some(Entry::Symlink(target)) = owner.and_then(|owner| owner.entries.get(&path)) {
        let Some(next) = phases::join(&path, target).filter(|next| !chain.contains(next)) else { break };
        owner = owner
            .filter(|owner| owner.entries.contains_key(&next))
            .or_else(|| elements.iter().find(|candidate| candidate.entries.contains_key(&next)));
        chain.push(next.clone());
        path = next;
    }
    chain
}

/// Where a file lies: as it is, and, from a chosen install type's directory, also directly in `install.d`.
fn places(request: &StepRequest<'_>, path: &str) -> Vec<String> {
    let mut places = Vec::from([path.to_string()]);
    let mut parts = path.splitn(3, '/');
    if let (Some("install.d"), Some(directory), Some(rest)) = (parts.next(), parts.next(), parts.next())
        && !rest.starts_with('.')
        && install_type::is_chosen(request, directory)
    {
        places.push(format!("install.d/{rest}"));
    }
    places
}

/// The directory whose files every hook sources.
pub(crate) const ENVIRONMENT: &str = "environment.d";

/// Whether a path within an element is such a file, by its name.
pub(crate) fn is_environment(path: &str) -> bool {
    let name = path.strip_prefix(ENVIRONMENT).and_then(|rest| rest.strip_prefix('/'));
    name.is_some_and(|name| {
        !name.contains('/') && run_parts::is_environment_name(name) && !name.starts_with('.')
    })
}

/// The files of `environment.d` that the step at a place is given, in the order in which they are sourced before each phase.
pub fn environment(elements: &[ElementSource], visibility: &Visibility, at: usize) -> Vec<HookFile> {
    let mut files = Vec::new();
    for element in elements {
        for Child { path, .. } in phases::children(element, ENVIRONMENT) {
            let is_file = !matches!(element.entries.get(path), Some(Entry::Dir) | None);
            if is_file && is_environment(path) && visibility.file_from(&element.name, path) <= at {
                files.push(HookFile {
                    path: path.to_string(),
                    element: element.name.clone(),
                    source: path.to_string(),
                });
            }
        }
    }
    files.sort();
    files
}

#[cfg(test)]
#[path = "hooks_tests.rs"]
mod tests;
