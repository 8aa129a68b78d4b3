//! What an image names of this machine, as it is there: the few files of the person's that hooks may read.
//!
//! In: the paths that a plan names. Out: those that are there, with a digest of what they are now. Never: a directory that
//! holds the person's home, the cache or outputs; what the sandbox shows anyway.
#![expect(clippy::disallowed_methods, reason = "paths that the person who calls named")]

mod misnamed;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use dibber_fs::{Dir, file_type, open_with_id, os, passwd, sha256};
use dibber_model::{Digest, Hasher};
use dibber_plan::Plan;
use dibber_sandbox::{Given, is_visible_to_hooks};
use rustix::fs::FileType;
use serde::{Deserialize, Serialize};

pub(crate) use misnamed::NotFound;

/// A file or directory of this machine that hooks are given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GivenFile {
    /// Where it is, and where hooks find it.
    pub given: Given,
    /// What names it.
    pub named_by: String,
    /// The first step that is given it.
    pub from: usize,
    /// What it is now: of a file its content, of a directory the names, kinds, sizes and times in it.
    pub digest: Digest,
}

/// Why it could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum GivenError {
    /// A variable's value that hooks would not find anything under.
    #[error("{0}")]
    NotFound(#[from] NotFound),
    /// It is there, and cannot be read.
    #[error(
        "{named_by} names {path}, which cannot be read: {source}; let the person who builds read it, or name another file"
    )]
    Unreadable {
        /// What names it.
        named_by: String,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// A place that hooks see nothing of.
#[derive(Clone, Copy)]
pub(crate) struct ClosedPlace<'a> {
    what: &'static str,
    path: &'a Path,
}

impl<'a> ClosedPlace<'a> {
    /// Those of a build.
    pub(crate) fn of_build(store: &'a Path, output_dir: &'a Path) -> [ClosedPlace<'a>; 2] {
        [
            ClosedPlace { what: "the cache", path: store },
            ClosedPlace { what: "the output directory", path: output_dir },
        ]
    }
}

