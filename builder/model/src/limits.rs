//! What one hook may take of the building machine.
//!
//! In: numbers of an image file. Out: the same, with their defaults. Never: part of a step's id: a hook that keeps within its limits
//! leaves the same under any.

use serde::{Deserialize, Serialize};

use crate::{Bytes, Span};

/// Limits of every hook of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Processes and threads at a time.
    pub processes: u32,
    /// Open files of one process.
    pub open_files: u32,
    /// Size of one file that it writes.
    pub file_size: Bytes,
    /// How long it may run; `None` is for ever.
    pub timeout: Option<Span>,
}

impl Default for Limits {
    /// Far above what a hook of an honest image takes, far below what stops a machine: several times a large `make -j`; the usual
    /// hard limit of a login, and more than a disk of a system; a distribution's kernel compiled under emulation.
    fn default() -> Self {
        Limits {
            processes: 4096,
            open_files: 65_536,
            file_size: Bytes::gib(64),
            timeout: Some(Span::hours(6)),
        }
    }
}
