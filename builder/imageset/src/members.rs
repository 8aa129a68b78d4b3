//! The members of a set: what there is of one image in a directory, and for whom.
//!
//! An image may be there for several architectures and platforms. Whoever deploys one asks for it by its plain name and for a node; the members
//! are what there is to choose from.
//!
//! In: a directory with `images.json`, or one with files that other tools made. Out: members with their tags and files, checked
//! by digest when they are chosen. Never: a file trusted that `images.json`, where there is one, does not name.
#![expect(clippy::disallowed_methods, reason = "paths that the person who calls named")]

mod describe;

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use dibber_deploy::select::{
    self, Attempt, AttemptOutcome, Candidate, Compatibility, NodeRequirements, Refusal, Tags,
};
use dibber_fs::Dir;
use dibber_model::{Arch, Platform};
use dibber_plan::{OutputKind, Role};

use crate::{OutputError, Seen, SetEntry, SetFile, Sidecar};
use describe::{Described, compatibility};

/// Why the members of an image are not known.
#[derive(Debug, thiserror::Error)]
pub enum MembersError {
    /// `images.json` cannot be read.
    #[error(transparent)]
    Set(#[from] OutputError),
    /// Nor the directory.
    #[error("{path}: {source}")]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It has no image of that name.
    #[error("{dir} has no image {name}; {hint}")]
    Unknown {
        /// The directory.
        dir: PathBuf,
        /// The name.
        name: String,
        /// What was meant, or what there is.
        hint: String,
    },
}

/// How far a set is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// The chosen files are read and held against their digests.
    Digests,
    /// They must be there, and of the right length.
    Lengths,
}

/// One file of a member.
#[derive(Clone, Debug)]
pub struct MemberFile {
    /// Where it is.
    pub path: PathBuf,
    /// What it is.
    pub kind: OutputKind,
    /// What is written beside it.
    pub sidecar: Option<Sidecar>,
}

/// One name of an image for one target, and the files under that name.
#[derive(Clone, Debug)]
pub struct Member {
    /// The name: `p9-ppc64le-overcloud-full`.
    pub basename: String,
    /// Its files; disks first, qcow2 and raw, which ironic takes, before others.
    pub files: Vec<MemberFile>,
    compatibility: Compatibility,
    /// What is wrong with what describes it.
    fault: Option<String>,
    /// Its place in the set.
    entry: Option<usize>,
}

impl Member {
    /// Its files of one role.
    pub fn of_role(&self, role: Role) -> impl Iterator<Item = &MemberFile> {
        self.files.iter().filter(move |file| file.kind.role() == role)
    }
}

/// All members of one image in one directory.
#[derive(Debug)]
pub struct Members {
    dir: PathBuf,
    trust: Trust,
    seen: Seen,
    members: Vec<Member>,
    /// Entries of the set, each with the fault that was found in its files, once they were looked at.
    entries: Vec<(SetEntry, OnceCell<Option<String>>)>,
}

/// What a node gets, and the steps that led there.
#[derive(Clone, Debug)]
pub struct MemberSelection<'a> {
    /// The member.
    pub member: Option<&'a Member>,
    /// The steps.
    pub attempts: Vec<Attempt>,
}

impl Members {
    /// Reads what a directory has of an image.
    pub fn read(dir: &Path, name: &str, trust: Trust) -> Result<Members, MembersError> {
        let listing = fs::read_dir(dir).and_then(|entries| {
            entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
        });
        let files: BTreeSet<String> =
            listing.map_err(|source| MembersError::Directory { path: dir.into(), source })?;
        let (seen, members, entries) = (Seen::default(), Vec::new(), Vec::new());
        let mut found = Members { dir: dir.into(), trust, seen, members, entries };
        let known: BTreeSet<String> = if files.contains("images.json") {
            crate::settle(dir)?;
            let set = SetFile::read(dir)?;
            let known = set.images.iter().map(|entry| entry.name.clone()).collect();
            let own = set.images.into_iter().filter(|entry| entry.name == name);
            own.for_each(|entry| found.add_entry(entry));
            known
        } else {
            found.add_files(&files, name);
            files.iter().filter_map(|file| Some(parted(split(file)?.0).1.to_string())).collect()
        };
        if found.members.is_empty() {
            return Err(unknown(dir, name, &known, &files));
        }
        for member in &mut found.members {
            member.files.sort_by_key(|file| (file.kind.role(), file.kind));
        }
        Ok(found)
    }

