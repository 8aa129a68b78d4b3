//! Files put into a locked output directory, each whole and on disk before it has its name.
//!
//! In: bytes, or files under other names. Out: the same under their names. Never: a name that leads to half of a file.

use std::io::{self, Write};

use dibber_fs::Dir;
use dibber_model::Digest;
use rustix::io::Errno;

use super::lock::DirectoryLock;
use super::names;
use super::seen::FoundFile;
use super::{OutputError, Seen, SetFile, Stage, file_error, sums};

/// A name in the stage that no output has.
const BESIDE: &str = ".beside";

/// A locked directory, and the stage that its files go through.
#[derive(Clone, Copy)]
pub(super) struct LockedDirectory<'a> {
    pub(super) held: &'a DirectoryLock,
    pub(super) stage: &'a Stage,
    pub(super) seen: &'a Seen,
}

impl LockedDirectory<'_> {
    /// Replaces a file, durably.
    pub(super) fn write(&self, name: &str, bytes: &[u8]) -> Result<(), OutputError> {
        let fault = |error| file_error(self.held.path.join(name))(error);
        let stage = self.stage.dir();
        let written = write_new(stage, BESIDE, bytes).and_then(|()| {
            // Names that the new content speaks of come to the disk before it.
            self.held.dir.sync()?;
            stage.rename(BESIDE, &self.held.dir, name)?;
            self.held.dir.sync()
        });
        written.map_err(fault)
    }

    /// Writes `SHA256SUMS`, where it is another, and `images.json`. A directory without images has neither.
    pub(super) fn publish(&self, content: &SetFile) -> Result<(), OutputError> {
        let json = content.text().map_err(file_error(self.held.path.join(names::SET)))?;
        let text = sums::text(&content.images);
        let found = self.held.dir.read(names::SUMS, sums::LONGEST);
        let is_absent = found.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::NotFound);
        if !text.is_empty() && !found.is_ok_and(|found| found == text.as_bytes()) {
            self.write(names::SUMS, text.as_bytes())?;
        }
        if text.is_empty() && !is_absent {
            self.remove(names::SUMS)?;
        }
        if content.images.is_empty() && content.switch.is_none() {
            return self.remove(names::SET);
        }
        self.write(names::SET, &json)
    }

    fn remove(&self, name: &str) -> Result<(), OutputError> {
        let removed = self.held.dir.remove_file(name).and_then(|()| self.held.dir.sync());
        removed.map_err(file_error(self.held.path.join(name)))
    }

    /// What has a name in the directory.
    pub(super) fn digest(&self, name: &str) -> Result<FoundFile, OutputError> {
        self.seen.find(&self.held.dir, name).map_err(file_error(self.held.path.join(name)))
    }

    /// Whether a file of the directory has this content.
    pub(super) fn has(&self, name: &str, digest: Digest) -> Result<bool, OutputError> {
        Ok(self.digest(name)? == FoundFile::File(digest))
    }

    /// Gives a file of the directory a further name. False where it can have but one: the file system knows no hard links, or
    /// the kernel allows none to another's file (fs.protected_hardlinks).
    pub(super) fn link(&self, from: &str, to: &str) -> Result<bool, OutputError> {
        match self.held.dir.hard_link(from, &self.held.dir, to) {
            Ok(()) => Ok(true),
            Err(error) if has_one_name(&error) => Ok(false),
            Err(error) => Err(file_error(self.held.path.join(to))(error)),
        }
    }

    /// Renames a file of the directory.
    pub(super) fn rename(&self, from: &str, to: &str) -> Result<(), OutputError> {
        self.held.dir.rename(from, &self.held.dir, to).map_err(file_error(self.held.path.join(to)))
    }

    /// Puts a file of the directory under another name of it, over what has that name, and keeps both names where it can.
    pub(super) fn link_over(&self, from: &str, to: &str) -> Result<(), OutputError> {
        let (dir, stage) = (&self.held.dir, self.stage.dir());
        let linked = stage.remove_file(BESIDE).and_then(|()| dir.hard_link(from, stage, BESIDE));
        match linked {
            Ok(()) => stage
                .rename(BESIDE, dir, to)
                // Where both names were one file already, rename(2) does nothing and leaves the old name.
                .and_then(|()| stage.remove_file(BESIDE))
                .map_err(file_error(self.held.path.join(to))),
            Err(error) if has_one_name(&error) => self.rename(from, to),
            Err(error) => Err(file_error(self.held.path.join(to))(error)),
        }
    }
}

/// Writes a new file, durably, with mode 0666 less the umask. What has its name already goes.
pub(super) fn write_new(dir: &Dir, name: &str, bytes: &[u8]) -> io::Result<()> {
    dir.remove_file(name)?;
    let mut file = dir.create_by_umask(name)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn has_one_name(error: &io::Error) -> bool {
    let errors = [Errno::PERM, Errno::OPNOTSUPP, Errno::NOSYS, Errno::MLINK];
    Errno::from_io_error(error).is_some_and(|errno| errors.contains(&errno))
}
