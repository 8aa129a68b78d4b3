//! The person's side of a worker: starts it, reads what it says until its end, and ends it on Ctrl-C.
//!
//! In: a job. Out: the worker's reply; what it says on the way goes to the log and to whoever watches. Never: a worker
//! left running.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, Write};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use dibber_imageset::{BuiltSet, LOG, Stage};
use dibber_sandbox::interrupts::{Interrupts, Wake};
use dibber_sandbox::{Isolation, STAGE, STORE, SandboxGrants, Worker};
use dibber_store::Store;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::breakpoints::Breakpoint;
use crate::event::{Event, Events};
use crate::failure::{Failure, FailureKind, fault};
use crate::worker::job::{Job, PruneResult, WorkerMessage};
use crate::{dib_commands, given};

/// How long the cleaning after an interrupt may take: the person waits for the program's end.
const CLEAN_UP: Duration = Duration::from_millis(500);

/// A worker's last word, where it succeeded.
pub(crate) enum WorkerReply {
    UpToDate,
    Made(BuiltSet),
    Pruned(PruneResult),
}

/// What a worker is given, and whom its events go to.
pub(crate) struct WorkerClient<'a> {
    pub(crate) store: &'a Store,
    pub(crate) stage: &'a Stage,
    /// Its name in the stage.
    pub(crate) log: &'a str,
    pub(crate) events: &'a dyn Events,
    pub(crate) stop: &'a Interrupts,
    pub(crate) isolation: Isolation,
}

/// What a build says, for people to read afterwards. It is empty until something is said.
struct Log(File);

impl Log {
    fn add(&mut self, text: &[u8]) -> io::Result<()> {
        if !text.is_empty() && self.0.stream_position()? == 0 {
            // The next build knows a log of ours by it, whatever a hook or a person's command said first.
            writeln!(self.0, "{LOG} {}", env!("CARGO_PKG_VERSION"))?;
        }
        self.0.write_all(text)
    }
}

