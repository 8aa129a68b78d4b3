//! `images.json`: the commit of a set. Readers trust only what it names by digest.
//!
//! In: an output directory. Out: which files in it are ours, and whether they are still right. Never: a change.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use dibber_model::Digest;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use sha2::Digest as _;

use super::{OutputError, at};

/// Name of the file.
pub(super) const NAME: &str = "images.json";

/// Its content: every image in the directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetFile {
    /// Version of this format: 1.
    pub version: u32,
    /// The images, sorted by name and target.
    pub images: Vec<SetEntry>,
}

/// One image for one target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetEntry {
    /// Image name.
    pub name: String,
    /// Architecture, under the kernel's name.
    pub arch: String,
    /// Platform, if it is for one only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
    /// Digest over everything that the files are a function of: the last step, the disk, the outputs.
    pub id: Digest,
    /// Its files.
    pub files: Vec<FileEntry>,
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
    pub kind: String,
    /// Length in bytes.
    pub bytes: u64,
    /// SHA-256 of the file.
    pub sha256: Digest,
}

impl FileEntry {
    /// Its name and its links.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.name.as_str()).chain(self.links.iter().map(String::as_str))
    }
}

/// How a planned image stands against what is in the directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Made from the same inputs, and every file is as it was.
    Right,
    /// There is none.
    Absent,
    /// There is one to be replaced, for this reason.
    Stale(String),
}

impl SetFile {
    /// Reads a directory's `images.json`; none is an empty set.
    pub fn read(dir: &Path) -> Result<SetFile, OutputError> {
        let path = dir.join(NAME);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                return Ok(SetFile { version: 1, images: Vec::new() });
            }
            Err(e) => return Err(at(&path)(e)),
        };
        let not_ours = |why: String| OutputError::NotOurs { path: path.clone(), why };
        let set: SetFile = serde_json::from_slice(&text).map_err(|e| not_ours(e.to_string()))?;
        if set.version != 1 {
            return Err(not_ours(format!("version {} is unknown", set.version)));
        }
        Ok(set)
    }

    /// The entry of an image, if there is one.
    pub fn find(&self, name: &str, arch: &str, platform: Option<&str>) -> Option<&SetEntry> {
        self.images.iter().find(|e| e.name == name && e.arch == arch && e.platform.as_deref() == platform)
    }

    /// Every file name that this set owns in its directory, sidecars included.
    pub fn owns(&self, file: &str) -> bool {
        if file == "SHA256SUMS" {
            return !self.images.is_empty();
        }
        let described = file.strip_suffix(".json").unwrap_or(file);
        self.images
            .iter()
            .flat_map(|image| &image.files)
            .flat_map(FileEntry::names)
            .any(|n| n == file || n == described)
    }

    /// Refuses names that somebody else's files have.
    pub fn refuse_foreign<'a>(
        &self,
        dir: &Path,
        names: impl IntoIterator<Item = &'a str>,
    ) -> Result<(), OutputError> {
        for name in names {
            let path = dir.join(name);
            if path.symlink_metadata().is_ok() && !self.owns(name) {
                return Err(OutputError::Foreign { path });
            }
        }
        Ok(())
    }
}

impl SetEntry {
    /// Holds the files on disk against what is recorded, reading them whole.
    pub fn standing(&self, dir: &Path, id: Digest) -> Standing {
        if self.id != id {
            return Standing::Stale("its inputs changed".into());
        }
        let fault = self.files.par_iter().find_map_any(|file| file.fault(dir));
        fault.map_or(Standing::Right, Standing::Stale)
    }
}

impl FileEntry {
    fn fault(&self, dir: &Path) -> Option<String> {
        for name in self.names() {
            match fs::metadata(dir.join(name)) {
                Err(_) => return Some(format!("{name} is missing")),
                Ok(meta) if meta.len() != self.bytes => return Some(format!("{name} has another length")),
                Ok(_) => {}
            }
        }
        // Links may have been broken by a copy; each name is read, but one inode only once.
        let mut seen = Vec::new();
        for name in self.names() {
            let inode = fs::metadata(dir.join(name)).map(|m| std::os::unix::fs::MetadataExt::ino(&m)).ok();
            if inode.is_some() && seen.contains(&inode) {
                continue;
            }
            seen.push(inode);
            if sha256(&dir.join(name)).ok() != Some(self.sha256) {
                return Some(format!("{name} was changed"));
            }
        }
        None
    }
}

/// SHA-256 of a file.
pub(super) fn sha256(path: &Path) -> io::Result<Digest> {
    let mut file = File::open(path)?;
    let mut hash = sha2::Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            n => hash.update(&buffer[..n]),
        }
    }
    let digest: [u8; 32] = hash.finalize().into();
    Ok(Digest::from(digest))
}
