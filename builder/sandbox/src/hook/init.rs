//! A hook's own namespaces, inside the worker's: made by this program, started again under another name. Its process 1 makes the
//! root that the hook sees, starts the hook, reaps, and reports.
//!
//! In: a spec, over a channel. Out: a report, over the same. Never: a mount of the store or the stage in reach of a hook.
#![expect(clippy::disallowed_methods, reason = "names that this program chose, in a namespace of its own")]

use std::collections::BTreeMap;
use std::fs;
use std::os::fd::OwnedFd;
use std::path::Path;

use dibber_fs::Dir;
use dibber_shim::is_image_mounted;
use rustix::process::DumpableBehavior;

use crate::channel::Channel;
use crate::emulator::{BinfmtMisc, Emulator};
use crate::error::{Context, SandboxError};
use crate::given::HookShare;
use crate::hook::pty::Pty;
use crate::hook::records::Records;
use crate::hook::{exec, home, replay, tree};
use crate::interpreter::{self, NATIVE, NativePrograms};
use crate::kernel::Fork;
use crate::messages::{HookAction, HookSpec, report_stage};
use crate::process::{EXIT_SANDBOX_FAILED, NAMESPACES, enter_user_namespace, reap_until, watch};
use crate::worker::host_dirs;
use crate::{
    BUILD, CACHE, SHIMS, STAGED, TEMPLATE, devices, isolation, kernel, limits, mounts, network, run_dir,
};

/// The work of a process that was started as a hook's first.
pub(crate) fn main() -> ! {
    std::process::exit(run().unwrap_or(EXIT_SANDBOX_FAILED))
}

fn run() -> Result<i32, SandboxError> {
    let mut channel = Channel::from_stdin().context("hear the driver")?;
    let spec: HookSpec = channel.receive().context("hear what to run")?;
    let entered = limits::bound_namespace(&spec.limits)
        .context("limit the hook's processes")
        .and_then(|()| enter_user_namespace(&mut channel))
        .and_then(|()| kernel::unshare(NAMESPACES).context("enter the hook's namespaces"))
        .and_then(|()| network::enter(spec.network));
    if let Err(error) = entered {
        report_stage::<()>(&mut channel, Err(&error))?;
        return Ok(EXIT_SANDBOX_FAILED);
    }
    match kernel::fork().context("start a process")? {
        // The driver ends it early by closing its end.
        Fork::Parent(child) => Ok(watch(&channel, child)),
        Fork::Child => run_as_init(channel, &spec),
    }
}

/// Process 1 of the hook's namespace. Its end is the end of all that the hook started.
fn run_as_init(mut channel: Channel, spec: &HookSpec) -> Result<i32, SandboxError> {
    // Hooks have this process's ids: it must not be theirs to trace.
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable)
        .context("guard the hook's process 1")?;
    // Its name tells programs which init they have (Ansible): none that is known, so they look at the tree's.
    let _ = fs::write("/proc/self/comm", "init");
    let HookRoot { binfmt_misc: _binfmt_misc, records, terminal } = match make_root(spec) {
        Ok(root) => root,
        Err(error) => {
            report_stage::<()>(&mut channel, Err(&error))?;
            return Ok(EXIT_SANDBOX_FAILED);
        }
    };
    report_stage(&mut channel, Ok(()))?;
    if let Some(pty) = &terminal {
        channel.send_descriptor(Some(&pty.master)).context("hand over the shell's terminal")?;
    }
    let code = match kernel::fork().context("start the hook")? {
        Fork::Parent(child) => {
            drop(terminal);
            match reap_until(child) {
                0 if is_image_mounted() => {
                    eprintln!(
                        "mount: an image that this hook mounted with -o loop is mounted still, and what was written there would be lost; \
                         umount it in the same hook"
                    );
                    1
                }
                code => code,
            }
        }
        Fork::Child => {
            drop(channel);
            eprintln!("dibber: {}", exec::become_hook(spec, terminal.as_ref().map(|pty| &pty.slave)));
            std::process::exit(127)
        }
    };
    channel.send(&records.report(code)).context("report the end")?;
    Ok(0)
}

