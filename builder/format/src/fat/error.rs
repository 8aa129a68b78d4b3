//! Why a tree does not go onto a FAT filesystem.
//!
//! In: a path and a cause. Out: one line with the mend. Never: a silent loss.

use alloc::string::String;
use dibber_model::Bytes;
use dibber_model::extent::ExtentError;

/// Why a tree does not go onto a FAT filesystem.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FatError {
    /// The length is too small for the tree.
    #[error(
        "the files need a FAT filesystem of {} ({needs} bytes), and it has {} ({len} bytes); make its partition larger",
        Bytes(*needs),
        Bytes(*len)
    )]
    TooSmall {
        /// The fewest bytes that would do.
        needs: u64,
        /// What there is.
        len: u64,
    },
    /// More than FAT32 can hold.
    #[error("the files need more than a FAT32 filesystem can hold; move some to another filesystem")]
    TooLarge,
    /// Something that FAT does not know.
    #[error("`/{path}` is a {kind}, which FAT cannot hold; remove it, or mount another filesystem there")]
    Kind {
        /// The path.
        path: String,
        /// What it is.
        kind: &'static str,
    },
    /// Two names of one inode.
    #[error(
        "`/{path}` is another name of `/{first}` (a hard link), which FAT cannot hold; copy the file instead"
    )]
    HardLink {
        /// The later name.
        path: String,
        /// The earlier name.
        first: String,
    },
    /// Names that are the same to FAT.
    #[error("`/{path}` and `/{first}` differ only by letter case, which FAT does not tell apart; rename one")]
    SameName {
        /// The later name.
        path: String,
        /// The earlier name.
        first: String,
    },
    /// A name that FAT does not take.
    #[error("`/{path}` has a name that FAT cannot hold: {why}; rename it")]
    Name {
        /// The path.
        path: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A file of 4 GiB or more.
    #[error(
        "`/{path}` has {len} bytes, and a file on FAT at most {}; split it, or move it to another filesystem",
        u32::MAX
    )]
    FileTooLarge {
        /// The path.
        path: String,
        /// Its length.
        len: u64,
    },
    /// A directory of too many entries.
    #[error(
        "`/{path}` needs {records} directory records, and FAT has room for {max}; spread its files, or shorten their names"
    )]
    TooManyFiles {
        /// The directory.
        path: String,
        /// What it needs.
        records: u64,
        /// The most there can be.
        max: u64,
    },
    /// A label that FAT does not take.
    #[error(
        "`{label}` cannot be the label of a FAT filesystem; use at most 11 letters, digits, `-`, `_` or spaces inside"
    )]
    BadLabel {
        /// The label.
        label: String,
    },
    /// Content whose ranges are out of its bounds.
    #[error("`/{path}`: the data ranges of its content are not within its length")]
    BadContent {
        /// The path.
        path: String,
    },
    /// Pieces that overlap.
    #[error("the pieces of a FAT filesystem do not fit together: {error}")]
    Extents {
        /// What is wrong.
        error: ExtentError,
    },
}
