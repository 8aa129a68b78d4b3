//! The program's own sources, for tests of what may be named where.
//!
//! In: the directory `builder/`. Out: its files, and their lines of code. Never: tests, examples, comments.

use std::fs;
use std::path::{Path, PathBuf};

/// The directory of all crates.
pub(super) fn builder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../builder")
}

/// Every source file below a directory that is neither a test nor an example.
pub(super) fn sources(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).expect("a source directory") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().and_then(|name| name.to_str()).expect("UTF-8").to_string();
        let tests =
            name == "tests.rs" || name.ends_with("_tests.rs") || name == "tests" || name == "examples";
        if path.is_dir() && !tests {
            found.extend(sources(&path));
        } else if name.ends_with(".rs") && !tests {
            found.push(path);
        }
    }
    found
}

/// Lines of a source file that are code of the program: neither comments nor tests.
pub(super) fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text.lines().take_while(|line| line.trim() != "#[cfg(test)]");
    lines.enumerate().filter(|(_, line)| !line.trim_start().starts_with("//"))
}

/// Whether the word stands in the line as a whole word.
pub(super) fn names(line: &str, word: &str) -> bool {
    let part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    line.match_indices(word)
        .any(|(at, _)| !line[..at].ends_with(part) && !line[at + word.len()..].starts_with(part))
}
