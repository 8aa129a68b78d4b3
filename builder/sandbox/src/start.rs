//! The side of the program that the person started: it starts a worker, maps the worker's ids and holds its life.
//!
//! In: a job, and what of the host it is granted. Out: a worker with its events. Never: namespaces of its own.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::thread::JoinHandle;

use dibber_model::printable::printable;

use crate::channel::Channel;
use crate::error::{Context, SandboxError};
use crate::grants::{GrantedDir, SandboxGrants};
use crate::host_files::HostFiles;
use crate::ids::{Ids, MapWriter};
use crate::isolation::Concessions;
use crate::messages::{DriverTask, SandboxConfig, await_stage, report_mapped};
use crate::{WORKER, kernel, terminal};

/// A worker that runs. It ends when this is dropped or killed, or when this process ends, however it ends.
pub struct Worker {
    child: Child,
    _life: Channel,
    /// Over which the driver gets a terminal for a shell.
    shells: Channel,
    /// Prints what the sandbox's own processes complain of.
    errors: Option<JoinHandle<()>>,
    /// What the driver writes to its events.
    pub events: File,
    /// What its hooks have of the container's.
    pub conceded: Concessions,
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

/// Starts a worker whose driver gets `job`. Answers once the sandbox stands.
pub fn start_worker(job: Vec<u8>, grants: &SandboxGrants) -> Result<Worker, SandboxError> {
    start(&DriverTask::Job(job), grants)
}

/// Starts a worker whose driver does this task. Answers once the sandbox stands.
pub(crate) fn start(task: &DriverTask, grants: &SandboxGrants) -> Result<Worker, SandboxError> {
    // What whoever called left open (a file, a directory, the terminal) is no process's of the sandbox.
    kernel::close_on_exec().context("keep the caller's files from the sandbox")?;
    raise_limit_of_files();
    let ids = Ids::for_sandbox()?;
    let config = SandboxConfig {
        store: GrantedDir::grant(&grants.store, &ids)?,
        stage: GrantedDir::grant(&grants.stage, &ids)?,
        as_root: ids.writer != MapWriter::Helpers && may_mount(),
        host_files: HostFiles::read(),
        given: grants.given.clone(),
        emulator: grants.emulator.clone(),
        commands: grants.commands.clone(),
        isolation: grants.isolation,
    };
    let (mut channel, theirs) = Channel::pair().context("make a socket pair")?;
    let mut child = spawn(theirs)?;
    let events = OwnedFd::from(child.stdout.take().expect("spawn asks for a pipe"));
    let errors = child.stderr.take().expect("spawn asks for a pipe");
    let errors = Some(std::thread::spawn(|| pass_on(errors)));
    let (shells, lent) = Channel::pair().context("make a socket pair")?;
    let sent = channel
        .send_descriptor(Some(&lent))
        .context("give the worker its socket for shells")
        .and_then(|()| channel.send(&config).context("tell the worker what to do"))
        .and_then(|()| task.send(&mut channel).context("tell the worker its job"));
    let up = sent.and_then(|()| bring_up(&mut channel, &ids, child.id()));
    // A worker that is dropped is killed: on failure this very one.
    let conceded = Concessions::default();
    let mut worker = Worker { child, _life: channel, shells, errors, events: File::from(events), conceded };
    worker.conceded = up?;
    Ok(worker)
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
        .context("start a worker")
}

/// Speaks with the worker until its sandbox stands.
fn bring_up(channel: &mut Channel, ids: &Ids, pid: u32) -> Result<Concessions, SandboxError> {
    let () = await_stage(channel)?;
    ids.write(pid)?;
    report_mapped(channel)?;
    await_stage(channel)
}
