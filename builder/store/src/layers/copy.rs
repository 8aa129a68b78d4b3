//! One file of a layer, copied with owner, mode, times, attributes and holes.
//!
//! In: a name in one directory. Out: the same in another: content with its holes, owner, mode, attributes, times. Never: the
//! attributes of overlayfs itself, which say how a layer lies on others.
#![expect(
    clippy::disallowed_methods,
    reason = "relative to an open directory, or by way of an open file in /proc"
)]

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use dibber_fs::{Dir, DirEntry, PathContext, file_type, meta};
use dibber_model::{Meta, Xattr};
use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, SeekFrom, Statx, Timespec, Timestamps, XattrFlags, chmodat, chownat,
    copy_file_range, lsetxattr, makedev, mknodat, openat, seek, symlinkat, utimensat,
};
use rustix::io::Errno;
use rustix::process::{Gid, Uid};

use super::LayerError;

/// Gives the directory `to` owner, mode, time and attributes of the root of the layer `from`; without one, root's and 0755.
pub(super) fn dress_as_root_of(from: Option<&PathBuf>, to: &Path) -> Result<(), LayerError> {
    let root = match from {
        Some(from) => {
            let dir = Dir::open(from).with_path("open", from)?;
            let read = || Ok::<_, io::Error>(meta(&dir.statx()?, dir.xattrs()?));
            read().with_path("read", from)?
        }
        None => Meta { mode: 0o755, ..Meta::default() },
    };
    let dir = Dir::open(to).with_path("open", to)?;
    Ok(dress(dir.entry(c"."), &root, FileType::Directory).with_path("set owner and mode of", to)?)
}

/// Copies anything but a directory.
pub(super) fn copy(from: DirEntry<'_>, found: &Statx, to: DirEntry<'_>) -> io::Result<()> {
    let kind = file_type(found);
    match kind {
        FileType::RegularFile => {
            let source = from.open_file()?;
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let target = openat(to.dir, to.name, flags, Mode::RUSR | Mode::WUSR)?;
            copy_data(&source, &target, found)?;
        }
        FileType::Symlink => symlinkat(from.read_link()?.as_c_str(), to.dir, to.name)?,
        _ => mknodat(to.dir, to.name, kind, Mode::RUSR, makedev(found.stx_rdev_major, found.stx_rdev_minor))?,
    }
    dress(to, &meta(found, from.xattrs()?), kind)
}

/// A whiteout: what overlayfs takes for "there is nothing of this name". Linux lets anyone make these devices since 5.8.
pub(super) fn whiteout(to: DirEntry<'_>) -> io::Result<()> {
    Ok(mknodat(to.dir, to.name, FileType::CharacterDevice, Mode::empty(), makedev(0, 0))?)
}

/// Whether this is a whiteout.
pub(super) fn is_whiteout(found: &Statx) -> bool {
    file_type(found) == FileType::CharacterDevice && (found.stx_rdev_major, found.stx_rdev_minor) == (0, 0)
}

/// Sets owner, mode, attributes and times, in the order in which none undoes another: a change of owner clears setuid
/// and capabilities, an ACL changes the mode, and each of them all is a change.
pub(super) fn dress(to: DirEntry<'_>, meta: &Meta, kind: FileType) -> io::Result<()> {
    let no_follow = AtFlags::SYMLINK_NOFOLLOW;
    chownat(to.dir, to.name, Some(Uid::from_raw(meta.uid)), Some(Gid::from_raw(meta.gid)), no_follow)?;
    for Xattr { name, value } in &meta.xattrs {
        let name = std::ffi::CString::new(&**name)?;
        lsetxattr(to.proc_path(), name.as_c_str(), value, XattrFlags::empty())?;
    }
    if kind != FileType::Symlink {
        chmodat(to.dir, to.name, Mode::from_raw_mode(meta.mode.into()), AtFlags::empty())?;
    }
    let time = Timespec { tv_sec: meta.mtime.secs, tv_nsec: meta.mtime.nanos.into() };
    utimensat(to.dir, to.name, &Timestamps { last_access: time, last_modification: time }, no_follow)?;
    Ok(())
}

/// Marks a directory as hiding all that layers below have under its name.
pub(super) fn set_opaque(to: DirEntry<'_>) -> io::Result<()> {
    Ok(lsetxattr(to.proc_path(), OPAQUE, b"y", XattrFlags::empty())?)
}

const OPAQUE: &CStr = c"user.overlay.opaque";

/// Whether a directory of a layer is so marked.
pub(super) fn is_opaque(dir: &Dir) -> io::Result<bool> {
    let mut value = [0_u8; 8];
    match rustix::fs::fgetxattr(dir.as_fd(), OPAQUE, &mut value) {
        Ok(len) => Ok(&value[..len] == b"y"),
        Err(Errno::NODATA | Errno::NOTSUP) => Ok(false),
        Err(e) => Err(e.into()),
    }
}

/// Copies the ranges that hold data, in the kernel.
fn copy_data(from: &OwnedFd, to: &OwnedFd, found: &Statx) -> io::Result<()> {
    let len = found.stx_size;
    rustix::fs::ftruncate(to, len)?;
    let mut at = 0;
    while at < len {
        at = match seek(from, SeekFrom::Data(at)) {
            Ok(start) => start,
            Err(Errno::NXIO) => break,
            Err(e) => return Err(e.into()),
        };
        let end = seek(from, SeekFrom::Hole(at))?;
        let (mut source, mut target) = (at, at);
        while source < end {
            let now = usize::try_from(end - source).unwrap_or(1 << 30).min(1 << 30);
            if copy_file_range(from, Some(&mut source), to, Some(&mut target), now)? == 0 {
                return Err(io::Error::new(
                    io::ErrorKind::UnexpectedEof,
                    "it became shorter while it was read",
                ));
            }
        }
        at = end;
    }
    Ok(())
}
