//! The files of a set: checked, replaced whole, described, committed by one rename.
//!
//! In: files in a stage directory. Out: the same files under their names, with sidecars, sums and `images.json`. Never: a
//! file of somebody else's overwritten, or half a set trusted.

mod commit;
mod lock;
mod packages;
mod set;
mod sidecar;

pub use commit::{Made, MadeFile, commit};
pub use lock::Stage;
pub(crate) use packages::installed;
pub use packages::{Package, dpkg_packages};
pub use set::{FileEntry, SetEntry, SetFile, Standing};
pub use sidecar::{ArchiveFacts, DiskFacts, FilesystemFacts, PartitionFacts, Sidecar, StructureFacts};

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

fn at(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> OutputError {
    let path = path.into();
    move |source| OutputError::File { path, source }
}
