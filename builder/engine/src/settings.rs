//! How a run of builds goes about it: places, threads, the network. None of it changes what an image holds.
//!
//! In: what the command line says. Out: the same for all members of a set. Never: an input of a step's id.

use std::path::PathBuf;

use dibber_sandbox::Isolation;

use crate::archive::{AskedReleases, Network};
use crate::breakpoints::Breakpoints;

/// How a run of builds goes about it.
#[derive(Clone, Debug)]
pub struct BuildSettings {
    /// The output directory.
    pub output_dir: PathBuf,
    /// The directory of the store.
    pub store: PathBuf,
    /// Whether the network may be asked.
    pub network: Network,
    /// What the archives were asked in this run.
    pub asked: AskedReleases,
    /// When the run began, in seconds since 1970: its members fetch a source once.
    pub began: i64,
    /// Members of a set that are built at a time.
    pub jobs: usize,
    /// Threads that write images, shared by the members that are built at a time.
    pub threads: usize,
    /// Where to stop for a person.
    pub breakpoints: Breakpoints,
    /// Whether native programs may stand in for foreign ones.
    pub accelerate: bool,
    /// How far hooks are to be kept apart from what the build runs in.
    pub isolation: Isolation,
}
