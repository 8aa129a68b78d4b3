//! Which packages a tree has, read from its package database.
//!
//! In: the text of `/var/lib/dpkg/status`, which hooks can write. Out: name, version, architecture. Never: a package that is only
//! configured; more of them than any tree has.

use std::io;

use serde::{Deserialize, Serialize};

/// An installed package.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Package {
    /// Name.
    pub name: String,
    /// Version.
    pub version: String,
    /// Architecture, in the distribution's spelling.
    pub arch: String,
}

/// No such file is longer, in bytes: one of all of Debian has 60 MiB.
pub const LONGEST: u64 = 64 << 20;

/// No tree has more packages: all of Debian has 70,000.
const MOST: usize = 100_000;

/// Packages of state `installed` in a dpkg status file (deb822), sorted. More than 100,000 are an error.
pub fn dpkg_packages(status: &str) -> io::Result<Vec<Package>> {
    let mut packages: Vec<Package> = status.split("\n\n").filter_map(installed).take(MOST + 1).collect();
    if packages.len() > MOST {
        return Err(spoilt(&format!("{MOST} packages")));
    }
    packages.sort();
    Ok(packages)
}

/// It has more than this of something. The kind is `InvalidData`.
pub fn spoilt(what: &str) -> io::Error {
    let why = format!("it has more than {what}, which no database of packages has; a hook has spoilt it");
    io::Error::new(io::ErrorKind::InvalidData, why)
}

/// The package of a paragraph of such a file, if it is installed.
pub fn installed(paragraph: &str) -> Option<Package> {
    let field = |name: &str| {
        paragraph
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
            .map(|v| v.trim().to_string())
    };
    let state = field("Status")?;
    (state.split(' ').next_back() == Some("installed")).then_some(())?;
    Some(Package { name: field("Package")?, version: field("Version")?, arch: field("Architecture")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_installed_packages_count() {
        let status = "Package: zsh\nStatus: install ok installed\nArchitecture: amd64\nVersion: 5.9-4\nDescription: a\n b\n\n\
                      Package: old\nStatus: deinstall ok config-files\nArchitecture: amd64\nVersion: 1\n\n\
                      Package: apt\nStatus: install ok installed\nArchitecture: amd64\nVersion: 2.6\n";
        let names: Vec<_> = dpkg_packages(status).unwrap().into_iter().map(|p| p.name).collect();
        assert_eq!(names, ["apt", "zsh"]);
    }

    #[test]
    fn more_than_any_tree_has_are_refused() {
        let one = "Package: a\nStatus: install ok installed\nArchitecture: all\nVersion: 1\n\n";
        assert_eq!(dpkg_packages(&one.repeat(MOST)).unwrap().len(), MOST);
        assert!(dpkg_packages(&one.repeat(MOST + 1)).unwrap_err().to_string().contains("100000 packages"));
    }
}
