//! The store as people look after it: how large it is, and what is removed from it.
//!
//! In: the store's place. Out: numbers. Never: a checkpoint removed by the person's process; its files are the sandbox's, so a worker does it.

use std::path::Path;

use dibber_imageset::Stage;
use dibber_model::Bytes;
use dibber_sandbox::Isolation;
use dibber_sandbox::interrupts::Interrupts;
use dibber_store::Store;

use crate::event::Event;
use crate::failure::{Failure, fault, output_failure};
use crate::worker::client::{WorkerClient, WorkerReply};
use crate::worker::job::Job;
pub use crate::worker::job::PruneResult;

/// Removes checkpoints, the least recently used first: down to a limit, or `all`.
pub fn prune(
    store: &Path,
    limit: Option<Bytes>,
    all: bool,
    stop: &Interrupts,
) -> Result<PruneResult, Failure> {
    let store = Store::open(store).map_err(fault)?;
    let scratch = dibber_fs::temporary::directory("dibber-prune-").map_err(fault)?;
    let stage = Stage::open(scratch.path(), "prune").map_err(output_failure)?;
    let quiet = |_: Event| ();
    let isolation = Isolation::default();
    let client = WorkerClient { store: &store, stage: &stage, log: "log", events: &quiet, stop, isolation };
    match client.run(&Job::Prune { limit: limit.map(|bytes| bytes.0), all })? {
        WorkerReply::Pruned(result) => Ok(result),
        _ => Err(Failure::ended_early()),
    }
}

/// Bytes that checkpoints take.
pub fn size(store: &Path) -> Result<Bytes, Failure> {
    let listed = Store::open(store).and_then(|store| store.list()).map_err(fault)?;
    Ok(Bytes(listed.iter().map(|entry| entry.bytes).sum()))
}
