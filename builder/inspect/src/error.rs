//! Why an image could not be read.
//!
//! In: what a reader stumbled over. Out: a sentence that names place, cause and mend. Never: the path of the image file, which
//! the caller has.

use std::io;
use std::path::PathBuf;

/// Why an image, or a file in it, could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ShowError {
    /// The system refused, or a cluster of a qcow2 file is damaged.
    #[error("{0}")]
    Read(#[from] io::Error),
    /// Neither a table nor a filesystem.
    #[error(
        "no disk image: its {bytes} bytes have no GPT, no MBR and no known filesystem; dibber reads raw and qcow2, \
         and what is neither must be converted first: qemu-img convert -O qcow2 IMAGE OUT"
    )]
    NoDisk {
        /// Length of the disk in bytes.
        bytes: u64,
    },
    /// A container of another kind.
    #[error(
        "a {kind} file; dibber reads raw and qcow2; convert it first: qemu-img convert -O qcow2 IMAGE OUT"
    )]
    OtherContainer {
        /// Which.
        kind: &'static str,
    },
    /// A qcow2 file with something that is not read.
    #[error("the qcow2 file {feature}; convert it first: qemu-img convert -O qcow2 IMAGE OUT")]
    Unsupported {
        /// What it has.
        feature: String,
    },
    /// Something contradicts itself.
    #[error("the {what} is damaged: {why}")]
    Damaged {
        /// Which structure.
        what: String,
        /// In which way.
        why: String,
    },
    /// A filesystem, or a feature of it, that is not read.
    #[error("{0}")]
    UnknownFilesystem(String),
    /// No filesystem that can be read.
    #[error(
        "the image has no filesystem whose files dibber can read (found: {seen}); it reads ext2, ext3, ext4 and FAT"
    )]
    NoFiles {
        /// What was found instead.
        seen: String,
    },
    /// No such file.
    #[error("there is no {path} in the image; what exists of it is {nearest}")]
    NotFound {
        /// What was asked for.
        path: String,
        /// The longest part of it that is there.
        nearest: String,
    },
    /// A device, fifo or socket.
    #[error("{path} is a {kind}, which has no content")]
    Special {
        /// What was asked for.
        path: String,
        /// What it is.
        kind: &'static str,
    },
    /// The description beside the image is no file, or cannot be read.
    #[error("its description {}: {source}; remove it, or put the right one there", file.display())]
    Sidecar {
        /// The description.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Symbolic links in circles.
    #[error("{path} leads through more than {max} symbolic links; they go in circles")]
    Links {
        /// What was asked for.
        path: String,
        /// How many are followed.
        max: usize,
    },
}

impl ShowError {
    /// Something contradicts itself.
    pub(super) fn damaged(what: impl Into<String>, why: impl Into<String>) -> ShowError {
        ShowError::Damaged { what: what.into(), why: why.into() }
    }

    /// Whether the one who reads the output stopped early, which is no problem.
    pub fn is_closed_pipe(&self) -> bool {
        matches!(self, ShowError::Read(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}
