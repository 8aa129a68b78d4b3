//! One set, on the person's side: what is known is gathered, a worker builds, the result is committed.
//!
//! In: a plan and settings. Out: files in the output directory, or a failure and the directory as it was. Never: a hook run
//! with the person's identity.

use std::path::Path;
use std::time::Instant;

use dibber_imageset::{BuiltSet, Seen, SetEntry, SetStatus, Stage};
use dibber_plan::Plan;
use dibber_sandbox::interrupts::Interrupts;
use dibber_store::{ImageLock, Store, StoreError};

use crate::build_job::{self, RELEASE_FILES};
use crate::event::{Event, Events};
use crate::failure::{Failure, FailureKind, fault, output_failure};
use crate::given::{self, ClosedPlace};
use crate::previous_set::PreviousSet;
use crate::settings::BuildSettings;
use crate::steps::BuildRecord;
use crate::worker::client::{WorkerClient, WorkerReply};
use crate::worker::job::{BuildJob, Job, WHOLE_BUILD};
use crate::{output_names, preflight};

/// How a build ended well.
#[derive(Clone, Debug)]
pub enum Built {
    /// The files in place were right.
    Kept(SetEntry),
    /// The files were made.
    New(SetEntry),
}

impl Built {
    /// The set that is in place now.
    fn entry(&self) -> &SetEntry {
        let (Built::Kept(entry) | Built::New(entry)) = self;
        entry
    }
}

/// Builds one image, and puts its files in place.
pub fn build(
    plan: &Plan,
    settings: &BuildSettings,
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
    preflight::check_python(plan)?;
    let emulator = preflight::emulator(plan)?;
    let stage = Stage::open(&settings.output_dir, &stem).map_err(output_failure)?;
    let seen = Seen::default();
    dibber_imageset::settle(&settings.output_dir).map_err(output_failure)?;
    let previous = PreviousSet::find(plan, &settings.output_dir, &seen)?;
    preflight::check_output(plan, &settings.output_dir, previous.as_ref().map(|previous| &previous.entry))?;
    preflight::check_cache(&stem, store.path())?;
    let files = |entry: &SetEntry| entry.files_digest(crate::steps::secrets_seen(plan, None));
    let is_known = |entry: &SetEntry| store.remembers_files(entry.id, files(entry));
    let in_place = previous.as_ref().filter(|previous| previous.is_whole()).map(|previous| &previous.entry);
    let in_place = in_place.filter(|entry| is_known(entry)).map(|entry| entry.id);
    let build = BuildJob { emulator, in_place, ..build_job::prepare(plan, settings, &store, stop)? };
    let releases = build.releases.clone();
    let record = BuildRecord::new(&build).to_json();
    let estimate = build.timings.get(WHOLE_BUILD).copied();
    events.emit(Event::ImageStarted {
        image: plan.image.clone(),
        target: plan.target.clone(),
        steps: plan.steps.len(),
        estimate,
    });
    let closed = ClosedPlace::of_build(store.path(), &settings.output_dir);
    for line in given::not_given(plan, &closed).lines() {
        events.emit(Event::Warning { text: line.to_string() });
    }
    let log = output_names::log(&stem);
    let reply =
        WorkerClient { store: &store, stage: &stage, log: &log, events, stop, isolation: settings.isolation }
            .run(&Job::Build(Box::new(build)));
    let built = match reply {
        Ok(WorkerReply::UpToDate) => keep(previous.ok_or_else(Failure::ended_early)?, &stage, &seen, events)?,
        Ok(WorkerReply::Made(made)) => put_in_place(plan, &stage, &made, &seen)?,
        Ok(WorkerReply::Pruned(_)) => return Err(Failure::ended_early()),
        Err(failure) if failure.kind == FailureKind::Interrupted => return Err(failure),
        Err(failure) => {
            // The failure matters more than its log.
            let kept = keep_log(&stage, &log, &output_names::failed_log(&stem));
            let log = kept.ok().map(|()| settings.output_dir.join(output_names::failed_log(&stem)));
            return Err(Failure { log, ..preflight::as_space_failure(failure, store.path()) });
        }
    };
    store.remember_files(built.entry().id, files(built.entry())).map_err(fault)?;
    releases.record(&store.path().join(RELEASE_FILES)).map_err(fault)?;
    if store.build_record(&stem).is_none_or(|known| known != record) {
        store.save_build_record(&stem, &record).map_err(fault)?;
    }
    remove_failed_log(&stage, &stem);
    announce(&built, &settings.output_dir, events);
    let seconds = start.elapsed().as_secs_f64();
    events.emit(Event::ImageFinished { image: plan.image.clone(), target: plan.target.clone(), seconds });
    Ok(built)
}

/// The files in place were right; what describes them is, from now on.
fn keep(previous: PreviousSet, stage: &Stage, seen: &Seen, events: &dyn Events) -> Result<Built, Failure> {
    if let SetStatus::Undescribed(names) = &previous.status {
        let text = format!("written again, because not as it was: {}", names.join(", "));
        events.emit(Event::Warning { text });
        dibber_imageset::describe_again(stage, &previous.entry, seen).map_err(output_failure)?;
    }
    Ok(Built::Kept(previous.entry))
}

fn put_in_place(plan: &Plan, stage: &Stage, made: &BuiltSet, seen: &Seen) -> Result<Built, Failure> {
    // The worker runs beside hooks: its word is taken for files of this image.
    let given = made.files.iter().flat_map(|file| std::iter::once(&file.name).chain(&file.links));
    if let Some(name) = given.into_iter().find(|name| !output_names::is_of_set(plan, name)) {
        return Err(Failure::new(
            FailureKind::Fault,
            format!("the worker made {name:?}, which is no file of {}", plan.image),
        ));
    }
    let entry = dibber_imageset::commit(stage, made, seen).map_err(output_failure)?;
    // The set is committed; its log is for people. Where no step ran, the log of the build that ran them stays.
    let log = output_names::log(&plan.basename());
    let said_something =
        stage.dir().file(&log).and_then(|log| log.metadata()).is_ok_and(|meta| meta.len() > 0);
    if said_something {
        let _ = keep_log(stage, &log, &log);
    }
    Ok(Built::New(entry))
}

/// Moves the log of a build out of its stage.
fn keep_log(stage: &Stage, from: &str, to: &str) -> Result<(), Failure> {
    dibber_imageset::refuse_log(stage.parent(), stage.place(), to).map_err(output_failure)?;
    stage.dir().rename(from, stage.parent(), to).map_err(fault)
}

/// What went wrong is mended.
fn remove_failed_log(stage: &Stage, stem: &str) {
    let log = output_names::failed_log(stem);
    // A log that stays does no harm.
    let _ = dibber_imageset::refuse_log(stage.parent(), stage.place(), &log)
        .map(|()| stage.parent().remove_file(&log));
}

fn announce(built: &Built, dir: &Path, events: &dyn Events) {
    for file in &built.entry().files {
        let path = dir.join(&file.name).display().to_string();
        events.emit(Event::OutputReady { path, bytes: file.bytes });
    }
}
