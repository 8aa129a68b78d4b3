//! The packages of a tree, for the files' descriptions.
//!
//! In: a captured tree. Out: its packages by its own package database. Never: a database of any length read whole.

use std::io::{self, Read};
use std::path::PathBuf;

use dibber_imageset::{LONGEST_DATABASE, Package, dpkg_packages, spoilt};
use dibber_model::{Content, Kind, Source, Tree};

use crate::capture::CapturedFiles;
use crate::error::BuildError;

/// Packages of the tree, from its package database; none where it has none.
pub(crate) fn packages(tree: &Tree, files: &CapturedFiles) -> Result<Vec<Package>, BuildError> {
    let Some(id) = tree.lookup(b"var/lib/dpkg/status") else { return Ok(Vec::new()) };
    let text = match &tree.inode(id).kind {
        Kind::File(Content { source: Source::Inline(bytes), .. }) => Ok(bytes.to_vec()),
        Kind::File(Content { source: Source::File(file), .. }) => {
            files.open(*file).and_then(|file| whole(file, LONGEST_DATABASE))
        }
        _ => return Ok(Vec::new()),
    };
    text.and_then(|text| dpkg_packages(&String::from_utf8_lossy(&text))).map_err(|source| {
        match (source.kind(), PathBuf::from("/var/lib/dpkg/status")) {
            (io::ErrorKind::InvalidData, path) => BuildError::DamagedFile { path, source },
            (_, path) => BuildError::File { path, source },
        }
    })
}

/// All of a database of packages that is no longer than this.
fn whole(file: impl Read, longest: u64) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    file.take(longest + 1).read_to_end(&mut text)?;
    match text.len() as u64 > longest {
        true => Err(spoilt(&format!("{} MiB", longest >> 20))),
        false => Ok(text),
    }
}
