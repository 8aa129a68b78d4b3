//! `package-installs.yaml`: which packages each phase installs and removes.
//!
//! In: the files of elements, and variables. Out: packages by phase, each with the element whose `pkg-map` names it. Never:
//! an unknown key or phase that passes, a condition on a variable that is not set.
//!
//! Follows `elements/package-installs/bin/package-installs-squash` of dib. Not kept: `arch: a, b` that matches only `a`,
//! `uninstall: false` that removes, unknown phases that never run, and a plain install that wins although its own
//! conditions leave it out.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use dibber_model::{Arch, Phase};

use super::error::{ElementError, Place, hint};
use super::steps::{StepRequest, spliced};
use super::yaml::{self, Key, Node};
use super::{near, phases};
use crate::source::ElementSource;

/// What an entry does with its package.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Installs it.
    Install,
    /// Removes it at the end of the phase.
    Uninstall,
    /// Installs it, and removes it at the end of the phase.
    BuildOnly,
}

/// One `when:` line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// The variable.
    pub variable: String,
    /// Whether it must be equal, or must not.
    pub equal: bool,
    /// The value.
    pub value: String,
}

/// One entry of a file: a package under some conditions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Name before `pkg-map`.
    pub package: String,
    /// The element that asks, whose `pkg-map` is used.
    pub element: String,
    /// Where.
    pub place: Place,
    /// When in the build.
    pub phase: Phase,
    /// What.
    pub work: Work,
    /// Only for this install type of the element.
    pub installtype: Option<String>,
    /// Only for these architectures; empty is any.
    pub arch: Vec<String>,
    /// Not for these.
    pub not_arch: Vec<String>,
    /// Only for this `DIB_PYTHON_VERSION`.
    pub python: Option<String>,
    /// All must hold.
    pub when: Vec<Condition>,
}

/// Packages of one phase, as (package, element whose `pkg-map` names it), in resolved order of the elements.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PackageLists {
    /// Installed at the start.
    pub install: Vec<(String, String)>,
    /// Removed at the end.
    pub uninstall: Vec<(String, String)>,
}

/// Whether a phase may have package steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) installs: bool,
    pub(crate) uninstalls: bool,
}

const KEYS: [&str; 8] =
    ["phase", "uninstall", "build-only", "installtype", "arch", "not-arch", "dib_python_version", "when"];

/// Phases that install packages.
const PHASES: [Phase; 3] = [Phase::PreInstall, Phase::Install, Phase::PostInstall];

/// dib's own files at the top of an element.
const FILES: [&str; 2] = ["package-installs.json", "package-installs.yaml"];

/// The architecture that a file at the top of an element lists packages for: `package-installs-ppc64el.yaml`.
fn arch_of(path: &str) -> Option<&str> {
    let arch = path.strip_prefix("package-installs-")?.strip_suffix(".yaml")?;
    (!arch.is_empty() && !arch.contains('/')).then_some(arch)
}

/// Whether a path within an element is a list of packages.
pub(crate) fn is_list(path: &str) -> bool {
    FILES.contains(&path) || arch_of(path).is_some()
}

/// The entries of an element's `package-installs.json` and `package-installs.yaml`, in that order, as dib reads them; then
/// those of each `package-installs-ARCH.yaml`, by name, which are for that architecture (in any spelling) only. dib knows
/// no such files: with them, an architecture is a matter of own files.
pub fn read(element: &ElementSource) -> Result<Vec<Entry>, ElementError> {
    let mut entries = Vec::new();
    let of_arch = element.entries.keys().filter_map(|name| Some((name.as_str(), arch_of(name)?)));
    for (name, arch) in FILES.into_iter().map(|name| (name, "")).chain(of_arch) {
        if !element.entries.contains_key(name) {
            continue;
        }
        let place = phases::place(element, name);
        let text = element.text(name).ok_or(ElementError::Unreadable { place: place.clone() })?;
        let reader = Reader { element: &element.name, file: &place.file, arch };
        reader.file(&yaml::read(text, &place.file)?, &mut entries)?;
    }
    Ok(entries)
}

struct Reader<'a> {
    element: &'a str,
    file: &'a str,
    /// The architecture that the whole file is for; empty is any.
    arch: &'a str,
}

