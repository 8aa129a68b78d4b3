//! Writes its environment to a file: how the sandbox learns what environment.d came to, with no tool of the tree.
//!
//! In: a path. Out: `NAME=value`, each ended by NUL. Never: output.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

/// The name that it is called by.
pub const PRINT_ENVIRONMENT: &str = "dibber-environment";

pub(crate) fn main(name: &str, arguments: &[OsString]) -> i32 {
    let Some(path) = arguments.first() else {
        eprintln!("{name}: no path");
        return 2;
    };
    let mut text = Vec::new();
    for (variable, value) in std::env::vars_os() {
        text.extend_from_slice(variable.as_bytes());
        text.push(b'=');
        text.extend_from_slice(value.as_bytes());
        text.push(0);
    }
    match std::fs::write(path, text) {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("{name}: cannot write {}: {error}", path.display());
            1
        }
    }
}
