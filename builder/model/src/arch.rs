//! Architectures, platforms and the pair of them that an image is built for.
//!
//! In: any spelling of the field. Out: one name inside (the kernel's), translated for each distribution. Never: the
//! host's own architecture, which only `build` may ask for.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;
use serde::{Deserialize, Serialize};

/// A processor architecture, under the kernel's name (`uname -m`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Arch {
    /// 64-bit x86; `amd64` to Debian and dib.
    X86_64,
    /// 64-bit little-endian POWER; `ppc64el` to Debian.
    Ppc64le,
    /// 64-bit Arm; `arm64` to Debian and dib.
    Aarch64,
}

/// Kernel name, Debian's name and qemu's name of each architecture.
const NAMES: [(Arch, &str, &str); 3] = [
    (Arch::X86_64, "x86_64", "amd64"),
    (Arch::Ppc64le, "ppc64le", "ppc64el"),
    (Arch::Aarch64, "aarch64", "arm64"),
];

impl Arch {
    /// Every architecture, in the order in which sets are listed.
    pub fn all() -> impl Iterator<Item = Arch> {
        NAMES.iter().map(|(arch, _, _)| *arch)
    }

    fn row(self) -> &'static (Arch, &'static str, &'static str) {
        NAMES.iter().find(|(arch, _, _)| *arch == self).expect("NAMES has a row for every variant")
    }

    /// The kernel's name: `x86_64`, `ppc64le`, `aarch64`. Also qemu's.
    pub fn kernel_name(self) -> &'static str {
        self.row().1
    }

    /// Debian's and dib's `ARCH`: `amd64`, `ppc64el`, `arm64`.
    pub fn debian_name(self) -> &'static str {
        self.row().2
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
    #[error("unknown architecture `{0}`; known are x86_64 (amd64), ppc64le (ppc64el), aarch64 (arm64)")]
    Arch(String),
    /// Not a word that can stand in a file name.
    #[error("`{0}` cannot name a platform; use letters, digits, `_` and `.`, such as p9 or power9")]
    Platform(String),
}

impl FromStr for Arch {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        NAMES
            .iter()
            .find(|(_, kernel, debian)| text == *kernel || text == *debian)
            .map(|(arch, _, _)| *arch)
            .ok_or_else(|| TargetError::Arch(text.to_string()))
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

/// A finer selector than the architecture, in the operator's own words (`p9`, `power9`); letter case matters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Platform(String);

impl Platform {
    /// The word itself.
    pub fn as_str(&self) -> &str {
        &self.0
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

/// What an image is built for. A platform without an architecture cannot be said.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Target {
    /// The architecture.
    pub arch: Arch,
    /// The platform within it, if the image is for one only.
    pub platform: Option<Platform>,
}

impl Target {
    /// File-name stems for an image called `name`, the one that the files are made under first, then the links to it:
    /// `p9-ppc64le-name`, `ppc64le-name`, or `x86_64-name` and plain `name`.
    pub fn stems(&self, name: &str) -> Vec<String> {
        let mut stems = Vec::new();
        match &self.platform {
            Some(platform) => stems.push(format!("{platform}-{}-{name}", self.arch)),
            None => {
                stems.push(format!("{}-{name}", self.arch));
                if self.arch == Arch::X86_64 {
                    stems.push(name.to_string());
                }
            }
        }
        stems
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
mod tests {
    use super::*;

    #[test]
    fn spellings_meet() {
        assert_eq!("amd64".parse::<Arch>(), "x86_64".parse());
        assert_eq!("arm64".parse(), Ok(Arch::Aarch64));
        assert_eq!("ppc64el".parse(), Ok(Arch::Ppc64le));
        assert!("sparc".parse::<Arch>().is_err());
        assert!("../p9".parse::<Platform>().is_err());
    }

    #[test]
    fn stems_put_the_platform_first() {
        let target =
            |arch, platform: Option<&str>| Target { arch, platform: platform.map(|p| p.parse().unwrap()) };
        assert_eq!(target(Arch::Ppc64le, Some("p9")).stems("overcloud-full"), ["p9-ppc64le-overcloud-full"]);
        assert_eq!(target(Arch::Aarch64, None).stems("overcloud-full"), ["aarch64-overcloud-full"]);
        assert_eq!(target(Arch::X86_64, None).stems("a"), ["x86_64-a", "a"]);
    }
}
