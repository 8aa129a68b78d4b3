//! A finding says of one thing that the sandbox needs whether this machine has it, and what to do if it has not.
//!
//! In: what was looked at. Out: a value that `dibber doctor` prints and that an error carries. Never: a look at the machine.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// Whether something is as the sandbox needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FindingState {
    /// It is.
    Ok,
    /// The sandbox does without, and loses something.
    Degraded,
    /// There is no sandbox without it.
    Missing,
}

/// One finding of `dibber doctor`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What was looked at.
    pub what: Cow<'static, str>,
    /// How it is.
    pub state: FindingState,
    /// Why that is so, with numbers.
    pub why: String,
    /// What to do, for each place that it differs in. Empty when nothing is.
    pub remedy: String,
}

impl Finding {
    /// It is as it should be.
    pub fn ok(what: &'static str, why: impl Into<String>) -> Finding {
        Finding { what: what.into(), state: FindingState::Ok, why: why.into(), remedy: String::new() }
    }

    /// It stops every build.
    pub fn missing(what: &'static str, why: impl Into<String>, remedy: impl Into<String>) -> Finding {
        Finding { what: what.into(), state: FindingState::Missing, why: why.into(), remedy: remedy.into() }
    }

    /// The sandbox does without it.
    pub(crate) fn degraded(what: &'static str, why: impl Into<String>, remedy: impl Into<String>) -> Finding {
        Finding { what: what.into(), state: FindingState::Degraded, why: why.into(), remedy: remedy.into() }
    }
}
