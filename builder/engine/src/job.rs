//! What the person's process tells the worker, and what the worker answers.
//!
//! In and out: values that cross a pipe. Never: a file, an effect.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::PathBuf;

use dibber_model::Digest;
use dibber_plan::Plan;
use serde::{Deserialize, Serialize};

use crate::answers::Releases;
use crate::breaks::Breaks;
use crate::event::Event;
use crate::given::GivenFile;
use crate::needs;
use crate::steps::HookFailure;
use dibber_imageset::{Made, OutputError};
use dibber_sandbox::Emulator;

/// The work of one worker.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Job {
    /// Builds an image.
    Build(Box<Build>),
    /// Prunes the store.
    Prune {
        /// Down to this many bytes.
        limit: Option<u64>,
        /// Everything, downloads too.
        all: bool,
    },
}

/// An image to be built.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Build {
    /// Its plan.
    pub plan: Plan,
    /// Release files of its archive.
    pub releases: Releases,
    /// The time that stands in for now, in seconds since 1970.
    pub epoch: i64,
    /// Host tools that the bootstrap uses, with their versions.
    pub tools: Vec<(String, String)>,
    /// Seconds that each step (`install/10-ssh`) took the last time.
    pub timings: BTreeMap<String, f64>,
    /// Id of the set that is in place and right; if the set to be built has it, nothing is poured.
    pub in_place: Option<Digest>,
    /// Whether hooks have no network, and are told so by `DIB_OFFLINE`. Enters no step id: what was fetched is the same.
    pub offline: bool,
    /// When the run that this build is of began, in seconds since 1970: its members fetch a source once.
    pub began: i64,
    /// Threads that write images.
    pub threads: usize,
    /// Where to stop for a person.
    pub breaks: Breaks,
    /// What runs the programs of another architecture.
    pub emulator: Option<Emulator>,
    /// Files of this machine that hooks are given.
    pub given: Vec<GivenFile>,
    /// The build of the tree whose programs stand in for foreign ones. Enters no step id: they answer the same.
    pub native: Option<Box<Build>>,
}

/// One line of a worker's answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Line {
    /// Something happened.
    Event(Event),
    /// The set that is in place is the one to be built.
    UpToDate,
    /// The files are in the stage.
    Made(Made),
    /// So much was pruned.
    Pruned {
        /// Checkpoints removed.
        removed: usize,
        /// Bytes freed.
        freed: u64,
        /// Bytes left.
        left: u64,
    },
    /// It did not succeed.
    Failed(Failure),
}

/// What kind of failure it is; decides the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FailureKind {
    /// A fault without a code of its own.
    Fault,
    /// An image file, element or layout is wrong.
    Input,
    /// Something does not fit.
    Space,
    /// A hook failed.
    Hook,
    /// An output is in the way.
    Output,
    /// The machine lacks something.
    Machine,
    /// The person interrupted.
    Interrupted,
}

/// Why a build did not succeed, as the person is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Its kind.
    pub kind: FailureKind,
    /// What happened, where, and what to do.
    pub message: String,
    /// The hook, if it was one.
    pub hook: Option<Box<HookFailure>>,
    /// Where the build's log was kept.
    pub log: Option<PathBuf>,
}

impl Failure {
    /// A failure that is a sentence.
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Failure { kind, message: message.into(), hook: None, log: None }
    }

    /// A failure of that kind, unless it comes down to a full filesystem.
    pub(crate) fn of(kind: FailureKind, error: impl Into<Box<dyn Error>>) -> Self {
        let error = error.into();
        if needs::ran_out(error.as_ref()) {
            return Failure::new(
                FailureKind::Space,
                format!("{error}; free some space, or choose another directory"),
            );
        }
        Failure::new(kind, error.to_string())
    }

    /// A worker that said nothing at its end.
    pub(crate) fn ended_early() -> Self {
        fault("the worker ended without an answer; what it printed last is above")
    }
}

/// A failure without a kind of its own.
pub(crate) fn fault(error: impl Into<Box<dyn Error>>) -> Failure {
    Failure::of(FailureKind::Fault, error)
}

/// Something is in the way of an output.
pub(crate) fn in_the_way(error: OutputError) -> Failure {
    Failure::of(FailureKind::Output, error)
}
