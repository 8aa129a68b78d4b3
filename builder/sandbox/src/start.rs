//! The person's side: starts a worker, maps its ids, holds its life.
//!
//! In: a job and the directories that it may write. Out: a worker with its events. Never: namespaces of its own.
#![expect(clippy::disallowed_methods, reason = "paths that the person who calls named")]

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Write};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::thread::JoinHandle;

use dibber_fs::Dir;
use dibber_model::printable::printable;
use rustix::fs::{Gid, Mode, Uid, fchmod, fchown};
use serde::{Deserialize, Serialize};

use super::emulator::Emulator;
use super::error::{Doing, SandboxError, Told};
use super::given::Given;
use super::ids::{Ids, Writer};
use super::wire::Link;
use super::words::Words;
use super::worker::Setup;
use super::{WORKER, kernel, mounts, terminal, wire};

/// Directories of the host that a worker may write. They must exist; they become mode 0700, because what is in them has
/// set-user-ID files, and belong to the sandbox's root.
#[derive(Clone, Debug)]
pub struct Grants {
    /// Layers and checkpoints. Seen by the driver alone.
    pub store: PathBuf,
    /// Where outputs are made, on the file system on which they will stay. Seen by the driver alone.
    pub stage: PathBuf,
    /// Files of the host that the job's image names. Seen by the host-side hooks that are given them.
    pub given: Vec<Given>,
    /// What runs programs of another architecture, if the job has any.
    pub emulator: Option<Emulator>,
    /// Names under which hooks call this program, besides those of the stand-ins for the host's tools.
    pub commands: Vec<String>,
}

/// A worker that runs. It ends when this is dropped or killed, or when this process ends, however it ends.
pub struct Worker {
    child: Child,
    _life: Link,
    /// Over which the driver gets a terminal for a shell.
    shells: Link,
    /// Prints what the sandbox's own processes complain of.
    errors: Option<JoinHandle<()>>,
    /// What the driver writes to its events.
    pub events: File,
    /// User and group that own, on the host, what the sandbox's root makes: (uid, gid).
    pub owner: (u32, u32),
}

