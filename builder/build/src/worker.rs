//! The worker's work, inside the sandbox.
//!
//! In: a job, and a pipe for lines. Out: the exit code; the answer is a line. Never: the person's identity.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Mutex;
use std::time::{Instant, SystemTime};

use dibber_model::Bytes;
use dibber_plan::redact::Redact;

use crate::error::BuildError;
use crate::event::Event;
use crate::image::{Outcome, image};
use crate::job::{Build, Job, Line};
use crate::sandbox::{Inside, STAGE, STORE};
use crate::store::{Limits, Store, StoreError};

/// Does the job. Given to [`crate::sandbox::enter`].
pub fn work(inside: Inside) -> i32 {
    let lines = Lines(Mutex::new(inside.events));
    let job: Job = match postcard::from_bytes(&inside.job) {
        Ok(job) => job,
        Err(error) => {
            // What cannot be told leaves its exit code.
            let _ = writeln!(std::io::stderr(), "dibber: the worker does not understand its job: {error}");
            return 1;
        }
    };
    let answer = match job {
        Job::Build(build) => match build_image(&build, &lines) {
            Ok(Outcome::UpToDate) => Line::UpToDate,
            Ok(Outcome::Made(made)) => Line::Made(made),
            Err(error) => {
                let mut failure = error.failure();
                failure.message = Redact::of_plan(&build.plan).public(failure.message);
                Line::Failed(failure)
            }
        },
        Job::Prune { limit, all } => match prune(limit, all) {
            Ok(line) => line,
            Err(error) => Line::Failed(BuildError::from(error).failure()),
        },
    };
    let failed = matches!(answer, Line::Failed(_));
    lines.send(&answer);
    i32::from(failed)
}

fn build_image(build: &Build, lines: &Lines) -> Result<Outcome, BuildError> {
    let start = Instant::now();
    let store = Store::seen_at(Path::new(STORE));
    let session = store.session()?;
    let seen = Mutex::new(store.timings(&build.plan.stem()));
    let events = |event: Event| {
        if let (Event::StepFinished { phase, name, seconds }, Ok(mut seen)) = (&event, seen.lock()) {
            seen.set(&format!("{phase}/{name}"), *seconds);
        }
        lines.send(&Line::Event(event));
    };
    let outcome = image(build, &session, Path::new(STAGE), &events)?;
    if let (Outcome::Made(_), Ok(mut seen)) = (&outcome, seen.lock()) {
        // Under no step's name: the whole build.
        seen.set("", start.elapsed().as_secs_f64());
        store.save_timings(&build.plan.stem(), &seen)?;
    }
    Ok(outcome)
}

fn prune(limit: Option<u64>, all: bool) -> Result<Line, StoreError> {
    let store = Store::seen_at(Path::new(STORE));
    // A session sweeps away what killed builds left.
    drop(store.session()?);
    let limits = Limits { size: limit.map(Bytes), age: None, all };
    let pruned = store.prune(limits, SystemTime::now())?;
    Ok(Line::Pruned { removed: pruned.removed, freed: pruned.freed, left: pruned.left })
}

struct Lines(Mutex<File>);

impl Lines {
    fn send(&self, line: &Line) {
        let (Ok(mut pipe), Ok(mut text)) = (self.0.lock(), serde_json::to_vec(line)) else { return };
        text.push(b'\n');
        // A reader that is gone has ended this process's reason to be; the sandbox ends it.
        let _ = pipe.write_all(&text);
    }
}
