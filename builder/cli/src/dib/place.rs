//! Where an image's files go: dib's `IMAGE_NAME` is a path, and all files have it before their extension.
//!
//! In: the path as the person wrote it. Out: a directory, a name in it, and the directory beside it that the build has for itself. Never: a
//! name that begins with a dot or has no letters, which would hide or lose files.

use std::fs::{File, Metadata, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::publish::make_dir;
use crate::exit::Exit;
use crate::report::Problem;

/// The path of an image.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// As the person wrote it.
    written: String,
    /// The directory.
    pub(super) dir: PathBuf,
    /// The name in it.
    pub(super) name: String,
}

impl Place {
    pub(super) fn new(written: &str) -> Result<Place, Problem> {
        let path = Path::new(written);
        let name = path.file_name().and_then(|name| name.to_str()).filter(|_| !written.ends_with('/'));
        let Some(name) = name else {
            let why =
                format!("`-o {written}` names no file; write the name of the image behind the directory");
            return Err(Problem::new(Exit::Fault, why));
        };
        let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Ok(Place { written: written.to_string(), dir: dir.to_path_buf(), name: name.to_string() })
    }

    /// The directory of a build, beside its files, so that putting them in place is a rename.
    pub(super) fn own_dir(&self) -> PathBuf {
        self.dir.join(format!(".{}.dibber", self.name))
    }

    /// Where the build puts its set, which it locks by itself while it does so.
    pub(super) fn set_dir(&self) -> PathBuf {
        self.own_dir().join("set")
    }

    /// Makes the build's directory, and keeps other builds of the image out of it for as long as the file is open.
    pub(super) fn lock(&self) -> Result<File, Problem> {
        let own = self.own_dir();
        let fault = |error: &io::Error| Problem::new(Exit::Output, format!("{}: {error}", own.display()));
        loop {
            make_dir(&own)?;
            let dir = open_dir(&own).map_err(|error| fault(&error))?;
            match dir.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    let why = format!("{} is being built by another command", self.written);
                    return Err(Problem::new(Exit::Output, why));
                }
                Err(TryLockError::Error(error)) => return Err(fault(&error)),
            }
            // The build that had it may have removed it at its end.
            let same =
                |there: &Metadata, held: &Metadata| (there.dev(), there.ino()) == (held.dev(), held.ino());
            let held = dir.metadata().map_err(|error| fault(&error))?;
            if own.symlink_metadata().is_ok_and(|there| same(&there, &held)) {
                return Ok(dir);
            }
        }
    }

    /// dib's directory for what describes the image.
    pub(super) fn description_dir(&self) -> PathBuf {
        self.dir.join(format!("{}.d", self.name))
    }

    /// A file of the image, as the person would write it.
    pub(super) fn written(&self, extension: &str) -> String {
        format!("{}.{extension}", self.written)
    }
}

#[expect(clippy::disallowed_methods, reason = "the directory that was just made where the person said")]
fn open_dir(path: &Path) -> io::Result<File> {
    File::open(path)
}
