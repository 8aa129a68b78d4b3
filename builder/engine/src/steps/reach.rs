//! What a step's programs reach of the network, and by whose word they do not.
//!
//! In: a plan's declarations, `--offline`. Out: a network for the sandbox, and a reason for people. Never: a network for a
//! program of ours that needs none.

use dibber_model::Network;
use dibber_plan::Step;

use crate::worker::job::BuildJob;

/// What the programs of one step reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// The building machine's network.
    Host,
    /// None, by this word: `--offline`, or `network: none at FILE:LINE`.
    Denied(String),
    /// None, because they are ours and need none.
    NotNeeded,
}

impl Reach {
    /// What a step has. `--offline` is no input of a step: what was fetched is the same, so a step's id does not name it.
    pub(super) fn of_step(job: &BuildJob, step: &Step) -> Reach {
        if !step.action.may_reach_network() {
            return Reach::NotNeeded;
        }
        match job.plan.cut(step) {
            // Said first: without --offline it would have none, either.
            Some(place) => Reach::Denied(format!("network: none at {place}")),
            None if job.offline => Reach::Denied("--offline".to_string()),
            None => Reach::Host,
        }
    }

    /// As the sandbox is told.
    pub(super) fn network(&self) -> Network {
        match self {
            Reach::Host => Network::Host,
            Reach::Denied(_) | Reach::NotNeeded => Network::None,
        }
    }

    /// Why there is none, if somebody may wish that there were.
    pub(super) fn denied(&self) -> Option<&str> {
        match self {
            Reach::Denied(why) => Some(why),
            Reach::Host | Reach::NotNeeded => None,
        }
    }
}
