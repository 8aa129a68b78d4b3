//! The worker's root: the host's system directories, read-only, and nothing else of it; and the template of the hooks' roots.
//!
//! In: the mounts that were granted, the program itself. Out: a namespace whose root is ready. Never: a host path left
//! writable, or a grant inside the template.
#![expect(
    clippy::disallowed_methods,
    reason = "names of a root that holds nothing of a hook's yet, and files of the host"
)]

use std::fs::{self, File};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::mount::{UnmountFlags, unmount};

use crate::emulator::Emulator;
use crate::error::{Context, SandboxError};
use crate::given::{self, TakenFile};
use crate::host_files::Cover;
use crate::isolation::Conceder;
use crate::messages::SandboxConfig;
use crate::worker::host_dirs::{self, HostDirs};
use crate::worker::opened::Programs;
use crate::{
    CACHE, OWN, SHIMS, STAGE, STORE, TEMPLATE, devices, interpreter, limits, mounts, run_dir, scratch,
};

/// What the root is made of.
pub(crate) struct RootParts<'a> {
    /// Store and stage, as mounts to be placed.
    pub(crate) store: OwnedFd,
    pub(crate) stage: OwnedFd,
    pub(crate) programs: Programs,
    /// What is given of the host, taken.
    pub(crate) taken: Vec<TakenFile>,
    pub(crate) config: &'a SandboxConfig,
}

/// Makes the root of this mount namespace and enters it.
pub(crate) fn make(mut parts: RootParts<'_>, conceder: &mut Conceder) -> Result<PathBuf, SandboxError> {
    mounts::make_private()?;
    let nodes = devices::copy_nodes()?;
    let host = HostDirs::copy()?;
    let proc = conceder.proc()?;
    let root = mounts::memory("0755")?;
    mounts::enter(&root)?;
    host.make_places()?;
    given::make_places(&parts.config.given, &parts.taken)?;
    mounts::restrict(&root, mounts::READ_ONLY)?;
    host.mount()?;
    mounts::place(&proc, "/proc")?;
    limits::bound_kernel_objects();
    // A hook may take its own away, and must not find one below that other hooks write to.
    mounts::restrict(&devices::mount(&nodes)?, mounts::READ_ONLY)?;
    cover_hosts_own(&parts)?;
    let template = mounts::copy(Path::new("/"))?;
    let scratch = place_drivers_own(&mut parts)?;
    mounts::place(&template, TEMPLATE)?;
    // Hooks mount a proc of their own, and could take that away again: this one, of the worker's processes, must not lie below it.
    unmount(format!("{TEMPLATE}/proc"), UnmountFlags::DETACH).context("take /proc from the hooks' root")?;
    Ok(scratch)
}

/// Covers over what is the host's own business, and our texts over the files that name it.
fn cover_hosts_own(parts: &RootParts<'_>) -> Result<(), SandboxError> {
    let run = mounts::memory("0755")?;
    mounts::place(&run, "/run")?;
    if let Some(at) = parts.config.host_files.resolv_in_run() {
        let parent = at.parent().unwrap_or(Path::new("/run"));
        fs::create_dir_all(parent).context(format_args!("make {}", parent.display()))?;
        fs::write(at, &parts.config.host_files.resolv).context(format_args!("write {}", at.display()))?;
    }
    let texts = Path::new(OWN).join("etc");
    fs::create_dir_all(&texts).context("make a directory in /run")?;
    fs::write(texts.join("resolv.conf"), &parts.config.host_files.resolv).context("write resolv.conf")?;
    for (number, Cover { path, text }) in parts.config.host_files.covers().into_iter().enumerate() {
        let ours = texts.join(number.to_string());
        if path.is_file() {
            fs::write(&ours, text).context(format_args!("write {}", path.display()))?;
            let text = mounts::copy(&ours)?;
            mounts::restrict(&text, mounts::READ_ONLY)?;
            mounts::place(&text, &path.to_string_lossy())?;
        }
    }
    let empty = texts.join("empty");
    fs::write(&empty, "").context("make an empty file")?;
    host_dirs::cover_closed(&empty)?;
    mounts::restrict(&run, mounts::READ_ONLY)?;
    // The grants are covered where they lie in a system directory.
    for place in [&parts.config.store.path, &parts.config.stage.path] {
        let plain = fs::symlink_metadata(place).is_ok_and(|found| found.is_dir());
        if plain {
            let empty = mounts::memory("0755")?;
            mounts::restrict(&empty, mounts::READ_ONLY)?;
            mounts::place(&empty, &place.to_string_lossy())?;
        }
    }
    Ok(())
}

/// What only the driver has: the grants, a /run and a /tmp to write, the program under its names.
fn place_drivers_own(parts: &mut RootParts<'_>) -> Result<PathBuf, SandboxError> {
    run_dir::make_writable()?;
    for (grant, at) in [(&parts.store, STORE), (&parts.stage, STAGE)] {
        fs::create_dir_all(at).context(format_args!("make {at}"))?;
        mounts::restrict(grant, mounts::NO_SUID | mounts::NO_DEV)?;
        mounts::place(grant, at)?;
    }
    // Each step has a cache of its own put over it; what is written before that is this worker's alone.
    fs::create_dir_all(CACHE).context(format_args!("make {CACHE}"))?;
    mounts::place(&mounts::memory("0755")?, CACHE)?;
    given::keep(&parts.config.given, &parts.taken)?;
    fs::create_dir_all(TEMPLATE).context("make a directory in /run")?;
    install_shims(parts)?;
    let scratch = scratch::make(Path::new(STORE))?;
    for place in ["/tmp", "/var/tmp"] {
        mounts::place(&mounts::copy(&scratch)?, place)?;
    }
    mounts::place(&mounts::memory("0700")?, "/root")?;
    devices::mount_private()?;
    Ok(scratch)
}

/// This program on a read-only file system of its own, under every name that it answers to. A copy, so that neither the
/// rights on the way to the installed file nor `noexec` there matter, and so that nobody inside can write to it.
fn install_shims(parts: &mut RootParts<'_>) -> Result<(), SandboxError> {
    fs::create_dir_all(SHIMS).context(format_args!("make {SHIMS}"))?;
    let mount = mounts::memory("0755")?;
    mounts::place(&mount, SHIMS)?;
    let first = Path::new(SHIMS).join("dibber");
    install(&mut parts.programs.own, &first)?;
    if let (Some(emulator), Some(program)) = (&parts.config.emulator, &mut parts.programs.emulator) {
        install(program, Path::new(&Emulator::place(emulator.arch)))?;
    }
    let mut names: Vec<&str> = dibber_shim::program_names().collect();
    names.push(interpreter::NAME);
    names.extend(parts.config.commands.iter().map(String::as_str));
    for name in names {
        fs::hard_link(&first, Path::new(SHIMS).join(name)).context(format_args!("name {name}"))?;
    }
    mounts::restrict(&mount, mounts::READ_ONLY)
}

fn install(program: &mut File, at: &Path) -> Result<(), SandboxError> {
    let mut copy =
        File::options().write(true).create_new(true).mode(0o755).open(at).context("copy a program")?;
    io::copy(program, &mut copy).context("copy a program")?;
    drop(copy);
    fs::set_permissions(at, PermissionsExt::from_mode(0o755)).context("make a program executable")
}
