//! One name of a directory, as the walk over the disk found it.
//!
//! In: what the kernel says of a name. Out: the same as a value. Never: a path; whoever has the entry knows its directory.

use std::ffi::CString;

use dibber_model::{Content, Kind, Meta};
use rustix::fs::Statx;

/// What tells a file from every other one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct FileId {
    device: u64,
    inode: u64,
}

impl FileId {
    pub(super) fn of_stat(stat: &Statx) -> FileId {
        let device = u64::from(stat.stx_dev_major) << 32 | u64::from(stat.stx_dev_minor);
        FileId { device, inode: stat.stx_ino }
    }
}

/// One name in a directory, with what it stands for.
pub(super) struct FoundEntry {
    pub(super) name: CString,
    pub(super) meta: Meta,
    /// Device and inode, if there are other names.
    pub(super) links: Option<FileId>,
    pub(super) what: EntryKind,
}

/// What a name stands for.
pub(super) enum EntryKind {
    /// A directory, and its number; none for a mount point.
    Dir(Option<usize>),
    /// A file whose content is here.
    Small(Content),
    /// A file whose content stays on disk; its source is set when it gets its number.
    Large(Content),
    /// A link, a device, a pipe or a socket.
    Other(Kind),
}
