//! What this machine lacks for a sandbox, and how to get it.
//!
//! In: the kernel's settings, a trial. Out: findings. Never: a change.

/// Whether something is as the sandbox needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It is.
    Ok,
    /// The sandbox does without, and loses something.
    Degraded,
    /// There is no sandbox without it.
    Missing,
}

/// One finding of `dibber doctor`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What was looked at.
    pub what: &'static str,
    /// How it is.
    pub state: State,
    /// Why that is so, with numbers.
    pub why: String,
    /// What to do, for each place that it differs in. Empty when nothing is.
    pub mend: String,
}

/// Looks at everything that the sandbox needs.
pub fn probe() -> Vec<Finding> {
    super::mend::all()
}
