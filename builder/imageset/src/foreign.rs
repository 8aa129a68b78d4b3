//! What is not ours is not overwritten.
//!
//! In: names that are to be written, and what `images.json` says of them. Out: nothing, or the file in the way. Never: a file
//! taken for ours because a name says so.

use std::io;
use std::path::Path;

use dibber_fs::Dir;

use super::{FileEntry, OutputError, Seen, SetFile, Sidecar, names, set, sidecar, sums};

/// What a build's log begins with; the program's version follows.
pub const LOG: &str = "== dibber";

impl SetFile {
    /// Refuses names that somebody else's files have in the directory of this set; `path` is what errors call it.
    pub fn refuse_foreign<'a>(
        &self,
        dir: &Dir,
        path: &Path,
        seen: &Seen,
        names: impl IntoIterator<Item = &'a str>,
    ) -> Result<(), OutputError> {
        for name in names {
            let is_there = dir.stat(name).map_err(super::file_error(path.join(name)))?.is_some();
            if is_there && !self.is_ours(dir, name, seen) {
                return Err(OutputError::Foreign { path: path.join(name) });
            }
        }
        Ok(())
    }

    fn is_ours(&self, dir: &Dir, name: &str, seen: &Seen) -> bool {
        if name == names::SUMS {
            return dir.read(name, sums::LONGEST).is_ok_and(|found| sums::is_ours(&found, self));
        }
        let files = || self.images.iter().flat_map(|image| image.files.iter().map(move |file| (image, file)));
        if let Some((image, file)) = files().find(|(_, file)| file.names().any(|own| own == name)) {
            // One that was changed since is ours if what was written beside it still says so.
            let says_so = |sidecar: Sidecar| sidecar.sha256 == file.sha256 && sidecar.id == image.id;
            return seen.is(dir, name, file.sha256)
                || dir.file(name).is_ok()
                    && sidecar::read(dir, &names::sidecar(name))
                        .is_ok_and(|found| found.is_some_and(says_so));
        }
        let described = |file: &FileEntry| {
            file.names().find(|own| names::sidecar(own) == name).map(|own| seen.is(dir, own, file.sha256))
        };
        match files().find_map(|(_, file)| Some((file, described(file)?))) {
            // Beside a file that is ours, its sidecar is, cut or changed too; alone it must speak for itself.
            Some((file, is_right)) => {
                dir.file(name).is_ok() && (is_right || is_sidecar_of(dir, name, file).unwrap_or(false))
            }
            None => false,
        }
    }
}

/// Whether a file of this name is a sidecar that speaks of this file. An error is one of reading: it tells nothing.
pub(super) fn is_sidecar_of(dir: &Dir, name: &str, file: &FileEntry) -> io::Result<bool> {
    match sidecar::read(dir, name) {
        Ok(found) => Ok(found.is_some_and(|found| found.sha256 == file.sha256)),
        Err(error) if set::is_of_another_kind(&error) || error.kind() == io::ErrorKind::InvalidData => {
            Ok(false)
        }
        // serde_json's word for a text that ends too early.
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

/// Refuses the name of a log, if what has it was not written by a build. Logs are in no set: a failed build leaves one, too.
pub fn refuse_log(dir: &Dir, path: &Path, name: &str) -> Result<(), OutputError> {
    use std::io::Read;
    let mut start = Vec::new();
    let read = dir.file(name).and_then(|file| file.take(16).read_to_end(&mut start));
    let is_ours = match read {
        Ok(_) => start.is_empty() || start.starts_with(LOG.as_bytes()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => true,
        Err(error) if set::is_of_another_kind(&error) => false,
        Err(error) => return Err(super::file_error(path.join(name))(error)),
    };
    match is_ours {
        true => Ok(()),
        false => Err(OutputError::Foreign { path: path.join(name) }),
    }
}
