//! One overlayfs mount: read-only, or with an upper directory that takes the changes of a step.
//!
//! In: layers, bottom first, and a directory for changes. Out: the merged tree at a mount point, until dropped. Never: a wait
//! for the disk: the mount is `volatile`, the store syncs once.
#![expect(
    clippy::disallowed_methods,
    reason = "names in a draft of the cache, which no hook has been given yet"
)]

use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::{fs, io};

use dibber_fs::{Dir, PathContext, meta};
use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MountFlags, MoveMountFlags, UnmountFlags, fsconfig_create,
    fsconfig_set_flag, fsconfig_set_string, fsmount, fsopen, mount, move_mount, unmount,
};

use super::{LayerError, copy};

/// A mounted tree. Dropping it unmounts; the end of the mount namespace does so too.
#[derive(Debug)]
pub struct Overlay {
    at: Option<PathBuf>,
}

/// Where changes go.
struct Upper {
    upper: OwnedFd,
    work: OwnedFd,
    /// It may have lain on other layers before.
    used: bool,
}

impl Upper {
    /// Opens the directories, and makes what is missing of them for a tree of these layers.
    fn open(lowers: &[PathBuf], upper: &Path, work: &Path) -> Result<Upper, LayerError> {
        if !upper.exists() {
            fs::create_dir(upper).with_path("create", upper)?;
            copy::dress_as_root_of(lowers.last(), upper)?;
        }
        fs::create_dir_all(work).with_path("create", work)?;
        Ok(Upper { upper: hold(upper)?, work: hold(work)?, used: false })
    }
}

impl Overlay {
    /// Mounts `lowers` (bottom first; there may be none) with changes going to `upper`, at the empty directory `at`.
    /// `upper` and a `work` directory beside it are made if they are missing, the former with owner, mode and time of the
    /// tree's root.
    pub fn mount(lowers: &[PathBuf], upper: &Path, work: &Path, at: &Path) -> Result<Overlay, LayerError> {
        let upper = Upper::open(lowers, upper, work)?;
        mount_layers(lowers, Some(&upper), at)
    }

    /// The same with an `upper` that may have been mounted before, on other layers; the `work` directory must be new.
    pub fn mount_again(
        lowers: &[PathBuf],
        upper: &Path,
        work: &Path,
        at: &Path,
    ) -> Result<Overlay, LayerError> {
        let upper = Upper { used: true, ..Upper::open(lowers, upper, work)? };
        mount_layers(lowers, Some(&upper), at)
    }

    /// Mounts `lowers` (bottom first), for reading only.
    pub fn mount_read_only(lowers: &[PathBuf], at: &Path) -> Result<Overlay, LayerError> {
        mount_layers(lowers, None, at)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.at.as_deref().unwrap_or(Path::new(""))
    }

    /// Opens a directory of the merged tree, whose names programs in it chose.
    pub fn below(&self, path: &str) -> io::Result<Dir> {
        Dir::open(self.path())?.below(path)
    }

    /// Unmounts, and tells if the tree is still in use.
    pub fn unmount(mut self) -> Result<(), LayerError> {
        match self.at.take() {
            Some(at) => Ok(unmount(&at, UnmountFlags::empty()).with_path("unmount", &at)?),
            None => Ok(()),
        }
    }
}

impl Drop for Overlay {
    fn drop(&mut self) {
        if let Some(at) = &self.at {
            // Detached: what still holds a file open keeps the tree alive, not the name. Nobody is left to be told of an error.
            let _ = unmount(at, UnmountFlags::DETACH);
        }
    }
}

/// Whether a step changed nothing: `upper` has no entry, and its own owner, mode and attributes are those of the tree below.
/// Its time is left out: a file made and removed again in `/` changes only that.
pub fn is_unchanged(upper: &Path, lowers: &[PathBuf]) -> Result<bool, LayerError> {
    let Some(below) = lowers.last() else { return Ok(false) };
    let read = |path: &Path| -> io::Result<_> {
        let dir = Dir::open(path)?;
        let root = meta(&dir.statx()?, dir.xattrs()?);
        Ok((dir.names()?.is_empty(), root))
    };
    let (empty, ours) = read(upper).with_path("read", upper)?;
    let (_, theirs) = read(below).with_path("read", below)?;
    Ok(empty
        && (ours.mode, ours.uid, ours.gid, ours.xattrs)
            == (theirs.mode, theirs.uid, theirs.gid, theirs.xattrs))
}

/// A directory as overlayfs shall name it: paths longer than 255 bytes are refused by fsconfig(2), these never are.
fn hold(path: &Path) -> Result<OwnedFd, LayerError> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(rustix::fs::openat(CWD, path, flags, Mode::empty()).with_path("open", path)?)
}

fn proc_path(fd: &OwnedFd) -> String {
    format!("/proc/self/fd/{}", fd.as_raw_fd())
}

