//! Where an image's files go: dib's `IMAGE_NAME` is a path, and all files have it before their extension.
//!
//! In: the path as the person wrote it. Out: a directory, a name in it, and the directory beside it that the build has for itself. Never: a
//! name that begins with a dot or has no letters, which would hide or lose files.
#![expect(clippy::disallowed_methods, reason = "paths that the person who calls named")]

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use dibber_fs::{Dir, file_type};
use dibber_sandbox::is_own;

use crate::exit::Exit;
use crate::report::Problem;

/// A name of the build's own directory for the set.
const SET: &str = "set";

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

    /// The name of the directory that a build has beside its files, so that putting them in place is a rename.
    fn own_name(&self) -> String {
        format!(".{}.dibber", self.name)
    }

    /// Where the build puts its set, which it locks by itself while it does so.
    pub(super) fn set_dir(&self) -> PathBuf {
        self.dir.join(self.own_name()).join(SET)
    }

    /// Makes the build's directory, and keeps other builds of the image out of it for as long as this is held.
    pub(super) fn lock(&self) -> Result<LockedPlace, Problem> {
        let path = self.dir.join(self.own_name());
        let fault = |error: io::Error| fault(&path, &error);
        fs::create_dir_all(&self.dir).map_err(|error| self::fault(&self.dir, &error))?;
        let out = Dir::open(&self.dir).map_err(|error| self::fault(&self.dir, &error))?;
        self.check_description_dir(&out)?;
        loop {
            let own = real_dir(&path).map_err(fault)?;
            let found = own.statx().map_err(fault)?;
            // In a directory like /tmp anybody may have made it, and could take files out of it and put others in.
            if !is_own(found.stx_uid) {
                return Err(fault(io::Error::other(
                    "it belongs to somebody else; remove it, or name another place with -o",
                )));
            }
            let held = File::from(OwnedFd::from(own));
            match held.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    let why = format!("{} is being built by another command", self.written);
                    return Err(Problem::new(Exit::Output, why));
                }
                Err(TryLockError::Error(error)) => return Err(fault(error)),
            }
            // The build that had it may have removed it at its end.
            let there = out.stat(self.own_name()).map_err(fault)?;
            if there.is_some_and(|there| there.stx_ino == found.stx_ino) {
                return Ok(LockedPlace { out, own: Dir::from(OwnedFd::from(held)), name: self.own_name() });
            }
        }
    }

    fn description_name(&self) -> String {
        format!("{}.d", self.name)
    }

    /// Refuses, before anything is built, what is in the place of the directory that describes the image.
    fn check_description_dir(&self, out: &Dir) -> Result<(), Problem> {
        let path = self.dir.join(self.description_name());
        let found = out.stat(self.description_name()).map_err(|error| fault(&path, &error))?;
        match found.is_none_or(|found| file_type(&found).is_dir()) {
            true => Ok(()),
            false => Err(fault(
                &path,
                &io::Error::other("it is no directory; remove it, or name another place with -o"),
            )),
        }
    }

    /// dib's directory for what describes the image.
    pub(super) fn description_dir(&self) -> Result<Dir, Problem> {
        let path = self.dir.join(self.description_name());
        real_dir(&path).map_err(|error| fault(&path, &error))
    }

    /// A file of the image, as the person would write it.
    pub(super) fn written(&self, extension: &str) -> String {
        format!("{}.{extension}", self.written)
    }
}

/// The directories of a build, open, while no other build of the image has them.
pub(super) struct LockedPlace {
    /// Where the person wants the image.
    pub(super) out: Dir,
    /// The build's own, in there.
    own: Dir,
    name: String,
}

impl LockedPlace {
    /// The set that was built.
    pub(super) fn set(&self) -> io::Result<Dir> {
        self.own.below(SET)
    }

    /// Removes the build's own directory.
    pub(super) fn clear(&self) -> io::Result<()> {
        self.out.remove_tree(&self.name)
    }
}

/// Makes a directory, or opens the one that is there, which is no link: somebody else could have put that there.
fn real_dir(path: &Path) -> io::Result<Dir> {
    match fs::create_dir(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Dir::open_no_follow(path),
    }
}

/// What went wrong with a file or directory of the image.
pub(super) fn fault(path: &Path, error: &io::Error) -> Problem {
    Problem::new(Exit::Output, format!("{}: {error}", path.display()))
}
