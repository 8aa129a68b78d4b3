//! A shell for a person, in the place where a hook failed: the driver's part.
//!
//! In: the hook's call, the person's process at the other end of a socket. Out: the shell, while it runs on a terminal of its
//! own; see `pty` and `terminal`. Never: the person's terminal, which no process of the sandbox has open.

use std::sync::{Mutex, OnceLock, PoisonError};

use crate::channel::Channel;
use crate::error::{Context, SandboxError};
use crate::hook::HookInvocation;
use crate::hook::process::{HookProcess, with_prepared};
use crate::messages::HookAction;

/// The way to the person's process. There is one person, as there is one driver.
static PERSON: OnceLock<Mutex<Channel>> = OnceLock::new();

/// Remembers the way to the person's process, before anything else runs in the driver.
pub(crate) fn remember(person: Channel) {
    // A second one would be a fault of the supervisor, which calls this once; the first one serves.
    let _ = PERSON.set(Mutex::new(person));
}

/// Runs an interactive shell where a hook would run, as the driver. The person's process must have been told, so that it
/// [lends its terminal](crate::Worker::lend_terminal); false where it has none, and no shell was run. What the shell changes
/// below `TMP_BUILD_DIR` stays.
pub fn run_shell(call: &HookInvocation<'_>) -> Result<bool, SandboxError> {
    let Some(person) = PERSON.get() else { return Ok(false) };
    let mut person = person.lock().unwrap_or_else(PoisonError::into_inner);
    if !person.receive::<bool>().context("hear whether there is a terminal")? {
        return Ok(false);
    }
    let ended = on_a_terminal(call, &mut person);
    person.send_descriptor(None).context("tell of the shell's end")?;
    ended.map(|()| true)
}

fn on_a_terminal(call: &HookInvocation<'_>, person: &mut Channel) -> Result<(), SandboxError> {
    let run = with_prepared(call, HookAction::Shell, |spec| {
        let HookProcess { mut child, mut channel } = HookProcess::launch_with_terminal(spec)?;
        let master = channel.receive_descriptor().context("get the shell's terminal")?;
        person.send_descriptor(master.as_ref()).context("hand over the shell's terminal")?;
        drop(master);
        let report = channel.receive().context("hear of the shell's end");
        child.wait().context("wait for the shell")?;
        report
    });
    run.map(drop)
}
