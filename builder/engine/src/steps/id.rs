//! The ids of steps: digests over everything that a step can see. Two steps with the same id would leave the same, so the second is not run.
//!
//! In: the id of the step before, and what a step sees besides (`inputs`). Out: the id under which a step's result is kept. Never: where
//! others may read the id, a secret.

use dibber_model::{Digest, Hasher, Side};
use dibber_plan::elements::StepRequest;
use dibber_plan::elements::hooks::StepPlace;
use dibber_plan::elements::visibility::NEVER;
use dibber_plan::{Action, Plan, Step};

use super::inputs::{self, Secrets, StepInput};
use crate::breakpoints::Breakpoint;
use crate::given::GivenFile;
use crate::worker::job::BuildJob;

/// Where a step comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// The plan.
    Planned,
    /// A hook put it into the hooks directory.
    AddedByHook,
}

/// The ids of one build's steps, each made of the one before.
pub(super) struct IdChain<'a> {
    ids: Ids<'a>,
    last: Digest,
}

impl<'a> IdChain<'a> {
    pub(super) fn new(ids: Ids<'a>) -> Self {
        IdChain { last: ids.origin, ids }
    }

    /// The id of the last step; before the first step, that of what it starts from.
    pub(super) fn last(&self) -> Digest {
        self.last
    }

    /// The same, if there was a step.
    pub(super) fn last_step(&self) -> Option<Digest> {
        (self.last != self.ids.origin).then_some(self.last)
    }

    /// The id that a step has if it comes next.
    pub(super) fn next(&self, step: &Step, origin: Origin) -> Digest {
        self.ids.of(self.last, step, origin)
    }

    /// Appends a step.
    pub(super) fn advance(&mut self, step: &Step, origin: Origin) {
        self.last = self.next(step, origin);
    }

    /// Appends what has this id.
    pub(super) fn go_on_from(&mut self, id: Digest) {
        self.last = id;
    }
}

/// How the ids of one plan's steps are made.
pub(super) struct Ids<'a> {
    job: &'a BuildJob,
    /// What the first step starts from.
    origin: Digest,
    secrets: Secrets,
}

impl<'a> Ids<'a> {
    pub(super) fn new(job: &'a BuildJob) -> Self {
        Ids { job, origin: inputs::start_digest(&inputs::start(job)), secrets: Secrets::Included }
    }

    /// Ids that everybody may read.
    pub(super) fn public(job: &'a BuildJob) -> Self {
        Ids { secrets: Secrets::LeftOut, ..Ids::new(job) }
    }

    /// Ids of the same steps whatever the archive says, the host's tools are, and whenever that is.
    pub(super) fn timeless(job: &'a BuildJob) -> Self {
        let origin = inputs::start_digest(&inputs::timeless_start(&job.plan));
        Ids { job, origin, secrets: Secrets::Included }
    }

    /// What a step sees that the one before it does not.
    pub(super) fn inputs(&self, step: &Step, origin: Origin) -> Vec<StepInput> {
        let place = match origin {
            Origin::Planned => self.job.plan.place_of(step),
            Origin::AddedByHook => StepPlace { step, at: NEVER },
        };
        inputs::inputs(self.job, place, self.secrets)
    }

    fn of(&self, parent: Digest, step: &Step, origin: Origin) -> Digest {
        let mut hasher = Hasher::new(match origin {
            Origin::Planned => "step",
            Origin::AddedByHook => "added step",
        });
        inputs::hash(hasher.digest(parent), &self.inputs(step, origin));
        hasher.finish()
    }
}

/// Files of the host that a step is given. One that is not of the plan, because a hook added it, is given all.
pub(super) fn files_given_to<'a>(job: &'a BuildJob, step: &Step) -> impl Iterator<Item = &'a GivenFile> {
    let at = job.plan.place_of(step).at;
    let is_host = step.phase.side() == Side::Host || step.action == Action::FetchSources;
    job.given.iter().filter(move |file| is_host && at >= file.from)
}

/// A digest of the secrets that a step can see, or that all steps together can: values of secret variables, and users and passwords
/// that URLs carry. No id that others may read has it. The cache keeps results by it, so that what a hook wrote of one's password
/// gets into no image of another's, nor into the next one's after it was changed.
pub(crate) fn secrets_seen(plan: &Plan, step: Option<&Step>) -> Option<Digest> {
    let at = step.map_or(NEVER, |step| plan.place_of(step).at);
    let withheld: Vec<&str> = plan.visibility.withheld(at).collect();
    let secrets = plan.secrets_seen(&withheld);
    let mut hasher = Hasher::new("secrets seen 1");
    secrets.iter().for_each(|secret| {
        hasher.part(secret.as_bytes());
    });
    (!secrets.is_empty()).then(|| hasher.finish())
}

/// A digest of the secrets and the person's files that the steps of a job are given, if they are given any.
pub(super) fn private_inputs_digest(job: &BuildJob) -> Option<Digest> {
    let secrets = secrets_seen(&job.plan, None);
    let mut hasher = Hasher::new("confided 1");
    secrets.iter().for_each(|secrets| {
        hasher.digest(*secrets);
    });
    job.given.iter().for_each(|file| {
        hasher.digest(file.digest);
    });
    (secrets.is_some() || !job.given.is_empty()).then(|| hasher.finish())
}

/// Whether a step is given any of them.
pub(super) fn sees_private_inputs(job: &BuildJob, step: &Step) -> bool {
    secrets_seen(&job.plan, Some(step)).is_some() || files_given_to(job, step).next().is_some()
}

/// The id of what a person did at a breakpoint: never met again, so that no later build takes it for a step's.
pub(super) fn of_break(parent: Digest, point: Breakpoint) -> Digest {
    let mut hasher = Hasher::new("break");
    let now = jiff::Timestamp::now().as_nanosecond();
    hasher.digest(parent).part(point.to_string().as_bytes()).part(&now.to_le_bytes());
    hasher.finish()
}

/// The elements engine's view of a plan.
pub(super) fn step_request(plan: &Plan) -> StepRequest<'_> {
    StepRequest {
        elements: &plan.elements,
        names: &plan.names,
        variables: &plan.variables,
        image_packages: !plan.packages.is_empty(),
    }
}
