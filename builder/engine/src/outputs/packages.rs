//! The packages of a tree, for the files' descriptions.
//!
//! In: a captured tree. Out: its packages by its own package databases. Never: a database of any length read whole.

use std::io::{self, Read};
use std::path::Path;

use dibber_model::{Content, Kind, Source, Tree};
use dibber_packages::{DATABASES, Database, Package, sorted};

use crate::capture::CapturedFiles;
use crate::error::BuildError;

/// Packages of the tree, from its package databases; none where it has none.
pub(crate) fn packages(tree: &Tree, files: &CapturedFiles) -> Result<Vec<Package>, BuildError> {
    let mut all = Vec::new();
    for database in &DATABASES {
        let packages = read(database, tree, files).map_err(|source| {
            let path = Path::new("/").join(database.path);
            match source.kind() {
                io::ErrorKind::InvalidData => BuildError::DamagedFile { path, source },
                _ => BuildError::File { path, source },
            }
        })?;
        all.extend(packages);
    }
    sorted(all).map_err(|error| {
        let path = Path::new("/").join(DATABASES[0].path);
        BuildError::DamagedFile { path, source: error.into() }
    })
}

fn read(database: &Database, tree: &Tree, files: &CapturedFiles) -> io::Result<Vec<Package>> {
    let Some(id) = tree.lookup(database.path.as_bytes()) else { return Ok(Vec::new()) };
    let bytes = match &tree.inode(id).kind {
        Kind::File(Content { source: Source::Inline(bytes), .. }) => bytes.to_vec(),
        Kind::File(Content { source: Source::File(file), .. }) => whole(files.open(*file)?, database)?,
        _ => return Ok(Vec::new()),
    };
    Ok(database.packages(&bytes)?)
}

/// All of a database that is no longer than one can be.
fn whole(file: impl Read, database: &Database) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(database.longest() + 1).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > database.longest() {
        true => Err(database.too_long().into()),
        false => Ok(bytes),
    }
}