impl WorkerClient<'_> {
    /// Starts a worker for the job, and listens to it until its end.
    pub(crate) fn run(&self, job: &Job) -> Result<WorkerReply, Failure> {
        let mut log = Log(self.stage.dir().create_by_umask(self.log).map_err(fault)?);
        let mut worker = self.start(job)?;
        for text in worker.conceded.warnings() {
            self.report(Event::Warning { text }, &mut log)?;
        }
        let events = worker.events.try_clone().map_err(fault)?;
        let mut messages = BufReader::new(events);
        let mut reply = None;
        loop {
            if self.interrupted(&worker, !messages.buffer().is_empty())? {
                worker.kill();
                drop(worker);
                self.clean_up();
                return Err(Failure::new(FailureKind::Interrupted, "interrupted"));
            }
            let mut line = Vec::new();
            if messages.read_until(b'\n', &mut line).map_err(fault)? == 0 {
                break;
            }
            match serde_json::from_slice(&line).map_err(fault)? {
                WorkerMessage::Event(Event::ShellOpened { point }) => {
                    self.lend_terminal(&mut worker, point, &mut log)?;
                }
                WorkerMessage::Event(event) => self.report(event, &mut log)?,
                WorkerMessage::UpToDate => reply = Some(Ok(WorkerReply::UpToDate)),
                WorkerMessage::Made(made) => reply = Some(Ok(WorkerReply::Made(made))),
                WorkerMessage::Pruned(result) => reply = Some(Ok(WorkerReply::Pruned(result))),
                WorkerMessage::Failed(failure) => reply = Some(Err(self.with_outside_paths(failure))),
            }
        }
        worker.wait().map_err(fault)?;
        reply.unwrap_or_else(|| Err(Failure::ended_early()))
    }

    /// The failure with places as the person knows them.
    fn with_outside_paths(&self, mut failure: Failure) -> Failure {
        for (inside, outside) in [(STAGE, self.stage.place()), (STORE, self.store.path())] {
            let (inside, outside) = (format!("{inside}/"), format!("{}/", outside.display()));
            failure.message = failure.message.replace(&inside, &outside);
        }
        failure
    }

    fn start(&self, job: &Job) -> Result<Worker, Failure> {
        let bytes = postcard::to_stdvec(job).map_err(fault)?;
        let (emulator, given) = match job {
            Job::Build(build) => {
                let native = build.native.iter().flat_map(|native| &native.given);
                (build.emulator.clone(), given::for_worker(build.given.iter().chain(native)))
            }
            Job::Prune { .. } => (None, Vec::new()),
        };
        let (store, stage) = (self.store.path().into(), self.stage.path().into());
        let grants = SandboxGrants {
            store,
            stage,
            given,
            emulator,
            commands: dib_commands::names().map(str::to_string).collect(),
            isolation: self.isolation,
        };
        self.give_store()?;
        dibber_sandbox::start_worker(bytes, &grants).map_err(|e| Failure::from_error(FailureKind::Machine, e))
    }

    /// Directories of the store that this process made belong to the sandbox's root, who writes them.
    fn give_store(&self) -> Result<(), Failure> {
        for dir in Store::shared_dirs() {
            dibber_sandbox::give_to_sandbox(&self.store.path().join(dir))
                .map_err(|e| Failure::from_error(FailureKind::Machine, e))?;
        }
        Ok(())
    }

    /// Whether the person has interrupted; where no line is at hand, waits until one is, or the person interrupts.
    fn interrupted(&self, worker: &Worker, at_hand: bool) -> Result<bool, Failure> {
        let time = at_hand.then_some(Duration::ZERO);
        let woken = self.stop.wait_for(&[worker.events.as_fd()], time).map_err(fault)?;
        Ok(woken == Wake::Interrupted)
    }

    fn report(&self, mut event: Event, log: &mut Log) -> Result<(), Failure> {
        let line = match &event {
            Event::Output { line, .. } => format!("{line}\n"),
            Event::StepStarted { phase, name, element, .. } => format!("== {phase}/{name} ({element})\n"),
            Event::StepFinished { seconds, .. } => format!("== {seconds:.2} s\n"),
            Event::Warning { text } => format!("warning: {text}\n"),
            Event::ShellOpened { point } => format!("== {point}: a shell\n"),
            _ => String::new(),
        };
        match &mut event {
            // The log has what the hook printed, byte by byte.
            Event::Output { bytes, .. } if !bytes.is_empty() => {
                let mut line = std::mem::take(bytes);
                line.push(b'\n');
                log.add(&line).map_err(fault)?;
            }
            _ => log.add(line.as_bytes()).map_err(fault)?,
        }
        self.events.emit(event);
        Ok(())
    }

    /// Lends the person's terminal to a shell in the sandbox, if there is one.
    fn lend_terminal(&self, worker: &mut Worker, point: Breakpoint, log: &mut Log) -> Result<(), Failure> {
        let mut told = Ok(());
        let lent = worker.lend_terminal(self.stop.as_fd(), |there| {
            let text =
                format!("at {point}: no shell, as there is no terminal; give a command with --break-cmd");
            let shell = Event::ShellOpened { point };
            told = self.report(if there { shell } else { Event::Warning { text } }, log);
        });
        if let Err(error) = lent {
            let text = format!("at {point}: the shell has lost the terminal: {error}");
            self.report(Event::Warning { text }, log)?;
        }
        told
    }

    /// After a worker was killed, another one takes away what it was writing. What it cannot in this time, the next build does.
    fn clean_up(&self) {
        if let Ok(worker) = self.start(&Job::Prune { limit: None, all: false }) {
            wait_for_end(&worker, CLEAN_UP);
        }
    }
}

/// Waits until a worker has said its last word, or time is up. Dropped, it is killed.
fn wait_for_end(worker: &Worker, time: Duration) {
    let end = Instant::now() + time;
    let mut polled = [PollFd::from_borrowed_fd(worker.events.as_fd(), PollFlags::IN)];
    loop {
        let left = end.saturating_duration_since(Instant::now());
        let Ok(left) = Timespec::try_from(left) else { return };
        let ready = poll(&mut polled, Some(&left));
        let mut heard = [0; 4096];
        // An answer is read away; its end is what is waited for.
        if !matches!(ready, Ok(1..)) || !matches!((&worker.events).read(&mut heard), Ok(1..)) {
            return;
        }
    }
}
