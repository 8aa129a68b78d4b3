//! A shell for a person, in the place where a hook failed.
//!
//! In: the hook's call, the person's terminal. Out: the shell's exit code. Never: a hook, or anything of it kept running.

use std::fs::File;
use std::io;
use std::process::Stdio;

use super::error::{Doing, SandboxError};
use super::hook::{HookCall, launch, prepared};
use super::kernel;
use super::stage::Action;

/// Runs an interactive shell where a hook would run, on the person's terminal, as the driver. What it changes below
/// `TMP_BUILD_DIR` stays. The person's process must then [`take_terminal_back`].
pub fn shell(call: &HookCall<'_>) -> Result<i32, SandboxError> {
    let report = prepared(call, Action::Shell, |order| {
        let (mut child, mut link) = launch(order, Stdio::inherit)?;
        let report = link.hear().doing("hear of the shell's end");
        child.wait().doing("wait for the shell")?;
        report
    })?;
    Ok(report.code)
}

/// Whether there is a terminal for a [`shell`].
pub fn has_terminal() -> bool {
    File::open("/dev/tty").is_ok()
}

/// In the shell's process: the terminal as standard input, output and errors, with the shell's group in front.
pub(super) fn take_terminal() -> io::Result<()> {
    let terminal = File::options().read(true).write(true).open("/dev/tty")?;
    rustix::stdio::dup2_stdin(&terminal)?;
    rustix::stdio::dup2_stdout(&terminal)?;
    rustix::stdio::dup2_stderr(&terminal)?;
    rustix::process::setpgid(None, None)?;
    rustix::termios::tcsetpgrp(&terminal, rustix::process::getpid())?;
    Ok(())
}

/// Makes this process's group the one that the terminal listens to, after a [`shell`] has ended.
pub fn take_terminal_back() -> io::Result<()> {
    let terminal = File::options().read(true).write(true).open("/dev/tty")?;
    kernel::while_in_background(|| rustix::termios::tcsetpgrp(&terminal, rustix::process::getpgrp()))?;
    Ok(())
}
