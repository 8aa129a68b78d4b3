//! A directory held open, and what is in it. Names are looked up in the open directory, so whoever renames it or what is above it changes
//! nothing.
//!
//! In: an open directory. Out: sorted names, metadata and attributes, all relative to it. Never: a path that a symbolic link
//! could bend.
#![expect(clippy::disallowed_methods, reason = "by way of an open directory in /proc")]

use std::ffi::{CStr, CString, OsStr};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use dibber_model::{Meta, Timestamp, Xattr};
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, RawDir, SeekFrom, Statx, StatxFlags};
use rustix::io::Errno;

/// An open directory.
#[derive(Debug)]
pub struct Dir(OwnedFd);

/// A name in an open directory.
#[derive(Clone, Copy)]
pub struct DirEntry<'a> {
    /// The directory.
    pub dir: &'a Dir,
    /// The name in it.
    pub name: &'a CStr,
}

impl Dir {
    /// Opens a directory by a path that this program or the person who runs it chose. Links are followed.
    pub fn open(path: &Path) -> io::Result<Dir> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Dir(rustix::fs::openat(CWD, path, flags, Mode::empty())?))
    }

    /// The same, unless the path's last name is a link.
    pub fn open_no_follow(path: &Path) -> io::Result<Dir> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(Dir(rustix::fs::openat(CWD, path, flags, Mode::empty())?))
    }

    /// Names, without `.` and `..`, in bytewise order.
    pub fn names(&self) -> io::Result<Vec<CString>> {
        // Whoever listed it before left off at its end.
        rustix::fs::seek(&self.0, SeekFrom::Start(0))?;
        let mut buffer = Vec::with_capacity(32 << 10);
        let mut entries = RawDir::new(&self.0, buffer.spare_capacity_mut());
        let mut names = Vec::new();
        while let Some(entry) = entries.next() {
            let entry = entry?;
            if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
                names.push(entry.file_name().to_owned());
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    /// A name in it.
    pub fn entry<'a>(&'a self, name: &'a CStr) -> DirEntry<'a> {
        DirEntry { dir: self, name }
    }

    /// Metadata of the directory itself.
    pub fn statx(&self) -> io::Result<Statx> {
        Ok(rustix::fs::statx(&self.0, c"", AtFlags::EMPTY_PATH, WANTED)?)
    }

    /// Its extended attributes, sorted by name, but those of overlayfs itself.
    pub fn xattrs(&self) -> io::Result<Vec<Xattr>> {
        Ok(without_overlays(self.all_xattrs()?))
    }

    /// The same, and those by which overlayfs says how a layer lies on others.
    pub fn all_xattrs(&self) -> io::Result<Vec<Xattr>> {
        xattrs_of(&fd_path(self.0.as_fd(), b""))
    }
}

impl From<Dir> for OwnedFd {
    fn from(dir: Dir) -> Self {
        dir.0
    }
}

impl From<OwnedFd> for Dir {
    fn from(fd: OwnedFd) -> Self {
        Dir(fd)
    }
}

impl AsFd for Dir {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// `MNT_ID` is in rustix's flags but not in `BASIC_STATS`.
const WANTED: StatxFlags = StatxFlags::BASIC_STATS.union(StatxFlags::MNT_ID);

impl DirEntry<'_> {
    /// Metadata of what has this name, links not followed; `None` if nothing has it.
    pub fn statx(self) -> io::Result<Option<Statx>> {
        match rustix::fs::statx(self.dir, self.name, AtFlags::SYMLINK_NOFOLLOW, WANTED) {
            Ok(found) => Ok(Some(found)),
            Err(Errno::NOENT) => Ok(None),
            Err(e) => Err(e.into()),
        }
    }

    /// Opens the directory of this name.
    pub fn open_dir(self) -> io::Result<Dir> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(Dir(rustix::fs::openat(self.dir, self.name, flags, Mode::empty())?))
    }

    /// Opens the regular file of this name for reading.
    pub fn open_file(self) -> io::Result<OwnedFd> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        Ok(rustix::fs::openat(self.dir, self.name, flags, Mode::empty())?)
    }

    /// The target of the symbolic link of this name.
    pub fn read_link(self) -> io::Result<CString> {
        Ok(rustix::fs::readlinkat(self.dir, self.name, Vec::new())?)
    }

    /// The name's path through `/proc`, for calls that take a path only; no name before the last is looked up in the tree.
    pub fn proc_path(self) -> CString {
        fd_path(self.dir.as_fd(), self.name.to_bytes())
    }

    /// Extended attributes of what has this name, sorted by name, but those of overlayfs itself.
    pub fn xattrs(self) -> io::Result<Vec<Xattr>> {
        Ok(without_overlays(self.all_xattrs()?))
    }

    /// The same, and those by which overlayfs says how a layer lies on others.
    pub fn all_xattrs(self) -> io::Result<Vec<Xattr>> {
        xattrs_of(&self.proc_path())
    }
}

