//! Architectures, platforms and the pair of them that an image is built for.
//!
//! The kernel, Debian and others spell the architectures differently, and dib's elements use two of the spellings. All are understood
//! where text comes in. TripleO's platforms narrow an architecture (POWER9 of ppc64le), and a target is both.
//!
//! In: any spelling of the field. Out: one name inside (the kernel's), translated for each distribution, and the facts of
//! each, which are data: a file in `arch/known/` is an architecture. Never: the host's own architecture, which only `build`
//! may ask for.

pub mod facts;
mod platform;

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::cmp::Ordering;
use core::fmt;
use core::hash::{Hash, Hasher};
use core::str::FromStr;

use serde::{Deserialize, Serialize};

pub use facts::{Core, Elf, Facts, Firmware, FirmwareFacts, Glance, Machine};
pub use platform::{Platform, PlatformFacts};

include!(concat!(env!("OUT_DIR"), "/known.rs"));

/// A processor architecture, under the kernel's name (`uname -m`).
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Arch(&'static Facts);

impl Arch {
    /// Every architecture, in the order in which sets are listed.
    pub fn all() -> impl Iterator<Item = Arch> {
        let mut all: Vec<Arch> = KNOWN.into_iter().map(Arch).collect();
        all.sort();
        all.into_iter()
    }

    /// All that differs from one architecture to the next.
    pub fn facts(self) -> &'static Facts {
        self.0
    }

    /// The kernel's name: `x86_64`, `ppc64le`, `aarch64`.
    pub fn kernel_name(self) -> &'static str {
        self.0.kernel_name
    }

    /// Debian's and dib's `ARCH`: `amd64`, `ppc64el`, `arm64`.
    pub fn debian_name(self) -> &'static str {
        self.0.debian_name
    }

    /// Names of the program that runs this architecture's programs elsewhere, the statically linked one first: a chroot
    /// has no libraries of the host's.
    pub fn qemu_user(self) -> [String; 2] {
        [format!("qemu-{}-static", self.0.qemu_user), format!("qemu-{}", self.0.qemu_user)]
    }

    /// The architecture that images without a tag count as.
    pub fn untagged() -> Option<Arch> {
        Arch::all().find(|arch| arch.0.untagged)
    }

    /// The architecture that Rust calls by this name, on a machine of this byte order.
    pub fn of_rust(name: &str, little_endian: bool) -> Option<Arch> {
        Arch::all().find(|arch| arch.0.rust_name == name && arch.0.elf.is_little_endian() == little_endian)
    }

    /// Every spelling, for messages: `x86_64 (amd64), ppc64le (ppc64el), aarch64 (arm64)`.
    pub fn spellings() -> String {
        let one = |arch: Arch| {
            let mut names: Vec<&str> = Vec::from([arch.debian_name()]);
            names.extend(arch.0.aliases);
            names.retain(|name| *name != arch.kernel_name());
            match names.is_empty() {
                true => arch.kernel_name().to_string(),
                false => format!("{arch} ({})", names.join(", ")),
            }
        };
        Arch::all().map(one).collect::<Vec<_>>().join(", ")
    }
}

impl PartialEq for Arch {
    fn eq(&self, other: &Self) -> bool {
        self.kernel_name() == other.kernel_name()
    }
}

impl Eq for Arch {}

impl PartialOrd for Arch {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Arch {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.0.rank, self.kernel_name()).cmp(&(other.0.rank, other.kernel_name()))
    }
}

impl Hash for Arch {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.kernel_name().hash(state);
    }
}

impl fmt::Debug for Arch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kernel_name())
    }
}

impl fmt::Display for Arch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.kernel_name())
    }
}

/// A text that names no architecture or platform.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// No such architecture.
    #[error("unknown architecture `{0}`; known are {known}", known = Arch::spellings())]
    Arch(String),
    /// Not a word that can stand in a file name.
    #[error("`{0}` cannot name a platform; use letters, digits, `_` and `.`, such as p9 or power9")]
    Platform(String),
}

impl FromStr for Arch {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        let named = |arch: &Arch| {
            text == arch.kernel_name() || text == arch.debian_name() || arch.0.aliases.contains(&text)
        };
        Arch::all().find(named).ok_or_else(|| TargetError::Arch(text.to_string()))
    }
}

impl TryFrom<String> for Arch {
    type Error = TargetError;
    fn try_from(text: String) -> Result<Self, TargetError> {
        text.parse()
    }
}

impl From<Arch> for String {
    fn from(arch: Arch) -> String {
        arch.kernel_name().to_string()
    }
}

/// What an image is built for. A platform without an architecture cannot be said.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Target {
    /// The architecture.
    pub arch: Arch,
    /// The platform within it, if the image is for one only.
    pub platform: Option<Platform>,
}

impl Target {
    /// File-name basenames for an image called `name`, the one that the files are made under first, then the links to it:
    /// `p9-ppc64le-name`, `ppc64le-name`, or `x86_64-name` and plain `name`.
    pub fn basenames(&self, name: &str) -> Vec<String> {
        let mut basenames = Vec::new();
        match &self.platform {
            Some(platform) => basenames.push(format!("{platform}-{}-{name}", self.arch)),
            None => {
                basenames.push(format!("{}-{name}", self.arch));
                if self.arch.facts().untagged {
                    basenames.push(name.to_string());
                }
            }
        }
        basenames
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.platform {
            Some(platform) => write!(f, "{platform}-{}", self.arch),
            None => write!(f, "{}", self.arch),
        }
    }
}

#[cfg(test)]
#[path = "arch_tests.rs"]
mod tests;
