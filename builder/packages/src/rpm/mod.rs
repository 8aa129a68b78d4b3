//! rpm's database: a header for each installed package, as it was in the package file, in one of three containers.
//!
//! In: headers, out of the container. Out: packages. Never: the keys that rpm keeps among its packages as `gpg-pubkey`, which nobody installs.

pub(crate) mod berkeley;
mod bytes;
mod header;
pub(crate) mod ndb;
pub(crate) mod sqlite;

use crate::error::{DatabaseError, damaged};
use crate::package::{MOST, Package, sorted};

/// What is found in a container.
pub(crate) struct Found {
    packages: Vec<Package>,
    /// Bytes of headers that may still be there: no byte of a file is in two of them, whatever its pages say.
    room: usize,
}

impl Found {
    fn in_file(file: &[u8]) -> Found {
        Found { packages: Vec::new(), room: file.len() }
    }

    /// Takes a header.
    fn take(&mut self, header: &[u8]) -> Result<(), DatabaseError> {
        self.room = self.room.checked_sub(header.len()).ok_or_else(|| damaged("two headers in one place"))?;
        let package = header::package(header)?;
        if package.name != "gpg-pubkey" {
            self.packages.push(package);
        }
        match self.packages.len() > MOST {
            true => Err(DatabaseError::TooMuch(format!("{MOST} packages"))),
            false => Ok(()),
        }
    }

    /// All packages, sorted.
    pub(crate) fn packages(self) -> Result<Vec<Package>, DatabaseError> {
        sorted(self.packages)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Database, DatabaseKind};
    use proptest::prelude::*;

    /// Two packages that rpmbuild made, `alpha` and, with an epoch, `beta`: in tables of SQLite's own making and of Berkeley DB's (`db_load`).
    const SQLITE: &[u8] = include_bytes!("../../testdata/rpmdb.sqlite");
    const BERKELEY: &[u8] = include_bytes!("../../testdata/Packages");

    fn read(kind: DatabaseKind, bytes: &[u8]) -> Result<Vec<Package>, DatabaseError> {
        Database { kind, path: "" }.packages(bytes)
    }

    /// A container of rpm's own with two such headers, as `rpmpkg.c` lays it out.
    fn ndb() -> Vec<u8> {
        let headers = [("alpha", None), ("beta", Some("3"))].map(|(name, epoch)| {
            let mut tags = vec![(1000, name), (1001, "1"), (1002, "2"), (1022, "noarch")];
            tags.extend(epoch.map(|epoch| (1003, epoch)));
            header::tests::header(&tags)
        });
        let word = |number: usize| u32::try_from(number).unwrap().to_le_bytes();
        let mut file =
            [b"RpmP".to_vec(), word(0).into(), word(1).into(), word(1).into(), vec![0; 16]].concat();
        let mut blobs = Vec::new();
        for (number, header) in headers.iter().enumerate() {
            let at = 4096 + blobs.len();
            let head = [b"BlbS".to_vec(), word(number + 1).into(), word(1).into(), word(header.len()).into()];
            blobs.extend(head.concat());
            blobs.extend(header);
            blobs.resize(blobs.len().next_multiple_of(16), 0);
            let blocks = (4096 + blobs.len() - at) / 16;
            file.extend(
                [b"Slot".to_vec(), word(number + 1).into(), word(at / 16).into(), word(blocks).into()]
                    .concat(),
            );
        }
        file.resize(4096, 0);
        file.extend(blobs);
        file
    }

    fn all() -> [(DatabaseKind, Vec<u8>); 3] {
        [
            (DatabaseKind::RpmSqlite, SQLITE.to_vec()),
            (DatabaseKind::RpmBerkeley, BERKELEY.to_vec()),
            (DatabaseKind::RpmNdb, ndb()),
        ]
    }

    #[test]
    fn two_packages_in_each_container() {
        for (kind, bytes) in all() {
            let found: Vec<String> = read(kind, &bytes).unwrap().iter().map(ToString::to_string).collect();
            assert_eq!(found, ["alpha 1-2 noarch", "beta 3:1-2 noarch"], "{kind:?}");
            // What is cut off, and what is something else.
            read(kind, &bytes[..bytes.len() / 2]).unwrap_err();
            read(kind, b"").unwrap_err();
            assert!(matches!(read(kind, &[b'x'; 64]), Err(DatabaseError::Unknown(_))), "{kind:?}");
        }
    }

    proptest! {
        /// Whatever a hook writes over one: an answer, in time, without a panic.
        #[test]
        fn bytes_that_somebody_changed(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20)) {
            for (kind, mut bytes) in all() {
                for (at, byte) in &changes {
                    let at = at.index(bytes.len());
                    bytes[at] = *byte;
                }
                let _ = read(kind, &bytes);
            }
        }
    }

    /// A tree of pages that leads back to its own root, and rows that all have one long value.
    #[test]
    fn a_circle_ends() {
        let mut circle = SQLITE.to_vec();
        // The second page: an interior page whose only child is itself.
        circle[512] = 5;
        circle[512 + 3..512 + 5].copy_from_slice(&[0, 0]);
        circle[512 + 8..512 + 12].copy_from_slice(&2_u32.to_be_bytes());
        read(DatabaseKind::RpmSqlite, &circle).unwrap_err();
    }
}