/// What process 1 holds while the hook runs.
struct HookRoot {
    /// Native programs stand in as long as this is held: until the end of process 1.
    binfmt_misc: Option<BinfmtMisc>,
    records: Records,
    /// A shell's.
    terminal: Option<Pty>,
}

/// Makes the root that the hook sees, and enters it. Its host name is the worker's, as a new namespace of names begins with a copy.
fn make_root(spec: &HookSpec) -> Result<HookRoot, SandboxError> {
    let root = mounts::copy(Path::new(TEMPLATE))?;
    let build = mounts::copy(&spec.build_dir)?;
    let (cache, shims) = (mounts::copy(Path::new(CACHE))?, mounts::copy(Path::new(SHIMS))?);
    let temporary = [("/tmp", mounts::copy(&spec.tmp)?), ("/var/tmp", mounts::copy(&spec.tmp)?)];
    let native_tree = spec.native.as_ref().map(|native| tree::copy(&native.build_dir)).transpose()?;
    let given = HookShare::copy(&spec.given)?;
    let proc = isolation::proc_of(spec.shares_proc)?;
    mounts::enter(&root)?;
    mounts::place(&proc, "/proc")?;
    network::show(spec.network)?;
    run_dir::make_writable()?;
    for (mount, at) in [(build, BUILD), (cache, CACHE), (shims, SHIMS)] {
        fs::create_dir_all(at).context(format_args!("make {at}"))?;
        mounts::place(&mount, at)?;
    }
    for (at, mount) in &temporary {
        mounts::place(mount, at)?;
    }
    home::make()?;
    for at in host_dirs::WRITTEN {
        mounts::place(&mounts::memory("0755")?, &format!("/{at}"))?;
    }
    devices::mount_private()?;
    given.place()?;
    let binfmt_misc = spec.native.as_ref().zip(native_tree.as_ref());
    let binfmt_misc =
        binfmt_misc.map(|(native, native_tree)| stand_in(native, native_tree, spec.chroot)).transpose()?;
    replay::replay(&spec.mounts, spec.shares_proc).map_err(SandboxError::of_hooks)?;
    if spec.chroot {
        tree::enter(spec.shares_proc)?;
    }
    stage_texts(&spec.staged)?;
    let records = Records::make()?;
    let terminal = matches!(spec.action, HookAction::Shell).then(Pty::open);
    let terminal = terminal.transpose().context("open a terminal for the shell")?;
    Ok(HookRoot { binfmt_misc, records, terminal })
}

/// What a native step hands over. Nothing of a hook's has run here yet, and /run is this namespace's own.
fn stage_texts(texts: &BTreeMap<String, String>) -> Result<(), SandboxError> {
    if texts.is_empty() {
        return Ok(());
    }
    fs::create_dir_all(STAGED).context(format_args!("make {STAGED}"))?;
    let dir = Dir::open(Path::new(STAGED)).context(format_args!("open {STAGED}"))?;
    for (name, text) in texts {
        dir.write_new(name, text.as_bytes(), 0o644).context(format_args!("write {STAGED}/{name}"))?;
    }
    Ok(())
}

/// Native programs where the interpreter looks for them, and who runs foreign ones in this hook: inside the tree the
/// interpreter, outside the emulator, because a root that a hook makes itself has no native programs in it until
/// `dibber-accelerate` puts them there.
fn stand_in(
    native: &NativePrograms,
    native_tree: &OwnedFd,
    chroot: bool,
) -> Result<BinfmtMisc, SandboxError> {
    let at = format!("{NATIVE}/root");
    fs::create_dir_all(&at).context(format_args!("make {at}"))?;
    mounts::restrict(native_tree, mounts::READ_ONLY | mounts::NO_SUID | mounts::NO_DEV)?;
    mounts::place(native_tree, &at)?;
    fs::write(format!("{NATIVE}/table"), native.table.to_text())
        .context("write the table of native programs")?;
    let arch = native.table.arch;
    let own = BinfmtMisc::open()?;
    own.register("emulator", arch, &Emulator::place(arch))?;
    if chroot {
        own.register("native", arch, &format!("{SHIMS}/{}", interpreter::NAME))?;
    }
    Ok(own)
}
