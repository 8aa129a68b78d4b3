//! The steps of one build, run in their order. For each, the store is asked for its result first; what is not kept is run and then kept.
//!
//! In: a job. Out: the layers of the finished tree. Never: a result taken for that of another step; one that another build is making made
//! twice.

mod breakpoint;
mod run_step;
mod squash;

use std::time::Instant;

use dibber_model::{Digest, Phase};
use dibber_plan::Step;
use dibber_plan::elements::hooks::StepPlace;
use dibber_sandbox::{LoaderRequest, MountRequest};
use dibber_store::{Checkpoint, CheckpointMeta, Lookup, Session};
use serde::{Deserialize, Serialize};

use super::agenda::{NextStep, next_step};
use super::downloads::{Cache, CacheRequest, Downloads};
use super::error::StepError;
use super::forecast::Reasons;
use super::id::{self, IdChain, Ids};
use super::reach::Reach;
use super::sandbox::StepSandbox;
use super::tree::{AddedHook, StepTree, TreeLayer};
use super::{Finished, StandIns};
use crate::breakpoints::Breakpoint;
use crate::event::{Event, Events};
use crate::worker::job::BuildJob;

/// What a checkpoint remembers besides its layer.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct StepState {
    /// Mounts that host-side hooks left, in order, replayed before each later step.
    mounts: Vec<MountRequest>,
    /// What this step asked of the boot loader's installer.
    requests: Vec<LoaderRequest>,
    /// Hooks that this step put into the hooks directory.
    pub(super) added: Vec<AddedHook>,
}

impl StepState {
    fn to_json(&self) -> Result<serde_json::Value, StepError> {
        serde_json::to_value(self).map_err(|e| StepError::State(e.to_string()))
    }
}

/// Runs the steps of one build. It stands between two steps.
pub(super) struct StepRunner<'a> {
    job: &'a BuildJob,
    stand_ins: Option<&'a dyn StandIns>,
    session: &'a Session,
    events: &'a dyn Events,
    downloads: &'a Downloads<'a>,
    /// Ids under which results are kept.
    kept_as: IdChain<'a>,
    /// The same chain without secrets.
    public: IdChain<'a>,
    /// The same chain without the archive's state, host's tools and time.
    lineage: IdChain<'a>,
    layers: Vec<TreeLayer>,
    state: StepState,
    requests: Vec<LoaderRequest>,
    /// Why the next step is not found, once one was not.
    diverged: Option<String>,
    /// Whether a step after root.d has been run: the first one saves the image's own `/etc/resolv.conf`.
    is_past_root: bool,
    /// Whether the step at hand, or one before it, was given a secret or a file of the person's: what it leaves can tell of them.
    has_private_inputs: bool,
}

impl<'a> StepRunner<'a> {
    pub(super) fn new(
        job: &'a BuildJob,
        stand_ins: Option<&'a dyn StandIns>,
        events: &'a dyn Events,
        downloads: &'a Downloads<'a>,
    ) -> Self {
        StepRunner {
            job,
            stand_ins,
            session: downloads.session(),
            events,
            downloads,
            kept_as: IdChain::new(Ids::new(job)),
            public: IdChain::new(Ids::public(job)),
            lineage: IdChain::new(Ids::timeless(job)),
            layers: Vec::new(),
            state: StepState::default(),
            requests: Vec::new(),
            diverged: None,
            is_past_root: false,
            has_private_inputs: false,
        }
    }

    /// What the steps that were run have left.
    pub(super) fn finish(self) -> Finished {
        let StepRunner { public, layers, requests, .. } = self;
        Finished { public: public.last(), layers, requests }
    }

    /// Runs all steps of a phase.
    pub(super) fn run_phase(&mut self, phase: Phase) -> Result<(), StepError> {
        let below = self.layers.len();
        self.stop_at(Breakpoint::Before(phase))?;
        let mut ran: Vec<String> = Vec::new();
        while let Some(NextStep { step, origin }) = next_step(&self.job.plan, &self.state.added, phase, &ran)
        {
            let id = self.kept_as.next(&step, origin);
            self.has_private_inputs |= id::sees_private_inputs(self.job, &step);
            self.lineage.advance(&step, origin);
            self.public.advance(&step, origin);
            let checkpoint = match self.find_kept(id, &step)? {
                Some(checkpoint) => checkpoint,
                None => self.make(id, &step)?,
            };
            ran.push(step.name.clone());
            self.build_on(&checkpoint)?;
            self.is_past_root |= phase != Phase::Root;
        }
        self.stop_at(Breakpoint::After(phase))?;
        self.squash(phase, below)
    }

