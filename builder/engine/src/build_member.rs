//! One set, on the person's side: what is known is gathered, a worker builds, the result is committed.
//!
//! In: a plan and settings. Out: files in the output directory, or a failure and the directory as it was. Never: a hook run
//! with the person's identity.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use dibber_fs::Dir;
use dibber_imageset::{Made, Seen, SetEntry, SetFile, Stage, Standing};
use dibber_model::Bytes;
use dibber_plan::{Body, Entry, Plan};
use dibber_sandbox::STORE;
use dibber_sandbox::interrupts::Interrupts;
use dibber_store::{ImageLock, Store, StoreError};

use crate::archive::{self, AnswerError, Asked, Network, Releases};
use crate::breakpoints::Breaks;
use crate::event::{Event, Events};
use crate::failure::{Failure, FailureKind, fault, in_the_way};
use crate::given::{self, GivenError};
use crate::preflight;
use crate::worker::client::{Conversation, Heard};
use crate::worker::job::{Build, Job};

/// How to build.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where the files go.
    pub output_dir: PathBuf,
    /// Where the store is.
    pub store: PathBuf,
    /// Whether the network may be asked.
    pub network: Network,
    /// What the archives were asked in this run.
    pub asked: Asked,
    /// When the run began, in seconds since 1970: its members fetch a source once.
    pub began: i64,
    /// Threads that write images.
    pub threads: usize,
    /// Where to stop for a person.
    pub breaks: Breaks,
    /// Whether native programs may stand in for foreign ones.
    pub accelerate: bool,
}

/// How a build ended well.
#[derive(Clone, Debug)]
pub enum Built {
    /// The files in place were right.
    Kept(SetEntry),
    /// They were made.
    New(SetEntry),
}

/// Builds one image, and puts its files in place.
pub fn build(
    plan: &Plan,
    settings: &Settings,
    events: &dyn Events,
    stop: &Interrupts,
) -> Result<Built, Failure> {
    let start = Instant::now();
    let stem = plan.basename();
    let store = Store::open(&settings.store).map_err(fault)?;
    let _lock: ImageLock = store.lock_image(&stem).map_err(|error| match error {
        StoreError::Busy { .. } => Failure::new(FailureKind::Output, error.to_string()),
        other => fault(other),
    })?;
    preflight::check_programs(plan)?;
    let emulator = preflight::emulator(plan)?;
    let stage = Stage::open(&settings.output_dir, &stem).map_err(in_the_way)?;
    let seen = Seen::default();
    dibber_imageset::settle(&settings.output_dir).map_err(in_the_way)?;
    let former = former(plan, &settings.output_dir, &seen)?;
    preflight::check_output(plan, &settings.output_dir, former.as_ref().map(|former| &former.entry))?;
    preflight::check_cache(&stem, store.path())?;
    let files = |entry: &SetEntry| entry.files_digest(crate::steps::secrets_seen(plan, None));
    let is_known = |entry: &SetEntry| store.remembers_files(entry.id, files(entry));
    let in_place = former.as_ref().filter(|former| former.is_right()).map(|former| &former.entry);
    let in_place = in_place.filter(|entry| is_known(entry));
    let build = Build { emulator, ..build_job(plan, settings, (&store, stop), in_place)? };
    let releases = build.releases.clone();
    let estimate = build.timings.get("").copied();
    events.emit(Event::ImageStarted {
        image: plan.image.clone(),
        target: plan.target.to_string(),
        steps: plan.steps.len(),
        estimate,
    });
    let closed = [("the cache", store.path()), ("the output directory", settings.output_dir.as_path())];
    for line in given::left_out(plan, &closed).lines() {
        events.emit(Event::Warning { text: line.to_string() });
    }
    let log = log_name(&stem);
    let heard = Conversation { store: &store, stage: &stage, log: &log, events, stop }
        .have(&Job::Build(Box::new(build)));
    let built = match heard {
        Ok(Heard::UpToDate) => keep(former.ok_or_else(Failure::ended_early)?, &stage, (&seen, events))?,
        Ok(Heard::Made(made)) => put_in_place(plan, &stage, (&made, &seen))?,
        Ok(Heard::Pruned { .. }) => return Err(Failure::ended_early()),
        Err(failure) if failure.kind == FailureKind::Interrupted => return Err(failure),
        Err(failure) => {
            // The failure matters more than its log.
            let kept = keep_log(&stage, (&log_name(&stem), &failed_log(&stem)));
            let log = kept.ok().map(|()| settings.output_dir.join(failed_log(&stem)));
            return Err(Failure { log, ..preflight::or_space(failure, store.path()) });
        }
    };
    let (Built::Kept(entry) | Built::New(entry)) = &built;
    store.remember_files(entry.id, files(entry)).map_err(fault)?;
    releases.record(&store.path().join("answers")).map_err(fault)?;
    // What went wrong is mended.
    let _ = dibber_imageset::refuse_log(stage.parent(), stage.place(), &failed_log(&stem))
        .map(|()| stage.parent().remove_file(failed_log(&stem)));
    announce(&built, &settings.output_dir, events);
    let seconds = start.elapsed().as_secs_f64();
    events.emit(Event::ImageFinished { image: plan.image.clone(), target: plan.target.to_string(), seconds });
    Ok(built)
}

