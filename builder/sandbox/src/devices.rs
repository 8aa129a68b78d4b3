//! The sandbox's /dev: the few nodes that every program may count on, and nothing that is a disk. They are bind mounts of the host's
//! nodes, as containers have them.
//!
//! In: the host's /dev. Out: a mount. Never: mknod, which no user namespace allows.
#![expect(clippy::disallowed_methods, reason = "names that this program chose, in a namespace of its own")]

use std::fs::{self, File};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use crate::error::{Context, SandboxError};
use crate::mounts;

const NODES: [&str; 6] = ["null", "zero", "full", "random", "urandom", "tty"];
const LINKS: [(&str, &str); 5] = [
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
    ("ptmx", "pts/ptmx"),
];

/// A node of the host's, as a mount to be placed.
pub(crate) struct DeviceNode {
    name: &'static str,
    mount: OwnedFd,
}

/// Copies the host's nodes.
pub(crate) fn copy_nodes() -> Result<Vec<DeviceNode>, SandboxError> {
    let copy = |name| Ok(DeviceNode { name, mount: mounts::copy(&Path::new("/dev").join(name))? });
    NODES.into_iter().map(copy).collect()
}

/// Mounts a /dev with those nodes, in memory of its own: each hook has another one, so that it may change it as packages do (rpm's
/// `filesystem` gives the directory its owner and mode), and no other sees that.
pub(crate) fn mount(nodes: &[DeviceNode]) -> Result<OwnedFd, SandboxError> {
    let dev = mounts::memory("0755")?;
    mounts::place(&dev, "/dev")?;
    for DeviceNode { name, mount } in nodes {
        let path = format!("/dev/{name}");
        File::create(&path).context(format_args!("make {path}"))?;
        mounts::place(mount, &path)?;
    }
    for (name, target) in LINKS {
        symlink(target, format!("/dev/{name}")).context(format_args!("link /dev/{name}"))?;
    }
    for name in ["pts", "shm", "mqueue"] {
        fs::create_dir(format!("/dev/{name}")).context(format_args!("make /dev/{name}"))?;
    }
    fs::set_permissions("/dev/shm", PermissionsExt::from_mode(0o1777))
        .context("open /dev/shm to everyone")?;
    Ok(dev)
}

/// Terminals and shared memory of this namespace's own, on top.
pub(crate) fn mount_private() -> Result<(), SandboxError> {
    let terminals = [("ptmxmode", "0666"), ("mode", "0620"), ("gid", "5")];
    mounts::place(&mounts::make("devpts", &terminals)?, "/dev/pts")?;
    mounts::place(&mounts::memory("1777")?, "/dev/shm")
}
