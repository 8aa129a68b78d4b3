//! `package-installs.yaml`: which packages each phase installs and removes.
//!
//! Elements list their packages in files, one list for all phases, with conditions; dib turns them into a command for each phase. Here the
//! lists are read while planning, so that a plan has a package step only where some element asks for one.
//!
//! In: the files of elements, and variables. Out: packages by phase, each with the element whose `pkg-map` names it. Never:
//! an unknown key or phase that passes without a word, a condition on a variable that is not set.
//!
//! Follows `elements/package-installs/bin/package-installs-squash` of dib. Not kept: `arch: a, b` that matches only `a`,
//! `uninstall: false` that removes, and a plain install that wins although its own
//! conditions leave it out.

mod entry;
mod read;

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use dibber_model::Phase;

use super::error::ElementError;
use super::phases;
use super::steps::install_type;
use super::steps::request::StepRequest;

pub use entry::{Condition, PackageEntry, Work};
pub use read::is_list;
pub use read::read;
pub(crate) use read::read_all;

/// A package that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskedPackage {
    /// Name before `pkg-map`.
    pub name: String,
    /// The element whose `pkg-map` has the distribution's names for it.
    pub element: String,
}

/// Packages of one phase, in resolved order of the elements.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PackageLists {
    /// Installed at the start.
    pub install: Vec<AskedPackage>,
    /// Removed at the end.
    pub uninstall: Vec<AskedPackage>,
}

/// Whether a phase may have package steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) installs: bool,
    pub(crate) uninstalls: bool,
}

/// A package whose conditions are met.
struct Line {
    package: AskedPackage,
    work: Work,
}

impl PackageLists {
    fn add(&mut self, stays: &mut Vec<String>, line: Line) {
        let Line { package, work } = line;
        if work == Work::Install {
            stays.push(package.name.clone());
        }
        if work != Work::Install && !self.uninstall.contains(&package) {
            self.uninstall.push(package.clone());
        }
        if work != Work::Uninstall && !self.install.contains(&package) {
            self.install.push(package);
        }
    }
}

/// What may be asked for in a phase, whatever the conditions come to.
pub(crate) fn asked_in(request: &StepRequest<'_>, phase: Phase) -> Result<Asked, ElementError> {
    let legacy = legacy(request, phase)?;
    let mut asked = Asked {
        installs: !legacy.is_empty(),
        uninstalls: legacy.iter().any(|line| line.work == Work::BuildOnly),
    };
    for element in request.elements {
        for entry in read(element)?.iter().filter(|entry| entry.phase == phase) {
            asked.installs |= entry.work != Work::Uninstall;
            asked.uninstalls |= entry.work != Work::Install;
        }
    }
    Ok(asked)
}

/// The packages of a phase under an environment, which is the one that `environment.d` left.
///
/// A package that some element installs to stay is not removed in that phase, whoever asks for it. Each package of each
/// element comes once.
pub fn packages(
    request: &StepRequest<'_>,
    phase: Phase,
    env: &BTreeMap<String, String>,
) -> Result<PackageLists, ElementError> {
    let mut lists = PackageLists::default();
    let mut stays: Vec<String> = Vec::new();
    for line in legacy(request, phase)? {
        lists.add(&mut stays, line);
    }
    for element in request.elements {
        for entry in read(element)? {
            if entry.phase != phase || !entry.applies(env)? {
                continue;
            }
            let package = AskedPackage { name: entry.package, element: entry.element };
            lists.add(&mut stays, Line { package, work: entry.work });
        }
    }
    lists.uninstall.retain(|package| !stays.contains(&package.name));
    Ok(lists)
}

/// Variables that decide which packages of a phase are asked for. What is wrong with a list, the steps have said.
pub(crate) fn variables(request: &StepRequest<'_>, phase: Phase) -> BTreeSet<String> {
    let lists = request.elements.iter().flat_map(|element| read(element).unwrap_or_default());
    lists.filter(|entry| entry.phase == phase).flat_map(|entry| entry.variables()).collect()
}

/// The entries of a phase, as they are in the lists: whatever a step installs is a function of them and the variables.
pub fn entries(request: &StepRequest<'_>, phase: Phase) -> Result<Vec<PackageEntry>, ElementError> {
    let mut all = Vec::new();
    for element in request.elements {
        all.extend(read(element)?.into_iter().filter(|entry| entry.phase == phase));
    }
    Ok(all)
}

/// Elements whose `pkg-map` has names of packages that are asked for in a phase.
pub fn maps_used(request: &StepRequest<'_>, phase: Phase) -> Result<BTreeSet<String>, ElementError> {
    let mut used: BTreeSet<String> =
        entries(request, phase)?.into_iter().map(|entry| entry.element).collect();
    used.extend(legacy(request, phase)?.into_iter().map(|line| line.package.element));
    Ok(used)
}

/// Packages of the older text files, `package-installs-<map>` in a phase's directory or in a chosen install type's: one
/// a line, `#` comments, a leading `-` for what is removed again at the end of the phase.
fn legacy(request: &StepRequest<'_>, phase: Phase) -> Result<Vec<Line>, ElementError> {
    let mut found = Vec::new();
    let directory = phase.directory();
    for element in request.elements {
        for path in element.entries.keys() {
            let Some((parent, name)) = path.rsplit_once('/') else { continue };
            let Some(map) = name.strip_prefix("package-installs-") else { continue };
            let inner = parent.strip_prefix(&directory).and_then(|rest| rest.strip_prefix('/'));
            let read = parent == directory
                || inner
                    .is_some_and(|inner| phase == Phase::Install && install_type::is_chosen(request, inner));
            if !read || phases::verdict(element, path) != phases::Verdict::Data {
                continue;
            }
            let place = phases::place(element, path);
            let text = element.text(path).ok_or(ElementError::Unreadable { place })?;
            let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
            found.extend(lines.map(|line| {
                let (name, work) = match line.strip_prefix('-') {
                    Some(name) => (name.trim(), Work::BuildOnly),
                    None => (line, Work::Install),
                };
                Line { package: AskedPackage { name: name.to_string(), element: map.to_string() }, work }
            }));
        }
    }
    Ok(found)
}

#[cfg(test)]
#[path = "package_installs_tests.rs"]
mod tests;
