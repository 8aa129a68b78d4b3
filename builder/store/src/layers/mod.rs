//! Trees as layers of overlayfs: mounted for a step, and merged when there are too many. What a step changed is then a directory by
//! itself, as a layer of a container image is, and costs no copy of the tree; a tree is what is seen through all of its layers.
//!
//! In: directories that earlier steps left. Out: a mounted tree whose changes fall into a fresh directory. Never: a change
//! to a layer below. Everything here runs inside the sandbox's namespaces.
//!
//! Renaming a directory that lies in a lower layer gives `EXDEV`, as overlayfs without `redirect_dir` has it; `mv` and
//! `rename(1)` then copy, and so must hooks that call `rename(2)` themselves. Writing to one name of a hard-linked file
//! of a lower layer splits it from its other names.

mod copy;
mod overlay;
mod prune;
mod squash;

use std::io;
use std::path::PathBuf;

use dibber_fs::PathError;

pub use overlay::{Overlay, is_unchanged};
pub use prune::prune;
pub use squash::{SquashSummary, squash};

/// Why a tree could not be mounted or merged.
#[derive(Debug, thiserror::Error)]
pub enum LayerError {
    /// overlayfs refused.
    #[error(
        "cannot mount {layers} layers at {at}: {source}{said}; the cache must lie on a file system that overlayfs can \
         write to (ext4, xfs, btrfs or tmpfs, not overlayfs itself): set DIBBER_CACHE to such a place"
    )]
    Mount {
        /// How many layers.
        layers: usize,
        /// Where.
        at: PathBuf,
        /// What the kernel answered.
        source: io::Error,
        /// What the kernel said besides, with a space before it, or nothing.
        said: String,
    },
    /// More layers than `mount(2)` can name.
    #[error(
        "{layers} layers are too many for this kernel (their names take {bytes} bytes, 4095 fit); Linux 6.8 has no such limit"
    )]
    TooDeep {
        /// How many layers.
        layers: usize,
        /// How long their names are, in bytes.
        bytes: usize,
    },
    /// A tree cannot be mounted on what is in use.
    #[error("cannot mount a tree at {at}: the directory is not empty")]
    NotEmpty {
        /// Where.
        at: PathBuf,
    },
    /// A file of a layer.
    #[error(transparent)]
    File(#[from] PathError),
}
