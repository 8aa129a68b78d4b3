//! A file replaced whole: written beside its place, synced, then renamed.
//!
//! In: an open directory, a name, the new content. Out: the old file or the new one, after any interruption, on disk. Never:
//! half of either.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;

use rustix::fs::{Mode, OFlags, fchmod, fsync, openat};
use rustix::io::Errno;

use crate::Dir;

impl Dir {
    /// Writes a file beside `name`, makes it durable, and renames it over `name`. Its mode is `mode`, or 0666 less the umask.
    pub fn replace(&self, name: &str, bytes: &[u8], mode: Option<u32>) -> io::Result<()> {
        let NewFile { name: beside, mut file } = self.create_beside(name)?;
        let written = file
            .write_all(bytes)
            .and_then(|()| match mode {
                Some(mode) => Ok(fchmod(&file, Mode::from_raw_mode(mode))?),
                None => Ok(()),
            })
            .and_then(|()| file.sync_all())
            .and_then(|()| self.rename(&beside, self, name));
        if written.is_err() {
            // The error that is told is the first one.
            let _ = self.remove_file(&beside);
        }
        written?;
        self.sync()
    }

    /// Makes the names of this directory durable.
    pub fn sync(&self) -> io::Result<()> {
        Ok(fsync(self.as_fd())?)
    }

    /// A new file beside `name`, under a name that nobody has.
    fn create_beside(&self, name: &str) -> io::Result<NewFile> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        for number in 0..1000 {
            let beside = format!(".{name}.{}-{number}", std::process::id());
            match openat(self.as_fd(), beside.as_str(), flags, Mode::from_raw_mode(0o666)) {
                Ok(file) => return Ok(NewFile { name: beside, file: file.into() }),
                Err(Errno::EXIST) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }
}

/// A file that is not in its place yet.
struct NewFile {
    name: String,
    file: File,
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests lay traps, and look at what came of them")]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_link_is_replaced_and_not_written_through() {
        let base = tempfile::tempdir().unwrap();
        fs::write(base.path().join("precious"), "kept").unwrap();
        fs::create_dir(base.path().join("in")).unwrap();
        symlink("../precious", base.path().join("in/file")).unwrap();
        let dir = Dir::open(&base.path().join("in")).unwrap();
        dir.replace("file", b"new", None).unwrap();
        assert_eq!(fs::read_to_string(base.path().join("precious")).unwrap(), "kept");
        assert_eq!(fs::read_to_string(base.path().join("in/file")).unwrap(), "new");
        assert_eq!(dir.names().unwrap().len(), 1);
    }
}
