//! Where a tree keeps its databases of packages.

use crate::error::DatabaseError;
use crate::package::Package;
use crate::{dpkg, rpm};

/// The form of a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DatabaseKind {
    /// A status file of dpkg's: paragraphs of deb822.
    DpkgStatus,
    /// Headers of rpm's in a table of SQLite: Fedora 33, Red Hat 9 and later.
    RpmSqlite,
    /// Headers in rpm's own container: SUSE.
    RpmNdb,
    /// Headers in a hash of Berkeley DB's: Red Hat 8 and earlier.
    RpmBerkeley,
}

/// A database that a tree may have.
#[derive(Clone, Copy, Debug)]
pub struct Database {
    /// Its form.
    pub kind: DatabaseKind,
    /// Where it is, from the tree's root, without a leading `/`.
    pub path: &'static str,
}

const fn database(kind: DatabaseKind, path: &'static str) -> Database {
    Database { kind, path }
}

/// All that are looked for. A system has one of them with packages in it; rpm on Debian, or dpkg on Fedora, leaves an empty one. rpm moved its
/// directory below /usr (`%_dbpath`) in Fedora 36 and SUSE 15.
pub const DATABASES: [Database; 7] = [
    database(DatabaseKind::DpkgStatus, "var/lib/dpkg/status"),
    database(DatabaseKind::RpmSqlite, "usr/lib/sysimage/rpm/rpmdb.sqlite"),
    database(DatabaseKind::RpmNdb, "usr/lib/sysimage/rpm/Packages.db"),
    database(DatabaseKind::RpmBerkeley, "usr/lib/sysimage/rpm/Packages"),
    database(DatabaseKind::RpmSqlite, "var/lib/rpm/rpmdb.sqlite"),
    database(DatabaseKind::RpmNdb, "var/lib/rpm/Packages.db"),
    database(DatabaseKind::RpmBerkeley, "var/lib/rpm/Packages"),
];

impl DatabaseKind {
    /// No such file is longer, in bytes: dpkg's of all of Debian has 60 MiB, rpm's of a desktop with 2,000 packages 50.
    pub fn longest(self) -> u64 {
        match self {
            DatabaseKind::DpkgStatus => 64 << 20,
            DatabaseKind::RpmSqlite | DatabaseKind::RpmNdb | DatabaseKind::RpmBerkeley => 128 << 20,
        }
    }

    /// The package manager whose it is, as dib's manifests name it.
    pub fn manager(self) -> &'static str {
        match self {
            DatabaseKind::DpkgStatus => "dpkg",
            DatabaseKind::RpmSqlite | DatabaseKind::RpmNdb | DatabaseKind::RpmBerkeley => "rpm",
        }
    }
}

impl Database {
    /// No such file is longer, in bytes.
    pub fn longest(&self) -> u64 {
        self.kind.longest()
    }

    /// The error of one that is longer.
    pub fn too_long(&self) -> DatabaseError {
        DatabaseError::TooMuch(format!("{} MiB", self.longest() >> 20))
    }

    /// Its packages, sorted.
    pub fn packages(&self, bytes: &[u8]) -> Result<Vec<Package>, DatabaseError> {
        match self.kind {
            DatabaseKind::DpkgStatus => dpkg::dpkg_packages(&String::from_utf8_lossy(bytes)),
            DatabaseKind::RpmSqlite => rpm::sqlite::headers(bytes)?.packages(),
            DatabaseKind::RpmNdb => rpm::ndb::headers(bytes)?.packages(),
            DatabaseKind::RpmBerkeley => rpm::berkeley::headers(bytes)?.packages(),
        }
    }
}