fn mount_layers(lowers: &[PathBuf], upper: Option<&Upper>, at: &Path) -> Result<Overlay, LayerError> {
    if !Dir::open(at).and_then(|dir| dir.names()).with_path("read", at)?.is_empty() {
        return Err(LayerError::NotEmpty { at: at.to_path_buf() });
    }
    let mut held = lowers.iter().rev().map(|lower| hold(lower)).collect::<Result<Vec<_>, _>>()?;
    // overlayfs wants a lower layer under an upper one, and two without: the mount point itself is an empty directory.
    let least = if upper.is_some() { 1 } else { 2 };
    while held.len() < least {
        held.push(hold(at)?);
    }
    let at = at.to_path_buf();
    match by_fsopen(&held, upper, &at) {
        Ok(()) => Ok(Overlay { at: Some(at) }),
        Err(Refusal::Unknown) => by_mount(&held, upper, &at),
        Err(Refusal::Failed(e, said)) => {
            Err(LayerError::Mount { layers: held.len(), at, source: e.into(), said })
        }
    }
}

/// Why fsopen(2) and its kin made no overlay.
enum Refusal {
    /// The kernel has no `lowerdir+` (before Linux 6.8), or not even fsopen(2) (before 5.2).
    Unknown,
    Failed(Errno, String),
}

/// With one `lowerdir+` a layer, top first: 500 layers are fine.
fn by_fsopen(lowers: &[OwnedFd], upper: Option<&Upper>, at: &Path) -> Result<(), Refusal> {
    let plain = |e| Refusal::Failed(e, String::new());
    let fs = fsopen("overlay", FsOpenFlags::FSOPEN_CLOEXEC).map_err(|e| match e {
        Errno::NOSYS => Refusal::Unknown,
        e => plain(e),
    })?;
    for lower in lowers {
        fsconfig_set_string(fs.as_fd(), "lowerdir+", proc_path(lower)).map_err(|e| match e {
            Errno::INVAL => Refusal::Unknown,
            e => Refusal::Failed(e, read_log(&fs)),
        })?;
    }
    let set = || {
        if let Some(Upper { upper, work, used }) = upper {
            fsconfig_set_string(fs.as_fd(), "upperdir", proc_path(upper))?;
            fsconfig_set_string(fs.as_fd(), "workdir", proc_path(work))?;
            fsconfig_set_flag(fs.as_fd(), "volatile")?;
            if *used {
                // An index would hold it to the layers that it was made on.
                fsconfig_set_string(fs.as_fd(), "index", "off")?;
            }
        }
        fsconfig_set_flag(fs.as_fd(), "userxattr")?;
        fsconfig_create(fs.as_fd())
    };
    set().map_err(|e| Refusal::Failed(e, read_log(&fs)))?;
    let attributes =
        if upper.is_some() { MountAttrFlags::empty() } else { MountAttrFlags::MOUNT_ATTR_RDONLY };
    let mounted = fsmount(fs.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, attributes)
        .map_err(|e| Refusal::Failed(e, read_log(&fs)))?;
    move_mount(mounted.as_fd(), "", CWD, at, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH).map_err(plain)
}

/// What the kernel logged on the file-system context, with a space before it.
fn read_log(fs: &OwnedFd) -> String {
    let mut said = String::new();
    let mut line = [0_u8; 512];
    while let Ok(len @ 1..) = rustix::io::read(fs, &mut line) {
        said.push_str(" (");
        said.push_str(String::from_utf8_lossy(&line[..len]).trim_end());
        said.push(')');
    }
    said
}

/// With everything in one string, which takes a page.
fn by_mount(lowers: &[OwnedFd], upper: Option<&Upper>, at: &Path) -> Result<Overlay, LayerError> {
    let mut options = String::from("userxattr,lowerdir=");
    options.push_str(&lowers.iter().map(proc_path).collect::<Vec<_>>().join(":"));
    let mut flags = MountFlags::empty();
    match upper {
        Some(Upper { upper, work, used }) => {
            options.push_str(&format!(",volatile,upperdir={},workdir={}", proc_path(upper), proc_path(work)));
            options.push_str(if *used { ",index=off" } else { "" });
        }
        None => flags |= MountFlags::RDONLY,
    }
    let layers = lowers.len();
    if options.len() > 4095 {
        return Err(LayerError::TooDeep { layers, bytes: options.len() });
    }
    let options = std::ffi::CString::new(options).expect("made of words and numbers here");
    let at = at.to_path_buf();
    match mount("overlay", &at, "overlay", flags, Some(options.as_c_str())) {
        Ok(()) => Ok(Overlay { at: Some(at) }),
        Err(e) => Err(LayerError::Mount { layers, at, source: e.into(), said: String::new() }),
    }
}
