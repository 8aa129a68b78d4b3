//! Mounts that earlier host-side hooks left, made again for a later step.
//!
//! In: what hooks wrote into their records. Out: the same mounts, below `TMP_BUILD_DIR`. Never: a program run for it, as hooks may
//! have put another in its place; a link followed on the way to where a mount goes; a mount elsewhere than below `TMP_BUILD_DIR`.
#![expect(clippy::disallowed_methods, reason = "the build directory and the root themselves")]

use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::{Component, Path};

use dibber_shim::{MountRequest, Mounted};
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, OpenTreeFlags, fsconfig_create, fsconfig_set_flag,
    fsconfig_set_string, fsmount, fsopen, open_tree,
};

use super::BUILD;
use super::error::{Doing, SandboxError};
use super::mounts::{self, within};

/// `MOUNT_ATTR_NOEXEC` of `linux/mount.h`.
const NO_EXEC: u64 = 8;

/// Options that are mount(8)'s own, or that say how times are kept: they change nothing of what a hook sees.
const WITHOUT_EFFECT: [&str; 20] = [
    "defaults",
    "rw",
    "suid",
    "dev",
    "exec",
    "auto",
    "noauto",
    "user",
    "users",
    "nofail",
    "_netdev",
    "bind",
    "rbind",
    "relatime",
    "norelatime",
    "noatime",
    "nodiratime",
    "strictatime",
    "private",
    "rprivate",
];

/// Whether a request is for a place below the build directory: others a hook has for itself alone.
pub(super) fn is_possible(request: &MountRequest) -> bool {
    place(request).is_some()
}

/// The path below the build directory where it was made.
fn place(request: &MountRequest) -> Option<&Path> {
    let below = Path::new(&request.target).strip_prefix(BUILD).ok()?;
    let plain = below.components().all(|part| matches!(part, Component::Normal(_)));
    Some(below).filter(|below| plain && !below.as_os_str().is_empty())
}

/// Makes them again. One whose place is gone by now is left out.
pub(super) fn replay(requests: &[MountRequest]) -> Result<(), SandboxError> {
    for request in requests {
        let Some(place) = place(request).and_then(Path::to_str) else { continue };
        // Opened each time: an earlier one of them may have been put over it.
        let build = File::open(BUILD).doing("open the build directory")?;
        let Ok(target) = within(&build, place, false) else { continue };
        let doing = format_args!("repeat an earlier hook's mount on {}", request.target);
        let mount = made(request).doing(doing)?;
        mounts::restrict(&mount, attributes(&request.options))?;
        mounts::place_on(&mount, &target, &request.target)?;
    }
    Ok(())
}

fn made(request: &MountRequest) -> rustix::io::Result<OwnedFd> {
    match &request.what {
        Mounted::Bind { source, recursive } => {
            let root = File::open("/").map_err(|_| rustix::io::Errno::IO)?;
            let source = within(&root, source, true)?;
            let mut flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
            flags |= OpenTreeFlags::AT_EMPTY_PATH;
            flags.set(OpenTreeFlags::AT_RECURSIVE, *recursive);
            open_tree(source, "", flags)
        }
        Mounted::New { kind, source } => {
            let context = fsopen(kind.as_str(), FsOpenFlags::FSOPEN_CLOEXEC)?;
            fsconfig_set_string(&context, "source", source.as_str())?;
            for option in request.options.iter().filter(|option| attribute(option).is_none()) {
                match option.split_once('=') {
                    Some((key, value)) => fsconfig_set_string(&context, key, value)?,
                    None => fsconfig_set_flag(&context, option.as_str())?,
                }
            }
            fsconfig_create(&context)?;
            fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, MountAttrFlags::empty())
        }
    }
}

/// The attribute of a mount that an option stands for: 0 for one without effect. None is an option of the file system's own.
fn attribute(option: &str) -> Option<u64> {
    match option {
        "ro" => Some(mounts::READ_ONLY),
        "nosuid" => Some(mounts::NO_SUID),
        "nodev" => Some(mounts::NO_DEV),
        "noexec" => Some(NO_EXEC),
        other if WITHOUT_EFFECT.contains(&other) || other.is_empty() || other.starts_with("x-") => Some(0),
        _ => None,
    }
}

fn attributes(options: &[String]) -> u64 {
    options.iter().filter_map(|option| attribute(option)).fold(0, |all, one| all | one)
}
