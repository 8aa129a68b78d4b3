//! What a newc archive, or the kernel that reads it, does not take.
//!
//! In: a path and a number. Out: a sentence with both, and what to do. Never: a file cut short instead.

use alloc::string::String;
use dibber_model::extent::ExtentError;

/// What cannot be archived.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CpioError {
    /// A file's length has more than 32 bits.
    #[error(
        "/{path} has {bytes} bytes, and a cpio archive holds files of at most 4294967295; remove it in a hook"
    )]
    Large {
        /// Path from the root.
        path: String,
        /// Its length.
        bytes: u64,
    },
    /// A path is longer than the kernel unpacks.
    #[error(
        "/{path} is a path of {bytes} bytes, and the kernel unpacks none of more than 4095; remove it in a hook"
    )]
    Name {
        /// Path from the root.
        path: String,
        /// Its length.
        bytes: usize,
    },
    /// A symbolic link's target is longer than the kernel unpacks.
    #[error(
        "/{path} links to a path of {bytes} bytes, and the kernel unpacks none of more than 4095; remove it in a hook"
    )]
    Target {
        /// Path from the root.
        path: String,
        /// Length of the target.
        bytes: usize,
    },
    /// Pieces that do not fit together.
    #[error(transparent)]
    Extents(#[from] ExtentError),
}

/// A path for people.
pub(super) fn shown(path: &[u8]) -> String {
    String::from_utf8_lossy(path).into_owned()
}
