//! An installed package, whoever installed it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::DatabaseError;

/// An installed package.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Package {
    /// Name.
    pub name: String,
    /// Version: dpkg's, or rpm's `[EPOCH:]VERSION-RELEASE`.
    pub version: String,
    /// Architecture, in the distribution's spelling.
    pub arch: String,
}

impl fmt::Display for Package {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.name, self.version, self.arch)
    }
}

/// No tree has more packages: all of Debian has 70,000.
pub const MOST: usize = 100_000;

/// All of them, sorted, each once. More than [`MOST`] are an error.
pub fn sorted(packages: impl IntoIterator<Item = Package>) -> Result<Vec<Package>, DatabaseError> {
    let mut all: Vec<Package> = packages.into_iter().take(MOST + 1).collect();
    if all.len() > MOST {
        return Err(DatabaseError::TooMuch(format!("{MOST} packages")));
    }
    all.sort();
    Ok(all)
}