impl Worker {
    /// Ends it and everything in it. Returns when its first process is gone.
    pub fn kill(&mut self) {
        // Having ended already is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Waits for its end. A driver's exit code is the status's; one that was killed by signal N ends with 128 + N.
    pub fn wait(&mut self) -> io::Result<ExitStatus> {
        let status = self.child.wait()?;
        if let Some(errors) = self.errors.take() {
            // It only prints; its own failure is not the worker's.
            let _ = errors.join();
        }
        Ok(status)
    }

    /// Lends the person's terminal to the shell that the driver is about to run, until that ends or `stop` can be read. `told`
    /// hears first whether there is a terminal. Errors are those of the socket to the worker.
    pub fn lend_terminal(&mut self, stop: BorrowedFd<'_>, told: impl FnOnce(bool)) -> io::Result<()> {
        terminal::lend(&mut self.shells, stop, told)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A directory that a worker is granted: where it is, and which it is, as its path may lead to another one by then.
#[derive(Serialize, Deserialize)]
pub(super) struct Granted {
    #[serde(with = "wire::path")]
    pub(super) path: PathBuf,
    which: (u32, u32, u64),
}

impl Granted {
    fn of(path: &Path, open: &Dir) -> io::Result<Granted> {
        Ok(Granted { path: fs::canonicalize(path)?, which: which(open)? })
    }

    /// A copy of its mount, in the namespace of whoever asks.
    pub(super) fn mount(&self) -> Result<OwnedFd, SandboxError> {
        let open = Dir::open_itself(&self.path).and_then(|dir| Ok((which(&dir)?, dir)));
        let (found, dir) = open.map_err(|source| SandboxError::Grant { path: self.path.clone(), source })?;
        if found != self.which {
            let source = io::Error::other("somebody put another directory in its place meanwhile");
            return Err(SandboxError::Grant { path: self.path.clone(), source });
        }
        mounts::copy_of(&dir, &self.path.to_string_lossy())
    }
}

/// Device and inode of a directory.
fn which(dir: &Dir) -> io::Result<(u32, u32, u64)> {
    let found = dir.statx()?;
    Ok((found.stx_dev_major, found.stx_dev_minor, found.stx_ino))
}

/// Starts a worker: its driver gets `job`, which must not be empty. Answers once the sandbox stands.
pub fn start(job: &[u8], grants: &Grants) -> Result<Worker, SandboxError> {
    // What whoever called left open (a file, a directory, the terminal) is no process's of the sandbox.
    kernel::close_on_exec().doing("keep the caller's files from the sandbox")?;
    raise_limit_of_files();
    let ids = Ids::for_sandbox()?;
    let granted = |dir: &PathBuf| {
        let granted = give(dir, &ids).and_then(|open| Granted::of(dir, &open));
        granted.map_err(|source| SandboxError::Grant { path: dir.clone(), source })
    };
    let setup = Setup {
        grants: [granted(&grants.store)?, granted(&grants.stage)?],
        as_root: ids.writer != Writer::Helpers && may_mount(),
        words: Words::of_host(),
        given: grants.given.clone(),
        emulator: grants.emulator.clone(),
        commands: grants.commands.clone(),
    };
    let (mut life, theirs) = Link::pair().doing("make a socket pair")?;
    let mut child = spawn(theirs)?;
    let events = OwnedFd::from(child.stdout.take().expect("spawn asks for a pipe"));
    let errors = child.stderr.take().expect("spawn asks for a pipe");
    let errors = Some(std::thread::spawn(|| pass_on(errors)));
    let (shells, lent) = Link::pair().doing("make a socket pair")?;
    let up = life.hand_over(Some(&lent)).doing("give the worker its socket for shells");
    let up = up.and_then(|()| bring_up(&mut life, (&setup, job), &ids, child.id()));
    // A worker that is dropped is killed: on failure this very one.
    let worker = Worker { child, _life: life, shells, errors, events: File::from(events), owner: ids.root() };
    up.map(|()| worker)
}

/// Prints lines of the worker's on standard error, which it does not have itself: it could be a terminal.
fn pass_on(errors: ChildStderr) {
    for line in BufReader::new(errors).split(b'\n').map_while(Result::ok) {
        // Nobody may be listening.
        let _ = writeln!(io::stderr(), "{}", printable(&line));
    }
}

/// Layers and extents hold many files open. Hooks get the usual limit again; see `exec`.
fn raise_limit_of_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    // The kernel's own bound for all but a few hosts (fs.nr_open).
    let most = maximum.map_or(1 << 20, |most| most.min(1 << 20));
    if current.is_some_and(|now| now < most) {
        // What cannot be raised is met later, with a message of its own.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(most), maximum });
    }
}

/// Whether this process may copy mounts here. Root of a plain container may not; then the mapped ids must be able to reach
/// the grants by themselves.
fn may_mount() -> bool {
    use rustix::thread::{CapabilitySet, capabilities};
    capabilities(None).is_ok_and(|sets| sets.effective.contains(CapabilitySet::SYS_ADMIN))
}

fn spawn(stdin: OwnedFd) -> Result<Child, SandboxError> {
    Command::new("/proc/self/exe")
        .arg0(WORKER)
        .stdin(stdin)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .doing("start a worker")
}

/// Speaks with the worker until its sandbox stands.
fn bring_up(life: &mut Link, (setup, job): (&Setup, &[u8]), ids: &Ids, pid: u32) -> Result<(), SandboxError> {
    life.tell(setup).doing("tell the worker what to do")?;
    life.send(job).doing("tell the worker its job")?;
    answer(life)?;
    ids.write(pid)?;
    life.send(b"mapped").doing("tell the worker that its ids are mapped")?;
    answer(life)
}

/// Hears that a stage was reached, or why not.
pub(super) fn answer(life: &mut Link) -> Result<(), SandboxError> {
    let failed: Option<Told> = life.hear().doing("hear from a process of the sandbox, which ended early")?;
    failed.map_or(Ok(()), |told| Err(told.into()))
}

/// Makes a directory of the person's the sandbox's root's own, as [`start`] does with the granted ones.
pub fn hand_over(dir: &Path) -> Result<(), SandboxError> {
    let given = Ids::for_sandbox().map(|ids| give(dir, &ids))?;
    given.map(drop).map_err(|source| SandboxError::Grant { path: dir.to_path_buf(), source })
}

/// Whether a directory of this owner is the person's: made by it, or by its sandbox's root, to whom [`start`] gives directories.
pub fn is_own(uid: u32) -> bool {
    let own = rustix::process::geteuid().as_raw();
    // Where there is no sandbox, it owns nothing.
    uid == own || Ids::for_sandbox().is_ok_and(|ids| uid == ids.root().0)
}

/// Makes a directory the sandbox's own. Only root can give one away; a user's is the sandbox's root's already. One of somebody
/// else's, and a link, stay as they are.
fn give(dir: &Path, ids: &Ids) -> io::Result<Dir> {
    let open = Dir::open_itself(dir)?;
    let found = open.statx()?;
    let (user, group) = ids.root();
    if ![user, rustix::process::geteuid().as_raw()].contains(&found.stx_uid) {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "it belongs to somebody else"));
    }
    if found.stx_mode & 0o7777 != 0o700 {
        fchmod(&open, Mode::RWXU)?;
    }
    if ids.writer != Writer::Helpers && (found.stx_uid, found.stx_gid) != (user, group) {
        // Maps are written in the ids of this very namespace, so an owner needs no translation.
        fchown(&open, Some(Uid::from_raw(user)), Some(Gid::from_raw(group)))?;
    }
    Ok(open)
}
