//! What hooks asked of the stand-ins, written down for the build: which mounts to make again, which boot loader to place.
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
    /// A mount was put elsewhere.
    Move {
        /// Where it was, absolute.
        from: String,
        /// Where it is, absolute.
        to: String,
    },
    /// Options of a mount were changed.
    Remount {
        /// Where it is, absolute.
        target: String,
        /// The options that were named.
        options: Vec<String>,
    },
    /// A boot loader program was called.
    Loader(LoaderRequest),
}

/// A mount, to be made again when a build resumes after it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MountRequest {
    /// What is mounted.
    pub what: MountSource,
    /// Its options, as mount(8) has them: `ro`, `size=1m`.
    pub options: Vec<String>,
    /// Where, absolute.
    pub target: String,
}

impl MountRequest {
    /// Bytes of its words.
    pub fn size(&self) -> usize {
        let what = match &self.what {
            MountSource::Bind { source, .. } => source.len(),
            MountSource::New { kind, source } => kind.len() + source.len(),
        };
        // Each has a price, if it is empty.
        what + self.target.len() + self.options.iter().map(|option| option.len() + 1).sum::<usize>()
    }
}

/// What a mount shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MountSource {
    /// What another path shows.
    Bind {
        /// That path, absolute.
        source: String,
        /// With what is mounted below it.
        recursive: bool,
    },
    /// A file system of its own.
    New {
        /// Its kind, as the kernel calls it: `tmpfs`.
        kind: String,
        /// Its source; of many kinds a mere word.
        source: String,
    },
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
pub(crate) fn append_to_record(request: &Request) -> io::Result<()> {
    let path = std::env::var_os(RECORD).unwrap_or_else(|| "/run/dibber/record".into());
    let mut line = serde_json::to_vec(request).map_err(io::Error::other)?;
    line.push(b'\n');
    File::options().append(true).open(path)?.write_all(&line)
}
