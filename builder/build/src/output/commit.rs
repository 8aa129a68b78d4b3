//! Puts a finished set in place.
//!
//! In: files in the stage, described. Out: the same under their names; `images.json` is renamed last. Never: a moment in
//! which `images.json` names a file by a digest that it never had.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};

use super::set::NAME;
use super::{FileEntry, OutputError, SetEntry, SetFile, Sidecar, Stage, at};

/// One finished file of the stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MadeFile {
    /// The file's name in the stage, which is its name in the set.
    pub name: String,
    /// Further names that it gets.
    pub links: Vec<String>,
    /// Its description.
    pub sidecar: Sidecar,
}

/// What a build made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Made {
    /// The files.
    pub files: Vec<MadeFile>,
}

/// Renames files, links and sidecars into `dir`, rewrites `SHA256SUMS`, then commits with `images.json`. Files that the
/// image's former set had, and this one has not, are removed.
pub fn commit(dir: &Path, stage: &Stage, made: &Made) -> Result<SetEntry, OutputError> {
    let Some(first) = made.files.first() else {
        return Err(at(stage.path())(std::io::Error::other("the build made no files")));
    };
    // Other images may be committed into the same directory at this moment.
    let directory = File::open(dir).map_err(at(dir))?;
    flock(&directory, FlockOperation::LockExclusive).map_err(|e| at(dir)(e.into()))?;
    let mut set = SetFile::read(dir)?;
    let entry = entry(&first.sidecar, made);
    set.refuse_foreign(dir, entry.files.iter().flat_map(FileEntry::names))?;
    let former = take(&mut set, &entry);
    for file in &made.files {
        place(dir, stage, file)?;
    }
    set.images.push(entry.clone());
    set.images.sort_by(|a, b| (&a.name, &a.arch, &a.platform).cmp(&(&b.name, &b.arch, &b.platform)));
    write_beside(dir, stage, "SHA256SUMS", sums(&set).as_bytes())?;
    let json = serde_json::to_vec_pretty(&set).map_err(|e| at(dir.join(NAME))(e.into()))?;
    write_beside(dir, stage, NAME, &json)?;
    rustix::fs::fsync(&directory).map_err(|e| at(dir)(e.into()))?;
    if let Some(former) = former {
        remove_former(dir, &former, &set);
    }
    Ok(entry)
}

fn entry(of: &Sidecar, made: &Made) -> SetEntry {
    let files = made.files.iter().map(|file| FileEntry {
        name: file.name.clone(),
        links: file.links.clone(),
        kind: file.sidecar.kind.clone(),
        bytes: file.sidecar.bytes,
        sha256: file.sidecar.sha256,
    });
    SetEntry {
        name: of.image.clone(),
        arch: of.arch.clone(),
        platform: of.platform.clone(),
        id: of.id,
        files: files.collect(),
    }
}

fn take(set: &mut SetFile, entry: &SetEntry) -> Option<SetEntry> {
    let same = |e: &SetEntry| e.name == entry.name && e.arch == entry.arch && e.platform == entry.platform;
    let at = set.images.iter().position(same)?;
    Some(set.images.remove(at))
}

fn place(dir: &Path, stage: &Stage, file: &MadeFile) -> Result<(), OutputError> {
    let (from, to) = (stage.path().join(&file.name), dir.join(&file.name));
    for name in std::iter::once(&file.name).chain(&file.links) {
        let mut sidecar = file.sidecar.clone();
        sidecar.file = name.clone();
        let json = serde_json::to_vec_pretty(&sidecar).map_err(|e| at(&from)(e.into()))?;
        write_beside(dir, stage, &format!("{name}.json"), &json)?;
    }
    take_over(&from).map_err(at(&from))?;
    fs::rename(&from, &to).map_err(at(&to))?;
    for link in &file.links {
        // A link is made under another name and renamed, because link(2) does not replace.
        let (beside, name) = (stage.path().join(link), dir.join(link));
        fs::hard_link(&to, &beside).map_err(at(&beside))?;
        fs::rename(&beside, &name).map_err(at(&name))?;
        // Where both names were one inode already, rename(2) does nothing and leaves the old name.
        let _ = fs::remove_file(&beside);
    }
    Ok(())
}

/// The sandbox's root made the file; it becomes the person's, readable by all, and durable.
fn take_over(path: &Path) -> std::io::Result<()> {
    let (uid, gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    std::os::unix::fs::lchown(path, Some(uid), Some(gid))?;
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o644))?;
    File::open(path)?.sync_all()
}

fn write_beside(dir: &Path, stage: &Stage, name: &str, bytes: &[u8]) -> Result<(), OutputError> {
    let (beside, to) = (stage.path().join(name), dir.join(name));
    let mut file = File::create(&beside).map_err(at(&beside))?;
    file.write_all(bytes)
        .and_then(|()| file.write_all(b"\n"))
        .and_then(|()| file.sync_all())
        .map_err(at(&beside))?;
    fs::rename(&beside, &to).map_err(at(&to))
}

/// The format of `sha256sum`, which checks it with `-c`.
fn sums(set: &SetFile) -> String {
    let mut lines: Vec<String> = Vec::new();
    for file in set.images.iter().flat_map(|image| &image.files) {
        lines.extend(file.names().map(|name| format!("{}  {name}", file.sha256)));
    }
    lines.sort_by(|a, b| a[64..].cmp(&b[64..]));
    lines.join("\n")
}

/// The set is committed; a leftover of the former one that cannot be removed harms nobody.
fn remove_former(dir: &Path, former: &SetEntry, set: &SetFile) {
    for name in former.files.iter().flat_map(FileEntry::names).filter(|name| !set.owns(name)) {
        let _ = fs::remove_file(dir.join(name));
        let _ = fs::remove_file(dir.join(format!("{name}.json")));
    }
}
