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

use dibber_model::Arch;
use rustix::mount::{UnmountFlags, unmount};

use super::emulator::Emulator;
use super::error::{Doing, SandboxError};
use super::given::{self, Given, Taken};
use super::host::{self, Host};
use super::words::Words;
use super::{CACHE, OWN, SHIMS, STAGE, STORE, TEMPLATE, devices, interpreter, limits, mounts};

/// What the root is made of.
pub(super) struct Parts<'a> {
    /// Store and stage, as mounts to be placed.
    pub(super) grants: [OwnedFd; 2],
    /// This program.
    pub(super) program: File,
    /// The emulator of another architecture.
    pub(super) emulator: Option<(Arch, File)>,
    /// Texts of /etc.
    pub(super) words: &'a Words,
    /// The grants' paths on the host, which are covered if they lie in a system directory.
    pub(super) hidden: Vec<PathBuf>,
    /// Paths of the host that hooks are given.
    pub(super) given: Vec<Given>,
    /// The same, taken.
    pub(super) taken: Vec<Taken>,
    /// Names of the program, besides those of the stand-ins.
    pub(super) commands: &'a [String],
}

/// Makes the root of this mount namespace and enters it.
pub(super) fn make(mut parts: Parts<'_>) -> Result<PathBuf, SandboxError> {
    mounts::make_private()?;
    let nodes = devices::take()?;
    let host = Host::take()?;
    // The kernel makes a proc only where one is visible whole: while the host's is still there (fs/namespace.c, mount_too_revealing).
    let proc = mounts::make("proc", &[]).map_err(|e| super::mend::proc_refused(&e))?;
    let root = mounts::memory("0755")?;
    mounts::enter(&root)?;
    host.make_places()?;
    given::make_places(&parts.given, &parts.taken)?;
    mounts::restrict(&root, mounts::READ_ONLY)?;
    host.mount()?;
    mounts::place(&proc, "/proc")?;
    limits::bound_kernel_objects();
    devices::mount(&nodes)?;
    cover(&parts)?;
    let template = mounts::copy(Path::new("/"))?;
    let scratch = own_places(&mut parts)?;
    mounts::place(&template, TEMPLATE)?;
    // Hooks mount a proc of their own, and could take that away again: this one, of the worker's processes, must not lie below it.
    unmount(format!("{TEMPLATE}/proc"), UnmountFlags::DETACH).doing("take /proc from the hooks' root")?;
    Ok(scratch)
}

/// Covers over what is the host's own business, and our texts over the files that name it.
fn cover(parts: &Parts<'_>) -> Result<(), SandboxError> {
    let run = mounts::memory("0755")?;
    mounts::place(&run, "/run")?;
    if let Some(at) = parts.words.resolv_in_run() {
        let parent = at.parent().unwrap_or(Path::new("/run"));
        fs::create_dir_all(parent).doing(format_args!("make {}", parent.display()))?;
        fs::write(at, &parts.words.resolv).doing(format_args!("write {}", at.display()))?;
    }
    let texts = Path::new(OWN).join("etc");
    fs::create_dir_all(&texts).doing("make a directory in /run")?;
    fs::write(texts.join("resolv.conf"), &parts.words.resolv).doing("write resolv.conf")?;
    for (number, (path, text)) in parts.words.covers().into_iter().enumerate() {
        let ours = texts.join(number.to_string());
        if path.is_file() {
            fs::write(&ours, text).doing(format_args!("write {}", path.display()))?;
            let text = mounts::copy(&ours)?;
            mounts::restrict(&text, mounts::READ_ONLY)?;
            mounts::place(&text, &path.to_string_lossy())?;
        }
    }
    let empty = texts.join("empty");
    fs::write(&empty, "").doing("make an empty file")?;
    host::cover_closed(&empty)?;
    mounts::restrict(&run, mounts::READ_ONLY)?;
    for place in &parts.hidden {
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
fn own_places(parts: &mut Parts<'_>) -> Result<PathBuf, SandboxError> {
    private_run()?;
    for (grant, at) in parts.grants.iter().zip([STORE, STAGE]) {
        fs::create_dir_all(at).doing(format_args!("make {at}"))?;
        mounts::restrict(grant, mounts::NO_SUID | mounts::NO_DEV)?;
        mounts::place(grant, at)?;
    }
    // Each step has a cache of its own put over it; what is written before that is this worker's alone.
    fs::create_dir_all(CACHE).doing(format_args!("make {CACHE}"))?;
    mounts::place(&mounts::memory("0755")?, CACHE)?;
    given::keep(&parts.given, &parts.taken)?;
    fs::create_dir_all(TEMPLATE).doing("make a directory in /run")?;
    shims(parts)?;
    let scratch = super::traces::scratch(Path::new(STORE))?;
    for place in ["/tmp", "/var/tmp"] {
        mounts::place(&mounts::copy(&scratch)?, place)?;
    }
    mounts::place(&mounts::memory("0700")?, "/root")?;
    devices::mount_private()?;
    Ok(scratch)
}

/// A /run to write, with what its read-only cover has.
pub(super) fn private_run() -> Result<(), SandboxError> {
    let mut files = Vec::new();
    remember(Path::new("/run"), &mut files).doing("read /run")?;
    mounts::place(&mounts::memory("0755")?, "/run")?;
    for (path, content) in files {
        match content {
            None => fs::create_dir_all(&path),
            Some(text) => fs::write(&path, text),
        }
        .doing(format_args!("write {}", path.display()))?;
    }
    fs::create_dir_all("/run/lock").doing("make /run/lock")?;
    fs::set_permissions("/run/lock", PermissionsExt::from_mode(0o1777)).doing("open /run/lock to everyone")
}

/// Directories and files below a directory, in an order in which they can be made.
fn remember(dir: &Path, files: &mut Vec<(PathBuf, Option<Vec<u8>>)>) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            files.push((path.clone(), None));
            remember(&path, files)?;
        } else {
            let content = fs::read(&path)?;
            files.push((path, Some(content)));
        }
    }
    Ok(())
}

/// This program on a read-only file system of its own, under every name that it answers to. A copy, so that neither the
/// rights on the way to the installed file nor `noexec` there matter, and so that nobody inside can write to it.
fn shims(parts: &mut Parts<'_>) -> Result<(), SandboxError> {
    fs::create_dir_all(SHIMS).doing(format_args!("make {SHIMS}"))?;
    let mount = mounts::memory("0755")?;
    mounts::place(&mount, SHIMS)?;
    let first = Path::new(SHIMS).join("dibber");
    install(&mut parts.program, &first)?;
    if let Some((arch, program)) = &mut parts.emulator {
        install(program, Path::new(&Emulator::place(*arch)))?;
    }
    let mut names: Vec<&str> = dibber_shim::names().collect();
    names.push(interpreter::NAME);
    names.extend(parts.commands.iter().map(String::as_str));
    for name in names {
        fs::hard_link(&first, Path::new(SHIMS).join(name)).doing(format_args!("name {name}"))?;
    }
    mounts::restrict(&mount, mounts::READ_ONLY)
}

fn install(program: &mut File, at: &Path) -> Result<(), SandboxError> {
    let mut copy =
        File::options().write(true).create_new(true).mode(0o755).open(at).doing("copy a program")?;
    io::copy(program, &mut copy).doing("copy a program")?;
    drop(copy);
    fs::set_permissions(at, PermissionsExt::from_mode(0o755)).doing("make a program executable")
}
