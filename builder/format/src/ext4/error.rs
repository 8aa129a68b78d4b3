//! Why a tree cannot become an ext4 filesystem.
//!
//! In: the place, and the numbers that disagree. Out: words. Never: a panic in their stead.

use alloc::string::String;
use dibber_model::Bytes;

/// Why a tree cannot become an ext4 filesystem. Paths are the tree's, from `/`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Ext4Error {
    /// The tree does not fit.
    #[error(
        "ext4 needs {needs} bytes ({}) for this tree and there are {has}; make the partition larger or the tree smaller",
        Bytes(*needs)
    )]
    NoRoom {
        /// The smallest size that holds it.
        needs: u64,
        /// The size that was given.
        has: u64,
    },
    /// More than this writer lays out.
    #[error("ext4 of {has} bytes is more than the {max} bytes ({}) that this writer makes", Bytes(*max))]
    TooLarge {
        /// What the tree needs, or what was asked for.
        has: u64,
        /// The limit.
        max: u64,
    },
    /// A name that ext4 cannot hold.
    #[error("`{path}` is not a name that ext4 can hold: {why}")]
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
    /// The name that e2fsck needs for itself.
    #[error("`/lost+found` is not a directory; ext4 keeps this name for e2fsck, so rename or remove it")]
    LostFound,
    /// More names than the link count can hold.
    #[error("`{path}` has {links} names (hard links) and ext4 holds 65000; make some of them copies")]
    Links {
        /// Its first name.
        path: String,
        /// How many names it has.
        links: u32,
    },
    /// A directory that two levels of index cannot hold.
    #[error("`{path}` needs {blocks} blocks for its names and an indexed directory holds {max}; split it")]
    DirSize {
        /// The directory.
        path: String,
        /// Leaf blocks needed.
        blocks: usize,
        /// Leaf blocks that two levels of index reach.
        max: usize,
    },
    /// A symbolic link that no kernel would follow.
    #[error("the symbolic link `{path}` has a target of {len} bytes; ext4 holds 1 to 4095 without NUL")]
    Symlink {
        /// The link.
        path: String,
        /// Length of its target.
        len: usize,
    },
    /// A device number that does not fit.
    #[error("the device `{path}` has number {major}:{minor}; ext4 holds up to 4095:1048575")]
    Device {
        /// The node.
        path: String,
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
    },
    /// A file longer than logical block numbers reach.
    #[error("`{path}` is {len} bytes long and ext4 holds files up to {max}")]
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
    /// An attribute of a namespace that ext4 does not know.
    #[error(
        "`{path}` has the attribute `{name}`; ext4 holds user., trusted., security. and POSIX ACLs, with a name of up to 255 bytes"
    )]
    XattrName {
        /// The file.
        path: String,
        /// The attribute.
        name: String,
    },
    /// Attributes larger than a block.
    #[error(
        "`{path}` has attributes that do not fit: `{name}` ({size} bytes) finds {room} bytes free in the attribute block"
    )]
    XattrSize {
        /// The file.
        path: String,
        /// The first attribute that finds no room.
        name: String,
        /// Bytes that it needs, with its name.
        size: usize,
        /// Bytes that are left.
        room: usize,
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
    #[error("the {what} `{text}` is {} bytes long and ext4 holds {max}", text.len())]
    Text {
        /// Label or mount point.
        what: &'static str,
        /// The text.
        text: String,
        /// The limit in bytes.
        max: usize,
    },
    /// An option out of its range.
    #[error("the ext4 option {option} is {value}; it goes from {min} to {max}")]
    Option {
        /// Its name.
        option: &'static str,
        /// What was asked for.
        value: u64,
        /// The least.
        min: u64,
        /// The most.
        max: u64,
    },
    /// A bug: two structures of the plan claim the same bytes.
    #[error("the ext4 plan contradicts itself, which is a bug of dibber: {0}")]
    Plan(#[from] dibber_model::extent::ExtentError),
}