    fn find_kept(&mut self, id: Digest, step: &Step) -> Result<Option<Checkpoint>, StepError> {
        match self.session.find(id)? {
            Lookup::Whole(checkpoint) => {
                self.events.emit(Event::StepCached {
                    phase: step.phase,
                    name: step.name.clone(),
                    element: step.element.clone(),
                });
                return Ok(Some(*checkpoint));
            }
            Lookup::Missing if !self.session.has_dropped(id) => return Ok(None),
            Lookup::Missing => {}
            Lookup::Dropped(why) => self.events.emit(Event::Warning { text: why.to_string() }),
        }
        self.diverged.get_or_insert_with(|| "its checkpoint was corrupted".into());
        Ok(None)
    }

    /// Runs a step, unless another build runs it: then its result is this one's too.
    fn make(&mut self, id: Digest, step: &Step) -> Result<Checkpoint, StepError> {
        let (phase, name) = (step.phase, step.name.clone());
        let _lock = self.session.lock_step(id, || self.events.emit(Event::StepWaiting { phase, name }))?;
        match self.find_kept(id, step)? {
            Some(checkpoint) => Ok(checkpoint),
            None => self.run_and_keep(id, step),
        }
    }

    fn run_and_keep(&mut self, id: Digest, step: &Step) -> Result<Checkpoint, StepError> {
        let named = format!("{}/{}", step.phase, step.name);
        let why = self.diverged.replace(format!("it comes after {named}"));
        let why =
            why.unwrap_or_else(|| Reasons::new(self.job, self.session.store()).of(step, None).join("; "));
        self.events.emit(Event::StepStarted {
            phase: step.phase,
            name: step.name.clone(),
            element: step.element.clone(),
            network: Reach::of_step(self.job, step).network(),
            why,
            estimate: self.job.timings.get(&named).copied(),
        });
        let start = Instant::now();
        let (draft, left) = self.run_step(step)?;
        let seconds = start.elapsed().as_secs_f64();
        let meta = CheckpointMeta {
            element: step.element.clone(),
            seconds,
            ..self.checkpoint_meta(step.phase, &step.name, left.to_json()?)
        };
        let checkpoint = draft.commit(id, meta).map_err(|error| match error.too_deep() {
            Some(what) => StepError::TooMuch { step: named.clone(), what },
            None => error.into(),
        })?;
        self.events.emit(Event::StepFinished { phase: step.phase, name: step.name.clone(), seconds });
        Ok(checkpoint)
    }

    /// What the store is told of a layer on top of what there is now.
    fn checkpoint_meta(&self, phase: Phase, name: &str, state: serde_json::Value) -> CheckpointMeta {
        CheckpointMeta {
            parent: self.kept_as.last_step(),
            image: self.job.plan.basename(),
            phase: phase.name().into(),
            name: name.into(),
            element: String::new(),
            seconds: 0.0,
            // For `cache ls`; no step sees it.
            made: jiff::Timestamp::now().as_second(),
            state,
            squashes: Vec::new(),
        }
    }

    /// Makes a checkpoint the top of the tree.
    fn build_on(&mut self, checkpoint: &Checkpoint) -> Result<(), StepError> {
        self.kept_as.go_on_from(checkpoint.id);
        self.layers.extend(checkpoint.layer().map(|path| TreeLayer { checkpoint: checkpoint.id, path }));
        let left: StepState = serde_json::from_value(checkpoint.meta.state.clone())
            .map_err(|e| StepError::State(e.to_string()))?;
        self.requests.extend(left.requests);
        self.state.mounts = left.mounts;
        self.state.added.extend(left.added);
        Ok(())
    }

    /// Mounts the tree as it is now, with the hooks that `view` sees. What runs there reads the layers: they are compared before.
    fn mount_tree(&self, view: Option<StepPlace<'_>>) -> Result<StepTree<'a>, StepError> {
        self.session.compare(self.layers.iter().map(|layer| layer.checkpoint))?;
        self.stand_ins.map_or(Ok(()), |stand_ins| stand_ins.compare(self.session))?;
        StepTree::mount(self.session, &self.layers, &self.job.plan, view)
    }

    /// The download cache for programs in this sandbox, kept for the step at hand or thrown away.
    fn open_cache(&self, sandbox: &StepSandbox<'_>, keep: Option<Digest>) -> Result<Cache<'a>, StepError> {
        // Closed again before the tree is unmounted.
        let tree = sandbox.tree().map_err(|source| StepError::TreeGone { source })?;
        let (mounts, has_private_inputs) = (&self.state.mounts, self.has_private_inputs);
        self.downloads.open(&CacheRequest { tree: &tree, mounts, keep, has_private_inputs })
    }
}
