//! A filesystem, for reading.
//!
//! In: paths without symbolic links. Out: what is there. Never: a link followed, or a mount point crossed; that is the tree's.

use std::io::Write;

use serde::Serialize;

use super::ShowError;

/// A path: names from the filesystem's root.
pub(super) type Names = [Vec<u8>];

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A character device.
    CharDevice,
    /// A block device.
    BlockDevice,
    /// A named pipe.
    Fifo,
    /// A socket.
    Socket,
}

impl Kind {
    /// The first letter of a line of `ls -l`.
    pub fn letter(self) -> char {
        match self {
            Kind::File => '-',
            Kind::Directory => 'd',
            Kind::Symlink => 'l',
            Kind::CharDevice => 'c',
            Kind::BlockDevice => 'b',
            Kind::Fifo => 'p',
            Kind::Socket => 's',
        }
    }

    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Kind::File => "file",
            Kind::Directory => "directory",
            Kind::Symlink => "symbolic link",
            Kind::CharDevice => "character device",
            Kind::BlockDevice => "block device",
            Kind::Fifo => "fifo",
            Kind::Socket => "socket",
        }
    }
}

/// One name of a directory, with what it stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The name, as bytes; empty for a root.
    pub name: Vec<u8>,
    /// What it is.
    pub kind: Kind,
    /// Permission bits, with setuid, setgid and sticky.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Length in bytes.
    pub size: u64,
    /// When its content was last changed, in seconds since 1970. FAT keeps local time, which is taken as UTC.
    pub mtime: i64,
    /// Where a symbolic link points.
    pub target: Option<Vec<u8>>,
}

/// A filesystem whose files can be read.
pub(super) trait Volume {
    /// What a path stands for; `None` if there is nothing.
    fn look(&self, path: &Names) -> Result<Option<Entry>, ShowError>;
    /// The names of a directory, without `.` and `..`, sorted.
    fn list(&self, path: &Names) -> Result<Vec<Entry>, ShowError>;
    /// The content of a file.
    fn read(&self, path: &Names, sink: &mut dyn Write) -> Result<(), ShowError>;
}

/// A time as `ls -l --time-style=long-iso` prints it in UTC.
pub fn time(seconds: i64) -> String {
    match jiff::Timestamp::from_second(seconds) {
        Ok(time) => time.to_zoned(jiff::tz::TimeZone::UTC).strftime("%Y-%m-%d %H:%M").to_string(),
        Err(_) => format!("{seconds}"),
    }
}
