//! Why a set could not be checked or put in place.
//!
//! In: what the modules of this crate found. Out: one sentence: the file or directory, the cause, what to do. Never: an error that leaves
//! open whether the set in place is still whole.

use std::io;
use std::path::PathBuf;

/// Why a set could not be checked or put in place.
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    /// A file of that name is there, and no `images.json` names it.
    #[error(
        "{path} exists, and dibber did not make it; move it away, or choose another directory with --output-dir"
    )]
    Foreign {
        /// The file in the way.
        path: PathBuf,
    },
    /// `images.json` is there, and is not ours.
    #[error(
        "{path} is not an images.json that dibber wrote ({why}); move it away, or choose another directory"
    )]
    NotOurs {
        /// The file in the way.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// What has the name of a stage is none.
    #[error(
        "{path} is where the files would be made, and {why}; look at it and move it away, or choose another directory with \
         --output-dir"
    )]
    Stage {
        /// The stage's path.
        path: PathBuf,
        /// What is wrong with what is there.
        why: &'static str,
    },
    /// The directory's lock is held for too long.
    #[error(
        "{dir} is locked by another process for ten minutes now; `fuser {dir}` tells which; choose another directory"
    )]
    Locked {
        /// Output directory.
        dir: PathBuf,
    },
    /// A commit failed, and so did the way back.
    #[error(
        "{error}; the former set is not all under its names ({undoing}): {dir}/images.json names it where it is, and the next \
         build there puts it back"
    )]
    Halfway {
        /// Output directory.
        dir: PathBuf,
        /// Why the commit failed.
        error: Box<OutputError>,
        /// Why it could not be undone.
        undoing: Box<OutputError>,
    },
    /// Another build makes the same files now.
    #[error(
        "{basename} is being built into {dir} by another dibber; wait for it, or choose another directory"
    )]
    Busy {
        /// The files' name without its extension.
        basename: String,
        /// Output directory.
        dir: PathBuf,
    },
    /// The system refused.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl OutputError {
    /// Whether this person may not write there.
    pub(super) fn is_not_allowed(&self) -> bool {
        let kinds = [io::ErrorKind::PermissionDenied, io::ErrorKind::ReadOnlyFilesystem];
        matches!(self, OutputError::File { source, .. } if kinds.contains(&source.kind()))
    }
}

pub(super) fn file_error(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> OutputError {
    let path = path.into();
    move |source| OutputError::File { path, source }
}
