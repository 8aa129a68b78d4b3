//! Mounts that earlier host-side hooks left, made again for a later step: with dib they would still be there, here each hook has mounts
//! of its own.
//!
//! In: what hooks wrote into their records. Out: the same mounts, below `TMP_BUILD_DIR`. Never: a program run for it, as hooks may
//! have put another in its place; a link followed on the way to where a mount goes; a mount elsewhere than below `TMP_BUILD_DIR`.
#![expect(clippy::disallowed_methods, reason = "the build directory and the root themselves")]

use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::{Component, Path};

use dibber_shim::{MountRequest, MountSource};
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, OpenTreeFlags, fsconfig_create, fsconfig_set_flag,
    fsconfig_set_string, fsmount, fsopen, open_tree,
};

use crate::error::{Context, SandboxError};
use crate::mounts::{self, within};
use crate::{BUILD, isolation};

/// `MOUNT_ATTR_NOEXEC` of `linux/mount.h`.
const NO_EXEC: u64 = 8;

/// `MOUNT_ATTR_NOSYMFOLLOW` of `linux/mount.h`.
const NO_LINKS: u64 = 0x0020_0000;

/// Options that are mount(8)'s own, or that say how times are kept and mounts spread: they change nothing of what a hook sees.
const WITHOUT_EFFECT: &str = "defaults rw suid dev exec auto noauto user nouser users nousers owner noowner group nogroup nofail \
    _netdev bind rbind atime noatime diratime nodiratime relatime norelatime strictatime nostrictatime async symfollow private \
    rprivate shared rshared slave rslave unbindable runbindable silent loud";
/// The same, with a value.
const WITHOUT_EFFECT_BY: [&str; 4] = ["x-", "X-", "comment=", "helper="];

/// Whether a request is for a place below the build directory: others a hook has for itself alone.
pub(crate) fn is_possible(request: &MountRequest) -> bool {
    place_of(request).is_some()
}

/// The path below the build directory where it was made.
fn place_of(request: &MountRequest) -> Option<&Path> {
    let below = Path::new(&request.target).strip_prefix(BUILD).ok()?;
    let plain = below.components().all(|part| matches!(part, Component::Normal(_)));
    Some(below).filter(|below| plain && !below.as_os_str().is_empty())
}

/// Makes these mounts again. One whose place, or what it showed, is gone by now is left out: /tmp is each hook's own.
pub(crate) fn replay(requests: &[MountRequest], shares_proc: bool) -> Result<(), SandboxError> {
    for request in requests {
        let Some(place) = place_of(request).and_then(Path::to_str) else { continue };
        // Opened each time: an earlier one of them may have been put over it.
        let build = File::open(BUILD).context("open the build directory")?;
        let Ok(target) = within(&build, place, false) else { continue };
        let mount = match make_mount(request) {
            Err(Errno::PERM) if shares_proc && is_proc(request) => isolation::proc_of(shares_proc)?,
            Err(Errno::NOENT) if matches!(request.what, MountSource::Bind { .. }) => continue,
            other => other.context(format_args!("repeat an earlier hook's mount on {}", request.target))?,
        };
        mounts::restrict(&mount, attributes(&request.options))?;
        mounts::place_on(&mount, &target, &request.target)?;
    }
    Ok(())
}

/// A proc, which a hook that shares the worker's cannot make.
fn is_proc(request: &MountRequest) -> bool {
    matches!(&request.what, MountSource::New { kind, .. } if kind == "proc")
}

fn make_mount(request: &MountRequest) -> rustix::io::Result<OwnedFd> {
    match &request.what {
        MountSource::Bind { source, recursive } => {
            let root = File::open("/").map_err(|_| Errno::IO)?;
            let source = within(&root, source, true)?;
            let mut flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
            flags |= OpenTreeFlags::AT_EMPTY_PATH;
            flags.set(OpenTreeFlags::AT_RECURSIVE, *recursive);
            open_tree(source, "", flags)
        }
        MountSource::New { kind, source } => {
            // Of a list of kinds the first one was mounted, as far as hooks' file systems are concerned.
            let kind = kind.split(',').next().unwrap_or(kind);
            let context = fsopen(kind, FsOpenFlags::FSOPEN_CLOEXEC)?;
            fsconfig_set_string(&context, "source", source.as_str())?;
            for option in request.options.iter().filter(|option| attribute(option).is_none()) {
                match option.split_once('=') {
                    // mount(8) takes names, the kernel numbers.
                    Some((key @ ("uid" | "gid"), "root")) => fsconfig_set_string(&context, key, "0")?,
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
        "nosymfollow" => Some(NO_LINKS),
        "" => Some(0),
        other => {
            let has_none = WITHOUT_EFFECT.split_whitespace().any(|word| word == other);
            (has_none || WITHOUT_EFFECT_BY.iter().any(|start| other.starts_with(start))).then_some(0)
        }
    }
}

fn attributes(options: &[String]) -> u64 {
    options.iter().filter_map(|option| attribute(option)).fold(0, |all, one| all | one)
}
