//! The sentences that say what to do when the machine refuses.
//!
//! In: what was refused. Out: findings. Never: a guess where the machine can be asked.

use std::io;
use std::path::Path;

use super::error::SandboxError;
use super::probe::{Finding, State};

fn missing(what: &'static str, why: String, mend: &str) -> Finding {
    Finding { what, state: State::Missing, why, mend: mend.to_owned() }
}

pub(super) fn helper_missing(program: &str, why: &str) -> Finding {
    missing("newuidmap and newgidmap", format!("{program}: {why}"), "install the package uidmap (Debian, Ubuntu) or shadow-utils")
}

pub(super) fn helper_refused(program: &str, said: &str) -> Finding {
    missing("newuidmap and newgidmap", format!("{program} refused: {said}"), "TODO")
}

pub(super) fn no_range(path: &str, name: &str) -> Finding {
    missing("subordinate ids", format!("{path} grants {name} no range"), "TODO")
}

pub(super) fn too_few_inner_ids() -> Finding {
    missing("ids of this container", "too few".to_owned(), "TODO")
}

pub(super) fn user_namespace_refused(error: &io::Error) -> Finding {
    missing("user namespaces", error.to_string(), "TODO")
}

pub(super) fn namespaces_refused(error: &io::Error) -> Finding {
    missing("namespaces", error.to_string(), "TODO")
}

pub(super) fn proc_refused(error: &SandboxError) -> SandboxError {
    SandboxError::Missing(missing("a /proc of its own", error.to_string(), "TODO"))
}

pub(super) fn coverable(home: &Path) -> bool {
    let system = ["/usr", "/bin", "/sbin", "/lib", "/etc", "/dev", "/proc", "/sys", "/run", "/boot"];
    home.components().count() > 2 && !system.iter().any(|dir| home.starts_with(dir))
}

pub(super) fn all() -> Vec<Finding> {
    Vec::new()
}
