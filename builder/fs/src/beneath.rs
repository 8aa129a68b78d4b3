//! Opening and reading what is below a directory, without a link followed or the directory left: openat2(2) does that in the kernel, where
//! nobody can exchange a name between a check and its use.
//!
//! In: an open directory, a path below it. Out: a directory, a regular file, its bytes. Never: a wait for a fifo, more bytes
//! than were asked for, a file outside.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Component, Path};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, ResolveFlags, Statx, StatxFlags, fstat, openat2, statx};
use rustix::io::Errno;

use crate::{Dir, FileId};

/// How a path below a directory is walked: see openat2(2).
const BENEATH: ResolveFlags =
    ResolveFlags::BENEATH.union(ResolveFlags::NO_SYMLINKS).union(ResolveFlags::NO_MAGICLINKS);

/// openat2(2) takes 4095 bytes of path (`PATH_MAX` of the kernel's limits.h): longer ones are opened in pieces.
const LONGEST: usize = 4000;

impl Dir {
    /// Opens a directory below this one; an empty path is this one again.
    pub fn below(&self, path: impl AsRef<Path>) -> io::Result<Dir> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Dir::from(self.open_beneath(path.as_ref(), flags)?))
    }

    /// Opens a regular file below this directory for reading. Anything else is `InvalidInput`, and is not waited for.
    pub fn file(&self, path: impl AsRef<Path>) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let found = self.open_beneath(path.as_ref(), flags);
        regular(found.map_err(|error| match Errno::from_io_error(&error) {
            // The kernel's own words would tell of many links.
            Some(Errno::LOOP) => refused("it is a symbolic link, and none is followed here"),
            _ => error,
        })?)
    }

    /// Reads a regular file below this directory. One of more than `most` bytes is `FileTooLarge`.
    pub fn read(&self, path: impl AsRef<Path>, most: u64) -> io::Result<Vec<u8>> {
        read_bounded(self.file(path)?, most)
    }

    /// Metadata of what is at a path below this directory, the path's end not followed; `None` if nothing is there, or a link
    /// or a file stands where a directory should.
    pub fn stat(&self, path: impl AsRef<Path>) -> io::Result<Option<Statx>> {
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        // The parent is walked without links; its last name may be a link, which is what is asked about.
        let found = match self.parent_of(path.as_ref()) {
            Ok((parent, name)) => rustix::fs::openat(parent.as_fd(), name, flags, Mode::empty()),
            Err(error) => Err(Errno::from_io_error(&error).unwrap_or(Errno::INVAL)),
        };
        match found {
            Ok(found) => Ok(Some(statx(found, c"", AtFlags::EMPTY_PATH, StatxFlags::BASIC_STATS)?)),
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether a path leads to a regular file that somebody may execute. Links are followed as if this directory were the root.
    pub fn is_program(&self, path: impl AsRef<Path>) -> bool {
        let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        let found = walk(self.as_fd(), path.as_ref(), OFlags::PATH | OFlags::CLOEXEC, resolve);
        found.and_then(|file| Ok(fstat(file)?)).is_ok_and(|stat| {
            FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile && stat.st_mode & 0o111 != 0
        })
    }

    /// Opens what is at a path below this directory with flags of open(2).
    pub(crate) fn open_beneath(&self, path: &Path, flags: OFlags) -> io::Result<OwnedFd> {
        walk(self.as_fd(), path, flags, BENEATH)
    }

    /// The open parent of a path below this directory, and the path's last name.
    pub(crate) fn parent_of<'p>(&self, path: &'p Path) -> io::Result<(Dir, &'p std::ffi::OsStr)> {
        let Some(Component::Normal(name)) = path.components().next_back() else {
            return Err(refused("it does not end in a name"));
        };
        Ok((self.below(path.parent().unwrap_or(Path::new("")))?, name))
    }

    /// The same as [`open_beneath`](Self::open_beneath) without crossing into another mount.
    pub fn open_in_mount(&self, path: &Path, flags: OFlags) -> io::Result<OwnedFd> {
        walk(self.as_fd(), path, flags, BENEATH | ResolveFlags::NO_XDEV)
    }
}

fn walk(from: BorrowedFd<'_>, path: &Path, flags: OFlags, resolve: ResolveFlags) -> io::Result<OwnedFd> {
    if path.as_os_str().is_empty() {
        return Ok(openat2(from, c".", flags, Mode::empty(), resolve)?);
    }
    if path.as_os_str().len() < LONGEST {
        return Ok(openat2(from, path, flags, Mode::empty(), resolve)?);
    }
    let mut at: Option<OwnedFd> = None;
    let mut names = path.components().peekable();
    while let Some(name) = names.next() {
        let flags = if names.peek().is_some() { OFlags::PATH | OFlags::CLOEXEC } else { flags };
        let from = at.as_ref().map_or(from, |fd| fd.as_fd());
        // Each piece is walked beneath the one before, so that `..` is refused as it is in a short path that leaves.
        at = Some(openat2(from, name.as_os_str(), flags, Mode::empty(), resolve)?);
    }
    at.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))
}

/// Opens a regular file whose directory this program or the person chose; links on the way there are followed, and one under
/// the path's last name is refused.
pub fn open_file(path: &Path) -> io::Result<File> {
    let name = path.file_name().ok_or_else(|| refused("it does not end in a name"))?;
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Dir::open(parent)?.file(name)
}