/// `/proc/self/fd/N/name`, or the directory's own when `name` is empty.
fn fd_path(fd: BorrowedFd<'_>, name: &[u8]) -> CString {
    let mut path = format!("/proc/self/fd/{}/", fd.as_raw_fd()).into_bytes();
    path.extend_from_slice(if name.is_empty() { b"." } else { name });
    CString::new(path).expect("names from the kernel hold no NUL")
}

fn without_overlays(mut all: Vec<Xattr>) -> Vec<Xattr> {
    all.retain(|xattr| {
        !xattr.name.starts_with(b"user.overlay.") && !xattr.name.starts_with(b"trusted.overlay.")
    });
    all
}

/// All attributes. A file system without attributes has none.
fn xattrs_of(path: &CStr) -> io::Result<Vec<Xattr>> {
    let mut few = [0_u8; 256];
    let many;
    let list: &[u8] = match rustix::fs::llistxattr(path, &mut few) {
        Ok(0) | Err(Errno::NOTSUP) => return Ok(Vec::new()),
        Ok(len) => &few[..len],
        // XATTR_LIST_MAX of the kernel's limits.h: no list is longer.
        Err(Errno::RANGE) => {
            let mut buffer = vec![0; 65536];
            let len = rustix::fs::llistxattr(path, &mut buffer[..])?;
            buffer.truncate(len);
            many = buffer;
            &many
        }
        Err(e) => return Err(e.into()),
    };
    let mut found = Vec::new();
    for name in list.split_inclusive(|b| *b == 0) {
        let name = CStr::from_bytes_with_nul(name).map_err(|_| Errno::INVAL)?;
        found.push(Xattr { name: name.to_bytes().into(), value: xattr(path, name)?.into() });
    }
    found.sort_unstable();
    Ok(found)
}

/// Whether an open file has any attribute: for most files, all that need be asked, and without a way through `/proc`.
pub fn has_xattrs(file: impl AsFd) -> io::Result<bool> {
    match rustix::fs::flistxattr_query(file) {
        Ok(len) => Ok(len > 0),
        Err(Errno::NOTSUP) => Ok(false),
        Err(e) => Err(e.into()),
    }
}

/// The value of one attribute.
pub fn xattr(path: &CStr, name: &CStr) -> io::Result<Vec<u8>> {
    let mut few = [0_u8; 512];
    match rustix::fs::lgetxattr(path, name, &mut few) {
        Ok(len) => Ok(few[..len].to_vec()),
        // XATTR_SIZE_MAX of the kernel's limits.h: no value is longer.
        Err(Errno::RANGE) => {
            let mut buffer = vec![0; 65536];
            let len = rustix::fs::lgetxattr(path, name, &mut buffer[..])?;
            buffer.truncate(len);
            Ok(buffer)
        }
        Err(e) => Err(e.into()),
    }
}

/// Type of a file that `statx` described.
pub fn file_type(found: &Statx) -> FileType {
    FileType::from_raw_mode(found.stx_mode.into())
}

/// Owner, mode and time of a file that `statx` described.
pub fn meta(found: &Statx, xattrs: Vec<Xattr>) -> Meta {
    Meta {
        mode: found.stx_mode & 0o7777,
        uid: found.stx_uid,
        gid: found.stx_gid,
        mtime: Timestamp { secs: found.stx_mtime.tv_sec, nanos: found.stx_mtime.tv_nsec },
        xattrs,
    }
}

/// A name as paths take it.
pub fn os(name: &CStr) -> &OsStr {
    OsStr::from_bytes(name.to_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_can_be_listed_again() {
        let base = tempfile::tempdir().unwrap();
        std::fs::write(base.path().join("file"), "").unwrap();
        let dir = Dir::open(base.path()).unwrap();
        assert_eq!(dir.names().unwrap(), dir.names().unwrap());
        dir.clear().unwrap();
        assert_eq!(dir.names().unwrap(), [] as [CString; 0]);
    }
}
