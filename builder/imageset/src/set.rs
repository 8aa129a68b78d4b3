//! `images.json`: the commit of a set. Readers trust only what it names by digest.
//!
//! In: an output directory that anybody may have prepared. Out: which files in it are ours. Never: a name that leads out of the
//! directory, a link followed, more than 4 MiB read, a change.

pub(super) mod check;

use std::io;
use std::path::Path;

use dibber_fs::Dir;
use dibber_model::arch::TargetError;
use dibber_model::{Arch, Digest, Platform, Target};
use dibber_plan::OutputKind;
use rayon::prelude::*;
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use super::word::SetWord;
use super::{OutputError, Seen, Switch, file_error, names};

/// No `images.json` is longer, in bytes: it describes two thousand images in that. What is read of it takes ten times its length.
const LONGEST: u64 = 4 << 20;

/// Its content: every image in the directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetFile {
    /// Version of this format: 1.
    pub version: u32,
    /// The images, sorted by name and target.
    pub images: Vec<SetEntry>,
    /// The image whose files are being replaced, while they are. Until it is done, `images` names the previous ones as they are
    /// kept aside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub switch: Option<Switch>,
}

/// One image for one target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetEntry {
    /// Image name.
    pub name: String,
    /// Architecture, under the kernel's name.
    pub arch: SetWord<Arch>,
    /// Platform, if it is for one only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<SetWord<Platform>>,
    /// Digest over everything that the files are a function of: the last step, the disk, the outputs.
    pub id: Digest,
    /// Its files.
    pub files: Vec<FileEntry>,
}

/// What tells an entry from others, as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct EntryKey<'a> {
    name: &'a str,
    arch: &'a str,
    platform: Option<&'a str>,
}

/// One file and the further names that are links to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    /// File name in the directory.
    pub name: String,
    /// Further names, hard links to the same file.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<String>,
    /// What it is: `qcow2`, `raw`, `vmlinuz`, `initrd` ...
    pub kind: SetWord<OutputKind>,
    /// Length in bytes.
    pub bytes: u64,
    /// SHA-256 of the file.
    pub sha256: Digest,
    /// SHA-256 of its sidecar `NAME.json`. Those of the links differ from it in the name only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub described: Option<Digest>,
}

impl FileEntry {
    /// Its name and its links.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.name.as_str()).chain(self.links.iter().map(String::as_str))
    }

    /// What is not as it is recorded. Only lengths are looked at where no digests are wanted.
    pub(crate) fn fault(&self, dir: &Dir, seen: Option<&Seen>) -> Option<String> {
        self.names().find_map(|name| {
            let bytes = match dir.file(name).and_then(|file| file.metadata()) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    return Some(format!("{name} is missing"));
                }
                Err(error) => return Some(format!("{name}: {error}")),
                Ok(meta) => meta.len(),
            };
            if bytes != self.bytes {
                return Some(format!("{name} has another length"));
            }
            // Links may have been broken by a copy: each name is looked at, and one file is read once.
            seen.filter(|seen| !seen.is(dir, name, self.sha256)).map(|_| format!("{name} was changed"))
        })
    }
}

impl SetEntry {
    /// A digest of all that is said of its files, and of the secrets that those saw who made them.
    pub fn files_digest(&self, secrets: Option<Digest>) -> Digest {
        Digest::of(
            &serde_json::to_vec(&(&self.files, secrets)).expect("a list of files has keys of text alone"),
        )
    }

    /// What is not as it is recorded among its files.
    pub(crate) fn fault(&self, dir: &Dir, seen: Option<&Seen>) -> Option<String> {
        self.files.par_iter().find_map_any(|file| file.fault(dir, seen))
    }

    /// What it is built for, if this version knows such targets.
    pub fn target(&self) -> Result<Target, TargetError> {
        let platform = self.platform.as_ref().map(SetWord::value).transpose()?;
        Ok(Target { arch: self.arch.value()?, platform })
    }