impl Reader<'_> {
    fn at(&self, line: usize) -> Place {
        Place::new(self.file, line)
    }

    fn file(&self, node: &Node, entries: &mut Vec<Entry>) -> Result<(), ElementError> {
        let packages = match node {
            Node::Null => return Ok(()),
            Node::Map(packages) => packages,
            _ => {
                return Err(ElementError::format(
                    self.at(1),
                    "must be a mapping of package names; write `name:`",
                ));
            }
        };
        for (key, params) in packages {
            match params {
                Node::List(list) if !list.is_empty() => {
                    for params in list {
                        entries.push(self.entry(key, params)?);
                    }
                }
                params => entries.push(self.entry(key, params)?),
            }
        }
        Ok(())
    }

    fn entry(&self, package: &Key, params: &Node) -> Result<Entry, ElementError> {
        let mut entry = Entry {
            package: package.name.clone(),
            element: self.element.to_string(),
            place: self.at(package.line),
            phase: Phase::Install,
            work: Work::Install,
            installtype: None,
            arch: Vec::new(),
            not_arch: Vec::new(),
            python: None,
            when: Vec::new(),
        };
        let params: &[(Key, Node)] = match params {
            Node::Null => &[],
            Node::List(list) if list.is_empty() => &[],
            Node::Text(text) if text.is_empty() => &[],
            Node::Map(params) => params,
            _ => {
                let what = format!(
                    "package `{}` must be followed by nothing, a mapping, or a list of mappings",
                    package.name
                );
                return Err(ElementError::format(self.at(package.line), what));
            }
        };
        for (key, value) in params {
            self.param(&mut entry, key, value)?;
        }
        if !entry.arch.is_empty() && !entry.not_arch.is_empty() {
            let what = format!("package `{}` has both arch and not-arch; keep one", package.name);
            return Err(ElementError::format(entry.place, what));
        }
        if !self.arch.is_empty() {
            if !entry.arch.is_empty() || !entry.not_arch.is_empty() {
                let what = format!("this file is for {} alone; leave out arch and not-arch", self.arch);
                return Err(ElementError::format(entry.place, what));
            }
            entry.arch.push(self.arch.to_string());
        }
        Ok(entry)
    }

    fn param(&self, entry: &mut Entry, key: &Key, value: &Node) -> Result<(), ElementError> {
        match key.name.as_str() {
            "phase" => entry.phase = self.phase(key, value)?,
            "uninstall" if self.flag(key, value)? && entry.work == Work::Install => {
                entry.work = Work::Uninstall;
            }
            "build-only" if self.flag(key, value)? => entry.work = Work::BuildOnly,
            "uninstall" | "build-only" => {}
            "installtype" => entry.installtype = Some(self.text(key, value)?),
            "arch" => entry.arch = self.words(key, value)?,
            "not-arch" => entry.not_arch = self.words(key, value)?,
            "dib_python_version" => {
                entry.python = Some(self.text(key, value)?).filter(|text| !text.is_empty());
            }
            "when" => entry.when = self.conditions(key, value)?,
            name => {
                let what = format!(
                    "unknown key `{name}`{}; known are {}",
                    hint(near::nearest(name, KEYS)),
                    KEYS.join(", ")
                );
                return Err(ElementError::format(self.at(key.line), what));
            }
        }
        Ok(())
    }

    fn phase(&self, key: &Key, value: &Node) -> Result<Phase, ElementError> {
        let text = self.text(key, value)?;
        Phase::of_directory(&text).filter(|phase| PHASES.contains(phase)).ok_or_else(|| {
            let what = format!(
                "unknown phase `{text}`; packages are for pre-install.d, install.d or post-install.d"
            );
            ElementError::format(self.at(key.line), what)
        })
    }

    fn flag(&self, key: &Key, value: &Node) -> Result<bool, ElementError> {
        match value {
            Node::Bool(flag) => Ok(*flag),
            // dib looks at the presence of the key only; YAML 1.1 has more words for it than its successor.
            Node::Null => Ok(true),
            Node::Text(text) if ["true", "yes", "on", "1"].contains(&text.to_lowercase().as_str()) => {
                Ok(true)
            }
            Node::Text(text) if ["false", "no", "off", "0"].contains(&text.to_lowercase().as_str()) => {
                Ok(false)
            }
            _ => {
                Err(ElementError::format(self.at(key.line), format!("`{}` must be true or false", key.name)))
            }
        }
    }

    fn text(&self, key: &Key, value: &Node) -> Result<String, ElementError> {
        match value {
            Node::Text(text) => Ok(text.trim().to_string()),
            _ => Err(ElementError::format(self.at(key.line), format!("`{}` must be a text", key.name))),
        }
    }

    fn words(&self, key: &Key, value: &Node) -> Result<Vec<String>, ElementError> {
        let mut words = Vec::new();
        match value {
            Node::List(items) => {
                for item in items {
                    words.push(self.text(key, item)?);
                }
            }
            value => words.extend(self.text(key, value)?.split(',').map(|word| word.trim().to_string())),
        }
        words.retain(|word| !word.is_empty());
        Ok(words)
    }

    fn conditions(&self, key: &Key, value: &Node) -> Result<Vec<Condition>, ElementError> {
        match value {
            Node::List(items) => items.iter().map(|item| self.condition(key, item)).collect(),
            value => Ok([self.condition(key, value)?].into()),
        }
    }

    /// `VAR = value` or `VAR != value`; the value is the rest of the line and may be empty.
    fn condition(&self, key: &Key, value: &Node) -> Result<Condition, ElementError> {
        let text = self.text(key, value)?;
        let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
        let rest = text[end..].trim_start();
        let (equal, value) = match (rest.strip_prefix("!="), rest.strip_prefix('=')) {
            (Some(value), _) => (false, value),
            (None, Some(value)) => (true, value),
            (None, None) => (true, ""),
        };
        if end == 0 || !(rest.starts_with('=') || rest.starts_with("!=")) || value.starts_with('=') {
            let what = format!("cannot read `when: {text}`; write `VARIABLE = value` or `VARIABLE != value`");
            return Err(ElementError::format(self.at(key.line), what));
        }
        Ok(Condition { variable: text[..end].to_string(), equal, value: value.trim().to_string() })
    }
}

