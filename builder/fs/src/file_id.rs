//! Which file an open one is, whatever its path leads to by now.
//!
//! In: what `statx` told. Out: a value to compare. Never: a comparison across mounts of a network: device and inode are this machine's.

use rustix::fs::Statx;
use serde::{Deserialize, Serialize};

/// Device and inode: no two files that are there at the same time have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileId {
    device_major: u32,
    device_minor: u32,
    inode: u64,
}

impl From<&Statx> for FileId {
    fn from(found: &Statx) -> FileId {
        FileId { device_major: found.stx_dev_major, device_minor: found.stx_dev_minor, inode: found.stx_ino }
    }
}
