//! The supervisor: the worker's first process. It enters the namespaces, starts process 1, and ends everything when the person's
//! process is gone.
//!
//! In: what the person's process tells it. Out: process 1, and its exit code. Never: the person's terminal, keys or signals passed on.

use std::fs::File;
use std::io::{self, Write};

use crate::channel::Channel;
use crate::confinement::Confinement;
use crate::error::{Context, SandboxError};
use crate::hook::shell;
use crate::kernel::Fork;
use crate::messages::{DriverTask, SandboxConfig, report_stage};
use crate::process::{EXIT_SANDBOX_FAILED, NAMESPACES, ParentGuard, enter_user_namespace, watch};
use crate::worker::DriverInput;
use crate::worker::init::{Driver, Init};
use crate::worker::opened::{OpenedGrants, Programs};
use crate::{kernel, remedy};

/// The work of a process that was started as a worker.
pub(crate) fn main(run: impl FnOnce(DriverInput) -> i32) -> ! {
    let code = supervise(run).unwrap_or_else(|error| {
        let _ = writeln!(io::stderr(), "dibber: {error}");
        EXIT_SANDBOX_FAILED
    });
    std::process::exit(code)
}

fn supervise(run: impl FnOnce(DriverInput) -> i32) -> Result<i32, SandboxError> {
    // The person's terminal is not this session's: /dev/tty is nothing to whatever runs inside.
    rustix::process::setsid().context("leave the session of the terminal")?;
    let mut channel = Channel::from_stdin().context("hear the program that started this one")?;
    let shells = channel.receive_descriptor().context("get the socket for shells")?;
    let events = rustix::io::fcntl_dupfd_cloexec(io::stdout(), 3).context("open the events")?;
    rustix::stdio::dup2_stdout(io::stderr()).context("point output at the terminal")?;
    let prepared = match prepare(&mut channel) {
        Ok(prepared) => prepared,
        Err(error) => {
            report_stage::<()>(&mut channel, Err(&error))?;
            return Ok(EXIT_SANDBOX_FAILED);
        }
    };
    let guard = ParentGuard::new()?;
    match kernel::fork().context("start a process")? {
        Fork::Parent(child) => {
            drop((events, shells));
            let ParentGuard { child_end, parent_end: _held } = guard;
            drop(child_end);
            Ok(watch(&channel, child))
        }
        Fork::Child => {
            let ParentGuard { child_end, parent_end } = guard;
            drop(parent_end);
            if let Some(shells) = shells {
                shell::remember(Channel::from(shells));
            }
            let Prepared { config, task, programs, opened } = prepared;
            let driver = Driver { task, events: File::from(events), run };
            std::process::exit(Init { channel, guard: child_end, config, programs, opened }.run(driver))
        }
    }
}

/// What process 1 is made of.
struct Prepared {
    config: SandboxConfig,
    task: DriverTask,
    programs: Programs,
    /// Open already where only the host's root, who is not there inside, could open it.
    opened: Option<OpenedGrants>,
}

/// Enters the namespaces, as root inside.
fn prepare(channel: &mut Channel) -> Result<Prepared, SandboxError> {
    // While the root is the one that the program was started in.
    Confinement::here();
    kernel::ignore_terminal_signals();
    kernel::leave_keyring();
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
    let config: SandboxConfig = channel.receive().context("hear what to do")?;
    let task = DriverTask::receive(channel).context("hear the job")?;
    let programs = Programs::open(&config)?;
    let opened = if config.as_root { Some(OpenedGrants::open(&config)?) } else { None };
    enter_user_namespace(channel)?;
    kernel::unshare(NAMESPACES).map_err(|e| SandboxError::Missing(remedy::namespaces_refused(&e)))?;
    Ok(Prepared { config, task, programs, opened })
}
