//! The keeper, process 1 and the driver: from the person's process into the namespaces.
//!
//! In: a socket to the person's process and a pipe for events. Out: the driver's exit code. Never: a return to the
//! program's ordinary work.
#![expect(clippy::disallowed_methods, reason = "this program, and emulators of the host")]

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, PidfdFlags, Signal, WaitOptions, WaitStatus};
use rustix::thread::UnshareFlags;
use serde::{Deserialize, Serialize};

use super::emulator::{Emulator, Instance};
use super::error::{Doing, SandboxError, Told};
use super::given::{self, Given, Taken};
use super::kernel::Fork;
use super::start::Granted;
use super::wire::Link;
use super::words::Words;
use super::{HOOK, HOSTNAME, WORKER, emulator, interpreter, kernel, root, shell, stage};

/// What the keeper is told before anything else.
#[derive(Serialize, Deserialize)]
pub(super) struct Setup {
    /// Store and stage.
    pub(super) grants: [Granted; 2],
    /// Whether the host's root, who will not be there inside, must open the grants beforehand.
    pub(super) as_root: bool,
    pub(super) words: Words,
    pub(super) given: Vec<Given>,
    pub(super) emulator: Option<Emulator>,
    /// Names of this program in every hook's `PATH`.
    pub(super) commands: Vec<String>,
}

/// What the driver is given.
pub struct Inside {
    /// The job, as [`super::start`] was given it.
    pub job: Vec<u8>,
    /// Where events go: what is written here, the person's process reads.
    pub events: File,
}

/// Looks at the name that the program was called by. For the worker's and a hook's it never returns: it does that
/// process's work, `run` being the driver. Must be called before the program has a second thread.
pub fn enter(run: impl FnOnce(Inside) -> i32) {
    let name = std::env::args_os().next().unwrap_or_default();
    if name.as_bytes().ends_with(interpreter::NAME.as_bytes()) {
        std::process::exit(interpreter::main());
    }
    if name == *HOOK {
        stage::main();
    }
    if name == *WORKER {
        let code = keeper(run).unwrap_or_else(|error| {
            let _ = writeln!(io::stderr(), "dibber: {error}");
            UNFIT
        });
        std::process::exit(code);
    }
}

/// The exit code of a process of the sandbox that failed for reasons of its own (EX_OSERR of sysexits.h).
pub(super) const UNFIT: i32 = 71;

fn keeper(run: impl FnOnce(Inside) -> i32) -> Result<i32, SandboxError> {
    // The person's terminal is not this session's: /dev/tty is nothing to whatever runs inside.
    rustix::process::setsid().doing("leave the session of the terminal")?;
    let mut link = Link::from_stdin().doing("hear the program that started this one")?;
    let shells = link.take_over().doing("get the socket for shells")?;
    let events = rustix::io::fcntl_dupfd_cloexec(io::stdout(), 3).doing("open the events")?;
    rustix::stdio::dup2_stdout(io::stderr()).doing("point output at the terminal")?;
    match prepare(&mut link) {
        Ok((setup, job, programs, opened)) => {
            let alive = Alive::new()?;
            match kernel::fork().doing("start a process")? {
                Fork::Parent(child) => {
                    drop((events, shells));
                    let Alive { mine, theirs: _kept } = alive;
                    drop(mine);
                    Ok(watch(&link, child))
                }
                Fork::Child => {
                    let Alive { mine, theirs } = alive;
                    drop(theirs);
                    if let Some(shells) = shells {
                        shell::remember(Link::from(shells));
                    }
                    let parts = (opened, programs);
                    let inside = Inside { job, events: File::from(events) };
                    std::process::exit(first(link, &setup, parts, (mine, inside, run)))
                }
            }
        }
        Err(error) => {
            link.tell(&Some(Told::from(&error))).doing("report a failure")?;
            Ok(UNFIT)
        }
    }
}

type Prepared = (Setup, Vec<u8>, Programs, Option<Opened>);

/// What the person's side named, open.
struct Opened {
    grants: [OwnedFd; 2],
    given: Vec<Taken>,
}

/// This program, and the emulator.
type Programs = (File, Option<File>);

/// Enters the namespaces, as root inside.
fn prepare(link: &mut Link) -> Result<Prepared, SandboxError> {
    kernel::ignore_terminal_signals();
    kernel::leave_keyring();
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
    let setup: Setup = link.hear().doing("hear what to do")?;
    let job = link.receive().doing("hear the job")?;
    let program = File::open("/proc/self/exe").doing("open this program")?;
    let emulator = setup
        .emulator
        .as_ref()
        .map(|found| File::open(&found.program).doing(format_args!("open {}", found.program.display())));
    let programs = (program, emulator.transpose()?);
    let opened = if setup.as_root { Some(open(&setup)?) } else { None };
    enter_user_namespace(link)?;
    let spaces = UnshareFlags::NEWNS | UnshareFlags::NEWPID | UnshareFlags::NEWIPC | UnshareFlags::NEWUTS;
    kernel::unshare(spaces).map_err(|e| SandboxError::Missing(super::mend::namespaces_refused(&e)))?;
    Ok((setup, job, programs, opened))
}

fn open(setup: &Setup) -> Result<Opened, SandboxError> {
    let [store, stage] = &setup.grants;
    let grants = [store.mount()?, stage.mount()?];
    Ok(Opened { grants, given: given::take(&setup.given, setup.as_root)? })
}

