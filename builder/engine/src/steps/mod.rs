//! A build's steps, run one after another. Each step is a hook or a piece of dib's plumbing; its result is a layer that the store keeps
//! under the step's id, so that a later build whose steps have the same ids goes on from there. dib runs its hooks in one directory and
//! keeps nothing between them; what is like it here is the layers of a container image.
//!
//! In: a plan, inside the sandbox. Out: the layers of the finished tree. Never: a step that saw more than its id says.

mod agenda;
mod dib_lib;
mod downloads;
mod error;
mod forecast;
mod hook_failure;
mod hooks_directory;
mod id;
mod inputs;
mod limit;
mod native;
mod reach;
mod record;
mod resolv_conf;
mod runner;
mod sandbox;
mod scratch;
mod sources;
mod stand_ins;
mod tree;
mod variables;

use dibber_model::{Digest, Phase};
use dibber_plan::Plan;
use dibber_sandbox::LoaderRequest;
use dibber_store::Session;

use crate::event::Events;
use crate::worker::job::BuildJob;
use downloads::Downloads;
use runner::StepRunner;

pub(crate) use error::StepError;
pub use forecast::{StepForecast, forecast};
pub(crate) use record::BuildRecord;
pub(crate) use stand_ins::StandIns;

pub use hooks_directory::ELEMENTS;
pub(crate) use id::secrets_seen;
pub(crate) use resolv_conf::ORIGINAL as RESOLV_CONF_ORIGINAL;
pub(crate) use scratch::ScratchTree;
use tree::TreeLayer;

/// The tree in `TMP_BUILD_DIR`, under dib's name.
pub(crate) const TREE: &str = "mnt";
/// The directory in `TMP_BUILD_DIR` in which host-side hooks work ([`dibber_sandbox::WORK`]).
const WORK: &str = "work";
/// dib's `TMP_IMAGE_DIR` ([`dibber_sandbox::TMP_IMAGE_DIR`]).
const IMAGE_DIR: &str = "image";

/// The layers of a tree, bottom first, and what else its steps left.
#[derive(Clone, Debug)]
pub(crate) struct Finished {
    /// Id of the last step, as everybody may read it.
    pub public: Digest,
    /// Layers, bottom first.
    pub layers: Vec<TreeLayer>,
    /// What hooks asked of grub-install and its like.
    pub requests: Vec<LoaderRequest>,
}

/// Runs every step whose result is not kept, with native programs standing in for foreign ones.
pub(crate) fn run(
    job: &BuildJob,
    stand_ins: Option<&dyn StandIns>,
    session: &Session,
    events: &dyn Events,
) -> Result<Finished, StepError> {
    let downloads = Downloads::open_in(session, id::private_inputs_digest(job))?;
    let mut runner = StepRunner::new(job, stand_ins, events, &downloads);
    for phase in Phase::all() {
        runner.run_phase(phase)?;
    }
    Ok(runner.finish())
}

/// Ids of a plan's steps, without running any; hooks that hooks add are unknown here.
pub fn ids(plan: &Plan, job: &BuildJob) -> Vec<Digest> {
    let mut chain = id::IdChain::new(id::Ids::new(job));
    plan.steps
        .iter()
        .map(|step| {
            chain.advance(step, id::Origin::Planned);
            chain.last()
        })
        .collect()
}