/// What of a plan's paths is there, and must be given to be seen. A path that is not there may be one of the image.
pub(crate) fn find(plan: &Plan, closed: &[ClosedPlace<'_>]) -> Result<Vec<GivenFile>, GivenError> {
    let mut found = Vec::new();
    misnamed::check(plan)?;
    for path in plan.host_paths.iter().filter(|path| !is_visible_to_hooks(Path::new(&path.path))) {
        // What is not there is told of where a hook would have read it.
        let Ok(source) = fs::canonicalize(&path.path) else { continue };
        let unreadable = |error: io::Error| GivenError::Unreadable {
            named_by: path.named_by.clone(),
            path: source.clone(),
            source: error,
        };
        let meta = fs::metadata(&source).map_err(unreadable)?;
        if (!meta.is_dir() && !meta.is_file()) || holds(&source, closed).is_some() {
            continue;
        }
        // From here on it is this one, whatever comes to be in its place.
        let (open, id) = open_with_id(&source).map_err(unreadable)?;
        let now = open.metadata().map_err(unreadable)?;
        if path.unless.is_some() && !is_world_readable(&source, &open) {
            continue;
        }
        let digest = match now.is_dir() {
            true => directory_digest(&Dir::from(OwnedFd::from(open))),
            false => sha256(open),
        };
        found.push(GivenFile {
            digest: digest.map_err(unreadable)?,
            given: Given { at: PathBuf::from(&path.path), source: source.clone(), id },
            named_by: path.named_by.clone(),
            from: path.from,
        });
    }
    Ok(found)
}

/// What a directory has in it that no hook may see.
fn holds(source: &Path, closed: &[ClosedPlace<'_>]) -> Option<&'static str> {
    let within = |place: &Path| fs::canonicalize(place).is_ok_and(|place| place.starts_with(source));
    let homes = passwd::homes().into_iter().chain(std::env::var_os("HOME").map(PathBuf::from));
    let home = homes
        .filter(|home| home.components().count() > 1)
        .find(|home| fs::canonicalize(home).is_ok_and(|home| home.starts_with(source)));
    let held = closed.iter().find(|place| within(place.path)).map(|place| place.what);
    held.or(home.map(|_| "a home directory"))
}

/// Whether everybody on this machine may read what is open here, and all that is in it.
fn is_world_readable(source: &Path, open: &File) -> bool {
    // What the kernel tells there is of whoever asks, and of the processes of the machine.
    if ["/proc", "/dev", "/run", "/sys"].iter().any(|dir| source.starts_with(dir)) {
        return false;
    }
    let reached = is_entered_by_all(source);
    let (Ok(found), Ok(again)) = (open.metadata(), open.try_clone()) else { return false };
    let mode = found.permissions().mode();
    let read = || is_tree_world_readable(&Dir::from(OwnedFd::from(again))).unwrap_or(false);
    reached
        && match found.is_dir() {
            true => mode & 0o005 == 0o005 && read(),
            false => mode & 0o004 != 0,
        }
}

/// Whether everybody on this machine may enter the directories in which a file is.
fn is_entered_by_all(source: &Path) -> bool {
    let mode = |path: &Path| fs::symlink_metadata(path).map_or(0, |found| found.permissions().mode());
    source.ancestors().skip(1).all(|above| mode(above) & 0o001 != 0)
}

/// The same, and read the file itself.
fn is_reached_by_all(source: &Path, found: &fs::Metadata) -> bool {
    is_entered_by_all(source) && found.permissions().mode() & 0o004 != 0
}

fn is_tree_world_readable(dir: &Dir) -> io::Result<bool> {
    for name in dir.names()? {
        let here = dir.entry(&name);
        let Some(found) = here.statx()? else { continue };
        let fits = match file_type(&found) {
            FileType::Directory => {
                found.stx_mode & 0o005 == 0o005 && is_tree_world_readable(&here.open_dir()?)?
            }
            FileType::RegularFile => found.stx_mode & 0o004 != 0,
            other => other == FileType::Symlink,
        };
        if !fits {
            return Ok(false);
        }
    }
    Ok(true)
}

/// One line for each path that is there, and is too wide to be given: for `dibber plan`.
pub(crate) fn not_given(plan: &Plan, closed: &[ClosedPlace<'_>]) -> String {
    let mut told = String::new();
    for path in plan.host_paths.iter().filter(|path| !is_visible_to_hooks(Path::new(&path.path))) {
        let Ok(source) = fs::canonicalize(&path.path) else { continue };
        let is_world_readable =
            || open_with_id(&source).is_ok_and(|(open, _)| is_world_readable(&source, &open));
        if let Some(variable) = path.unless.as_ref().filter(|_| !is_world_readable()) {
            told += &format!(
                "hooks are not given {0}, which {1} of an element names: not everybody may read it; say {variable}={0} if they \
                 are to\n",
                path.path, path.named_by
            );
        } else if let Some(what) = holds(&source, closed) {
            told += &format!(
                "hooks are not given {}, which {} names: it holds {what}; name what they need in it\n",
                path.path, path.named_by
            );
        }
    }
    told
}

/// A directory by what changes when somebody works in it. Contents are not read: a repository may be large.
fn directory_digest(dir: &Dir) -> io::Result<Digest> {
    let mut hasher = Hasher::new("given directory 1");
    add_directory(dir, &mut hasher)?;
    Ok(hasher.finish())
}

fn add_directory(dir: &Dir, hasher: &mut Hasher) -> io::Result<()> {
    for name in dir.names()? {
        let here = dir.entry(&name);
        let Some(found) = here.statx()? else { continue };
        hasher.part(name.to_bytes()).part(&found.stx_mode.to_le_bytes());
        match file_type(&found) {
            FileType::Directory => match here.open_dir() {
                Ok(below) => add_directory(&below, hasher)?,
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {}
                Err(error) => return Err(error),
            },
            FileType::Symlink => {
                hasher.part(os(&here.read_link()?).as_encoded_bytes());
            }
            _ => {
                let time = found.stx_mtime;
                hasher.part(&found.stx_size.to_le_bytes());
                hasher.part(&time.tv_sec.to_le_bytes()).part(&time.tv_nsec.to_le_bytes());
            }
        }
    }
    hasher.part(b"end");
    Ok(())
}

/// What the worker is given for all of its hooks: each path once.
pub(crate) fn for_worker<'a>(files: impl Iterator<Item = &'a GivenFile>) -> Vec<Given> {
    let by_path: BTreeMap<PathBuf, Given> =
        files.map(|file| (file.given.at.clone(), file.given.clone())).collect();
    by_path.into_values().collect()
}

/// One line for each, for `dibber plan`.
pub(crate) fn described(files: &[GivenFile]) -> String {
    files
        .iter()
        .map(|file| {
            let at = file.given.at.display();
            format!("hooks are given {at} of this machine, read-only: {} names it\n", file.named_by)
        })
        .collect()
}
