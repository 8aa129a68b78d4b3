//! One entry of a package list: a package, what is done with it, and under which conditions.
//!
//! Conditions are about variables that `environment.d` may set, so they are known only when the phase begins; planning keeps the entry
//! whole, and the build asks whether it applies.
//!
//! In: an entry and the environment of a phase. Out: whether it applies. Never: a variable that is not set, taken for an empty one.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use dibber_model::{Arch, Phase};

use super::super::error::{ElementError, FileLine};

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
pub struct PackageEntry {
    /// Name before `pkg-map`.
    pub package: String,
    /// The element that asks, whose `pkg-map` is used.
    pub element: String,
    /// Where.
    pub place: FileLine,
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

fn variable<'a>(
    env: &'a BTreeMap<String, String>,
    name: &str,
    place: &FileLine,
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

impl PackageEntry {
    /// All that it says, wherever it stands, in words that differ where it does.
    pub fn content(&self) -> String {
        format!("{:?}", PackageEntry { place: FileLine::new(String::new(), 0), ..self.clone() })
    }

    /// The variables that its conditions are about.
    pub(super) fn variables(&self) -> Vec<String> {
        let own = format!("DIB_INSTALLTYPE_{}", self.element.replace('-', "_"));
        let mut names: Vec<String> = self.when.iter().map(|condition| condition.variable.clone()).collect();
        if self.installtype.is_some() {
            names.extend([own, "DIB_DEFAULT_INSTALLTYPE".to_string()]);
        }
        if !self.arch.is_empty() || !self.not_arch.is_empty() {
            names.push("ARCH".to_string());
        }
        names.extend(self.python.iter().map(|_| "DIB_PYTHON_VERSION".to_string()));
        names
    }

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
