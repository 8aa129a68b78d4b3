//! Where a store is, and what stands there before anything is made.
//!
//! In: variables, the path of a store. Out: its place, what stands there. Never: a change; a build and `dibber doctor` decide
//! by the same look.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use dibber_fs::{PathContext, PathError};

use super::{Store, StoreError, VERSION, is_ours, refuse_foreign};

/// What stands where a store is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Site {
    /// A store of this version.
    Store,
    /// A directory that becomes a store: empty, or with what an interrupted [`Store::open`] left.
    Empty,
    /// Nothing. It is made in this directory, the nearest above it that is there.
    Nothing {
        /// The directory.
        above: PathBuf,
    },
}

impl Store {
    /// Where the store is by these variables: `DIBBER_CACHE`, or else `XDG_CACHE_HOME`, or else `HOME`, or else the home that
    /// /etc/passwd gives who runs this. Relative values of the two in the middle are ignored, as the XDG base directory
    /// specification wants.
    pub fn place(
        variable: impl Fn(&str) -> Option<PathBuf>,
        home: Option<PathBuf>,
    ) -> Result<PathBuf, StoreError> {
        let set = |name: &str| variable(name).filter(|path| !path.as_os_str().is_empty());
        let absolute = |name: &str| set(name).filter(|path| path.is_absolute());
        set("DIBBER_CACHE")
            .or_else(|| absolute("XDG_CACHE_HOME").map(|path| path.join("dibber")))
            .or_else(|| absolute("HOME").or(home).map(|path| path.join(".cache/dibber")))
            .ok_or(StoreError::NoPlace)
    }

    /// The place that this process's environment says.
    pub fn usual_place() -> Result<PathBuf, StoreError> {
        let home = dibber_fs::passwd::homes().into_iter().find(|home| home.is_absolute());
        Store::place(|name| std::env::var_os(name).map(PathBuf::from), home)
    }

    /// What stands at `root`, as [`Store::open`] would find it; fails where that would refuse it.
    pub fn survey(root: &Path) -> Result<Site, StoreError> {
        let root = std::path::absolute(root).with_path("find", root)?;
        let above = nearest_directory(&root)?;
        if above != root {
            return Ok(Site::Nothing { above });
        }
        refuse_foreign(&root.canonicalize().with_path("find", &root)?)?;
        let stamp = root.join("VERSION");
        match dibber_fs::read_file(&stamp, 4096).map(|text| String::from_utf8_lossy(&text).into_owned()) {
            Ok(found) if found == VERSION => Ok(Site::Store),
            Ok(found) => {
                let found = found.trim().chars().take(60).collect();
                Err(StoreError::Version { path: root, found })
            }
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                let known = |entry: io::Result<fs::DirEntry>| entry.is_ok_and(|e| is_ours(&e.file_name()));
                match fs::read_dir(&root).with_path("read", &root)?.all(known) {
                    true => Ok(Site::Empty),
                    false => Err(StoreError::Foreign { path: root }),
                }
            }
            Err(e) => Err(PathError::new("read", &stamp, e).into()),
        }
    }
}

/// The nearest directory that is there, from `root` upwards.
fn nearest_directory(root: &Path) -> Result<PathBuf, StoreError> {
    for path in root.ancestors() {
        match fs::metadata(path) {
            Ok(found) if found.is_dir() => return Ok(path.to_path_buf()),
            Ok(_) => return Err(PathError::new("use", path, io::ErrorKind::NotADirectory).into()),
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                if let Ok(target) = fs::read_link(path) {
                    return Err(StoreError::Nowhere { path: path.to_path_buf(), target });
                }
            }
            // What is in the way is higher up.
            Err(e) if e.kind() == io::ErrorKind::NotADirectory => {}
            Err(e) => return Err(PathError::new("use", path, e).into()),
        }
    }
    Err(PathError::new("use", root, io::ErrorKind::NotFound).into())
}
