//! The person's process and its worker: what is told, what is heard, and Ctrl-C.
//!
//! In: a job. Out: the worker's answer; what it says on the way goes to the log and to whoever watches. Never: a worker
//! left running.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::event::{PollFd, PollFlags, poll};

use crate::event::{Event, Events};
use crate::job::{Failure, FailureKind, Job, Line, fault};
use crate::output::{Made, Stage};
use crate::sandbox::{self, Grants, Worker};
use crate::store::Store;

/// Becomes readable when the person interrupts; see [`interrupts`].
pub struct Interrupts(OwnedFd);

impl Interrupts {
    /// Whether the person has interrupted.
    pub fn heard(&self) -> bool {
        let mut fds = [PollFd::new(&self.0, PollFlags::IN)];
        let now = rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 };
        poll(&mut fds, Some(&now)).is_ok_and(|ready| ready > 0)
    }
}

/// Catches Ctrl-C and SIGTERM from now on. Call once.
pub fn interrupts() -> std::io::Result<Interrupts> {
    let (read, write) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM, signal_hook::consts::SIGHUP] {
        signal_hook::low_level::pipe::register(signal, File::from(write.try_clone()?))?;
    }
    Ok(Interrupts(read))
}

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
    pub(crate) log: &'a Path,
    pub(crate) events: &'a dyn Events,
    pub(crate) stop: &'a Interrupts,
}

impl Conversation<'_> {
    pub(crate) fn have(&self, job: &Job) -> Result<Heard, Failure> {
        let mut log = File::create(self.log).map_err(fault)?;
        let mut worker = self.start(job)?;
        let events = worker.events.try_clone().map_err(fault)?;
        let mut lines = BufReader::new(events);
        let mut answer = None;
        loop {
            if lines.buffer().is_empty() && self.interrupted(&worker)? {
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
                Line::Event(event) => self.tell(event, &mut log)?,
                Line::UpToDate => answer = Some(Ok(Heard::UpToDate)),
                Line::Made(made) => answer = Some(Ok(Heard::Made(made))),
                Line::Pruned { removed, freed, left } => {
                    answer = Some(Ok(Heard::Pruned { removed, freed, left }));
                }
                Line::Failed(failure) => answer = Some(Err(failure)),
            }
        }
        worker.wait().map_err(fault)?;
        answer.unwrap_or_else(|| Err(Failure::ended_early()))
    }

    fn start(&self, job: &Job) -> Result<Worker, Failure> {
        let bytes = postcard::to_stdvec(job).map_err(fault)?;
        // Empty: each step has a cache of its own put over it.
        let cache = self.store.downloads("none").map_err(fault)?;
        let emulator = match job {
            Job::Build(build) => build.emulator.clone(),
            Job::Prune { .. } => None,
        };
        let (store, stage) = (self.store.path().into(), self.stage.path().into());
        let grants = Grants { store, cache, stage, emulator };
        self.give_store()?;
        sandbox::start(&bytes, &grants).map_err(|e| Failure::of(FailureKind::Machine, e))
    }

    /// Directories of the store that this process made belong to the sandbox's root, who writes them.
    fn give_store(&self) -> Result<(), Failure> {
        for dir in Store::shared_dirs() {
            sandbox::hand_over(&self.store.path().join(dir))
                .map_err(|e| Failure::of(FailureKind::Machine, e))?;
        }
        Ok(())
    }

    /// Waits until the worker says something, or the person does.
    fn interrupted(&self, worker: &Worker) -> Result<bool, Failure> {
        let mut fds = [
            PollFd::from_borrowed_fd(worker.events.as_fd(), PollFlags::IN),
            PollFd::new(&self.stop.0, PollFlags::IN),
        ];
        loop {
            match poll(&mut fds, None) {
                Ok(_) => return Ok(!fds[1].revents().is_empty()),
                Err(rustix::io::Errno::INTR) => {}
                Err(e) => return Err(fault(e)),
            }
        }
    }

    fn tell(&self, event: Event, log: &mut File) -> Result<(), Failure> {
        let line = match &event {
            Event::Output { line } => format!("{line}\n"),
            Event::StepStarted { phase, name, element, .. } => format!("== {phase}/{name} ({element})\n"),
            Event::StepFinished { seconds, .. } => format!("== {seconds:.2} s\n"),
            Event::Warning { text } => format!("warning: {text}\n"),
            Event::ShellOpened { point } => format!("== {point}: a shell\n"),
            _ => String::new(),
        };
        log.write_all(line.as_bytes()).map_err(fault)?;
        if event == Event::ShellClosed {
            // Without a terminal there is nothing to take back.
            let _ = sandbox::take_terminal_back();
        }
        self.events.emit(event);
        Ok(())
    }

    /// After a worker was killed, another one takes away what it was writing. What it cannot, the next build does.
    fn sweep(&self) {
        if let Ok(mut worker) = self.start(&Job::Prune { limit: None, all: false }) {
            let _ = worker.wait();
        }
    }
}
