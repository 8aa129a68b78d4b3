//! Process 1 of the worker's pid namespace: it makes the root, starts the driver and reaps, and its end is the end of all others.
//!
//! In: what the supervisor opened. Out: the driver's exit code. Never: a driver in a root that is not finished.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use crate::channel::Channel;
use crate::emulator::BinfmtMisc;
use crate::error::SandboxError;
use crate::isolation::{self, Conceder, Concessions};
use crate::kernel::Fork;
use crate::messages::{DriverTask, SandboxConfig, report_stage};
use crate::process::{EXIT_SANDBOX_FAILED, die_with_parent, reap_until};
use crate::worker::DriverInput;
use crate::worker::opened::{OpenedGrants, Programs};
use crate::worker::root::{self, RootParts};
use crate::{emulator, kernel, remedy, trial};

/// The exit code of a driver that panicked, as Rust's runtime has it.
const EXIT_PANIC: i32 = 101;

/// What the driver needs.
pub(crate) struct Driver<R> {
    pub(crate) task: DriverTask,
    pub(crate) events: File,
    /// The caller's part.
    pub(crate) run: R,
}

impl<R: FnOnce(DriverInput) -> i32> Driver<R> {
    fn work(self) -> i32 {
        match self.task {
            DriverTask::Job(job) => (self.run)(DriverInput { job, events: self.events }),
            DriverTask::Trial => trial::run_trial(),
        }
    }
}

/// Process 1 before there is a root.
pub(crate) struct Init {
    pub(crate) channel: Channel,
    /// The child's end of the supervisor's guard.
    pub(crate) guard: OwnedFd,
    pub(crate) config: SandboxConfig,
    pub(crate) programs: Programs,
    pub(crate) opened: Option<OpenedGrants>,
}

/// What lasts as long as process 1 does.
struct Root {
    /// Programs of another architecture are served as long as this is held.
    _binfmt_misc: Option<BinfmtMisc>,
    /// The directory for temporary files.
    scratch: PathBuf,
    conceded: Concessions,
}

impl Init {
    /// Makes the root, starts the driver, reaps until it ends.
    pub(crate) fn run(self, driver: Driver<impl FnOnce(DriverInput) -> i32>) -> i32 {
        let Init { mut channel, guard, config, programs, opened } = self;
        let made =
            make_root(&config, programs, opened).and_then(|root| die_with_parent(&guard).map(|()| root));
        let reported = report_stage(&mut channel, made.as_ref().map(|root| root.conceded));
        let (Ok(root), Ok(())) = (made, reported) else { return EXIT_SANDBOX_FAILED };
        drop(channel);
        isolation::remember(root.conceded);
        match kernel::fork() {
            Ok(Fork::Parent(child)) => {
                drop(driver);
                let code = reap_until(child);
                // What a killed worker leaves, the next one removes.
                let _ = dibber_fs::remove_tree(&root.scratch);
                code
            }
            Ok(Fork::Child) => {
                let code = catch_unwind(AssertUnwindSafe(|| driver.work()));
                std::process::exit(code.unwrap_or(EXIT_PANIC));
            }
            Err(_) => EXIT_SANDBOX_FAILED,
        }
    }
}

fn make_root(
    config: &SandboxConfig,
    programs: Programs,
    opened: Option<OpenedGrants>,
) -> Result<Root, SandboxError> {
    let mut conceder = Conceder::new(config.isolation);
    conceder.name_host().map_err(remedy::explained)?;
    let OpenedGrants { store, stage, given } = match opened {
        Some(opened) => opened,
        None => OpenedGrants::open(config)?,
    };
    let parts = RootParts { store, stage, programs, taken: given, config };
    let scratch = root::make(parts, &mut conceder).map_err(remedy::explained)?;
    let binfmt_misc = config.emulator.as_ref().map_or(Ok(None), emulator::serve)?;
    Ok(Root { _binfmt_misc: binfmt_misc, scratch, conceded: conceder.made })
}
