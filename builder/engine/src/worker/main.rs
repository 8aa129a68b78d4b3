//! The worker's work, inside the sandbox.
//!
//! In: a job, and a pipe for lines. Out: the exit code; the answer is a line. Never: the person's identity.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Mutex;
use std::time::{Instant, SystemTime};

use dibber_model::Bytes;
use dibber_model::redact::Redact;
use dibber_sandbox::{Inside, STAGE, STORE};
use dibber_store::{Limits, Store, StoreError};
use serde_json::Value;

use crate::build_image::{Outcome, image};
use crate::error::BuildError;
use crate::event::Event;
use crate::worker::job::{Build, Job, Line};

/// Does the job. Given to [`dibber_sandbox::enter`].
pub fn work(inside: Inside) -> i32 {
    let job: Job = match postcard::from_bytes(&inside.job) {
        Ok(job) => job,
        Err(error) => {
            // What cannot be told leaves its exit code.
            let _ = writeln!(std::io::stderr(), "dibber: the worker does not understand its job: {error}");
            return 1;
        }
    };
    let redact = match &job {
        Job::Build(build) => build.plan.redact(),
        Job::Prune { .. } => Redact::default(),
    };
    let lines = Lines { pipe: Mutex::new(inside.events), redact };
    let answer = match job {
        Job::Build(build) => match build_image(&build, &lines) {
            Ok(Outcome::UpToDate) => Line::UpToDate,
            Ok(Outcome::Made(made)) => Line::Made(made),
            Err(error) => Line::Failed(error.failure()),
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
    let seen = Mutex::new(store.timings(&build.plan.basename()));
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
        store.save_timings(&build.plan.basename(), &seen)?;
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

/// What the person's process is told, line by line, without the secrets of the plan: a hook can put one into a name.
struct Lines {
    pipe: Mutex<File>,
    redact: Redact,
}

impl Lines {
    fn send(&self, line: &Line) {
        let (Ok(mut pipe), Ok(mut text)) = (self.pipe.lock(), self.text(line)) else { return };
        text.push(b'\n');
        // A reader that is gone has ended this process's reason to be; the sandbox ends it.
        let _ = pipe.write_all(&text);
    }

    fn text(&self, line: &Line) -> serde_json::Result<Vec<u8>> {
        // What hooks print was looked at as they printed it, byte by byte.
        if matches!(line, Line::Event(Event::Output { .. }) | Line::Made(_)) {
            return serde_json::to_vec(line);
        }
        let mut value = serde_json::to_value(line)?;
        self.hide(&mut value);
        serde_json::to_vec(&value)
    }

    fn hide(&self, value: &mut Value) {
        match value {
            Value::String(text) => *text = self.redact.public(std::mem::take(text)),
            Value::Array(all) => all.iter_mut().for_each(|value| self.hide(value)),
            Value::Object(all) => all.values_mut().for_each(|value| self.hide(value)),
            _ => {}
        }
    }
}
