//! The files that list packages: `package-installs.yaml` and its relatives.
//!
//! In: an element. Out: its entries, and what of its lists dib passes over or reads otherwise. Never: an unknown key or phase that passes
//! without a word.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use dibber_model::Phase;

use super::super::error::{ElementError, ElementWarning, FileLine, hint};
use super::super::phases;
use super::super::yaml::{self, Key, Node};
use super::entry::{Condition, PackageEntry, Work};
use crate::source::ElementSource;
use crate::spelling;

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
pub fn is_list(path: &str) -> bool {
    FILES.contains(&path) || arch_of(path).is_some()
}

/// What an element's lists say.
#[derive(Debug, Default)]
pub(crate) struct PackageReading {
    pub(crate) entries: Vec<PackageEntry>,
    pub(crate) warnings: Vec<ElementWarning>,
}

/// The entries of an element's `package-installs.json` and `package-installs.yaml`, in that order, as dib reads them; then
/// those of each `package-installs-ARCH.yaml`, by name, which are for that architecture (in any spelling) only. dib knows
/// no such files: with them, an architecture is a matter of own files.
pub fn read(element: &ElementSource) -> Result<Vec<PackageEntry>, ElementError> {
    read_all(element).map(|reading| reading.entries)
}

/// The same, with what an author should know.
pub(crate) fn read_all(element: &ElementSource) -> Result<PackageReading, ElementError> {
    let mut reading = PackageReading::default();
    let of_arch = element.entries.keys().filter_map(|name| Some((name.as_str(), arch_of(name)?)));
    for (name, arch) in FILES.into_iter().map(|name| (name, "")).chain(of_arch) {
        if !element.entries.contains_key(name) {
            continue;
        }
        let place = phases::place(element, name);
        let text = element.text(name).ok_or(ElementError::Unreadable { place: place.clone() })?;
        let mut reader = Reader { element: &element.name, file: &place.file, arch, reading: &mut reading };
        reader.file(&yaml::read(text, &place.file)?)?;
    }
    Ok(reading)
}

struct Reader<'a> {
    element: &'a str,
    file: &'a str,
    /// The architecture that the whole file is for; empty is any.
    arch: &'a str,
    reading: &'a mut PackageReading,
}

impl Reader<'_> {
    fn at(&self, line: usize) -> FileLine {
        FileLine::new(self.file, line)
    }

    fn warn(&mut self, warning: ElementWarning) {
        self.reading.warnings.push(warning);
    }

    fn file(&mut self, node: &Node) -> Result<(), ElementError> {
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
                        self.entry(key, params)?;
                    }
                }
                params => self.entry(key, params)?,
            }
        }
        Ok(())
    }

    /// Reads one entry. One of a phase that installs nothing is passed over, as dib has it.
    fn entry(&mut self, package: &Key, params: &Node) -> Result<(), ElementError> {
        let mut entry = PackageEntry {
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
        let phase = params.iter().find(|(key, _)| key.name == "phase");
        if let Some(phase) = phase.map_or(Ok(Some(Phase::Install)), |(key, value)| self.phase(key, value))? {
            self.reading.entries.push(PackageEntry { phase, ..entry });
        }
        Ok(())
    }

    fn param(&mut self, entry: &mut PackageEntry, key: &Key, value: &Node) -> Result<(), ElementError> {
        match key.name.as_str() {
            "phase" => {}
            "uninstall" | "build-only" => match (self.flag(key, value)?, key.name == "uninstall") {
                (false, _) => {
                    self.warn(ElementWarning::FalseFlag { place: self.at(key.line), key: key.name.clone() });
                }
                (true, true) if entry.work == Work::Install => entry.work = Work::Uninstall,
                (true, true) => {}
                (true, false) => entry.work = Work::BuildOnly,
            },
            "installtype" => entry.installtype = Some(self.text(key, value)?),
            "arch" => entry.arch = self.words(key, value)?,
            "not-arch" => entry.not_arch = self.words(key, value)?,
            "dib_python_version" => {
                entry.python = Some(self.text(key, value)?).filter(|text| !text.is_empty());
            }
            "when" => entry.when = self.conditions(key, value)?,
            name => self.warn(ElementWarning::UnknownKey {
                place: self.at(key.line),
                key: name.to_string(),
                hint: hint(spelling::nearest_name(name, KEYS)),
                known: KEYS.join(", "),
            }),
        }
        Ok(())
    }

    fn phase(&mut self, key: &Key, value: &Node) -> Result<Option<Phase>, ElementError> {
        let text = self.text(key, value)?;
        let phase = Phase::of_directory(&text).filter(|phase| PHASES.contains(phase));
        if phase.is_none() {
            self.warn(ElementWarning::UnknownPhase { place: self.at(key.line), phase: text });
        }
        Ok(phase)
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

    /// dib splits a text at its commas, and keeps the blanks.
    fn words(&mut self, key: &Key, value: &Node) -> Result<Vec<String>, ElementError> {
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
        let what = match value {
            Node::List(_) => Some("is a list, at which diskimage-builder ends"),
            Node::Text(text) if text.trim().contains(char::is_whitespace) => {
                Some("has blanks, which are part of the names to diskimage-builder")
            }
            _ => None,
        };
        if let Some(what) = what {
            let (place, mend) = (self.at(key.line), words.join(","));
            self.warn(ElementWarning::ListOfArches { place, key: key.name.clone(), what, mend });
        }
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
