//! The hooks directory of one step, laid out afresh: a step sees its own phase's hooks up to itself, and no later one.
//!
//! In: a plan and a step. Out: files below `hooks/`, and each element's own files below `hooks/.elements/`. Never: a mode,
//! owner or time of the directories that were scanned.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, symlink};
use std::path::{Path, PathBuf};

use dibber_model::Phase;
use dibber_plan::elements::hooks;
use dibber_plan::{Body, Entry, NETWORK_FILE, Plan, Step};

use super::id;

/// Below the hooks directory: a directory for each element with the files of its top, which the flat merge would hide. Names
/// of hooks and of phases have no dot in front, so nothing there is taken for one.
pub const ELEMENTS: &str = ".elements";

/// Makes `DIR/hooks` and an empty `DIR/mnt`.
pub(super) fn lay_out(dir: &Path, plan: &Plan, step: Option<&Step>) -> io::Result<()> {
    fs::create_dir_all(dir.join("mnt"))?;
    for phase in Phase::all() {
        fs::create_dir_all(dir.join("hooks").join(phase.directory()))?;
    }
    elements(&dir.join("hooks").join(ELEMENTS), plan)?;
    let Some(step) = step else { return Ok(()) };
    for file in hooks::seen_by(&id::request(plan), step) {
        if let Some(entry) = id::entry(&plan.elements, &file.element, &file.source) {
            place(&dir.join("hooks").join(&file.path), entry)?;
        }
    }
    Ok(())
}

/// A directory for each name, empty for what the program stands in for.
fn elements(dir: &Path, plan: &Plan) -> io::Result<()> {
    for name in &plan.names {
        fs::create_dir_all(dir.join(name))?;
    }
    for element in &plan.elements {
        let own = dir.join(&element.name);
        // What concerns one element alone lies at its top: pkg-map, package-installs.yaml, source-repository-*.
        let top =
            |path: &str| !path.contains('/') && Phase::of_directory(path).is_none() && path != NETWORK_FILE;
        for (path, entry) in element.entries.iter().filter(|(path, _)| top(path)) {
            place(&own.join(path), entry)?;
        }
    }
    Ok(())
}

fn place(path: &Path, entry: &Entry) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    match entry {
        Entry::Dir => fs::create_dir_all(path),
        Entry::Symlink(target) => replace(path, |path| symlink(target, path)),
        Entry::File { executable, body, .. } => replace(path, |path| {
            let mode = if *executable { 0o755 } else { 0o644 };
            let mut file = File::options().write(true).create_new(true).mode(mode).open(path)?;
            match body {
                Body::Inline(bytes) => file.write_all(bytes),
                Body::OnDisk(source) => {
                    io::copy(&mut File::open(PathBuf::from(source))?, &mut file).map(drop)
                }
            }
        }),
    }
}

/// A later element's file takes the place of an earlier one's.
fn replace(path: &Path, make: impl FnOnce(&Path) -> io::Result<()>) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    make(path)
}
