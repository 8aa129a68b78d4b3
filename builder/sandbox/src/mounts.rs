//! Mounts as values, by the kernel's newer calls (fsopen(2), open_tree(2), move_mount(2)): a mount is made or copied first, and put in
//! place afterwards, on what a descriptor holds.
//!
//! In: paths and descriptors. Out: mounts. Never: a path of a tree followed by name while something is put on it.
#![expect(clippy::disallowed_methods, reason = "the root itself")]

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat2};
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MountPropagationFlags, MoveMountFlags, OpenTreeFlags,
    UnmountFlags, fsconfig_create, fsconfig_set_string, fsmount, fsopen, mount_change, move_mount, open_tree,
    unmount,
};

use crate::error::{Context, SandboxError};
use crate::kernel;

/// `MOUNT_ATTR_RDONLY` of `linux/mount.h`, and its neighbours.
pub(crate) const READ_ONLY: u64 = 1;
pub(crate) const NO_SUID: u64 = 2;
pub(crate) const NO_DEV: u64 = 4;

/// A copy of the mount at a path and of all below it, not yet in place.
pub(crate) fn copy(path: &Path) -> Result<OwnedFd, SandboxError> {
    let flags =
        OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_RECURSIVE;
    open_tree(CWD, path, flags).context(format_args!("copy the mount of {}", path.display()))
}

/// The same of what a descriptor holds.
pub(crate) fn copy_of(place: impl AsFd, name: &str) -> Result<OwnedFd, SandboxError> {
    let flags =
        OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_RECURSIVE;
    let flags = flags | OpenTreeFlags::AT_EMPTY_PATH;
    open_tree(place, "", flags).context(format_args!("copy the mount of {name}"))
}

/// Sets attributes on a mount and all below it, and keeps later mounts from spreading either way.
pub(crate) fn restrict(mount: &OwnedFd, attributes: u64) -> Result<(), SandboxError> {
    kernel::set_attributes(mount.as_fd(), attributes).context("restrict a mount recursively")
}

/// A new file system, not yet in place.
pub(crate) fn make(kind: &str, options: &[(&str, &str)]) -> Result<OwnedFd, SandboxError> {
    let context = fsopen(kind, FsOpenFlags::FSOPEN_CLOEXEC).context(format_args!("make a {kind}"))?;
    for (key, value) in options {
        fsconfig_set_string(&context, *key, *value).context(format_args!("set {key} of a {kind}"))?;
    }
    fsconfig_create(&context).context(format_args!("make a {kind}"))?;
    fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, MountAttrFlags::empty())
        .context(format_args!("mount a {kind}"))
}

/// A new sysfs, read-only as the host's is here: the kernel gives no other.
pub(crate) fn sysfs() -> Result<OwnedFd, SandboxError> {
    let context = fsopen("sysfs", FsOpenFlags::FSOPEN_CLOEXEC).context("make a sysfs")?;
    fsconfig_create(&context).context("make a sysfs")?;
    let attributes = MountAttrFlags::MOUNT_ATTR_RDONLY
        | MountAttrFlags::MOUNT_ATTR_NOSUID
        | MountAttrFlags::MOUNT_ATTR_NODEV
        | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, attributes).context("mount a sysfs")
}

/// A new, empty tmpfs.
pub(crate) fn memory(mode: &str) -> Result<OwnedFd, SandboxError> {
    make("tmpfs", &[("mode", mode), ("source", "dibber")])
}

/// Puts a mount in place.
pub(crate) fn place(mount: &OwnedFd, at: &str) -> Result<(), SandboxError> {
    move_mount(mount, "", CWD, at, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)
        .context(format_args!("mount over {at}"))
}

/// Puts a mount on what a descriptor holds.
pub(crate) fn place_on(mount: &OwnedFd, target: &OwnedFd, name: &str) -> Result<(), SandboxError> {
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    move_mount(mount, "", target, "", flags).context(format_args!("mount over the tree's /{name}"))
}

/// Opens a path of a tree as the tree's own processes would: links are followed inside it, and never lead outside.
pub(crate) fn within(tree: impl AsFd, path: &str, links: bool) -> rustix::io::Result<OwnedFd> {
    let mut resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    resolve.set(ResolveFlags::NO_SYMLINKS, !links);
    openat2(tree, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty(), resolve)
}

/// Nothing that happens here spreads to where this namespace was copied from.
pub(crate) fn make_private() -> Result<(), SandboxError> {
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)
        .context("make the mounts of the namespace private")
}

/// Makes a mount the root of this namespace, and lets go of the old one with everything in it.
pub(crate) fn enter(root: &OwnedFd) -> Result<(), SandboxError> {
    stack(root)?;
    settle(root)
}

/// Puts a mount over the root, where it can be worked on through its descriptor.
pub(crate) fn stack(root: &OwnedFd) -> Result<(), SandboxError> {
    place(root, "/")
}

/// Makes the stacked mount the root.
pub(crate) fn settle(root: &OwnedFd) -> Result<(), SandboxError> {
    let old = open_root()?;
    rustix::process::fchdir(root).context("enter the new root")?;
    rustix::process::pivot_root(".", ".").context("make the new root the root")?;
    rustix::process::fchdir(&old).context("find the old root")?;
    unmount(".", UnmountFlags::DETACH).context("let go of the old root")?;
    rustix::process::chdir("/").context("enter the root")
}

fn open_root() -> Result<File, SandboxError> {
    File::open("/").context("open /")
}