/// A new user namespace, whose map the process at the other end writes; then its root.
pub(super) fn enter_user_namespace(link: &mut Link) -> Result<(), SandboxError> {
    use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};
    kernel::unshare(UnshareFlags::NEWUSER)
        .map_err(|e| SandboxError::Missing(super::mend::user_namespace_refused(&e)))?;
    link.tell(&None::<Told>).doing("ask for a map of ids")?;
    link.receive().doing("hear that ids are mapped")?;
    let (user, group) = (rustix::fs::Uid::ROOT, rustix::fs::Gid::ROOT);
    set_thread_res_gid(group, group, group).doing("become root's group inside")?;
    set_thread_groups(&[]).doing("leave the host's groups")?;
    set_thread_res_uid(user, user, user).doing("become root inside")
}

/// A pipe that ends when the keeper does.
struct Alive {
    mine: OwnedFd,
    theirs: OwnedFd,
}

impl Alive {
    fn new() -> Result<Alive, SandboxError> {
        let (mine, theirs) =
            rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).doing("make a pipe")?;
        Ok(Alive { mine, theirs })
    }
}

/// Ties a process to its parent's life. The pipe tells of a parent that was gone before the kernel was told.
fn die_with_parent(pipe: &OwnedFd) -> Result<(), SandboxError> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))
        .doing("tie this process to its parent")?;
    let mut fds = [PollFd::new(pipe, PollFlags::empty())];
    let now = rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut fds, Some(&now)).doing("look for the parent")?;
    if fds[0].revents().contains(PollFlags::HUP) {
        std::process::exit(UNFIT);
    }
    Ok(())
}

/// Waits for process 1 of a namespace. The end of the process at the other end of the link, or of its sending, is its end too.
pub(super) fn watch(link: &Link, child: Pid) -> i32 {
    let Ok(process) = rustix::process::pidfd_open(child, PidfdFlags::empty()) else {
        return ended(child);
    };
    loop {
        let mut fds = [
            PollFd::from_borrowed_fd(process.as_fd(), PollFlags::IN),
            PollFd::from_borrowed_fd(link.as_fd(), PollFlags::RDHUP),
        ];
        let waited = poll(&mut fds, None);
        let gone = fds[1].revents().intersects(PollFlags::RDHUP | PollFlags::HUP | PollFlags::ERR);
        if waited.is_ok() && gone {
            // Its being gone already is as good.
            let _ = rustix::process::pidfd_send_signal(&process, Signal::KILL);
            return ended(child);
        }
        if waited.is_ok() && !fds[0].revents().is_empty() {
            return ended(child);
        }
    }
}

/// Waits for a child; its exit code, or 128 and the signal that ended it, as shells have it.
pub(super) fn ended(child: Pid) -> i32 {
    loop {
        match rustix::process::waitpid(Some(child), WaitOptions::empty()) {
            Ok(Some((_, status))) => return code(status),
            Ok(None) | Err(rustix::io::Errno::INTR) => {}
            Err(_) => return UNFIT,
        }
    }
}

fn code(status: WaitStatus) -> i32 {
    status.exit_status().or(status.terminating_signal().map(|signal| 128 + signal)).unwrap_or(UNFIT)
}

type Driver<R> = (OwnedFd, Inside, R);
type Parts = (Option<Opened>, Programs);

/// Process 1: makes the root, starts the driver, reaps until it ends.
fn first(mut link: Link, setup: &Setup, parts: Parts, driver: Driver<impl FnOnce(Inside) -> i32>) -> i32 {
    let (alive, inside, run) = driver;
    let made = make_root(setup, parts).and_then(|own| die_with_parent(&alive).map(|()| own));
    // Programs of another architecture are served as long as this is held: until the end of process 1.
    let (own, failed) = match made {
        Ok(own) => (Some(own), None),
        Err(error) => (None, Some(error.to_string())),
    };
    if link.tell(&failed).is_err() || failed.is_some() {
        return UNFIT;
    }
    drop(link);
    match kernel::fork() {
        Ok(Fork::Parent(child)) => {
            drop(inside);
            let code = reap_until(child);
            if let Some((_, scratch)) = own {
                // What a killed worker leaves, the next one removes.
                let _ = dibber_fs::remove_tree(&scratch);
            }
            code
        }
        Ok(Fork::Child) => {
            let work = || if inside.job.is_empty() { super::probe::try_overlay() } else { run(inside) };
            let code = catch_unwind(AssertUnwindSafe(work));
            std::process::exit(code.unwrap_or(101));
        }
        Err(_) => UNFIT,
    }
}

/// Makes the root. What it ends with lasts as long as the worker: who serves foreign programs, and the directory for temporary
/// files.
fn make_root(setup: &Setup, (opened, programs): Parts) -> Result<(Option<Instance>, PathBuf), SandboxError> {
    rustix::system::sethostname(HOSTNAME.as_bytes()).doing("set the host name")?;
    let Opened { grants, given } = match opened {
        Some(opened) => opened,
        None => open(setup)?,
    };
    let emulator = setup.emulator.as_ref();
    let scratch = root::make(root::Parts {
        grants,
        program: programs.0,
        emulator: emulator.map(|found| found.arch).zip(programs.1),
        words: &setup.words,
        hidden: setup.grants.iter().map(|granted| granted.path.clone()).collect(),
        given: setup.given.clone(),
        taken: given,
        commands: &setup.commands,
    })?;
    Ok((emulator.map_or(Ok(None), emulator::serve)?, scratch))
}

/// Waits for every child until that one has ended; the end of process 1 is the end of all others.
pub(super) fn reap_until(child: Pid) -> i32 {
    loop {
        match rustix::process::wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) if pid == child => return code(status),
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(_) => return UNFIT,
        }
    }
}
