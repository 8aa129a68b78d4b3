//! Platforms: a finer selector than the architecture, in the operator's own words.
//!
//! In: any word. Out: the word, and what is known about it. Never: a refusal of a word that is not known.

use alloc::string::{String, ToString};
use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{Arch, TargetError};

include!(concat!(env!("OUT_DIR"), "/platforms.rs"));

/// What is known about a platform; a file in `platforms/` fills it in.
#[derive(Debug)]
pub struct PlatformFacts {
    /// Kernel name of its architecture.
    pub arch: &'static str,
    /// Words that mean it, each as it is spelt: letter case matters.
    pub words: &'static [&'static str],
    /// QEMU's `-cpu` for it.
    pub cpu: &'static str,
}

/// A finer selector than the architecture, in the operator's own words (`p9`, `power9`); letter case matters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Platform(String);

impl Platform {
    /// The word itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What is known about this word within an architecture. A word that is not known still names images.
    pub fn facts(&self, arch: Arch) -> Option<&'static PlatformFacts> {
        KNOWN
            .into_iter()
            .find(|facts| facts.arch == arch.kernel_name() && facts.words.contains(&self.0.as_str()))
    }

    /// Every platform that is known.
    pub fn known() -> impl Iterator<Item = &'static PlatformFacts> {
        KNOWN.into_iter()
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for Platform {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
        if text.is_empty() || text.starts_with('.') || !text.chars().all(fits) {
            return Err(TargetError::Platform(text.to_string()));
        }
        Ok(Platform(text.to_string()))
    }
}

impl TryFrom<String> for Platform {
    type Error = TargetError;
    fn try_from(text: String) -> Result<Self, TargetError> {
        text.parse()
    }
}

impl From<Platform> for String {
    fn from(platform: Platform) -> String {
        platform.0
    }
}
