//! A filesystem, for reading.
//!
//! In: entries that the filesystem gave, and names in them. Out: what is there. Never: a link followed, or a mount point crossed;
//! that is the tree's.

use std::io::Write;

use serde::Serialize;

use super::ShowError;

/// Most bytes of memory for the entries of one directory: some 300,000 names.
const ENTRIES_MAX: usize = 64 << 20;

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
    /// Which it is in its filesystem: the number of its inode, or its first cluster. Two directories of one number are one.
    pub node: u64,
}

impl Entry {
    /// Bytes of memory that it takes.
    pub(super) fn weight(&self) -> usize {
        // Two allocations, each with a header of its own.
        size_of::<Entry>() + 32 + self.name.len() + self.target.as_ref().map_or(0, Vec::len)
    }
}

/// The entries of a directory as they are found.
#[derive(Default)]
pub(super) struct Entries {
    found: Vec<Entry>,
    weight: usize,
}

impl Entries {
    /// Adds one, if there is room.
    pub(super) fn add(&mut self, entry: Entry, place: PathNames<'_>) -> Result<(), ShowError> {
        self.weight += entry.weight();
        if self.weight > ENTRIES_MAX {
            let count = self.found.len();
            return Err(ShowError::damaged(
                shown(place),
                format!("more than {count} names, which are more than {} MiB", ENTRIES_MAX >> 20),
            ));
        }
        self.found.push(entry);
        Ok(())
    }

    /// All of them, by name.
    pub(super) fn sorted(mut self) -> Vec<Entry> {
        self.found.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        self.found
    }
}

/// The names that lead to an entry from the image's root. Made into a text for errors only: of a long path, that takes as long as
/// following it.
pub(super) type PathNames<'a> = &'a [Vec<u8>];

/// A place as a path.
pub(super) fn joined(place: PathNames<'_>) -> Vec<u8> {
    let mut path = Vec::new();
    for name in place {
        path.push(b'/');
        path.extend_from_slice(name);
    }
    if path.is_empty() { b"/".to_vec() } else { path }
}

/// The same for people.
pub(super) fn shown(place: PathNames<'_>) -> String {
    String::from_utf8_lossy(&joined(place)).into_owned()
}

/// A filesystem whose files can be read. `place` is where the entry is, for errors.
pub(super) trait Volume {
    /// Its root directory.
    fn root(&self) -> Result<Entry, ShowError>;
    /// What a name in a directory stands for; `None` if there is no such name.
    fn child(&self, dir: &Entry, name: &[u8], place: PathNames<'_>) -> Result<Option<Entry>, ShowError>;
    /// The names of a directory, without `.` and `..`, sorted.
    fn list(&self, dir: &Entry, place: PathNames<'_>) -> Result<Vec<Entry>, ShowError>;
    /// The content of a file.
    fn read(&self, file: &Entry, place: PathNames<'_>, sink: &mut dyn Write) -> Result<(), ShowError>;
}

/// A time as `ls -l --time-style=long-iso` prints it in UTC.
pub fn time(seconds: i64) -> String {
    match jiff::Timestamp::from_second(seconds) {
        Ok(time) => time.to_zoned(jiff::tz::TimeZone::UTC).strftime("%Y-%m-%d %H:%M").to_string(),
        Err(_) => format!("{seconds}"),
    }
}
