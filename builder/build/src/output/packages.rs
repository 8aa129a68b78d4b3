//! Which packages a tree has, read from its package database.
//!
//! In: the text of `/var/lib/dpkg/status`. Out: name, version, architecture. Never: a package that is only configured.

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

/// Packages of state `installed` in a dpkg status file (deb822), sorted.
pub fn dpkg_packages(status: &str) -> Vec<Package> {
    let mut packages: Vec<Package> = status.split("\n\n").filter_map(installed).collect();
    packages.sort();
    packages
}

/// The package of a paragraph of such a file, if it is installed.
pub(crate) fn installed(paragraph: &str) -> Option<Package> {
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
        let names: Vec<_> = dpkg_packages(status).into_iter().map(|p| p.name).collect();
        assert_eq!(names, ["apt", "zsh"]);
    }
}
