//! Why a disk could not be poured.
//!
//! In: errors of the kernel, with the place. Out: sentences that name the file, the cause and what to do. Never: a bare
//! errno.

use std::io;
use std::path::{Path, PathBuf};

use dibber_format::gzip::LevelError;
use dibber_format::qcow2::Qcow2Error;

use super::ToolError;

/// Why a disk could not be poured.
#[derive(Debug, thiserror::Error)]
pub enum PourError {
    /// A source cannot be opened or read.
    #[error("cannot read {path}: {source}", path = path.display())]
    Read {
        /// The source.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// A source is shorter than when it was captured.
    #[error("{path} ends before byte {wanted}; it shrank while it was read, so nothing may write to the tree during a build", path = path.display())]
    Shrunk {
        /// The source.
        path: PathBuf,
        /// Where the wanted range ends.
        wanted: u64,
    },
    /// A source has another length or time than when it was captured.
    #[error("{path} changed while it was read (length {was} then, {is} now; last written at {was_at} then, {is_at} now); nothing may write to the tree during a build", path = path.display())]
    Changed {
        /// The source.
        path: PathBuf,
        /// Length at capture.
        was: u64,
        /// Length now.
        is: u64,
        /// Time of last change at capture, in seconds since 1970.
        was_at: String,
        /// The same now.
        is_at: String,
    },
    /// No space for a target.
    #[error("no space left for {path} at byte {at}; free some on that file system, or choose another output directory", path = path.display())]
    NoSpace {
        /// The target.
        path: PathBuf,
        /// Where writing stopped.
        at: u64,
    },
    /// A target cannot be written.
    #[error("cannot write {path} at byte {at}: {source}", path = path.display())]
    Write {
        /// The target.
        path: PathBuf,
        /// Where.
        at: u64,
        /// What the kernel said.
        source: io::Error,
    },
    /// The disk does not fit the container, or the container's options are wrong.
    #[error("cannot make {path}: {source}", path = path.display())]
    Container {
        /// The target.
        path: PathBuf,
        /// What is wrong.
        source: Qcow2Error,
    },
    /// A compression level that there is not.
    #[error("cannot make {path}: {source}", path = path.display())]
    Level {
        /// The target.
        path: PathBuf,
        /// What is wrong.
        source: LevelError,
    },
    /// A foreign tool is missing or failed.
    #[error("cannot make {path}: {source}", path = path.display())]
    Tool {
        /// The target.
        path: PathBuf,
        /// What is wrong.
        source: ToolError,
    },
}

impl PourError {
    /// A failed write to a target at a byte of it.
    pub(super) fn write(path: &Path, at: u64, source: io::Error) -> Self {
        let path = path.to_path_buf();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => PourError::NoSpace { path, at },
            _ => PourError::Write { path, at, source },
        }
    }

    /// A failed read of a range of a source that ends at byte `wanted`.
    pub(super) fn read(path: PathBuf, wanted: u64, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::UnexpectedEof => PourError::Shrunk { path, wanted },
            _ => PourError::Read { path, source },
        }
    }
}
