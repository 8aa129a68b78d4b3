//! One set, on the person's side: what is known is gathered, a worker builds, the result is committed.
//!
//! In: a plan and settings. Out: files in the output directory, or a failure and the directory as it was. Never: a hook run
//! with the person's identity.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use dibber_model::Bytes;
use dibber_plan::{Body, Entry, Plan};
use rustix::event::{PollFd, PollFlags, poll};

use crate::answers::{self, Network, Releases};
use crate::breaks::Breaks;
use crate::event::{Event, Events};
use crate::job::{Build, Failure, FailureKind, Job, Line};
use crate::needs;
use crate::output::{Made, OutputError, SetEntry, SetFile, Stage, Standing, commit};
use crate::sandbox::{self, Grants, STORE, Worker};
use crate::steps;
use crate::store::{ImageLock, Store, StoreError};

/// How to build.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where the files go.
    pub output_dir: PathBuf,
    /// Where the store is.
    pub store: PathBuf,
    /// Whether the network may be asked.
    pub network: Network,
    /// Threads that write images.
    pub threads: usize,
    /// Where to stop for a person.
    pub breaks: Breaks,
}

/// How a build ended well.
#[derive(Clone, Debug)]
pub enum Built {
    /// The files in place were right.
    Kept(SetEntry),
    /// They were made.
    New(SetEntry),
}

/// Becomes readable when the person interrupts; see [`interrupts`].
pub struct Interrupts(OwnedFd);

/// Catches Ctrl-C and SIGTERM from now on. Call once.
pub fn interrupts() -> std::io::Result<Interrupts> {
    let (read, write) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM, signal_hook::consts::SIGHUP] {
        signal_hook::low_level::pipe::register(signal, File::from(write.try_clone()?))?;
    }
    Ok(Interrupts(read))
}

/// Builds one image, and puts its files in place.
pub fn build(plan: &Plan, settings: &Settings, events: &dyn Events, stop: &Interrupts) -> Result<Built, Failure> {
    let start = Instant::now();
    let stem = plan.stem();
    let store = Store::open(&settings.store).map_err(fault)?;
    let _lock: ImageLock = store.lock_image(&stem).map_err(|error| match error {
        StoreError::Busy { .. } => Failure::new(FailureKind::Output, error),
        other => fault(other),
    })?;
    needs::check_programs(plan)?;
    let stage = Stage::open(&settings.output_dir, &stem).map_err(output)?;
    let former = former(plan, &settings.output_dir)?;
    needs::check_output(plan, &settings.output_dir, former.as_ref().map(|(entry, _)| entry))?;
    needs::check_cache(plan, store.path())?;
    let build = build_job(plan, settings, &store, former.as_ref().filter(|(_, right)| *right).map(|(e, _)| e))?;
    let estimate = build.timings.get("").copied();
    events.emit(Event::ImageStarted {
        image: plan.image.clone(),
        target: plan.target.to_string(),
        steps: plan.steps.len(),
        estimate,
    });
    let log = stage.path().join(format!("{stem}.log"));
    let heard = Conversation { store: &store, stage: &stage, log: &log, events, stop }.have(&Job::Build(Box::new(build)));
    let built = match heard {
        Ok(Heard::UpToDate) => former.map(|(entry, _)| Built::Kept(entry)).ok_or_else(ended_early)?,
        Ok(Heard::Made(made)) => put_in_place(&settings.output_dir, &stage, &made, &log)?,
        Ok(Heard::Pruned { .. }) => return Err(ended_early()),
        Err(failure) if failure.kind == FailureKind::Interrupted => return Err(failure),
        Err(failure) => {
            let kept = settings.output_dir.join(failed_log(&stem));
            // The failure matters more than its log.
            let log = fs::rename(&log, &kept).ok().map(|()| kept);
            return Err(Failure { log, ..needs::or_space(failure, store.path()) });
        }
    };
    // What went wrong is mended.
    let _ = fs::remove_file(settings.output_dir.join(failed_log(&stem)));
    announce(&built, &settings.output_dir, events);
    let seconds = start.elapsed().as_secs_f64();
    events.emit(Event::ImageFinished { image: plan.image.clone(), target: plan.target.to_string(), seconds });
    Ok(built)
}

/// Name of the log of a build that failed.
fn failed_log(stem: &str) -> String {
    format!("{stem}.failed.log")
}

