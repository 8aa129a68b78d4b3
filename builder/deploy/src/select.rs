//! Which of several candidates serves a node: for its platform, for its architecture, or the plain one.
//!
//! In: a node's wants and candidates with their tags. Out: the chosen one, and every step that was tried. Never: a file, or a
//! candidate whose tags contradict the node.
//!
//! Layouts, image files and images are all looked up by this one function.

mod nodes;
mod words;

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;
use dibber_model::{Arch, Platform, Target};

pub use nodes::{Fleet, Machine, NodesError};

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
pub struct Wants {
    /// Its architecture and platform.
    pub target: Target,
    /// How it starts, if it says.
    pub boot_mode: Option<BootMode>,
}

impl From<Target> for Wants {
    fn from(target: Target) -> Wants {
        Wants { target, boot_mode: None }
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
pub enum Serves {
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
    pub stem: String,
    /// For whom it is.
    pub serves: Serves,
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
pub enum Outcome {
    /// There is none of that name.
    Absent,
    /// There is, and it must not be used.
    Refused(Refusal),
    /// It is the one.
    Chosen,
}

/// One step of the search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tried {
    /// How far the name is made for the node.
    pub rung: Rung,
    /// The name.
    pub stem: String,
    /// What it led to.
    pub outcome: Outcome,
}

/// What was chosen, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    /// Its place among the candidates.
    pub chosen: Option<usize>,
    /// Every step up to the choice.
    pub tried: Vec<Tried>,
}

/// The names that are looked for, the closest first.
pub fn ladder(target: &Target, name: &str) -> Vec<(Rung, String)> {
    let mut rungs = Vec::new();
    if let Some(platform) = &target.platform {
        rungs.push((Rung::Platform, format!("{platform}-{}-{name}", target.arch)));
    }
    rungs.push((Rung::Arch, format!("{}-{name}", target.arch)));
    rungs.push((Rung::Plain, name.to_string()));
    rungs
}

/// Looks for `name`: on each rung the first candidate that nothing speaks against, one that is tagged for the node's own
/// platform before others.
pub fn select(wants: &Wants, name: &str, candidates: &[Candidate]) -> Selection {
    let mut tried = Vec::new();
    for (rung, stem) in ladder(&wants.target, name) {
        let named = candidates.iter().enumerate().filter(|(_, candidate)| candidate.stem == stem);
        let mut fitting: Vec<usize> = Vec::new();
        let mut outcome = Outcome::Absent;
        for (index, candidate) in named {
            match refusal(wants, &candidate.serves) {
                None => fitting.push(index),
                Some(refusal) => outcome = Outcome::Refused(refusal),
            }
        }
        let own = fitting.iter().find(|index| is_of_platform(wants, &candidates[**index].serves));
        if let Some(chosen) = own.or(fitting.first()).copied() {
            tried.push(Tried { rung, stem, outcome: Outcome::Chosen });
            return Selection { chosen: Some(chosen), tried };
        }
        tried.push(Tried { rung, stem, outcome });
    }
    Selection { chosen: None, tried }
}

fn is_of_platform(wants: &Wants, serves: &Serves) -> bool {
    matches!(serves, Serves::Tagged(tags) if tags.platform.is_some() && tags.platform == wants.target.platform)
}

/// What speaks against giving a candidate to a node.
pub fn refusal(wants: &Wants, serves: &Serves) -> Option<Refusal> {
    let tags = match serves {
        Serves::Every => return None,
        Serves::Nobody(why) => return Some(Refusal::Nobody(why.clone())),
        Serves::Tagged(tags) => tags,
    };
    let Some(image) = tags.arch.or(Arch::untagged()) else {
        return Some(Refusal::Nobody("it has no tag hw_architecture".into()));
    };
    let node = wants.target.arch;
    if image != node {
        return Some(Refusal::Arch { image, tagged: tags.arch.is_some(), node });
    }
    if let Some(image) = tags.platform.as_ref().filter(|image| wants.target.platform.as_ref() != Some(*image))
    {
        return Some(Refusal::Platform { image: image.clone(), node: wants.target.platform.clone() });
    }
    match (tags.boot_mode, wants.boot_mode) {
        (Some(image), Some(node)) if image != node => Some(Refusal::BootMode { image, node }),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
