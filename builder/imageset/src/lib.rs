//! The files of a set: checked, replaced whole, described, committed by one rename.
//!
//! In: files in a stage directory. Out: the same files under their names, with sidecars, sums and `images.json`. Never: a
//! file of somebody else's overwritten, or half a set trusted.
#![forbid(unsafe_code)]

mod check;
mod commit;
mod foreign;
mod lock;
pub mod members;
mod mend;
mod names;
mod packages;
mod place;
mod seen;
mod set;
mod sidecar;
mod stage;
mod sums;
mod switch;

pub use commit::{BuiltSet, MadeFile, commit};
pub use foreign::{LOG, refuse, refuse_log};
pub use mend::SetStatus;
pub use mend::{describe_again, standing};
pub use names::own as own_name;
pub use packages::installed;
pub use packages::{LONGEST as LONGEST_DATABASE, spoilt};
pub use packages::{Package, dpkg_packages};
pub use seen::Seen;
pub use set::{FileEntry, SetEntry, SetFile};
pub use sidecar::beside as sidecar_bytes;
pub use sidecar::{
    ArchiveFacts, DiskFacts, FilesystemFacts, PartitionFacts, Sidecar, StructureFacts, sidecar_of,
};
pub use stage::Stage;
pub use switch::{Switch, settle};

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
    #[error("{stem} is being built into {dir} by another dibber; wait for it, or choose another directory")]
    Busy {
        /// Stem of the files.
        stem: String,
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
    fn is_not_allowed(&self) -> bool {
        let kinds = [io::ErrorKind::PermissionDenied, io::ErrorKind::ReadOnlyFilesystem];
        matches!(self, OutputError::File { source, .. } if kinds.contains(&source.kind()))
    }
}

fn at(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> OutputError {
    let path = path.into();
    move |source| OutputError::File { path, source }
}
