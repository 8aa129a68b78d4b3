//! A shell for a person, in the place where a hook failed.
//!
//! In: the hook's call, the person's terminal. Out: the shell's exit code. Never: a terminal left in another mode.

use super::error::SandboxError;
use super::hook::HookCall;

/// Runs an interactive shell where a hook would run.
pub fn shell(_call: &HookCall<'_>) -> Result<i32, SandboxError> {
    Err(SandboxError::Inside("no terminal".to_owned()))
}
