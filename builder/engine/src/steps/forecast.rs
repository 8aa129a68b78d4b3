//! What a build would do with each step: take its result from the cache, or run it, and why.
//!
//! The steps are gone through as the runner does, hooks that earlier hooks added among them, but none is run. Behind the first that
//! would run, what hooks add is not known.
//!
//! In: a job, the store. Out: a forecast for each step. Never: a change to anything.

use std::collections::BTreeMap;

use dibber_model::{Digest, Phase};
use dibber_plan::Step;
use dibber_store::{CheckpointMeta, Store};

use super::agenda::{NextStep, next_step};
use super::id::{IdChain, Ids};
use super::record::BuildRecord;
use super::runner::StepState;
use crate::worker::job::BuildJob;

/// What a build would do with one step.
#[derive(Clone, Debug)]
pub struct StepForecast {
    /// The step.
    pub step: Step,
    /// Whether its result is kept.
    pub is_kept: bool,
    /// If not, why it runs: what changed since the last build of the image.
    pub why: Vec<String>,
}

/// What a build would do with each step.
pub fn forecast(job: &BuildJob, store: &Store) -> Vec<StepForecast> {
    let listed = store.list().unwrap_or_default();
    let kept: BTreeMap<Digest, Option<CheckpointMeta>> =
        listed.into_iter().map(|entry| (entry.id, entry.meta)).collect();
    let reasons = Reasons::new(job, store);
    let mut chain = IdChain::new(Ids::new(job));
    let (mut added, mut found) = (Vec::new(), Vec::<StepForecast>::new());
    for phase in Phase::all() {
        let mut ran: Vec<String> = Vec::new();
        while let Some(NextStep { step, origin }) = next_step(&job.plan, &added, phase, &ran) {
            chain.advance(&step, origin);
            let meta = kept.get(&chain.last());
            let state = meta.and_then(Option::as_ref).map(|meta| meta.state.clone());
            let state = state.and_then(|state| serde_json::from_value::<StepState>(state).ok());
            added.extend(state.into_iter().flat_map(|state| state.added));
            let after = found.iter().rfind(|earlier| !earlier.is_kept).map(|earlier| &earlier.step);
            let why = if meta.is_some() { Vec::new() } else { reasons.of(&step, after) };
            ran.push(step.name.clone());
            found.push(StepForecast { step, is_kept: meta.is_some(), why });
        }
    }
    found
}

/// Why steps run.
pub(super) struct Reasons {
    now: BuildRecord,
    earlier: Option<BuildRecord>,
}

impl Reasons {
    pub(super) fn new(job: &BuildJob, store: &Store) -> Reasons {
        let earlier =
            store.build_record(&job.plan.basename()).and_then(|bytes| BuildRecord::from_json(&bytes));
        Reasons { now: BuildRecord::new(job), earlier }
    }

    /// Why a step runs, the one that ran last before it being another, or none.
    pub(super) fn of(&self, step: &Step, after: Option<&Step>) -> Vec<String> {
        let name = format!("{}/{}", step.phase, step.name);
        let own = self.earlier.as_ref().map(|earlier| self.now.differences(earlier, &name));
        let mut words = own.unwrap_or_default();
        match (after, &self.earlier) {
            (Some(after), _) => words.push(format!("it comes after {}/{}", after.phase, after.name)),
            (None, None) => words.push("no build of this image has succeeded with this cache yet".into()),
            (None, Some(_)) if words.is_empty() => {
                words.push("its result is not in the cache any more".into());
            }
            (None, Some(_)) => {}
        }
        words
    }
}
