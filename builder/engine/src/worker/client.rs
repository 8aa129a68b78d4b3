//! The person's process and its worker: what is told, what is heard, and Ctrl-C.
//!
//! In: a job. Out: the worker's answer; what it says on the way goes to the log and to whoever watches. Never: a worker
//! left running.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, Write};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use dibber_imageset::{LOG, Made, Stage};
use dibber_sandbox::interrupts::{Interrupts, Wake};
use dibber_sandbox::{STAGE, STORE, SandboxGrants, Worker};
use dibber_store::Store;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::event::{Event, Events};
use crate::failure::{Failure, FailureKind, fault};
use crate::worker::job::{Job, Line};
use crate::{dib_commands, given};

/// How long the cleaning after an interrupt may take: the person waits for the program's end.
const SWEEP: Duration = Duration::from_millis(500);

/// A worker's answer, where it succeeded.
pub(crate) enum Heard {
    UpToDate,
    Made(Made),
    Pruned { removed: usize, freed: u64, left: u64 },
}

/// A worker, listened to until its end.
pub(crate) struct Conversation<'a> {
    pub(crate) store: &'a Store,
    pub(crate) stage: &'a Stage,
    /// Its name in the stage.
    pub(crate) log: &'a str,
    pub(crate) events: &'a dyn Events,
    pub(crate) stop: &'a Interrupts,
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

impl Conversation<'_> {
    pub(crate) fn have(&self, job: &Job) -> Result<Heard, Failure> {
        let mut log = Log(self.stage.dir().create_by_umask(self.log).map_err(fault)?);
        let mut worker = self.start(job)?;
        let events = worker.events.try_clone().map_err(fault)?;
        let mut lines = BufReader::new(events);
        let mut answer = None;
        loop {
            if self.interrupted(&worker, !lines.buffer().is_empty())? {
                worker.kill();
                drop(worker);
                self.sweep();
                return Err(Failure::new(FailureKind::Interrupted, "interrupted"));
            }
            let mut line = Vec::new();
            if lines.read_until(b'\n', &mut line).map_err(fault)? == 0 {
                break;
            }
            match serde_json::from_slice(&line).map_err(fault)? {
                Line::Event(Event::ShellOpened { point }) => self.shell(&mut worker, &point, &mut log)?,
                Line::Event(event) => self.tell(event, &mut log)?,
                Line::UpToDate => answer = Some(Ok(Heard::UpToDate)),
                Line::Made(made) => answer = Some(Ok(Heard::Made(made))),
                Line::Pruned { removed, freed, left } => {
                    answer = Some(Ok(Heard::Pruned { removed, freed, left }));
                }
                Line::Failed(failure) => answer = Some(Err(self.as_outside(failure))),
            }
        }
        worker.wait().map_err(fault)?;
        answer.unwrap_or_else(|| Err(Failure::ended_early()))
    }

    /// The failure with places as the person knows them.
    fn as_outside(&self, mut failure: Failure) -> Failure {
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
                let twin = build.native.iter().flat_map(|native| &native.given);
                (build.emulator.clone(), given::for_worker(build.given.iter().chain(twin)))
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
        };
        self.give_store()?;
        dibber_sandbox::start_worker(bytes, &grants).map_err(|e| Failure::of(FailureKind::Machine, e))
    }

    /// Directories of the store that this process made belong to the sandbox's root, who writes them.
    fn give_store(&self) -> Result<(), Failure> {
        for dir in Store::shared_dirs() {
            dibber_sandbox::give_to_sandbox(&self.store.path().join(dir))
                .map_err(|e| Failure::of(FailureKind::Machine, e))?;
        }
        Ok(())
    }

    /// Whether the person has interrupted; where no line is at hand, waits until one is, or the person interrupts.
    fn interrupted(&self, worker: &Worker, at_hand: bool) -> Result<bool, Failure> {
        let time = at_hand.then_some(Duration::ZERO);
        let woken = self.stop.wait_for(&[worker.events.as_fd()], time).map_err(fault)?;
        Ok(woken == Wake::Interrupted)
    }

    fn tell(&self, mut event: Event, log: &mut Log) -> Result<(), Failure> {
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
    fn shell(&self, worker: &mut Worker, point: &str, log: &mut Log) -> Result<(), Failure> {
        let mut told = Ok(());
        let lent = worker.lend_terminal(self.stop.as_fd(), |there| {
            let text =
                format!("at {point}: no shell, as there is no terminal; give a command with --break-cmd");
            let shell = Event::ShellOpened { point: point.to_string() };
            told = self.tell(if there { shell } else { Event::Warning { text } }, log);
        });
        if let Err(error) = lent {
            let text = format!("at {point}: the shell has lost the terminal: {error}");
            self.tell(Event::Warning { text }, log)?;
        }
        told
    }

    /// After a worker was killed, another one takes away what it was writing. What it cannot in this time, the next build does.
    fn sweep(&self) {
        if let Ok(worker) = self.start(&Job::Prune { limit: None, all: false }) {
            wait_for_end(&worker, SWEEP);
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
