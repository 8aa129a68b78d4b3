//! The chroot side of a hook's root: the tree itself, with the kernel's file systems and our few files on top.
//!
//! In: `TMP_BUILD_DIR` in place. Out: the tree as the root of the namespace. Never: a way from there to the host's files.
#![expect(
    clippy::disallowed_methods,
    reason = "in a namespace whose root is the tree: a link of it leads nowhere else"
)]

use std::fs::{self, File};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::error::{Context, SandboxError};
use crate::hook::name_servers::write_in_run;
use crate::interpreter::NATIVE;
use crate::mounts::{self, within};
use crate::{BUILD, OWN, SHIMS, isolation};

/// A copy of the mount of a build directory's tree, whose name must not be a link.
pub(crate) fn copy(build_dir: &Path) -> Result<OwnedFd, SandboxError> {
    let build = File::open(build_dir).context(format_args!("open {}", build_dir.display()))?;
    let tree = within(&build, "mnt", false).context("open the tree of native programs")?;
    mounts::copy_of(tree, "the tree of native programs")
}

/// Makes the tree the root.
pub(crate) fn enter(shares_proc: bool) -> Result<(), SandboxError> {
    let names = fs::read_to_string(Path::new(OWN).join("etc/resolv.conf")).context("read resolv.conf")?;
    let build = File::open(BUILD).context("open the build directory")?;
    let open = |name: &str| {
        within(&build, name, false)
            .context(format_args!("open {name} of the build directory"))
            .map_err(SandboxError::of_hooks)
    };
    let root = mounts::copy_of(open("mnt")?, "the tree")?;
    let hooks = mounts::copy_of(open("hooks")?, "the hooks")?;
    mounts::restrict(&hooks, mounts::READ_ONLY)?;
    let shims = mounts::copy(Path::new(SHIMS))?;
    let native = Path::new(NATIVE);
    let native = native.is_dir().then(|| mounts::copy(native)).transpose()?;
    let places: [(&str, OwnedFd); 5] = [
        ("proc", isolation::proc_of(shares_proc)?),
        ("sys", mounts::copy(Path::new("/sys"))?),
        ("dev", mounts::copy(Path::new("/dev"))?),
        ("run", mounts::memory("0755")?),
        ("tmp/in_target.d", hooks),
    ];
    mounts::stack(&root)?;
    for (name, mount) in &places {
        let target = within(&root, name, false).context(format_args!("open the tree's /{name}"));
        let target = target.map_err(SandboxError::of_hooks)?;
        mounts::place_on(mount, &target, name)?;
    }
    mounts::settle(&root)?;
    fs::create_dir_all(SHIMS).context(format_args!("make {SHIMS}"))?;
    mounts::place(&shims, SHIMS)?;
    if let Some(native) = &native {
        fs::create_dir_all(NATIVE).context(format_args!("make {NATIVE}"))?;
        mounts::place(native, NATIVE)?;
    }
    fs::create_dir_all("/run/lock").context("make /run/lock")?;
    fs::set_permissions("/run/lock", PermissionsExt::from_mode(0o1777))
        .context("open /run/lock to everyone")?;
    write_in_run(&names)
}
