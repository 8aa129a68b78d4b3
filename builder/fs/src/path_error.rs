//! An error of the system with the path that it is about, which the system does not tell.
//!
//! In: an error, a path, what was done to it. Out: a sentence. Never: an error without its place.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// What the system said when something was done to a path.
#[derive(Debug)]
pub struct PathError {
    /// Completes the sentence "cannot ... PATH": `read`, `write`.
    pub operation: &'static str,
    /// The path.
    pub path: PathBuf,
    /// What the system said.
    pub source: io::Error,
}

impl PathError {
    /// Adds a path to an error.
    pub fn new(operation: &'static str, path: &Path, source: impl Into<io::Error>) -> PathError {
        PathError { operation, path: path.to_path_buf(), source: source.into() }
    }
}

impl fmt::Display for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {} {}: {}", self.operation, self.path.display(), self.source)
    }
}

impl std::error::Error for PathError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

/// Adds the path to an error of the system.
pub trait PathContext<T> {
    /// `operation` is what was done to the path: `read`, `write`.
    fn with_path(self, operation: &'static str, path: &Path) -> Result<T, PathError>;
}

impl<T, S: Into<io::Error>> PathContext<T> for Result<T, S> {
    fn with_path(self, operation: &'static str, path: &Path) -> Result<T, PathError> {
        self.map_err(|source| PathError::new(operation, path, source))
    }
}
