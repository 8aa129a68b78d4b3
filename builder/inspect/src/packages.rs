//! The packages of an image, out of its package databases.
//!
//! In: the bytes of a status file, piece by piece; those of rpm's databases whole, as their pages lead to and fro. Out: installed packages.
//! Never: a status file in memory as a whole, or more packages than fit there.

use std::io::{self, Write};

use dibber_packages::{DATABASES, Database, DatabaseKind, Package};

use super::budget::Budget;
use super::error::ShowError;
use super::tree::Tree;

/// Longest paragraph, in bytes: that of the largest package of Debian is below 100 kB.
const PARAGRAPH_MAX: usize = 1 << 20;
/// Most bytes of memory for packages: some 500,000 of them.
const PACKAGES_MAX: usize = 64 << 20;

/// Longest dpkg status file that is read, in bytes. Debian's with every package is below 100 MB.
const STATUS_MAX: u64 = 128 << 20;

/// Installed packages of a tree, sorted; `None` if it has no database of packages.
pub(super) fn installed(tree: &Tree) -> Result<Option<Vec<Package>>, ShowError> {
    let mut all = None;
    for database in &DATABASES {
        let found = match database.kind {
            DatabaseKind::DpkgStatus => by_dpkg(tree, database)?,
            DatabaseKind::RpmSqlite | DatabaseKind::RpmNdb | DatabaseKind::RpmBerkeley => {
                by_rpm(tree, database)?
            }
        };
        if let Some(found) = found {
            all.get_or_insert_with(Vec::new).extend(found);
        }
    }
    if let Some(all) = &mut all {
        all.sort_unstable();
    }
    Ok(all)
}

fn by_dpkg(tree: &Tree, database: &Database) -> Result<Option<Vec<Package>>, ShowError> {
    let mut status = Status::new(&tree.budget);
    let found = tree.small(&absolute(database), STATUS_MAX, &mut status)?;
    Ok(if found { Some(status.packages()?) } else { None })
}

fn by_rpm(tree: &Tree, database: &Database) -> Result<Option<Vec<Package>>, ShowError> {
    let (path, mut bytes) = (absolute(database), Vec::new());
    if !tree.small(&path, database.longest(), &mut bytes)? {
        return Ok(None);
    }
    // A page of it is looked at no more often than it has bytes.
    tree.budget.spend(bytes.len() as u64)?;
    database.packages(&bytes).map(Some).map_err(|why| ShowError::damaged(&path, why.to_string()))
}

fn absolute(database: &Database) -> String {
    format!("/{}", database.path)
}

/// Takes a status file, and keeps what is installed.
pub(super) struct Status<'a> {
    budget: &'a Budget,
    /// The paragraph that has begun.
    paragraph: Vec<u8>,
    packages: Vec<Package>,
    weight: usize,
}

impl Status<'_> {
    pub(super) fn new(budget: &Budget) -> Status<'_> {
        Status { budget, paragraph: Vec::new(), packages: Vec::new(), weight: 0 }
    }

    /// All of them, sorted.
    pub(super) fn packages(mut self) -> io::Result<Vec<Package>> {
        self.end()?;
        self.packages.sort_unstable();
        Ok(self.packages)
    }

    fn end(&mut self) -> io::Result<()> {
        let paragraph = std::mem::take(&mut self.paragraph);
        // Cutting it into lines takes longer than reading it.
        self.budget.look_at(1)?;
        let Some(package) = dibber_packages::installed(&String::from_utf8_lossy(&paragraph)) else {
            return Ok(());
        };
        // Three allocations, each with a header of its own.
        let text = package.name.len() + package.version.len() + package.arch.len();
        self.weight += size_of::<Package>() + 48 + text;
        if self.weight > PACKAGES_MAX {
            return Err(damaged(&format!("more than {} MiB of packages", PACKAGES_MAX >> 20)));
        }
        self.packages.push(package);
        Ok(())
    }
}

impl Write for Status<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            // Lines between paragraphs are no paragraphs.
            if self.paragraph.is_empty() && line == b"\n" {
                continue;
            }
            self.paragraph.extend_from_slice(line);
            if self.paragraph.ends_with(b"\n\n") {
                self.end()?;
            } else if self.paragraph.len() > PARAGRAPH_MAX {
                return Err(damaged(&format!("a paragraph of more than {PARAGRAPH_MAX} bytes")));
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn damaged(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("/var/lib/dpkg/status is damaged: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use dibber_packages::dpkg_packages;

    const STATUS: &str = "Package: b\nStatus: install ok installed\nVersion: 1\nArchitecture: all\nDescription: x\n y\n\n\
                          Package: gone\nStatus: deinstall ok config-files\nVersion: 1\nArchitecture: all\n\n\n\
                          Package: a\nStatus: install ok installed\nVersion: 2\nArchitecture: amd64\n";

    #[test]
    fn pieces_of_any_length_are_one_file() {
        for len in [1, 2, 7, STATUS.len()] {
            let budget = Budget::new();
            let mut status = Status::new(&budget);
            STATUS.as_bytes().chunks(len).for_each(|piece| status.write_all(piece).unwrap());
            assert_eq!(status.packages().unwrap(), dpkg_packages(STATUS).unwrap());
        }
    }

    #[test]
    fn a_file_without_end_is_damaged() {
        let budget = Budget::new();
        let mut status = Status::new(&budget);
        let said = status.write_all(&vec![b'x'; PARAGRAPH_MAX + 1]).unwrap_err();
        assert!(said.to_string().contains("paragraph"), "{said}");
        let budget = Budget::new();
        let mut status = Status::new(&budget);
        let said = (0..).find_map(|_| status.write_all(STATUS.as_bytes()).err()).unwrap();
        assert!(said.to_string().contains("of packages"), "{said}");
    }
}
