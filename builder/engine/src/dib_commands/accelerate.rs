//! `dibber-accelerate on|off ROOT`: native programs in a root that a host-side hook makes itself.
//!
//! In: a foreign root whose programs are unpacked, with the package lists that they come from. Out: the interpreter at work
//! in it. Never: a failure where there is nothing to speed up.

use std::path::{Path, PathBuf};
use std::{fs, io};

use dibber_fs::Dir;
use dibber_sandbox::interpreter::{NAME, NATIVE, StandInTable};
use dibber_sandbox::{BinfmtMisc, SHIMS, SandboxError};
use rustix::mount::{UnmountFlags, mount_bind_recursive, unmount};

use crate::stand_ins::{PackagedTree, Versions, stand_ins};

/// The name that foreign programs are registered under while native ones stand in.
const ENTRY: &str = "native";

pub(super) fn main(words: &[String]) -> i32 {
    let [action, root] = words else { return usage() };
    let done = match (action.as_str(), Path::new(NATIVE).is_dir()) {
        ("on" | "off", false) => Ok(()),
        ("on", true) => on(Path::new(root)),
        ("off", true) => off(Path::new(root)),
        _ => return usage(),
    };
    match done {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("dibber-accelerate: {root}: {error}");
            1
        }
    }
}

fn usage() -> i32 {
    eprintln!("usage: dibber-accelerate on|off ROOT");
    2
}

#[derive(Debug, thiserror::Error)]
enum AccelerateError {
    #[error("{0}: {1}")]
    File(PathBuf, #[source] io::Error),
    #[error("{NATIVE}/table is not as the sandbox wrote it")]
    Table,
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
}

fn at<E: Into<io::Error>>(path: &Path) -> impl FnOnce(E) -> AccelerateError {
    let path = path.to_path_buf();
    move |error| AccelerateError::File(path, error.into())
}

/// What the root has of the sandbox's, in the order in which it is mounted.
const SHARED: [&str; 2] = [SHIMS, NATIVE];

/// Nothing is installed in the sense of dpkg yet, so versions are those on offer, here and there: from the same offer, apt
/// takes the same.
fn on(root: &Path) -> Result<(), AccelerateError> {
    let native_root = Path::new(NATIVE).join("root");
    let open = |tree: &Path| Dir::open(tree).map_err(at(tree));
    let (theirs, ours) = (open(root)?, open(&native_root)?);
    let offers = |tree: &Dir, path: &Path| Versions::on_offer(tree).map_err(at(path));
    let path = Path::new(NATIVE).join("table");
    let told = fs::read_to_string(&path).map_err(at(&path))?;
    let told = StandInTable::read(&told).ok_or(AccelerateError::Table)?;
    let arch = told.arch;
    let foreign = PackagedTree { tree: &theirs, versions: &offers(&theirs, root)? };
    let native = PackagedTree { tree: &ours, versions: &offers(&ours, &native_root)? };
    let rows = stand_ins(&foreign, &native);
    fs::write(&path, StandInTable { rows, ..told }.to_text()).map_err(at(&path))?;
    for place in SHARED {
        let inside = root.join(place.trim_start_matches('/'));
        fs::create_dir_all(&inside).map_err(at(&inside))?;
        mount_bind_recursive(place, &inside).map_err(at(&inside))?;
    }
    let instance = BinfmtMisc::open()?;
    instance.register(ENTRY, arch, &format!("{SHIMS}/{NAME}"))?;
    Ok(())
}

fn off(root: &Path) -> Result<(), AccelerateError> {
    BinfmtMisc::open()?.unregister(ENTRY)?;
    for place in SHARED.into_iter().rev() {
        let inside = root.join(place.trim_start_matches('/'));
        unmount(&inside, UnmountFlags::DETACH).map_err(at(&inside))?;
        fs::remove_dir(&inside).map_err(at(&inside))?;
    }
    let ours = root.join("run/dibber");
    fs::remove_dir(&ours).map_err(at(&ours))
}
