//! Making what is below a directory.
//!
//! In: an open directory, a path below it. Out: new files, directories, links. Never: something that was there opened, cut
//! or changed instead.

use std::ffi::CStr;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::path::{Component, Path};

use rustix::fs::{
    AtFlags, Mode, OFlags, Timespec, Timestamps, fchmod, fchown, flistxattr, fremovexattr, futimens, linkat,
    mkdirat, openat, renameat, symlinkat, unlinkat,
};
use rustix::io::Errno;
use rustix::process::{getegid, geteuid};

use crate::Dir;
use crate::beneath::refused;

impl Dir {
    /// Makes a regular file with exactly this mode, whatever the umask. What has its name already is `AlreadyExists`.
    pub fn create(&self, path: impl AsRef<Path>, mode: u32) -> io::Result<File> {
        let (parent, name) = self.parent_of(path.as_ref())?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = openat(parent.as_fd(), name, flags, Mode::RUSR | Mode::WUSR)?;
        fchmod(&file, Mode::from_raw_mode(mode))?;
        Ok(file.into())
    }

    /// Makes a regular file as programs usually do, with mode 0666 less the umask. What has its name already is
    /// `AlreadyExists`.
    pub fn create_by_umask(&self, path: impl AsRef<Path>) -> io::Result<File> {
        let (parent, name) = self.parent_of(path.as_ref())?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(openat(parent.as_fd(), name, flags, Mode::from_raw_mode(0o666))?.into())
    }

    /// Makes a regular file with this content.
    pub fn write_new(&self, path: impl AsRef<Path>, bytes: &[u8], mode: u32) -> io::Result<()> {
        self.create(path, mode)?.write_all(bytes)
    }

    /// Makes a directory with exactly this mode, or opens the one that is there.
    pub fn make_dir(&self, path: impl AsRef<Path>, mode: u32) -> io::Result<Dir> {
        let (parent, name) = self.parent_of(path.as_ref())?;
        match mkdirat(parent.as_fd(), name, Mode::RWXU) {
            Ok(()) => {
                let made = parent.below(name)?;
                fchmod(made.as_fd(), Mode::from_raw_mode(mode))?;
                Ok(made)
            }
            Err(Errno::EXIST) => parent.below(name),
            Err(error) => Err(error.into()),
        }
    }

    /// Makes a directory for this user only (0700), or opens the one that is there as it is.
    pub fn make_dir_private(&self, name: impl AsRef<Path>) -> io::Result<Dir> {
        let (parent, name) = self.parent_of(name.as_ref())?;
        match mkdirat(parent.as_fd(), name, Mode::RWXU) {
            Ok(()) | Err(Errno::EXIST) => parent.below(name),
            Err(error) => Err(error.into()),
        }
    }

    /// Makes a directory and those above it that are missing.
    pub fn make_dirs(&self, path: impl AsRef<Path>, mode: u32) -> io::Result<Dir> {
        let mut at = self.below("")?;
        for part in path.as_ref().components() {
            match part {
                Component::Normal(name) => at = at.make_dir(name, mode)?,
                Component::CurDir => {}
                _ => return Err(refused("it leads out of its directory")),
            }
        }
        Ok(at)
    }

    /// Makes a symbolic link. Its target is data: nobody looks where it leads.
    pub fn link_to(&self, target: impl AsRef<Path>, path: impl AsRef<Path>) -> io::Result<()> {
        let (parent, name) = self.parent_of(path.as_ref())?;
        Ok(symlinkat(target.as_ref(), parent.as_fd(), name)?)
    }

    /// Gives a file of this directory a further name, in another directory or this one.
    pub fn hard_link(&self, path: impl AsRef<Path>, to: &Dir, name: impl AsRef<Path>) -> io::Result<()> {
        let (from, old) = self.parent_of(path.as_ref())?;
        let (to, new) = to.parent_of(name.as_ref())?;
        Ok(linkat(from.as_fd(), old, to.as_fd(), new, AtFlags::empty())?)
    }

