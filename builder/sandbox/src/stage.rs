//! A hook's own namespaces, inside the worker's: made by this program, started again under another name.
//!
//! In: an order, over a socket. Out: a report, over the same. Never: a mount of the store or the stage in reach of a hook.
#![expect(clippy::disallowed_methods, reason = "names that this program chose, in a namespace of its own")]

use std::collections::BTreeMap;
use std::fs;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use dibber_fs::Dir;
use dibber_model::{Limits, Network};
use dibber_shim::MountRequest;
use rustix::process::DumpableBehavior;
use rustix::thread::UnshareFlags;
use serde::{Deserialize, Serialize};

use super::emulator::{Emulator, Instance};
use super::error::{Doing, SandboxError, Told};
use super::given::Share;
use super::hook::Native;
use super::interpreter::{self, NATIVE};
use super::kernel::Fork;
use super::pty::Pty;
use super::records::Records;
use super::wire::Link;
use super::worker::{UNFIT, enter_user_namespace, reap_until, watch};
use super::{
    BUILD, CACHE, HOSTNAME, SHIMS, STAGED, TEMPLATE, devices, exec, kernel, limits, mounts, network, replay,
    root, tree,
};

/// What is to be run.
#[derive(Serialize, Deserialize)]
pub(super) enum Action {
    /// A file below the hooks directory.
    Script(String),
    /// A program and its arguments.
    Command(Vec<String>),
    /// Only environment.d, and what comes of it.
    Environment,
    /// A shell for a person.
    Shell,
}

/// What the driver tells a hook's first process.
#[derive(Serialize, Deserialize)]
pub(super) struct Order {
    pub(super) chroot: bool,
    pub(super) build_dir: PathBuf,
    pub(super) tmp: PathBuf,
    pub(super) action: Action,
    pub(super) variables: BTreeMap<String, String>,
    pub(super) environment_files: Vec<String>,
    pub(super) mounts: Vec<MountRequest>,
    /// Texts for [`STAGED`], by file name.
    pub(super) staged: BTreeMap<String, String>,
    pub(super) native: Option<Native>,
    /// Files of the host, at these paths.
    pub(super) given: Vec<PathBuf>,
    pub(super) network: Network,
    /// `TERM` of the person.
    pub(super) terminal: String,
    pub(super) limits: Limits,
}

/// What the hook's process 1 answers at the end.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Report {
    pub(super) code: i32,
    /// The file of environment.d that was being read when the shell ended.
    pub(super) reading: String,
    pub(super) record: String,
    /// `NAME=value`, each ended by NUL.
    pub(super) environment: String,
    /// Whether the driver ended it, as only the driver knows.
    #[serde(skip)]
    pub(super) overran: bool,
}

/// The work of a process that was started as a hook's first.
pub(super) fn main() -> ! {
    std::process::exit(run().unwrap_or(UNFIT))
}

fn run() -> Result<i32, SandboxError> {
    let mut link = Link::from_stdin().doing("hear the driver")?;
    let order: Order = link.hear().doing("hear what to run")?;
    let spaces = UnshareFlags::NEWNS | UnshareFlags::NEWPID | UnshareFlags::NEWIPC | UnshareFlags::NEWUTS;
    let entered = limits::bound_namespace(&order.limits)
        .doing("limit the hook's processes")
        .and_then(|()| enter_user_namespace(&mut link))
        .and_then(|()| kernel::unshare(spaces).doing("enter the hook's namespaces"))
        .and_then(|()| network::enter(order.network));
    if let Err(error) = entered {
        link.tell(&Some(Told::from(&error))).doing("report a failure")?;
        return Ok(UNFIT);
    }
    match kernel::fork().doing("start a process")? {
        // The driver ends it early by closing its end.
        Fork::Parent(child) => Ok(watch(&link, child)),
        Fork::Child => first(link, &order),
    }
}

/// Process 1 of the hook's namespace. Its end is the end of all that the hook started.
fn first(mut link: Link, order: &Order) -> Result<i32, SandboxError> {
    // Hooks have this process's ids: it must not be theirs to trace.
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable)
        .doing("guard the hook's process 1")?;
    let Ready { served: _served, records, terminal } = match ready(order) {
        Ok(ready) => ready,
        Err(error) => {
            link.tell(&Some(Told::from(&error))).doing("report a failure")?;
            return Ok(UNFIT);
        }
    };
    link.tell(&None::<Told>).doing("report a start")?;
    if let Some(pty) = &terminal {
        link.hand_over(Some(&pty.master)).doing("hand over the shell's terminal")?;
    }
    let code = match kernel::fork().doing("start the hook")? {
        Fork::Parent(child) => {
            drop(terminal);
            reap_until(child)
        }
        Fork::Child => {
            drop(link);
            eprintln!("dibber: {}", exec::become_hook(order, terminal.as_ref().map(|pty| &pty.slave)));
            std::process::exit(127)
        }
    };
    link.tell(&records.report(code)).doing("report the end")?;
    Ok(0)
}

