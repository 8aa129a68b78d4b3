//! Which of several candidates serves a node: for its platform, for its architecture, or the plain one.
//!
//! TripleO gives a node the image of its platform if there is one, else that of its architecture, else the plain one, by the names of images;
//! ironic and nova then check tags. Layouts, image files and images are all looked up by this one function.
//!
//! In: a node's requirements and candidates with their tags. Out: the chosen one, and every attempt. Never: a file, or a
//! candidate whose tags contradict the node.

mod nodes;
mod words;

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;
use dibber_model::{Arch, Platform, Target};

pub use nodes::{Fleet, Machine, NodesError, NodesFormat};

/// How a machine starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum BootMode {
    /// Legacy BIOS.
    Bios,
    /// UEFI.
    Uefi,
}

/// A text that is no boot mode.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown boot mode `{0}`; there are bios and uefi")]
pub struct BootModeError(pub String);

impl FromStr for BootMode {
    type Err = BootModeError;

    /// ironic's and nova's words, in any case as ironic reads them.
    fn from_str(text: &str) -> Result<Self, BootModeError> {
        match text.to_ascii_lowercase().as_str() {
            "bios" => Ok(BootMode::Bios),
            "uefi" => Ok(BootMode::Uefi),
            _ => Err(BootModeError(text.to_string())),
        }
    }
}

impl fmt::Display for BootMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(if *self == BootMode::Bios { "bios" } else { "uefi" })
    }
}

/// What a node needs of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeRequirements {
    /// Its architecture and platform.
    pub target: Target,
    /// How it starts, if it says.
    pub boot_mode: Option<BootMode>,
}

impl From<Target> for NodeRequirements {
    fn from(target: Target) -> NodeRequirements {
        NodeRequirements { target, boot_mode: None }
    }
}

/// What an image is tagged with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tags {
    /// `hw_architecture`.
    pub arch: Option<Arch>,
    /// `tripleo_platform`.
    pub platform: Option<Platform>,
    /// `hw_firmware_type`.
    pub boot_mode: Option<BootMode>,
}

/// For whom a candidate is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Compatibility {
    /// Whoever finds it by its name: layouts and the like.
    Every,
    /// Machines that these tags do not contradict: images.
    Tagged(Tags),
    /// Nobody, for this reason.
    Nobody(String),
}

/// Something to choose from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The name that it is looked up by: `p9-ppc64le-overcloud-full`.
    pub basename: String,
    /// For whom it is.
    pub compatibility: Compatibility,
}

/// How far a name is made for a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rung {
    /// `PLATFORM-ARCH-NAME`.
    Platform,
    /// `ARCH-NAME`.
    Arch,
    /// `NAME`.
    Plain,
}

/// Why a candidate of the right name is not chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It is for another architecture; `tagged` is whether a tag says so.
    Arch {
        /// The image's.
        image: Arch,
        /// Whether that is its tag, or what counts where it has none.
        tagged: bool,
        /// The node's.
        node: Arch,
    },
    /// It is for one platform, and the node is of another or of none.
    Platform {
        /// The image's.
        image: Platform,
        /// The node's.
        node: Option<Platform>,
    },
    /// It starts in one way only, and the node in the other.
    BootMode {
        /// The image's.
        image: BootMode,
        /// The node's.
        node: BootMode,
    },
    /// It serves nobody.
    Nobody(String),
}

/// What one name led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttemptOutcome {
    /// There is none of that name.
    Absent,
    /// There is, and it must not be used.
    Refused(Refusal),
    /// It is the one.
    Chosen,
}

/// One step of the search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// How far the name is made for the node.
    pub rung: Rung,
    /// The name.
    pub basename: String,
    /// What it led to.
    pub outcome: AttemptOutcome,
}

/// What was chosen, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    /// Its place among the candidates.
    pub chosen: Option<usize>,
    /// Every step up to the choice.
    pub attempts: Vec<Attempt>,
}

/// A name that is looked for.
struct SearchedName {
    rung: Rung,
    basename: String,
}

/// The names that are looked for, the closest first.
fn searched_names(target: &Target, name: &str) -> Vec<SearchedName> {
    let mut names = Vec::new();
    let mut add = |rung, basename| names.push(SearchedName { rung, basename });
    if let Some(platform) = &target.platform {
        add(Rung::Platform, format!("{platform}-{}-{name}", target.arch));
    }
    add(Rung::Arch, format!("{}-{name}", target.arch));
    add(Rung::Plain, name.to_string());
    names
}

/// Looks for `name`: on each rung the first candidate that nothing speaks against, one that is tagged for the node's own
/// platform before others.
pub fn select(requirements: &NodeRequirements, name: &str, candidates: &[Candidate]) -> Selection {
    let mut attempts = Vec::new();
    for SearchedName { rung, basename } in searched_names(&requirements.target, name) {
        let named = candidates.iter().enumerate().filter(|(_, candidate)| candidate.basename == basename);
        let mut fitting: Vec<usize> = Vec::new();
        let mut outcome = AttemptOutcome::Absent;
        for (index, candidate) in named {
            match refusal(requirements, &candidate.compatibility) {
                None => fitting.push(index),
                Some(refusal) => outcome = AttemptOutcome::Refused(refusal),
            }
        }
        let own =
            fitting.iter().find(|index| is_of_platform(requirements, &candidates[**index].compatibility));
        if let Some(chosen) = own.or(fitting.first()).copied() {
            attempts.push(Attempt { rung, basename, outcome: AttemptOutcome::Chosen });
            return Selection { chosen: Some(chosen), attempts };
        }
        attempts.push(Attempt { rung, basename, outcome });
    }
    Selection { chosen: None, attempts }
}

fn is_of_platform(requirements: &NodeRequirements, compatibility: &Compatibility) -> bool {
    matches!(compatibility, Compatibility::Tagged(tags) if tags.platform.is_some() && tags.platform == requirements.target.platform)
}

/// What speaks against giving a candidate to a node.
pub fn refusal(requirements: &NodeRequirements, compatibility: &Compatibility) -> Option<Refusal> {
    let tags = match compatibility {
        Compatibility::Every => return None,
        Compatibility::Nobody(why) => return Some(Refusal::Nobody(why.clone())),
        Compatibility::Tagged(tags) => tags,
    };
    let Some(image) = tags.arch.or(Arch::untagged()) else {
        return Some(Refusal::Nobody("it has no tag hw_architecture".into()));
    };
    let node = requirements.target.arch;
    if image != node {
        return Some(Refusal::Arch { image, tagged: tags.arch.is_some(), node });
    }
    if let Some(image) =
        tags.platform.as_ref().filter(|image| requirements.target.platform.as_ref() != Some(*image))
    {
        return Some(Refusal::Platform { image: image.clone(), node: requirements.target.platform.clone() });
    }
    match (tags.boot_mode, requirements.boot_mode) {
        (Some(image), Some(node)) if image != node => Some(Refusal::BootMode { image, node }),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
