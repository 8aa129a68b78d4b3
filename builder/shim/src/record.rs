//! What hooks asked for, written down.
//!
//! In: requests. Out: JSON lines in the file that a variable names. Never: a trusted input: a hook can write there itself.

use std::fs::File;
use std::io::{self, Write};

use serde::{Deserialize, Serialize};

/// The variable that names the record's file.
pub const RECORD: &str = "DIBBER_RECORD";

/// One line of a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Request {
    /// A mount was made.
    Mount(MountRequest),
    /// A mount was taken away.
    Unmount {
        /// Where it was, absolute.
        target: String,
    },
    /// A boot loader program was called.
    Loader(LoaderRequest),
}

/// A mount, to be made again when a build resumes after it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MountRequest {
    /// Arguments for mount(8), all paths absolute.
    pub arguments: Vec<String>,
    /// Where, absolute.
    pub target: String,
}

/// A call of a boot loader program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoaderRequest {
    /// The name that it was called by: `grub-install`.
    pub program: String,
    /// Its arguments.
    pub arguments: Vec<String>,
}

/// Appends a request to the record.
pub(crate) fn note(request: &Request) -> io::Result<()> {
    let path = std::env::var_os(RECORD).unwrap_or_else(|| "/run/dibber/record".into());
    let mut line = serde_json::to_vec(request).map_err(io::Error::other)?;
    line.push(b'\n');
    File::options().append(true).open(path)?.write_all(&line)
}
