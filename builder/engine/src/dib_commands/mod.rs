//! dib's commands that hooks call (`dib-run-parts`, `pkg-map`, `svc-map`): this program under their names, on both sides of the chroot. dib
//! installs them as Python and bash scripts; an image without Python would lack them.
//!
//! In: a name and arguments, and the elements' files beside the hooks. Out: what dib's commands print, and their exit codes.
//! Never: Python, or a map installed into the tree.
#![expect(clippy::disallowed_methods, reason = "runs as the hook that calls it, and sees what that sees")]

mod accelerate;
mod pkg_map;
mod run_parts;
mod svc_map;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use dibber_model::Digest;
use dibber_plan::{Body, ElementSource, Entry};
use dibber_sandbox::{BUILD, IN_TARGET};

use crate::steps::ELEMENTS;

type Program = fn(&[String]) -> i32;

const PROGRAMS: [(&str, Program); 4] = [
    ("dib-run-parts", run_parts::main),
    ("dibber-accelerate", accelerate::main),
    ("pkg-map", pkg_map::main),
    ("svc-map", svc_map::main),
];

/// Those that dib's elements of the same names bring into the tree.
const MAPS: [&str; 2] = ["pkg-map", "svc-map"];

/// Every name that these commands answer to.
pub fn names() -> impl Iterator<Item = &'static str> {
    PROGRAMS.iter().map(|(name, _)| *name)
}

/// Does a command's work if the program was called by its name. The answer is an exit code.
pub fn main(called: &str, arguments: &[OsString]) -> Option<i32> {
    let name = called.rsplit('/').next().unwrap_or(called);
    let (_, program) = PROGRAMS.iter().find(|(known, _)| *known == name)?;
    if let Some(own) = installed(name) {
        let error = Command::new(&own).args(arguments).exec();
        eprintln!("{name}: cannot start {}: {error}", own.display());
        return Some(126);
    }
    let words: Vec<String> = arguments.iter().map(|word| word.to_string_lossy().into_owned()).collect();
    Some(program(&words))
}

/// Where an element brought a program of that name, as dib's own `install-bin` puts them: then that is meant.
fn installed(name: &str) -> Option<PathBuf> {
    let own = Path::new("/usr/local/bin").join(name);
    let is_inside = !Path::new(BUILD).join("hooks").is_dir();
    (is_inside && MAPS.contains(&name) && own.is_file()).then_some(own)
}

/// The hooks directory, on whichever side this is. No variable says so: `sudo` drops them.
fn hooks() -> PathBuf {
    let outside = Path::new(BUILD).join("hooks");
    if outside.is_dir() { outside } else { PathBuf::from(IN_TARGET) }
}

/// Elements that have a file of that name at their top, with that file alone.
fn with_file(name: &str) -> std::io::Result<Vec<ElementSource>> {
    let dir = hooks().join(ELEMENTS);
    let mut found = Vec::new();
    for entry in fs::read_dir(&dir)? {
        let element = entry?.path();
        let Ok(bytes) = fs::read(element.join(name)) else { continue };
        let entry =
            Entry::File { executable: false, digest: Digest::of(&bytes), body: Body::Inline(bytes.into()) };
        found.push(ElementSource {
            name: element.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            origin: element.display().to_string(),
            entries: BTreeMap::from([(name.to_string(), entry)]),
            modes: BTreeMap::new(),
        });
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_default()
}