/// Removes checkpoints, the least recently used first; tells (removed, bytes freed, bytes left).
pub fn prune(store: &Path, limit: Option<Bytes>, all: bool, stop: &Interrupts) -> Result<(usize, u64, u64), Failure> {
    let store = Store::open(store).map_err(fault)?;
    let scratch = tempfile::tempdir().map_err(fault)?;
    let stage = Stage::open(scratch.path(), "prune").map_err(output)?;
    let quiet = |_: Event| ();
    let log = scratch.path().join("log");
    let conversation = Conversation { store: &store, stage: &stage, log: &log, events: &quiet, stop };
    match conversation.have(&Job::Prune { limit: limit.map(|bytes| bytes.0), all })? {
        Heard::Pruned { removed, freed, left } => Ok((removed, freed, left)),
        _ => Err(ended_early()),
    }
}

/// Bytes that checkpoints take.
pub fn size(store: &Path) -> Result<Bytes, Failure> {
    let listed = Store::open(store).and_then(|store| store.list()).map_err(fault)?;
    Ok(Bytes(listed.iter().map(|entry| entry.bytes).sum()))
}

/// What a build would find kept and in place, in words. Asks nobody, changes nothing.
pub fn outlook(plan: &Plan, store: &Path, dir: &Path) -> String {
    let place = match former(plan, dir) {
        Ok(None) => format!("{} has no set of this image", dir.display()),
        Ok(Some((_, true))) => format!("{} has a set of this image, whole", dir.display()),
        Ok(Some((_, false))) => format!("{} has a set of this image, of which files were changed", dir.display()),
        Err(failure) => failure.message,
    };
    let store = Store::seen_at(store);
    let releases = answers::releases(plan, &store.path().join("answers"), Network::Offline);
    let Ok(releases) = releases else {
        return format!("no step is kept: the package archive was never asked\n{place}");
    };
    let build = known(plan, releases, &store);
    let kept: Vec<_> = store.list().unwrap_or_default().into_iter().map(|entry| entry.id).collect();
    let ids = steps::ids(plan, &build);
    let first = ids.iter().position(|id| !kept.contains(id));
    let steps = match first.and_then(|at| plan.steps.get(at)) {
        None => format!("all {} steps are kept", ids.len()),
        Some(step) => {
            let at = first.unwrap_or(0);
            let time: f64 = plan.steps[at..]
                .iter()
                .filter_map(|step| build.timings.get(&format!("{}/{}", step.phase, step.name)))
                .sum();
            let time = if time > 0.0 { format!("; the rest took {time:.0} s the last time") } else { String::new() };
            format!("{at} of {} steps are kept; the first to run is {}/{}{time}", ids.len(), step.phase, step.name)
        }
    };
    format!("{steps}\n{place}")
}

/// What is in the directory for this image, and whether it is as it was committed.
fn former(plan: &Plan, dir: &Path) -> Result<Option<(SetEntry, bool)>, Failure> {
    let set = SetFile::read(dir).map_err(output)?;
    let names = names(plan);
    set.refuse_foreign(dir, names.iter().map(String::as_str)).map_err(output)?;
    let platform = plan.target.platform.as_ref().map(|p| p.as_str());
    let entry = set.find(&plan.image, plan.target.arch.kernel_name(), platform).cloned();
    Ok(entry.map(|entry| {
        let right = entry.standing(dir, entry.id) == Standing::Right;
        (entry, right)
    }))
}

/// Every name that the set will have.
pub fn names(plan: &Plan) -> Vec<String> {
    let mut names = Vec::new();
    for stem in plan.target.stems(&plan.image) {
        for kind in &plan.outputs {
            let name = format!("{stem}.{}", kind.extension());
            names.push(format!("{name}.json"));
            names.push(name);
        }
    }
    names.push("SHA256SUMS".into());
    names
}

/// Everything that the worker is told. Asks the network only for what is not recorded.
fn build_job(plan: &Plan, settings: &Settings, store: &Store, in_place: Option<&SetEntry>) -> Result<Build, Failure> {
    let releases = answers::releases(plan, &store.path().join("answers"), settings.network)
        .map_err(|e| failure(FailureKind::Machine, e))?;
    let mut job = known(plan, releases, store);
    job.in_place = in_place.map(|entry| entry.id);
    job.threads = settings.threads;
    job.breaks = settings.breaks.clone();
    hand_over_large_files(&mut job.plan, store).map_err(fault)?;
    Ok(job)
}

/// Copies element files that the plan does not carry to where the worker sees them, and names them there.
fn hand_over_large_files(plan: &mut Plan, store: &Store) -> Result<(), StoreError> {
    for entry in plan.elements.iter_mut().flat_map(|element| element.entries.values_mut()) {
        if let Entry::File { digest, body: Body::OnDisk(path), .. } = entry {
            *path = format!("{STORE}/{}", store.keep_source(*digest, Path::new(path))?);
        }
    }
    Ok(())
}

