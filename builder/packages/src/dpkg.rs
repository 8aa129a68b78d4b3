//! dpkg's database: paragraphs of fields, one for each package that it ever heard of.
//!
//! In: the text of `/var/lib/dpkg/status`, which hooks can write. Out: name, version, architecture. Never: a package that is only
//! configured; more of them than any tree has.

use crate::error::DatabaseError;
use crate::package::{Package, sorted};

/// Packages of state `installed` in a dpkg status file (deb822), sorted. More than 100,000 are an error.
pub fn dpkg_packages(status: &str) -> Result<Vec<Package>, DatabaseError> {
    sorted(status.split("\n\n").filter_map(installed))
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
    use crate::package::MOST;

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