    /// Renames what is here, over what has the new name.
    pub fn rename(&self, path: impl AsRef<Path>, to: &Dir, name: impl AsRef<Path>) -> io::Result<()> {
        let (from, old) = self.parent_of(path.as_ref())?;
        let (to, new) = to.parent_of(name.as_ref())?;
        Ok(renameat(from.as_fd(), old, to.as_fd(), new)?)
    }

    /// Removes a name that is not a directory's. One that is missing is removed already.
    pub fn remove_file(&self, path: impl AsRef<Path>) -> io::Result<()> {
        let removed = self.parent_of(path.as_ref()).and_then(|(parent, name)| {
            unlinkat(parent.as_fd(), name, AtFlags::empty())?;
            Ok(())
        });
        match removed {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other,
        }
    }
}

/// 1980, the earliest time that every archive format knows, in seconds since 1970.
const PLAIN_TIME: i64 = 315_532_800;

/// Takes everything from a file but its bytes: it is the caller's, 0644, of 1980, without attributes.
pub fn make_plain(file: &File) -> io::Result<()> {
    let mut names = vec![0; 64 << 10];
    let length = match flistxattr(file, &mut names[..]) {
        Err(Errno::NOTSUP) => 0,
        other => other?,
    };
    for name in names[..length].split_inclusive(|byte| *byte == 0) {
        let name = CStr::from_bytes_with_nul(name).map_err(|_| Errno::INVAL)?;
        match fremovexattr(file, name) {
            // A label of the machine's own, which every file there has.
            Err(Errno::PERM | Errno::ACCESS | Errno::NOTSUP) if name.to_bytes().starts_with(b"security.") => {
            }
            other => other?,
        }
    }
    fchown(file, Some(geteuid()), Some(getegid()))?;
    fchmod(file, Mode::from_raw_mode(0o644))?;
    let time = Timespec { tv_sec: PLAIN_TIME, tv_nsec: 0 };
    Ok(futimens(file, &Timestamps { last_access: time, last_modification: time })?)
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests lay traps, and look at what came of them")]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn a_link_in_place_of_a_new_file_is_not_written_through() {
        let base = tempfile::tempdir().unwrap();
        fs::write(base.path().join("precious"), "kept").unwrap();
        fs::create_dir(base.path().join("in")).unwrap();
        symlink("../precious", base.path().join("in/new")).unwrap();
        symlink("../nowhere", base.path().join("in/dangling")).unwrap();
        symlink("..", base.path().join("in/up")).unwrap();
        let dir = Dir::open(&base.path().join("in")).unwrap();
        for path in ["new", "dangling", "up/new", "../new", "/new"] {
            assert!(dir.write_new(path, b"bad", 0o644).is_err(), "{path} was written");
        }
        assert!(dir.make_dir("dangling", 0o755).is_err());
        assert!(dir.make_dirs("up/made", 0o755).is_err());
        assert!(dir.remove_file("up/precious").is_err());
        assert!(dir.remove_file("../precious").is_err());
        assert_eq!(fs::read_to_string(base.path().join("precious")).unwrap(), "kept");
        let names: Vec<_> = fs::read_dir(base.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(names.len(), 2, "{names:?}");
    }

    #[test]
    fn modes_are_what_was_asked_for() {
        let base = tempfile::tempdir().unwrap();
        let dir = Dir::open(base.path()).unwrap();
        dir.write_new("file", b"x", 0o666).unwrap();
        dir.make_dir("dir", 0o777).unwrap();
        let mode = |name: &str| fs::metadata(base.path().join(name)).unwrap().permissions().mode() & 0o7777;
        assert_eq!((mode("file"), mode("dir")), (0o666, 0o777));
        assert_eq!(dir.create("file", 0o600).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
    }
}