fn variable<'a>(
    env: &'a BTreeMap<String, String>,
    name: &str,
    place: &Place,
) -> Result<&'a str, ElementError> {
    let unset = || ElementError::Unset { place: place.clone(), name: name.to_string() };
    env.get(name).map(String::as_str).ok_or_else(unset)
}

/// Whether two spellings mean one architecture, as the kernel's name and Debian's do.
fn same_arch(a: &str, b: &str) -> bool {
    match (a.parse::<Arch>(), b.parse::<Arch>()) {
        (Ok(a), Ok(b)) => a == b,
        _ => a == b,
    }
}

impl Entry {
    /// Whether its conditions hold. A `when` about a variable that is not set is an error, as in dib.
    pub fn applies(&self, env: &BTreeMap<String, String>) -> Result<bool, ElementError> {
        let own = format!("DIB_INSTALLTYPE_{}", self.element.replace('-', "_"));
        let installtype = env.get(&own).or_else(|| env.get("DIB_DEFAULT_INSTALLTYPE"));
        let installtype = installtype.map_or("source", String::as_str);
        if self.installtype.as_deref().is_some_and(|wanted| wanted != installtype) {
            return Ok(false);
        }
        if !self.arch.is_empty() || !self.not_arch.is_empty() {
            let arch = variable(env, "ARCH", &self.place)?;
            let listed = |list: &[String]| list.iter().any(|one| same_arch(one, arch));
            if (!self.arch.is_empty() && !listed(&self.arch)) || listed(&self.not_arch) {
                return Ok(false);
            }
        }
        let python = env.get("DIB_PYTHON_VERSION").map_or("", String::as_str);
        if self.python.as_deref().is_some_and(|wanted| wanted != python) {
            return Ok(false);
        }
        let mut holds = true;
        for condition in &self.when {
            let value = variable(env, &condition.variable, &self.place)?;
            holds &= (value == condition.value) == condition.equal;
        }
        Ok(holds)
    }
}

/// One package of one element, conditions met.
struct Line {
    package: String,
    map: String,
    work: Work,
}

impl PackageLists {
    fn add(&mut self, stays: &mut Vec<String>, line: Line) {
        if line.work == Work::Install {
            stays.push(line.package.clone());
        }
        let pair = (line.package, line.map);
        if line.work != Work::Install && !self.uninstall.contains(&pair) {
            self.uninstall.push(pair.clone());
        }
        if line.work != Work::Uninstall && !self.install.contains(&pair) {
            self.install.push(pair);
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
/// A package that some element installs to stay is not removed in that phase, whoever asks for it. Each (package,
/// element) comes once.
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
            lists.add(&mut stays, Line { package: entry.package, map: entry.element, work: entry.work });
        }
    }
    lists.uninstall.retain(|(package, _)| !stays.contains(package));
    Ok(lists)
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
                || inner.is_some_and(|inner| phase == Phase::Install && spliced(request, inner));
            if !read || phases::verdict(element, path) != phases::Verdict::Data {
                continue;
            }
            let place = phases::place(element, path);
            let text = element.text(path).ok_or(ElementError::Unreadable { place })?;
            let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
            found.extend(lines.map(|line| match line.strip_prefix('-') {
                Some(package) => {
                    Line { package: package.trim().to_string(), map: map.to_string(), work: Work::BuildOnly }
                }
                None => Line { package: line.to_string(), map: map.to_string(), work: Work::Install },
            }));
        }
    }
    Ok(found)
}

#[cfg(test)]
#[path = "package_installs_tests.rs"]
mod tests;
