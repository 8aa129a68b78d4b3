//! The chain of steps: what is kept is taken, what is not is run, and each result is kept in its turn.
//!
//! In: a plan, inside the sandbox. Out: the layers of the finished tree. Never: a step that saw more than its id says.

mod bench;
mod downloads;
mod error;
mod hooks_directory;
mod id;
mod limit;
mod native;
mod pause;
mod reach;
mod scratch;
mod sources;
mod stand_ins;

use std::path::PathBuf;
use std::time::Instant;

use dibber_model::{Digest, Phase};
use dibber_plan::elements::run_parts;
use dibber_plan::{Action, Plan, Step};
use dibber_sandbox::{LoaderRequest, MountRequest};
use dibber_store::{Checkpoint, CheckpointMeta, Lookup, Session, layers, squash_id};
use serde::{Deserialize, Serialize};

use crate::breakpoints::Point;
use crate::event::{Event, Events};
use crate::worker::job::Build;
use downloads::Downloads;

pub use error::StepError;
use reach::Reach;
pub(crate) use stand_ins::StandIns;

pub use hooks_directory::ELEMENTS;
use hooks_directory::HOOKS;
pub(crate) use id::secrets_seen;
pub use scratch::ScratchTree;

/// The tree in `TMP_BUILD_DIR`, under dib's name.
pub(crate) const TREE: &str = "mnt";

/// Deeper than this, every missed look-up in the tree costs too much: 20,000 of them take 0.5 s over 20 layers.
const DEEP: usize = 20;

/// The layers of a tree, bottom first, and what else its steps left.
#[derive(Clone, Debug)]
pub struct Finished {
    /// Id of the last step, as its result is kept.
    pub id: Digest,
    /// The same, as everybody may read it.
    pub public: Digest,
    /// Layers, bottom first, each with its checkpoint.
    pub layers: Vec<(Digest, PathBuf)>,
    /// What hooks asked of grub-install and its like.
    pub requests: Vec<LoaderRequest>,
}

/// What a checkpoint remembers besides its layer.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct State {
    /// Mounts that host-side hooks left, in order, replayed before each later step.
    mounts: Vec<MountRequest>,
    /// What this step asked of the boot loader's installer.
    requests: Vec<LoaderRequest>,
    /// Hooks that this step put into the hooks directory: (phase, name).
    added: Vec<(Phase, String)>,
}

/// A walk along the chain.
struct Walk<'a> {
    job: &'a Build,
    stand_ins: Option<&'a dyn StandIns>,
    session: &'a Session,
    events: &'a dyn Events,
    downloads: &'a Downloads<'a>,
    ids: id::Ids<'a>,
    parent: Digest,
    /// The same chain without secrets.
    publics: id::Ids<'a>,
    public: Digest,
    /// The same chain without the archive's state, host's tools and time.
    lineages: id::Ids<'a>,
    lineage: Digest,
    layers: Vec<(Digest, PathBuf)>,
    state: State,
    requests: Vec<LoaderRequest>,
    /// Why the next step is not found, once one was not.
    diverged: Option<String>,
    /// Whether the step at hand, or one before it, was given a secret or a file of the person's: what it leaves can tell of them.
    confided: bool,
}

/// Runs every step whose result is not kept, with native programs standing in for foreign ones.
pub(crate) fn run(
    job: &Build,
    stand_ins: Option<&dyn StandIns>,
    session: &Session,
    events: &dyn Events,
) -> Result<Finished, StepError> {
    let (ids, publics, lineages) = (id::Ids::new(job), id::Ids::public(job), id::Ids::timeless(job));
    let downloads = Downloads::of(session, id::confided(job))?;
    let mut walk = Walk {
        job,
        stand_ins,
        session,
        events,
        downloads: &downloads,
        parent: ids.origin(),
        ids,
        public: publics.origin(),
        publics,
        lineage: lineages.origin(),
        lineages,
        layers: Vec::new(),
        state: State::default(),
        requests: Vec::new(),
        diverged: None,
        confided: false,
    };
    for phase in Phase::all() {
        walk.phase(phase)?;
    }
    let Walk { parent, public, layers, requests, .. } = walk;
    Ok(Finished { id: parent, public, layers, requests })
}

/// Ids of a plan's steps, without running any; hooks that hooks add are unknown here.
pub fn ids(plan: &Plan, job: &Build) -> Vec<Digest> {
    let ids = id::Ids::new(job);
    let mut parent = ids.origin();
    plan.steps
        .iter()
        .map(|step| {
            parent = ids.of(parent, step);
            parent
        })
        .collect()
}