/// Opens a regular file or a directory as [`open_file`] does, and tells which one it is: whoever looks at it and hands its path on
/// can tell by that whether it is still what was looked at.
pub fn open_with_id(path: &Path) -> io::Result<(File, FileId)> {
    let open = match Dir::open_no_follow(path) {
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => open_file(path)?,
        dir => File::from(OwnedFd::from(dir?)),
    };
    let id = FileId::from(&statx(&open, c"", AtFlags::EMPTY_PATH, StatxFlags::BASIC_STATS)?);
    Ok((open, id))
}

/// Reads such a file. One of more than `most` bytes is `FileTooLarge`.
pub fn read_file(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    read_bounded(open_file(path)?, most)
}

/// Reads a regular file of a tree as the tree's own programs would: its links are followed as if the tree were the root, and
/// lead nowhere else. More than `most` bytes is `FileTooLarge`.
pub fn read_in_root(tree: &Dir, path: impl AsRef<Path>, most: u64) -> io::Result<Vec<u8>> {
    let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    read_bounded(regular(walk(tree.as_fd(), path.as_ref(), flags, resolve)?)?, most)
}

/// The file, if it is a regular one.
fn regular(file: OwnedFd) -> io::Result<File> {
    match FileType::from_raw_mode(fstat(&file)?.st_mode) {
        FileType::RegularFile => Ok(File::from(file)),
        FileType::Directory => Err(io::ErrorKind::IsADirectory.into()),
        _ => Err(refused("it is not a regular file")),
    }
}

/// Reads an open file whole. More than `most` bytes is `FileTooLarge`, and no more than that is read.
pub fn read_bounded(file: impl Read, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it is longer than {most} bytes")));
    }
    Ok(bytes)
}

pub(crate) fn refused(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, why)
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests lay traps, and look at what came of them")]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    fn tree() -> (tempfile::TempDir, Dir) {
        let outer = tempfile::tempdir().unwrap();
        let base = outer.path().join("base");
        fs::create_dir_all(base.join("a/b")).unwrap();
        fs::write(base.join("a/b/file"), "inside").unwrap();
        fs::write(outer.path().join("secret"), "outside").unwrap();
        symlink("../secret", base.join("up")).unwrap();
        symlink("/etc", base.join("abs")).unwrap();
        symlink("a", base.join("inner")).unwrap();
        let dir = Dir::open(&base).unwrap();
        (outer, dir)
    }

    #[test]
    fn what_is_beneath_is_read() {
        let (_outer, dir) = tree();
        assert_eq!(dir.read("a/b/file", 6).unwrap(), b"inside");
        assert_eq!(dir.read("a/b/file", 5).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
    }

    #[test]
    fn no_link_and_no_way_up_is_followed() {
        let (_outer, dir) = tree();
        for path in ["up", "abs/passwd", "inner/b/file", "../secret", "a/../../secret", "/etc/passwd"] {
            assert!(dir.read(path, 1 << 20).is_err(), "{path} was read");
            assert!(dir.below(path).is_err(), "{path} was opened");
        }
    }

    #[test]
    fn long_paths_are_walked_by_the_same_rules() {
        let (outer, dir) = tree();
        let mut path = std::path::PathBuf::new();
        let mut at = dir.below("a").unwrap();
        for _ in 0..30 {
            let name = "d".repeat(200);
            at = at.make_dir(&name, 0o755).unwrap();
            path.push(name);
        }
        let long = Path::new("a").join(&path);
        assert!(dir.below(&long).is_ok());
        assert!(dir.below(Path::new("inner").join(&path)).is_err(), "a link on a long path was followed");
        at.link_to(outer.path(), "out").unwrap();
        assert!(dir.read(long.join("out/secret"), 100).is_err());
        assert!(dir.read(long.join("../".repeat(40)).join("secret"), 100).is_err());
    }

    #[test]
    fn special_files_are_refused_at_once() {
        let (outer, dir) = tree();
        let fifo = FileType::Fifo;
        rustix::fs::mknodat(
            rustix::fs::CWD,
            outer.path().join("base/fifo"),
            fifo,
            Mode::from_raw_mode(0o644),
            0,
        )
        .unwrap();
        assert_eq!(dir.file("fifo").unwrap_err().kind(), io::ErrorKind::InvalidInput);
        assert_eq!(dir.file("a").unwrap_err().kind(), io::ErrorKind::IsADirectory);
    }

    #[test]
    fn a_link_under_the_last_name_is_refused_and_one_before_it_is_the_persons() {
        let (outer, _dir) = tree();
        let base = outer.path().join("base");
        assert_eq!(read_file(&base.join("inner/b/file"), 100).unwrap(), b"inside");
        assert!(read_file(&base.join("up"), 100).is_err());
        assert!(read_file(&base.join(".."), 100).is_err());
        assert_eq!(read_file(&base.join("a/b/file"), 5).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
    }

    #[test]
    fn a_stat_does_not_follow() {
        let (_outer, dir) = tree();
        let up = dir.stat("up").unwrap().unwrap();
        assert_eq!(crate::file_type(&up), FileType::Symlink);
        assert!(dir.stat("inner/b").unwrap().is_none());
        assert!(dir.stat("nothing").unwrap().is_none());
    }

    #[test]
    fn a_trees_links_stay_in_the_tree() {
        let (_outer, dir) = tree();
        assert_eq!(read_in_root(&dir, "/inner/b/file", 100).unwrap(), b"inside");
        assert!(read_in_root(&dir, "up", 100).is_err(), "a link led out of the tree");
    }
}