    /// What it is built for, as it is written: `p9-ppc64le`.
    pub fn target_word(&self) -> String {
        match &self.platform {
            Some(platform) => format!("{}-{}", platform.as_str(), self.arch.as_str()),
            None => self.arch.as_str().to_string(),
        }
    }

    /// What tells it from the other images of a set, and orders them.
    pub(super) fn key(&self) -> EntryKey<'_> {
        let platform = self.platform.as_ref().map(SetWord::as_str);
        EntryKey { name: &self.name, arch: self.arch.as_str(), platform }
    }

    /// Whether it is of the same image for the same target.
    pub(super) fn replaces(&self, other: &SetEntry) -> bool {
        self.key() == other.key()
    }
}

impl SetFile {
    /// Reads a directory's `images.json`; none is an empty set.
    pub fn read(dir: &Path) -> Result<SetFile, OutputError> {
        match Dir::open(dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(SetFile::empty()),
            Err(error) => Err(file_error(dir)(error)),
            Ok(open) => SetFile::read_in(&open, dir),
        }
    }

    /// The same of an open directory; `dir` is what errors call it.
    pub(super) fn read_in(open: &Dir, dir: &Path) -> Result<SetFile, OutputError> {
        let path = dir.join(names::SET);
        match open.read(names::SET, LONGEST) {
            Ok(text) => SetFile::parse(&text).map_err(|why| OutputError::NotOurs { path, why }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(SetFile::empty()),
            Err(error) if is_of_another_kind(&error) => {
                Err(OutputError::NotOurs { path, why: error.to_string() })
            }
            Err(error) => Err(file_error(&path)(error)),
        }
    }

    /// The same of its text. An error says what dibber could not have written.
    pub fn parse(text: &[u8]) -> Result<SetFile, String> {
        let set: SetFile = serde_json::from_slice(text).map_err(|e| e.to_string())?;
        check::check_set(&set)?;
        Ok(set)
    }

    /// Its text. One that no reader would take is `FileTooLarge`.
    pub(super) fn text(&self) -> io::Result<Vec<u8>> {
        let mut json = serde_json::to_vec_pretty(self)?;
        json.push(b'\n');
        if json.len() as u64 > LONGEST {
            let why =
                format!("it would be longer than {LONGEST} bytes; choose another directory for these images");
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, why));
        }
        Ok(json)
    }

    fn empty() -> SetFile {
        SetFile { version: 1, images: Vec::new(), switch: None }
    }

    /// The entry of an image for a target, if there is one.
    pub fn find(&self, name: &str, target: &Target) -> Option<&SetEntry> {
        let (arch, platform) = (target.arch.kernel_name(), target.platform.as_ref().map(Platform::as_str));
        self.images.iter().find(|entry| entry.key() == EntryKey { name, arch, platform })
    }
}

/// Whether an error of opening says that something else than a file of ours has the name: a link, a directory, a device, a file
/// that is too long.
pub(super) fn is_of_another_kind(error: &io::Error) -> bool {
    let kinds = [io::ErrorKind::InvalidInput, io::ErrorKind::IsADirectory, io::ErrorKind::FileTooLarge];
    let errors = [Errno::LOOP, Errno::NXIO, Errno::NODEV];
    kinds.contains(&error.kind()) || Errno::from_io_error(error).is_some_and(|errno| errors.contains(&errno))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_written_that_would_not_be_read() {
        let entry = |n: usize| SetEntry {
            name: format!("image{n}"),
            arch: SetWord::Known(Arch::X86_64),
            platform: None,
            id: Digest::from([0; 32]),
            files: Vec::new(),
        };
        let set = |count| SetFile { images: (0..count).map(entry).collect(), ..SetFile::empty() };
        let text = set(1000).text().unwrap();
        assert_eq!(SetFile::parse(&text), Ok(set(1000)));
        assert_eq!(set(40_000).text().unwrap_err().kind(), io::ErrorKind::FileTooLarge);
    }
}
