//! Why a tree cannot become an xfs filesystem.
//!
//! In: the place, and the numbers that disagree. Out: words. Never: a panic in their stead.

use alloc::string::String;
use dibber_model::Bytes;

/// Why a tree cannot become an xfs filesystem. Paths are the tree's, from `/`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum XfsError {
    /// The tree does not fit.
    #[error(
        "xfs needs {needs} bytes ({}) for this tree and there are {has}; make the partition larger or the tree smaller",
        Bytes(*needs)
    )]
    NoRoom {
        /// The smallest size that holds it.
        needs: u64,
        /// The size that was given.
        has: u64,
    },
    /// Less than any xfs is.
    #[error("xfs has at least {min} bytes ({}), as mkfs.xfs has it, and there are {has}; make the partition larger or choose ext4", Bytes(*min))]
    TooSmall {
        /// The least.
        min: u64,
        /// The size that was given.
        has: u64,
    },
    /// More than this writer lays out.
    #[error("xfs of {has} bytes is more than the {max} bytes ({}) that this writer makes", Bytes(*max))]
    TooLarge {
        /// What the tree needs, or what was asked for.
        has: u64,
        /// The limit.
        max: u64,
    },
    /// A name that xfs cannot hold.
    #[error("`{path}` is not a name that xfs can hold: {why}")]
    Name {
        /// Where.
        path: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A tree that is no tree.
    #[error("`{path}` is a second name of a directory; a directory has one name")]
    DirTwice {
        /// The second name.
        path: String,
    },
    /// A name without an inode.
    #[error("`{path}` stands for inode {id}, and the tree has {count}")]
    Dangling {
        /// The name.
        path: String,
        /// What it stands for.
        id: u32,
        /// How many there are.
        count: usize,
    },
    /// A directory longer than its part of the file.
    #[error("`{path}` needs {blocks} blocks for its names and a directory of xfs holds {max}; split it")]
    DirSize {
        /// The directory.
        path: String,
        /// Blocks needed.
        blocks: u64,
        /// Blocks that there can be.
        max: u64,
    },
    /// A symbolic link that xfs has no room for.
    #[error("the symbolic link `{path}` has a target of {len} bytes; xfs holds 1 to {max} without NUL")]
    Symlink {
        /// The link.
        path: String,
        /// Length of its target.
        len: usize,
        /// The longest.
        max: usize,
    },
    /// A device number that does not fit.
    #[error("the device `{path}` has number {major}:{minor}; xfs holds up to 511:262143")]
    Device {
        /// The node.
        path: String,
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
    },
    /// A file longer than any may be.
    #[error("`{path}` is {len} bytes long and xfs holds files up to {max}")]
    FileSize {
        /// The file.
        path: String,
        /// Its length.
        len: u64,
        /// The limit.
        max: u64,
    },
    /// A file whose data ranges make no sense.
    #[error("`{path}` has data from {start} to {end}, which {why}")]
    Content {
        /// The file.
        path: String,
        /// Start of the range.
        start: u64,
        /// Its end.
        end: u64,
        /// What is wrong with it.
        why: &'static str,
    },
    /// An attribute that xfs does not know.
    #[error(
        "`{path}` has the attribute `{name}`; xfs holds user., trusted., security. and POSIX ACLs, with a name of up to 255 bytes"
    )]
    XattrName {
        /// The file.
        path: String,
        /// The attribute.
        name: String,
    },
    /// An attribute longer than any may be.
    #[error("`{path}` has the attribute `{name}` of {size} bytes; xfs holds up to 65536")]
    XattrSize {
        /// The file.
        path: String,
        /// The attribute.
        name: String,
        /// Bytes of its value.
        size: usize,
    },
    /// An ACL that is not one.
    #[error("`{path}` has a POSIX ACL `{name}` that cannot be read: {why}")]
    Acl {
        /// The file.
        path: String,
        /// The attribute.
        name: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Text that does not fit in the superblock.
    #[error("the label `{text}` is {} bytes long and xfs holds {max}", text.len())]
    Label {
        /// The text.
        text: String,
        /// The limit in bytes.
        max: usize,
    },
    /// An inode size that there is not.
    #[error("xfs has inodes of 512, 1024 or 2048 bytes, not of {size}")]
    InodeSize {
        /// What was asked for.
        size: u32,
    },
    /// A feature without another that it is part of.
    #[error("the xfs option {option} needs {needs}")]
    Needs {
        /// What was asked for.
        option: &'static str,
        /// What was not.
        needs: &'static str,
    },
    /// A bug: two structures of the plan claim the same bytes.
    #[error("the xfs plan contradicts itself, which is a bug of dibber: {0}")]
    Plan(#[from] dibber_model::extent::ExtentError),
}
