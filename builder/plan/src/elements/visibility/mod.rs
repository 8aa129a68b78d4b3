//! From which step on hooks are given each variable and each file of an element.
//!
//! dib gives every hook everything: all variables, the names of all elements, all their files. A change to any of them would then be a change
//! to what every hook could read, and every step would have to run again. Here a step is given what it, or a step before it, can ask for by
//! name. What a step is not given cannot be in its result, so its id need not have it: an edit costs the steps from the first that
//! can see it, and images that differ later share what comes before.
//!
//! In: elements, variables and steps. Out: for each variable and file the number of the first step that is given it. Never: something
//! that a step is given and its id does not cover; `engine` asks here for both.

mod environment_file;
mod mentions;
mod spread;

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::{String, ToString};

use serde::{Deserialize, Serialize};

use super::image_element::EXPORTED_FUNCTION;
use super::steps::StepRequest;
use crate::step::Step;

/// The place of what no step of a plan is given. A hook that another hook added is in no plan; it stands here too, and is given all.
pub const NEVER: usize = usize::MAX;

/// The directory in the hooks directory with a directory for each element, which has the files that the flat merge would hide. Names of
/// hooks and of phases have no dot in front, so nothing there is taken for one.
pub const OWN_DIRECTORIES: &str = ".elements";

/// The variable with the names and directories of all elements, which our own driver sets for each side of the chroot.
pub const ELEMENTS_YAML: &str = "IMAGE_ELEMENT_YAML";

/// From which step on hooks are given each variable and each file of an element, by the step's place in the plan. From the first on, every
/// step is given it: what an earlier hook wrote into the tree may read it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Visibility {
    variables: BTreeMap<String, usize>,
    /// By element and path; scripts of phases are not here, as each step sees those of its own phase up to itself.
    files: BTreeMap<String, BTreeMap<String, usize>>,
    names: usize,
}

impl Visibility {
    /// What the steps of a plan are given.
    pub(crate) fn new(request: &StepRequest<'_>, steps: &[Step]) -> Visibility {
        spread::spread(request, steps)
    }

    /// The first step that is given a variable. One that is not the plan's own is given to all.
    pub fn variable_from(&self, name: &str) -> usize {
        self.variables.get(name).copied().unwrap_or(0)
    }

    /// The first step that is given a file, which is no script of a phase.
    pub fn file_from(&self, element: &str, path: &str) -> usize {
        self.files.get(element).and_then(|files| files.get(path)).copied().unwrap_or(0)
    }

    /// The first step that can read the names of all elements.
    pub fn names_from(&self) -> usize {
        self.names
    }

    /// Variables that are not given to the step at a place.
    pub fn withheld(&self, at: usize) -> impl Iterator<Item = &str> {
        self.variables.iter().filter(move |(_, from)| **from > at).map(|(name, _)| name.as_str())
    }
}

/// The disk's variables that do not begin as dib's do.
const OF_THE_DISK: [&str; 4] = ["FS_TYPE", "IMAGE_BLOCK_DEVICE", "IMAGE_BLOCK_DEVICES", "ROOT_LABEL"];

/// Variables that tell of the whole image.
const OF_THE_IMAGE: [&str; 4] = ["IMAGE_ELEMENT", "IMAGE_NAME", ELEMENTS_YAML, EXPORTED_FUNCTION];

/// Whether hooks alone read a variable: dib's own, the disk's and the image's. Other programs ask for others without any hook that names them.
fn is_for_hooks(name: &str) -> bool {
    name.starts_with("DIB_") || OF_THE_DISK.contains(&name) || OF_THE_IMAGE.contains(&name)
}

/// Beginnings of names that programs are known to read: the locale, proxies, certificates, package managers, compilers. Every step is
/// given these. A variable of another name is given from the first step that names it, or to all steps if none does.
const FOR_PROGRAMS: [&str; 30] = [
    "ANSIBLE_",
    "APT_",
    "AWS_",
    "BASH_",
    "CARGO_",
    "CC",
    "CFLAGS",
    "CURL_",
    "CXX",
    "DEB",
    "DNF_",
    "GEM_",
    "GIT_",
    "GO",
    "HOME",
    "LANG",
    "LC_",
    "LD_",
    "LDFLAGS",
    "MAKE",
    "NODE_",
    "NPM_",
    "PATH",
    "PERL",
    "PIP_",
    "PYTHON",
    "REQUESTS_",
    "SSL_",
    "TERM",
    "UV_",
];

/// Whether every step is given a variable, whoever names it.
fn is_for_programs(name: &str) -> bool {
    let is_ours = is_for_hooks(name);
    // The driver itself reads the first; the others belong to any program.
    let always = ["DIB_OFFLINE", "TZ", "TMPDIR", "ARCH", "SOURCE_DATE_EPOCH"].contains(&name);
    let known = !is_ours && FOR_PROGRAMS.iter().any(|start| name.starts_with(start));
    always || known || name.to_ascii_lowercase().ends_with("_proxy")
}

/// Every variable whose way is followed: the plan's, and those that files of `environment.d` set.
fn names(request: &StepRequest<'_>) -> BTreeSet<String> {
    let mut names: BTreeSet<String> = request.variables.keys().cloned().collect();
    names.extend([ELEMENTS_YAML, EXPORTED_FUNCTION].map(ToString::to_string));
    names.extend(environment_file::assigned_by_all(request.elements));
    names
}

#[cfg(test)]
#[path = "visibility_tests.rs"]
mod tests;
