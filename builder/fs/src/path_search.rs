//! Programs of the host, found in `PATH` as execvp(3) would find them, to tell what is missing before it is needed.
//!
//! In: `PATH`. Out: the file of a program. Never: a program run.
#![expect(clippy::disallowed_methods, reason = "paths of the host, which no hook writes to")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

/// Where glibc's execvp(3) looks when `PATH` is not set.
const STANDARD: &str = "/bin:/usr/bin";

/// The directories in which programs are looked for, in their order.
pub fn directories() -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_else(|| STANDARD.into());
    std::env::split_paths(&path).collect()
}

/// The file of a program, if it is there and can be run.
pub fn find(program: &str) -> Option<PathBuf> {
    let runs = |file: &PathBuf| {
        fs::metadata(file).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
    };
    directories().into_iter().map(|dir| dir.join(program)).find(runs)
}
