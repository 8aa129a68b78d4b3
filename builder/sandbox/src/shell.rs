//! A shell for a person, in the place where a hook failed: the driver's part.
//!
//! In: the hook's call, the person's process at the other end of a socket. Out: the shell, while it runs on a terminal of its
//! own; see `pty` and `terminal`. Never: the person's terminal, which no process of the sandbox has open.

use std::process::Stdio;
use std::sync::{Mutex, OnceLock, PoisonError};

use super::error::{Doing, SandboxError};
use super::hook::{HookCall, launch, prepared};
use super::stage::Action;
use super::wire::Link;

/// The way to the person's process. There is one person, as there is one driver.
static PERSON: OnceLock<Mutex<Link>> = OnceLock::new();

/// Remembers the way to the person's process, before anything else runs in the driver.
pub(super) fn remember(person: Link) {
    // A second one would be a fault of `keeper`, which calls this once; the first one serves.
    let _ = PERSON.set(Mutex::new(person));
}

/// Runs an interactive shell where a hook would run, as the driver. The person's process must have been told, so that it
/// [lends its terminal](super::Worker::lend_terminal); false where it has none, and no shell was run. What the shell changes
/// below `TMP_BUILD_DIR` stays.
pub fn shell(call: &HookCall<'_>) -> Result<bool, SandboxError> {
    let Some(person) = PERSON.get() else { return Ok(false) };
    let mut person = person.lock().unwrap_or_else(PoisonError::into_inner);
    if !person.hear::<bool>().doing("hear whether there is a terminal")? {
        return Ok(false);
    }
    let ended = on_a_terminal(call, &mut person);
    person.hand_over(None).doing("tell of the shell's end")?;
    ended.map(|()| true)
}

fn on_a_terminal(call: &HookCall<'_>, person: &mut Link) -> Result<(), SandboxError> {
    let run = prepared(call, Action::Shell, |order| {
        let (mut child, mut link) = launch(order, Stdio::null)?;
        let master = link.take_over().doing("get the shell's terminal")?;
        person.hand_over(master.as_ref()).doing("hand over the shell's terminal")?;
        drop(master);
        let report = link.hear().doing("hear of the shell's end");
        child.wait().doing("wait for the shell")?;
        report
    });
    run.map(drop)
}
