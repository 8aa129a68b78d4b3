//! A worker is this program, started again under another name: it makes the sandbox and runs the driver in it.
//!
//! Its first process, the supervisor, enters the namespaces and waits; process 1 of the new pid namespace makes the root, then reaps;
//! the driver runs the steps.
//!
//! In: a channel to the person's process and a pipe for events. Out: the driver's exit code. Never: a return to the
//! program's ordinary work.

pub(crate) mod host_dirs;
mod init;
mod opened;
mod root;
mod supervisor;

use std::fs::File;
use std::os::unix::ffi::OsStrExt;

use crate::{HOOK, WORKER, hook, interpreter};

pub use host_dirs::is_visible_to_hooks;

/// What the driver is given.
pub struct DriverInput {
    /// The job, as [`start_worker`](crate::start_worker) was given it.
    pub job: Vec<u8>,
    /// Where events go: what is written here, the person's process reads.
    pub events: File,
}

/// Looks at the name that the program was called by. For the worker's and a hook's it never returns: it does that
/// process's work, `run` being the driver. Must be called before the program has a second thread.
pub fn enter(run: impl FnOnce(DriverInput) -> i32) {
    let name = std::env::args_os().next().unwrap_or_default();
    if name.as_bytes().ends_with(interpreter::NAME.as_bytes()) {
        std::process::exit(interpreter::main());
    }
    if name == *HOOK {
        hook::init::main();
    }
    if name == *WORKER {
        supervisor::main(run);
    }
}