/// What process 1 holds while the hook runs.
struct Ready {
    /// Native programs stand in as long as this is held: until the end of process 1.
    served: Option<Instance>,
    records: Records,
    /// A shell's.
    terminal: Option<Pty>,
}

fn ready(order: &Order) -> Result<Ready, SandboxError> {
    let (served, records) = assemble(order)?;
    let terminal = matches!(order.action, Action::Shell).then(Pty::open);
    let terminal = terminal.transpose().doing("open a terminal for the shell")?;
    Ok(Ready { served, records, terminal })
}

/// Makes the root that the hook sees, and enters it.
fn assemble(order: &Order) -> Result<(Option<Instance>, Records), SandboxError> {
    rustix::system::sethostname(HOSTNAME.as_bytes()).doing("set the host name")?;
    let root = mounts::copy(Path::new(TEMPLATE))?;
    let build = mounts::copy(&order.build_dir)?;
    let (cache, shims) = (mounts::copy(Path::new(CACHE))?, mounts::copy(Path::new(SHIMS))?);
    let temporary = [("/tmp", mounts::copy(&order.tmp)?), ("/var/tmp", mounts::copy(&order.tmp)?)];
    let twin = order.native.as_ref().map(|native| tree::copy(&native.build_dir)).transpose()?;
    let given = Share::take(&order.given)?;
    // While the worker's is still there: see `root::make`.
    let proc = mounts::make("proc", &[])?;
    mounts::enter(&root)?;
    mounts::place(&proc, "/proc")?;
    network::show(order.network)?;
    root::private_run()?;
    for (mount, at) in [(build, BUILD), (cache, CACHE), (shims, SHIMS)] {
        fs::create_dir_all(at).doing(format_args!("make {at}"))?;
        mounts::place(&mount, at)?;
    }
    for (at, mount) in &temporary {
        mounts::place(mount, at)?;
    }
    mounts::place(&mounts::memory("0700")?, "/root")?;
    devices::mount_private()?;
    given.place()?;
    let served = order.native.as_ref().zip(twin.as_ref());
    let served = served.map(|(native, twin)| stand_in(native, twin, order.chroot)).transpose()?;
    replay::replay(&order.mounts).map_err(SandboxError::of_hooks)?;
    if order.chroot {
        tree::enter()?;
    }
    stage_texts(&order.staged)?;
    Ok((served, Records::make()?))
}

/// What a native step hands over. Nothing of a hook's has run here yet, and /run is this namespace's own.
fn stage_texts(texts: &BTreeMap<String, String>) -> Result<(), SandboxError> {
    if texts.is_empty() {
        return Ok(());
    }
    fs::create_dir_all(STAGED).doing(format_args!("make {STAGED}"))?;
    let dir = Dir::open(Path::new(STAGED)).doing(format_args!("open {STAGED}"))?;
    for (name, text) in texts {
        dir.write_new(name, text.as_bytes(), 0o644).doing(format_args!("write {STAGED}/{name}"))?;
    }
    Ok(())
}

/// Native programs where the interpreter looks for them, and who runs foreign ones in this hook: inside the tree the
/// interpreter, outside the emulator, because a root that a hook makes itself has no native programs in it until
/// `dibber-accelerate` puts them there.
fn stand_in(native: &Native, twin: &OwnedFd, chroot: bool) -> Result<Instance, SandboxError> {
    let at = format!("{NATIVE}/root");
    fs::create_dir_all(&at).doing(format_args!("make {at}"))?;
    mounts::restrict(twin, mounts::READ_ONLY | mounts::NO_SUID | mounts::NO_DEV)?;
    mounts::place(twin, &at)?;
    fs::write(format!("{NATIVE}/table"), native.table.text()).doing("write the table of native programs")?;
    let arch = native.table.arch;
    let own = Instance::open()?;
    own.register("emulator", arch, &Emulator::place(arch))?;
    if chroot {
        own.register("native", arch, &format!("{SHIMS}/{}", interpreter::NAME))?;
    }
    Ok(own)
}