/// Name of a build's log.
fn log_name(stem: &str) -> String {
    format!("{stem}.log")
}

/// Name of the log of a build that failed.
fn failed_log(stem: &str) -> String {
    format!("{stem}.failed.log")
}

/// Removes checkpoints, the least recently used first; tells (removed, bytes freed, bytes left).
pub fn prune(
    store: &Path,
    limit: Option<Bytes>,
    all: bool,
    stop: &Interrupts,
) -> Result<(usize, u64, u64), Failure> {
    let store = Store::open(store).map_err(fault)?;
    let scratch = dibber_fs::temporary::directory("dibber-prune-").map_err(fault)?;
    let stage = Stage::open(scratch.path(), "prune").map_err(in_the_way)?;
    let quiet = |_: Event| ();
    let conversation = Conversation { store: &store, stage: &stage, log: "log", events: &quiet, stop };
    match conversation.have(&Job::Prune { limit: limit.map(|bytes| bytes.0), all })? {
        Heard::Pruned { removed, freed, left } => Ok((removed, freed, left)),
        _ => Err(Failure::ended_early()),
    }
}

/// Bytes that checkpoints take.
pub fn size(store: &Path) -> Result<Bytes, Failure> {
    let listed = Store::open(store).and_then(|store| store.list()).map_err(fault)?;
    Ok(Bytes(listed.iter().map(|entry| entry.bytes).sum()))
}

/// What a directory has of an image.
#[derive(Debug)]
pub(crate) struct Former {
    /// What `images.json` says.
    pub(crate) entry: SetEntry,
    standing: Standing,
}

impl Former {
    /// Whether its files are as they were committed.
    pub(crate) fn is_right(&self) -> bool {
        !matches!(self.standing, Standing::Stale(_))
    }
}

/// What is in the directory for this image, and whether it is as it was committed. Somebody else's files in the way are an error.
pub(crate) fn former(plan: &Plan, path: &Path, seen: &Seen) -> Result<Option<Former>, Failure> {
    let set = SetFile::read(path).map_err(in_the_way)?;
    // A directory that is still to be made has nothing.
    let Ok(dir) = Dir::open(path) else { return Ok(None) };
    let entry = set.find(&plan.image, &plan.target).cloned();
    // Files are read here, side by side; what follows finds them read.
    let former =
        entry.map(|entry| Former { standing: dibber_imageset::standing(&dir, &set, &entry, seen), entry });
    let names = names(plan);
    set.refuse_foreign(&dir, path, seen, names.iter().map(String::as_str)).map_err(in_the_way)?;
    for name in [log_name(&plan.basename()), failed_log(&plan.basename())] {
        dibber_imageset::refuse_log(&dir, path, &name).map_err(in_the_way)?;
    }
    Ok(former)
}