impl Walk<'_> {
    fn phase(&mut self, phase: Phase) -> Result<(), StepError> {
        let below = self.layers.len();
        pause::pause(self, Point::Before(phase))?;
        let mut ran: Vec<String> = Vec::new();
        while let Some((step, added)) = self.next(phase, &ran) {
            let id = self.ids.next(self.parent, (&step, added));
            self.confided |= id::is_confided(self.job, &step);
            self.lineage = self.lineages.next(self.lineage, (&step, added));
            self.public = self.publics.next(self.public, (&step, added));
            let checkpoint = match self.kept(id, &step)? {
                Some(checkpoint) => checkpoint,
                None => self.make(id, &step)?,
            };
            ran.push(step.name.clone());
            self.take(&checkpoint)?;
        }
        pause::pause(self, Point::After(phase))?;
        self.squash(phase, below)
    }

    /// The first step of the phase, by run-parts' order, that has not run: planned, or added by an earlier hook.
    fn next(&self, phase: Phase, ran: &[String]) -> Option<(Step, bool)> {
        let planned = self.job.plan.steps.iter().filter(|step| step.phase == phase).cloned();
        let added = self.state.added.iter().filter(|(p, name)| {
            *p == phase && !self.job.plan.steps.iter().any(|step| step.phase == phase && step.name == *name)
        });
        let added = added.map(|(_, name)| Step {
            phase,
            name: name.clone(),
            element: "added by a hook".into(),
            action: Action::Script { path: format!("{}/{name}", phase.directory()) },
        });
        let all = planned.map(|step| (step, false)).chain(added.map(|step| (step, true)));
        let left = all.filter(|(step, _)| !ran.contains(&step.name));
        left.min_by(|(a, _), (b, _)| {
            let last = |step: &Step| step.action == Action::ImagePackages;
            last(a).cmp(&last(b)).then_with(|| run_parts::compare(&a.name, &b.name))
        })
    }

    /// The step before, which the first has none of.
    fn parent_step(&self) -> Option<Digest> {
        (self.parent != self.ids.origin()).then_some(self.parent)
    }

    fn kept(&mut self, id: Digest, step: &Step) -> Result<Option<Checkpoint>, StepError> {
        match self.session.find(id)? {
            Lookup::Whole(checkpoint) => {
                self.events.emit(Event::StepCached {
                    phase: step.phase.name().into(),
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
        let (phase, name) = (step.phase.name().to_string(), step.name.clone());
        let _lock = self.session.lock_step(id, || self.events.emit(Event::StepWaiting { phase, name }))?;
        match self.kept(id, step)? {
            Some(checkpoint) => Ok(checkpoint),
            None => self.run(id, step),
        }
    }

    fn run(&mut self, id: Digest, step: &Step) -> Result<Checkpoint, StepError> {
        let named = format!("{}/{}", step.phase, step.name);
        let why = self.diverged.replace(format!("it comes after {named}"));
        self.events.emit(Event::StepStarted {
            phase: step.phase.name().into(),
            name: step.name.clone(),
            element: step.element.clone(),
            network: Reach::of(self.job, step).network(),
            why: why.unwrap_or_else(|| "it, or what it sees, is new".into()),
            estimate: self.job.timings.get(&named).copied(),
        });
        let start = Instant::now();
        let (draft, left) = bench::run(self, step)?;
        let seconds = start.elapsed().as_secs_f64();
        let meta = CheckpointMeta {
            parent: self.parent_step(),
            image: self.job.plan.stem(),
            phase: step.phase.name().into(),
            name: step.name.clone(),
            element: step.element.clone(),
            seconds,
            made: now(),
            state: serde_json::to_value(&left).map_err(|e| StepError::State(e.to_string()))?,
            squashes: Vec::new(),
        };
        let checkpoint = draft.commit(id, meta).map_err(|error| match error.too_deep() {
            Some(what) => StepError::TooMuch { step: named.clone(), what },
            None => error.into(),
        })?;
        self.events.emit(Event::StepFinished {
            phase: step.phase.name().into(),
            name: step.name.clone(),
            seconds,
        });
        Ok(checkpoint)
    }

    fn take(&mut self, checkpoint: &Checkpoint) -> Result<(), StepError> {
        self.parent = checkpoint.id;
        self.layers.extend(checkpoint.layer().map(|layer| (checkpoint.id, layer)));
        let left: State = serde_json::from_value(checkpoint.meta.state.clone())
            .map_err(|e| StepError::State(e.to_string()))?;
        self.requests.extend(left.requests);
        self.state.mounts = left.mounts;
        self.state.added.extend(left.added);
        Ok(())
    }

    /// Merges the layers of a phase into one where the tree has become deep.
    fn squash(&mut self, phase: Phase, below: usize) -> Result<(), StepError> {
        if self.layers.len() <= DEEP || self.layers.len() - below < 2 {
            return Ok(());
        }
        let squashed: Vec<Digest> = self.layers[below..].iter().map(|(id, _)| *id).collect();
        let id = squash_id(&squashed);
        let _lock = self.session.lock_step(id, || ())?;
        let found = self.session.find(id)?;
        if let Lookup::Dropped(why) = &found {
            self.events.emit(Event::Warning { text: why.to_string() });
        }
        let layer = match found {
            Lookup::Whole(checkpoint) => checkpoint.layer(),
            Lookup::Missing | Lookup::Dropped(_) => {
                self.session.compare(self.layers[below..].iter().map(|(id, _)| *id))?;
                let draft = self.session.draft()?;
                let paths =
                    |layers: &[(Digest, PathBuf)]| layers.iter().map(|(_, p)| p.clone()).collect::<Vec<_>>();
                layers::squash(&paths(&self.layers[below..]), &paths(&self.layers[..below]), &draft.layer())?;
                let meta = CheckpointMeta {
                    parent: Some(self.parent),
                    image: self.job.plan.stem(),
                    phase: phase.name().into(),
                    name: "squash".into(),
                    element: String::new(),
                    seconds: 0.0,
                    made: now(),
                    state: serde_json::Value::Null,
                    squashes: squashed,
                };
                draft.commit(id, meta)?.layer()
            }
        };
        if let Some(layer) = layer {
            self.layers.truncate(below);
            self.layers.push((id, layer));
        }
        Ok(())
    }
}

/// Seconds since 1970, for `cache ls`; no step sees it.
fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}
