//! Why there is no sandbox, or why a hook could not be run in it: the machine lacks something, a system call failed, or earlier hooks
//! left the tree in a shape in which none can be run. The three have different remedies, so they are told apart.
//!
//! In: refusals of the kernel and of the machine's settings. Out: sentences with place, cause and remedy. Never: a panic.

use std::fmt;
use std::io;
use std::path::PathBuf;

use crate::finding::Finding;

/// Why there is no sandbox, or why a hook could not be run in it. A hook that ran and failed is not an error here.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The machine lacks something.
    #[error("no sandbox on this machine: {}: {}; {}", .0.what, .0.why, .0.remedy)]
    Missing(Finding),
    /// A directory that was to be granted cannot be.
    #[error("cannot give {path} to the build: {source}", path = .path.display())]
    Grant {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A system call failed on the way.
    #[error("sandbox: cannot {action}: {source}")]
    System {
        /// What was being done.
        action: String,
        /// What the system said.
        source: io::Error,
    },
    /// What earlier hooks left keeps others from being run.
    #[error("cannot {action}, as earlier hooks left things: {source}")]
    Left {
        /// What was being done.
        action: String,
        /// What the system said.
        source: io::Error,
    },
    /// A process of ours inside said what stopped it.
    #[error("{text}")]
    Inside {
        /// What it said.
        text: String,
        /// Whether it is what earlier hooks left.
        of_hooks: bool,
    },
    /// A tree that hooks left in a shape in which none can be run.
    #[error(
        "the tree's {path} is not a directory: {why}; the element that made it must leave a plain directory there"
    )]
    Tree {
        /// The path in the tree.
        path: String,
        /// What is there instead.
        why: String,
    },
}

impl SandboxError {
    /// Whether hooks did it, and not the machine.
    pub fn is_of_hooks(&self) -> bool {
        matches!(self, Self::Left { .. } | Self::Tree { .. } | Self::Inside { of_hooks: true, .. })
    }

    /// What the machine lacks, if that is it.
    pub(crate) fn missing(&self) -> Option<&Finding> {
        match self {
            Self::Missing(finding) => Some(finding),
            _ => None,
        }
    }

    /// The same, where it was hooks that made the things which the system calls met.
    pub(crate) fn of_hooks(self) -> SandboxError {
        match self {
            Self::System { action, source } => Self::Left { action, source },
            other => other,
        }
    }
}

impl From<io::Error> for SandboxError {
    fn from(source: io::Error) -> SandboxError {
        SandboxError::System { action: "prepare a directory".to_owned(), source }
    }
}

/// Adds to an error of the system what was being done when it came.
pub(crate) trait Context<T> {
    /// `action` completes the sentence "cannot ...".
    fn context(self, action: impl fmt::Display) -> Result<T, SandboxError>;
}

impl<T, E: Into<io::Error>> Context<T> for Result<T, E> {
    fn context(self, action: impl fmt::Display) -> Result<T, SandboxError> {
        self.map_err(|source| SandboxError::System { action: action.to_string(), source: source.into() })
    }
}
