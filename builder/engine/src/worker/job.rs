//! What the person's process tells the worker, and what the worker answers.
//!
//! In and out: values that cross a pipe. Never: a file, an effect.

use std::collections::BTreeMap;

use dibber_imageset::BuiltSet;
use dibber_model::Digest;
use dibber_plan::Plan;
use dibber_sandbox::Emulator;
use serde::{Deserialize, Serialize};

use crate::archive::Releases;
use crate::breakpoints::Breakpoints;
use crate::event::Event;
use crate::failure::Failure;
use crate::given::GivenFile;

/// The work of one worker.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Job {
    /// Builds an image.
    Build(Box<BuildJob>),
    /// Prunes the store.
    Prune {
        /// Down to this many bytes.
        limit: Option<u64>,
        /// Whether everything goes, downloads too.
        all: bool,
    },
}

/// A program of the host, with its version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostTool {
    /// Its name.
    pub name: String,
    /// The first line of its `--version`; empty where it says none.
    pub version: String,
}

/// The name among timings, which are by step, that the whole build's time has: no step's.
pub(crate) const WHOLE_BUILD: &str = "";

/// An image to be built.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BuildJob {
    /// Its plan.
    pub plan: Plan,
    /// Release files of its archive.
    pub releases: Releases,
    /// The time that stands in for now, in seconds since 1970.
    pub epoch: i64,
    /// Host tools that the bootstrap uses, with their versions.
    pub tools: Vec<HostTool>,
    /// Seconds that each step (`install/10-ssh`) took the last time, and the [`WHOLE_BUILD`].
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
    pub breakpoints: Breakpoints,
    /// What runs the programs of another architecture.
    pub emulator: Option<Emulator>,
    /// Files of this machine that hooks are given.
    pub given: Vec<GivenFile>,
    /// The build of the tree whose programs stand in for foreign ones. Enters no step id: they answer the same.
    pub native: Option<Box<BuildJob>>,
}

/// What pruning the store did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PruneResult {
    /// Checkpoints removed.
    pub removed: usize,
    /// Bytes freed.
    pub freed: u64,
    /// Bytes that checkpoints still take.
    pub left: u64,
}

/// What a worker says, one JSON object a line.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum WorkerMessage {
    /// Something happened.
    Event(Event),
    /// The set that is in place is the one to be built.
    UpToDate,
    /// The files are in the stage.
    Made(BuiltSet),
    /// So much was pruned.
    Pruned(PruneResult),
    /// It did not succeed.
    Failed(Failure),
}