/// Every name that the set will have.
pub fn names(plan: &Plan) -> Vec<String> {
    let mut names = Vec::new();
    for stem in plan.target.basenames(&plan.image) {
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
fn build_job(
    plan: &Plan,
    settings: &Settings,
    (store, stop): (&Store, &Interrupts),
    in_place: Option<&SetEntry>,
) -> Result<Build, Failure> {
    let answers = store.path().join("answers");
    let releases =
        archive::releases(plan, &answers, settings.network, (&settings.asked, stop)).map_err(|error| {
            match error {
                AnswerError::Interrupted => Failure::new(FailureKind::Interrupted, "interrupted"),
                other => Failure::of(FailureKind::Machine, other),
            }
        })?;
    let mut job = known(plan, releases, (store, &settings.output_dir))
        .map_err(|error| Failure::new(FailureKind::Input, error.to_string()))?;
    job.in_place = in_place.map(|entry| entry.id);
    job.offline = settings.network == Network::Offline;
    job.began = settings.began;
    job.threads = settings.threads;
    job.breaks = settings.breaks.clone();
    job.native = job.native.filter(|_| settings.accelerate);
    if let Some(native) = &mut job.native {
        native.offline = job.offline;
        hand_over_large_files(&mut native.plan, store).map_err(fault)?;
    }
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
pub fn known(
    plan: &Plan,
    releases: Releases,
    (store, output_dir): (&Store, &Path),
) -> Result<Build, GivenError> {
    let epoch = plan.epoch.or(releases.newest()).unwrap_or(0);
    let twin = plan.native.as_ref().map(|twin| known(twin, releases.clone(), (store, output_dir)));
    let native = twin.transpose()?.map(Box::new);
    let given = given::find(plan, &[("the cache", store.path()), ("the output directory", output_dir)])?;
    let timings: BTreeMap<String, f64> = store.timings(&plan.basename()).all();
    Ok(Build {
        plan: plan.clone(),
        epoch,
        releases,
        tools: tools(plan),
        timings,
        in_place: None,
        offline: false,
        began: i64::MAX,
        threads: 1,
        breaks: Breaks::default(),
        emulator: None,
        given,
        native,
    })
}

/// Host tools that host-side hooks of an operating system element run, by version: the tree is a function of them.
fn tools(plan: &Plan) -> Vec<(String, String)> {
    let emulators =
        if preflight::is_foreign(plan) { plan.target.arch.qemu_user().to_vec() } else { Vec::new() };
    let bootstrap = plan.distro().map_or([].as_slice(), |distro| distro.programs);
    let version = |tool: &str| {
        let output = Command::new(tool).arg("--version").output().ok()?;
        String::from_utf8_lossy(&output.stdout).lines().next().map(str::to_string)
    };
    let first = emulators.iter().map(String::as_str).find(|tool| version(tool).is_some());
    bootstrap
        .iter()
        .map(|program| program.name)
        .chain(first)
        .map(|tool| (tool.to_string(), version(tool).unwrap_or_default()))
        .collect()
}

/// The files in place were right; what describes them is, from now on.
fn keep(former: Former, stage: &Stage, (seen, events): (&Seen, &dyn Events)) -> Result<Built, Failure> {
    if let Standing::Undescribed(names) = &former.standing {
        let text = format!("written again, because not as it was: {}", names.join(", "));
        events.emit(Event::Warning { text });
        dibber_imageset::describe_again(stage, &former.entry, seen).map_err(in_the_way)?;
    }
    Ok(Built::Kept(former.entry))
}

fn put_in_place(plan: &Plan, stage: &Stage, (made, seen): (&Made, &Seen)) -> Result<Built, Failure> {
    // The worker runs beside hooks: its word is taken for the files that were planned.
    let planned = names(plan);
    let given = made.files.iter().flat_map(|file| std::iter::once(&file.name).chain(&file.links));
    if let Some(name) = given.into_iter().find(|name| !planned.contains(name)) {
        return Err(Failure::new(
            FailureKind::Fault,
            format!("the worker made {name:?}, which was not planned"),
        ));
    }
    let entry = dibber_imageset::commit(stage, made, seen).map_err(in_the_way)?;
    // The set is committed; its log is for people. Where no step ran, the log of the build that ran them stays.
    let log = log_name(&plan.basename());
    let said_something =
        stage.dir().file(&log).and_then(|log| log.metadata()).is_ok_and(|meta| meta.len() > 0);
    if said_something {
        let _ = keep_log(stage, (&log, &log));
    }
    Ok(Built::New(entry))
}

/// Moves the log of a build out of its stage.
fn keep_log(stage: &Stage, (from, to): (&str, &str)) -> Result<(), Failure> {
    dibber_imageset::refuse_log(stage.parent(), stage.place(), to).map_err(in_the_way)?;
    stage.dir().rename(from, stage.parent(), to).map_err(fault)
}

fn announce(built: &Built, dir: &Path, events: &dyn Events) {
    let (Built::Kept(entry) | Built::New(entry)) = built;
    for file in &entry.files {
        let path = dir.join(&file.name).display().to_string();
        events.emit(Event::OutputReady { path, bytes: file.bytes });
    }
}
