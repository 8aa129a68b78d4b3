//! Where a filesystem is mounted.
//!
//! In: a text. Out: an absolute path without `.`, `..` and doubled slashes. Never: a path that leads out of the tree.

use alloc::string::{String, ToString};
use core::fmt;
use core::str::FromStr;
use serde::{Deserialize, Serialize};

use crate::{Hasher, Identify};

/// An absolute, normalised path at which a filesystem is mounted: `/`, `/boot/efi`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct MountPoint(String);

impl MountPoint {
    /// With its leading slash.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Without it; empty for the root.
    pub fn relative(&self) -> &str {
        self.0.trim_start_matches('/')
    }

    /// Whether it is `/`.
    pub fn is_root(&self) -> bool {
        self.0 == "/"
    }
}

impl fmt::Display for MountPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A text that is no mount point.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a mount point; write an absolute path without `.`, `..` or doubled slashes")]
pub struct BadMountPoint(pub String);

impl FromStr for MountPoint {
    type Err = BadMountPoint;
    fn from_str(text: &str) -> Result<Self, BadMountPoint> {
        let normal = text.strip_prefix('/').is_some_and(|rest| {
            rest.is_empty()
                || rest.split('/').all(|name| !matches!(name, "" | "." | "..") && !name.contains('\0'))
        });
        if normal { Ok(MountPoint(text.to_string())) } else { Err(BadMountPoint(text.to_string())) }
    }
}

impl TryFrom<String> for MountPoint {
    type Error = BadMountPoint;
    fn try_from(text: String) -> Result<Self, BadMountPoint> {
        text.parse()
    }
}

impl From<MountPoint> for String {
    fn from(point: MountPoint) -> String {
        point.0
    }
}

impl Identify for MountPoint {
    fn identify(&self, hasher: &mut Hasher) {
        self.as_str().identify(hasher);
    }
}