/// A job of what is known without asking anybody.
pub fn known(plan: &Plan, releases: Releases, store: &Store) -> Build {
    let epoch = plan.epoch.or(releases.newest()).unwrap_or(0);
    let timings: BTreeMap<String, f64> = store.timings(&plan.stem()).all();
    Build {
        plan: plan.clone(),
        epoch,
        releases,
        tools: tools(plan),
        timings,
        in_place: None,
        threads: 1,
        breaks: Breaks::default(),
    }
}

/// Host tools that host-side hooks of an operating system element run, by version: the tree is a function of them.
fn tools(plan: &Plan) -> Vec<(String, String)> {
    if !plan.elements.iter().any(|element| element.name == "debian-minimal") {
        return Vec::new();
    }
    let version = |tool: &str| {
        let output = Command::new(tool).arg("--version").output().ok()?;
        String::from_utf8_lossy(&output.stdout).lines().next().map(str::to_string)
    };
    ["mmdebstrap", "apt-get", "dpkg"].iter().map(|tool| (tool.to_string(), version(tool).unwrap_or_default())).collect()
}

enum Heard {
    UpToDate,
    Made(Made),
    Pruned { removed: usize, freed: u64, left: u64 },
}

/// A worker, listened to until its end.
struct Conversation<'a> {
    store: &'a Store,
    stage: &'a Stage,
    log: &'a Path,
    events: &'a dyn Events,
    stop: &'a Interrupts,
}

impl Conversation<'_> {
    fn have(&self, job: &Job) -> Result<Heard, Failure> {
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
                Line::Pruned { removed, freed, left } => answer = Some(Ok(Heard::Pruned { removed, freed, left })),
                Line::Failed(failure) => answer = Some(Err(failure)),
            }
        }
        worker.wait().map_err(fault)?;
        answer.unwrap_or_else(|| Err(ended_early()))
    }

    fn start(&self, job: &Job) -> Result<Worker, Failure> {
        let bytes = postcard::to_stdvec(job).map_err(fault)?;
        let cache = self.store.downloads("hooks").map_err(fault)?;
        let grants = Grants { store: self.store.path().into(), cache, stage: self.stage.path().into() };
        self.give_store()?;
        sandbox::start(&bytes, &grants).map_err(|e| failure(FailureKind::Machine, e))
    }

    /// Directories of the store that this process made belong to the sandbox's root, who writes them.
    fn give_store(&self) -> Result<(), Failure> {
        for dir in Store::shared_dirs() {
            sandbox::hand_over(&self.store.path().join(dir)).map_err(|e| failure(FailureKind::Machine, e))?;
        }
        Ok(())
    }

    /// Waits until the worker says something, or the person does.
    fn interrupted(&self, worker: &Worker) -> Result<bool, Failure> {
        let mut fds =
            [PollFd::from_borrowed_fd(worker.events.as_fd(), PollFlags::IN), PollFd::new(&self.stop.0, PollFlags::IN)];
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

fn put_in_place(dir: &Path, stage: &Stage, made: &Made, log: &Path) -> Result<Built, Failure> {
    let entry = commit(dir, stage, made).map_err(output)?;
    if let Some(name) = log.file_name() {
        // The set is committed; its log is for people.
        let _ = fs::rename(log, dir.join(name));
    }
    Ok(Built::New(entry))
}

fn announce(built: &Built, dir: &Path, events: &dyn Events) {
    let (Built::Kept(entry) | Built::New(entry)) = built;
    for file in &entry.files {
        let path = dir.join(&file.name).display().to_string();
        events.emit(Event::OutputReady { path, bytes: file.bytes });
    }
}

fn fault(error: impl Into<Box<dyn Error>>) -> Failure {
    failure(FailureKind::Fault, error)
}

fn output(error: OutputError) -> Failure {
    failure(FailureKind::Output, error)
}

/// Of that kind, unless it comes down to a full filesystem.
fn failure(kind: FailureKind, error: impl Into<Box<dyn Error>>) -> Failure {
    let error = error.into();
    if needs::ran_out(error.as_ref()) {
        return Failure::new(FailureKind::Space, format!("{error}; free some space, or choose another directory"));
    }
    Failure::new(kind, error)
}

fn ended_early() -> Failure {
    fault("the worker ended without an answer; what it printed last is above")
}
