//! Why a build did not succeed, as it crosses from the worker to the person.
//!
//! In: errors of all that a build does. Out: a kind, which decides the exit code, and words. Never: the error itself, which is the
//! worker's.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;

use dibber_imageset::OutputError;
use dibber_model::Phase;
use serde::{Deserialize, Serialize};

/// What kind of failure it is; decides the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FailureKind {
    /// A fault without a code of its own.
    Fault,
    /// An image file, element or layout is wrong.
    Input,
    /// Something does not fit.
    Space,
    /// A hook failed.
    Hook,
    /// An output is in the way.
    Output,
    /// The machine lacks something.
    Machine,
    /// The person interrupted.
    Interrupted,
}

/// Why a build did not succeed, as the person is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Its kind.
    pub kind: FailureKind,
    /// What happened, where, and what to do.
    pub message: String,
    /// The hook, if it was one.
    pub hook: Option<Box<HookFailure>>,
    /// Where the build's log was kept.
    pub log: Option<PathBuf>,
}

impl Failure {
    /// A failure that is a sentence.
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Failure { kind, message: message.into(), hook: None, log: None }
    }

    /// A failure of that kind, unless it comes down to a full filesystem.
    pub(crate) fn from_error(kind: FailureKind, error: impl Into<Box<dyn Error>>) -> Self {
        let error = error.into();
        if is_out_of_space(error.as_ref()) {
            return Failure::new(
                FailureKind::Space,
                format!("{error}; free some space, or choose another directory"),
            );
        }
        Failure::new(kind, error.to_string())
    }

    /// A worker that said nothing at its end.
    pub(crate) fn ended_early() -> Self {
        fault("the worker ended without an answer; what it printed last is above")
    }
}

/// A failure without a kind of its own.
pub(crate) fn fault(error: impl Into<Box<dyn Error>>) -> Failure {
    Failure::from_error(FailureKind::Fault, error)
}

/// Something is in the way of an output.
pub(crate) fn output_failure(error: OutputError) -> Failure {
    Failure::from_error(FailureKind::Output, error)
}

/// A hook that ended badly.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookFailure {
    /// Its phase.
    pub phase: Phase,
    /// Step name.
    pub name: String,
    /// The element that it is from.
    pub element: String,
    /// Where the element was found.
    pub origin: String,
    /// How it ended.
    pub end: HookEnding,
    /// Why it had no network, if somebody took that away: `--offline`, `network: none at FILE:LINE`.
    pub no_network: Option<String>,
    /// The limit that ended it, or that it seems to have met, and the key that raises it: the rest of a sentence.
    pub limit: Option<String>,
    /// The last lines that it printed.
    pub tail: Vec<String>,
    /// Bytes that the cache had free when it ended.
    pub free: u64,
}

/// How a hook ended badly.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookEnding {
    /// Its exit code; 128 and the number of a signal that ended it.
    pub code: i32,
    /// The file of `environment.d` that ended it, when it did not come to the hook itself.
    pub environment_file: Option<String>,
}

/// The numbers of signals: `SIGRTMAX` of signal(7) is 64.
const LAST_SIGNAL: i32 = 64;

/// In words: `exit code 3`, `exit code 139 (signal 11)`. A shell ends so after a program that a signal ended, and a program may choose the
/// code itself, so it is told as it is.
impl fmt::Display for HookEnding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code {
            code if (129..=128 + LAST_SIGNAL).contains(&code) => {
                write!(f, "exit code {code} (signal {})", code - 128)?
            }
            code => write!(f, "exit code {code}")?,
        }
        match &self.environment_file {
            Some(file) => write!(f, ", in environment.d/{file}"),
            None => Ok(()),
        }
    }
}

/// `EX_TEMPFAIL` of sysexits.h.
const TEMPORARY: i32 = 75;

impl HookFailure {
    /// Whether the hook says that the world outside is not ready: the same build may succeed later.
    pub(crate) fn is_temporary(&self) -> bool {
        self.end.code == TEMPORARY && self.end.environment_file.is_none()
    }
}

/// Whether an error comes down to a filesystem that is full.
pub fn is_out_of_space(error: &(dyn Error + 'static)) -> bool {
    let mut at = Some(error);
    while let Some(error) = at {
        let kind = error.downcast_ref::<io::Error>().map(io::Error::kind);
        if let Some(io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) = kind {
            return true;
        }
        at = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::HookEnding;

    #[test]
    fn endings_in_words() {
        let ending = |code, file: Option<&str>| {
            HookEnding { code, environment_file: file.map(str::to_string) }.to_string()
        };
        assert_eq!(ending(3, None), "exit code 3");
        assert_eq!(ending(139, None), "exit code 139 (signal 11)");
        assert_eq!((ending(128, None), ending(255, None)), ("exit code 128".into(), "exit code 255".into()));
        assert_eq!(ending(1, Some("10-x.bash")), "exit code 1, in environment.d/10-x.bash");
    }
}
