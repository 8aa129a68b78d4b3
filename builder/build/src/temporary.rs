//! Directories for what lives as long as one command.
//!
//! In: `TMPDIR`. Out: a new directory, for its owner only. Never: a failure because `TMPDIR` names what is not there.
#![expect(clippy::disallowed_methods, reason = "paths of the host, which no hook writes to")]

use std::io;
use std::path::PathBuf;

use tempfile::TempDir;

/// A new directory in `TMPDIR`, or else in /tmp or /var/tmp; removed when it is dropped.
pub(crate) fn directory(prefix: &str) -> io::Result<TempDir> {
    let places = [std::env::temp_dir(), PathBuf::from("/tmp"), PathBuf::from("/var/tmp")];
    let place = places.iter().find(|place| place.is_dir()).unwrap_or(&places[0]);
    tempfile::Builder::new().prefix(prefix).tempdir_in(place)
}