    /// The member that serves a node best. A chosen one whose files are not what the set says is refused, and no other is
    /// taken in its place.
    pub fn select(&self, requirements: &NodeRequirements, name: &str) -> MemberSelection<'_> {
        let candidates: Vec<Candidate> = self
            .members
            .iter()
            .map(|member| Candidate {
                basename: member.basename.clone(),
                compatibility: member.compatibility.clone(),
            })
            .collect();
        let mut selection = select::select(requirements, name, &candidates);
        let member = selection.chosen.map(|index| &self.members[index]);
        let Some(why) = member.and_then(|member| self.fault(member)) else {
            return MemberSelection { member, attempts: selection.attempts };
        };
        if let Some(last) = selection.attempts.last_mut() {
            last.outcome = AttemptOutcome::Refused(Refusal::Nobody(format!("{why}; build the set again")));
        }
        MemberSelection { member: None, attempts: selection.attempts }
    }

    fn fault(&self, member: &Member) -> Option<String> {
        if member.fault.is_some() {
            return member.fault.clone();
        }
        let (entry, fault) = &self.entries[member.entry?];
        let seen = (self.trust == Trust::Digests).then_some(&self.seen);
        let look = || match Dir::open(&self.dir) {
            Ok(dir) => entry.fault(&dir, seen),
            Err(error) => Some(format!("{}: {error}", self.dir.display())),
        };
        fault.get_or_init(look).clone()
    }

    /// Each name of an entry's files makes a member: `x86_64-name`, and plain `name` for its links.
    fn add_entry(&mut self, entry: SetEntry) {
        let mut by_basename: BTreeMap<String, Vec<MemberFile>> = BTreeMap::new();
        let mut described = Described::of(&entry);
        for file in &entry.files {
            let Some(kind) = file.kind.known().copied() else { continue };
            for name in file.names() {
                let Some(basename) = crate::own_name(name).strip_suffix(&format!(".{}", kind.extension()))
                else {
                    continue;
                };
                let path = self.dir.join(name);
                let sidecar = described.add(&path, name, file);
                by_basename.entry(basename.to_string()).or_default().push(MemberFile { path, kind, sidecar });
            }
        }
        let fault = described.fault().map(str::to_string);
        let compatibility = described.compatibility();
        let index = self.entries.len();
        for (basename, files) in by_basename {
            let (compatibility, fault) = (compatibility.clone(), fault.clone());
            self.members.push(Member { basename, files, compatibility, fault, entry: Some(index) });
        }
        self.entries.push((entry, OnceCell::new()));
    }

    /// Without a set, a name says for whom a file is.
    fn add_files(&mut self, files: &BTreeSet<String>, name: &str) {
        for (basename, kind) in files.iter().filter_map(|file| split(file)) {
            let (tags, base) = parted(basename);
            if base != name {
                continue;
            }
            let path = self.dir.join(format!("{basename}.{}", kind.extension()));
            // A fifo or a directory of that name is no image.
            if !fs::metadata(&path).is_ok_and(|found| found.is_file()) {
                continue;
            }
            let sidecar = describe::sidecar(&path).unwrap_or(None);
            let file = MemberFile { path, kind, sidecar };
            match self.members.iter_mut().find(|member| member.basename == basename) {
                Some(member) => member.files.push(file),
                None => {
                    let compatibility = compatibility(&tags, file.sidecar.as_ref());
                    self.members.push(Member {
                        basename: basename.into(),
                        files: vec![file],
                        compatibility,
                        fault: None,
                        entry: None,
                    });
                }
            }
        }
    }
}

/// A file name's basename and kind.
fn split(file: &str) -> Option<(&str, OutputKind)> {
    let (basename, extension) = file.rsplit_once('.')?;
    let kind = OutputKind::all().find(|kind| kind.extension() == extension)?;
    Some((basename, kind))
}

/// A basename's platform and architecture, and the rest of it. What is neither belongs to the name.
fn parted(basename: &str) -> (Tags, &str) {
    let parts: Vec<&str> = basename.splitn(3, '-').collect();
    let arch = |text: &str| Arch::all().find(|arch| arch.kernel_name() == text);
    if let [first, rest @ ..] = parts.as_slice()
        && let (Some(found), false) = (arch(first), rest.is_empty())
    {
        return (Tags { arch: Some(found), ..Tags::default() }, &basename[first.len() + 1..]);
    }
    if let [first, second, rest] = parts.as_slice()
        && let (Ok(platform), Some(found)) = (first.parse::<Platform>(), arch(second))
    {
        return (Tags { arch: Some(found), platform: Some(platform), boot_mode: None }, rest);
    }
    (Tags::default(), basename)
}

/// So many images are named to who asks for one that is not there.
const NAMED: usize = 20;

fn unknown(dir: &Path, name: &str, known: &BTreeSet<String>, files: &BTreeSet<String>) -> MembersError {
    let near = dibber_plan::nearest(name, known.iter().map(String::as_str));
    let unnamed =
        files.iter().any(|file| split(file).is_some_and(|(basename, _)| parted(basename).1 == name));
    let hint = match near {
        Some(near) => format!("did you mean {near}?"),
        None if unnamed => "there are files of that name, and its images.json does not name them".into(),
        None if known.is_empty() => "it has no images at all".into(),
        None => {
            let named = known.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
            let more = known.len().saturating_sub(NAMED);
            if more == 0 {
                format!("there are {named}")
            } else {
                format!("there are {named} and {more} more")
            }
        }
    };
    MembersError::Unknown { dir: dir.into(), name: name.into(), hint }
}
