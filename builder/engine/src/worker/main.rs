//! The main function of the worker: the process that does a job inside the sandbox.
//!
//! In: a job, and a pipe for messages. Out: the exit code; the reply is the last message. Never: the person's identity.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Mutex;
use std::time::{Instant, SystemTime};

use dibber_model::Bytes;
use dibber_model::redact::Redact;
use dibber_sandbox::{DriverInput, STAGE, STORE};
use dibber_store::{PruneLimits, Store, StoreError};
use serde_json::Value;

use crate::build_image::{self, ImageOutcome};
use crate::error::BuildError;
use crate::event::Event;
use crate::worker::job::{BuildJob, Job, PruneResult, WHOLE_BUILD, WorkerMessage};

/// Does the job. Given to [`dibber_sandbox::enter`].
pub fn work(inside: DriverInput) -> i32 {
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
    let messages = MessagePipe { pipe: Mutex::new(inside.events), redact };
    let answer = match job {
        Job::Build(build) => match build_image(&build, &messages) {
            Ok(ImageOutcome::UpToDate) => WorkerMessage::UpToDate,
            Ok(ImageOutcome::Made(made)) => WorkerMessage::Made(made),
            Err(error) => WorkerMessage::Failed(error.failure()),
        },
        Job::Prune { limit, all } => match prune(limit, all) {
            Ok(result) => WorkerMessage::Pruned(result),
            Err(error) => WorkerMessage::Failed(BuildError::from(error).failure()),
        },
    };
    let failed = matches!(answer, WorkerMessage::Failed(_));
    messages.send(&answer);
    i32::from(failed)
}

fn build_image(build: &BuildJob, messages: &MessagePipe) -> Result<ImageOutcome, BuildError> {
    let start = Instant::now();
    let store = Store::seen_at(Path::new(STORE));
    let session = store.session()?;
    let seen = Mutex::new(store.timings(&build.plan.basename()));
    let events = |event: Event| {
        if let (Event::StepFinished { phase, name, seconds }, Ok(mut seen)) = (&event, seen.lock()) {
            seen.set(&format!("{phase}/{name}"), *seconds);
        }
        messages.send(&WorkerMessage::Event(event));
    };
    let outcome = build_image::build(build, &session, Path::new(STAGE), &events)?;
    if let (ImageOutcome::Made(_), Ok(mut seen)) = (&outcome, seen.lock()) {
        seen.set(WHOLE_BUILD, start.elapsed().as_secs_f64());
        store.save_timings(&build.plan.basename(), &seen)?;
    }
    Ok(outcome)
}

fn prune(limit: Option<u64>, all: bool) -> Result<PruneResult, StoreError> {
    let store = Store::seen_at(Path::new(STORE));
    // A session sweeps away what killed builds left.
    drop(store.session()?);
    let limits = PruneLimits { size: limit.map(Bytes), age: None, all };
    let pruned = store.prune(limits, SystemTime::now())?;
    Ok(PruneResult { removed: pruned.removed, freed: pruned.freed, left: pruned.left })
}

/// Keys whose values are words of this program: what they say is no secret, though a secret may be called the same.
const WORDS: [&str; 8] = ["event", "kind", "network", "outcome", "phase", "point", "stage", "target"];

/// What the person's process is told, line by line, without the secrets of the plan: a hook can put one into a name.
struct MessagePipe {
    pipe: Mutex<File>,
    redact: Redact,
}

impl MessagePipe {
    fn send(&self, message: &WorkerMessage) {
        let (Ok(mut pipe), Ok(mut text)) = (self.pipe.lock(), self.to_json(message)) else { return };
        text.push(b'\n');
        // A reader that is gone has ended this process's reason to be; the sandbox ends it.
        let _ = pipe.write_all(&text);
    }

    fn to_json(&self, message: &WorkerMessage) -> serde_json::Result<Vec<u8>> {
        // What hooks print was looked at as they printed it, byte by byte.
        if matches!(message, WorkerMessage::Event(Event::Output { .. }) | WorkerMessage::Made(_)) {
            return serde_json::to_vec(message);
        }
        let mut value = serde_json::to_value(message)?;
        // One that is a word alone says nothing else.
        if value.is_object() {
            self.redact_texts(&mut value);
        }
        serde_json::to_vec(&value)
    }

    fn redact_texts(&self, value: &mut Value) {
        match value {
            Value::String(text) => *text = self.redact.public(std::mem::take(text)),
            Value::Array(all) => all.iter_mut().for_each(|value| self.redact_texts(value)),
            Value::Object(all) => {
                let told = all.iter_mut().filter(|(key, _)| !WORDS.contains(&key.as_str()));
                told.for_each(|(_, value)| self.redact_texts(value));
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use dibber_model::{Network, Phase};

    use super::*;
    use crate::failure::{Failure, FailureKind};

    /// A password may be called as a phase, an architecture or a message is: that is read still, and what hooks name is masked.
    #[test]
    fn words_of_messages_are_no_secrets() {
        let mut redact = Redact::default();
        redact.add(["root", "x86_64", "UpToDate", "input", "hunter22"].map(String::from));
        let pipe = tempfile::tempfile().expect("a file");
        let messages = MessagePipe { pipe: Mutex::new(pipe), redact };
        let target = dibber_plan::image::target("x86_64").expect("an architecture");
        let step = Event::StepStarted {
            phase: Phase::Root,
            name: "10-hunter22".into(),
            element: "root".into(),
            network: Network::Host,
            why: "hunter22".into(),
            estimate: None,
        };
        for message in [
            WorkerMessage::UpToDate,
            WorkerMessage::Event(Event::ImageStarted { image: "i".into(), target, steps: 1, estimate: None }),
            WorkerMessage::Event(step),
            WorkerMessage::Failed(Failure::new(FailureKind::Input, "hunter22 is no size")),
        ] {
            let json = messages.to_json(&message).expect("JSON");
            let text = String::from_utf8_lossy(&json).into_owned();
            let read: WorkerMessage = serde_json::from_slice(&json).unwrap_or_else(|e| panic!("{text}: {e}"));
            assert_eq!(std::mem::discriminant(&read), std::mem::discriminant(&message));
            assert!(!text.contains("hunter22"), "{text}");
        }
    }
}
