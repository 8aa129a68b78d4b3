//! Filesystems, output formats and distributions are rows: the places of the program that may name one are listed here, each with
//! its reason. `arch_table` does the same for architectures.
//!
//! In: the program's sources, and the tables. Out: every line of code elsewhere that names a row, which must be none. Never:
//! comments and tests, which may speak of them.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use dibber_model::{distro, filesystem};
use dibber_plan::output::OUTPUTS;

use super::sources::{builder, code, names, sources};

/// Files below `builder/` that may name a filesystem.
const OF_FILESYSTEMS: &[(&str, &str)] = &[
    ("model/src/filesystem.rs", "the rows"),
    ("format/src/filesystem.rs", "who writes each"),
    ("plan/src/disk/spec.rs", "what a root is unless somebody says otherwise"),
];

/// Files that may name an output format.
const OF_OUTPUTS: &[(&str, &str)] = &[
    ("plan/src/output.rs", "the rows"),
    (
        "plan/src/image_planner.rs",
        "what an image comes out as unless it says: a qcow2, and what elements of ramdisks add",
    ),
    ("plan/src/native_tree.rs", "a plan has outputs, and the native programs' tree is none"),
    ("engine/src/outputs/mod.rs", "the raw file that qemu-img converts"),
];

/// Files that may name a distribution.
const OF_DISTRIBUTIONS: &[(&str, &str)] = &[
    ("model/src/distro/known/debian.rs", "the row"),
    ("lint/src/upstream.rs", "names of dib's own elements, which others may need"),
];

/// Every line of code elsewhere that has one of the words.
fn faults(words: &BTreeSet<String>, homes: &[(&str, &str)]) -> Vec<String> {
    let mut found = Vec::new();
    for file in sources(&builder()) {
        let path = file.strip_prefix(builder()).expect("below").display().to_string();
        if homes.iter().any(|(home, _)| *home == path) {
            continue;
        }
        let text = fs::read_to_string(&file).expect("UTF-8");
        let named = |line: &str| words.iter().find(|word| names(line, word)).cloned();
        found.extend(
            code(&text).filter_map(|(at, line)| {
                Some(format!("{path}:{}: {}: {}", at + 1, named(line)?, line.trim()))
            }),
        );
    }
    found
}

fn variants<T: std::fmt::Debug>(kind: &str, all: impl IntoIterator<Item = T>) -> BTreeSet<String> {
    all.into_iter().map(|row| format!("{kind}::{row:?}")).collect()
}

#[test]
fn filesystems() {
    let words = variants("FsKind", filesystem::FILESYSTEMS.iter().map(|facts| facts.kind));
    assert_eq!(
        faults(&words, OF_FILESYSTEMS),
        [""; 0],
        "facts of filesystems belong into model/src/filesystem.rs"
    );
}

#[test]
fn output_formats() {
    let words = variants("OutputKind", OUTPUTS.iter().map(|facts| facts.kind));
    assert_eq!(faults(&words, OF_OUTPUTS), [""; 0], "facts of output formats belong into plan/src/output.rs");
}

#[test]
fn distributions() {
    let mut words = BTreeSet::new();
    for facts in distro::all() {
        words.extend([format!("\"{}\"", facts.element), format!("\"{}\"", facts.archive.mirror)]);
        words.extend([format!("\"{}\"", facts.archive.security), format!("\"{}\"", facts.archive.keyring)]);
    }
    assert_eq!(
        faults(&words, OF_DISTRIBUTIONS),
        [""; 0],
        "facts of distributions belong into model/src/distro/known"
    );
}

/// The broken twins: a home that is not listed is found.
#[test]
fn a_name_is_found() {
    let words = variants("FsKind", filesystem::FILESYSTEMS.iter().map(|facts| facts.kind));
    for (home, _) in OF_FILESYSTEMS {
        let others: Vec<(&str, &str)> =
            OF_FILESYSTEMS.iter().copied().filter(|(other, _)| other != home).collect();
        assert!(!faults(&words, &others).is_empty(), "{home} names none, and need not be listed");
    }
    let words = variants("OutputKind", OUTPUTS.iter().map(|facts| facts.kind));
    for (home, _) in OF_OUTPUTS {
        let others: Vec<(&str, &str)> =
            OF_OUTPUTS.iter().copied().filter(|(other, _)| other != home).collect();
        assert!(!faults(&words, &others).is_empty(), "{home} names none, and need not be listed");
    }
}

/// What people read lists every row.
#[test]
fn pages_tell_all() {
    let page = |name: &str| {
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(name)).expect("a page")
    };
    let files = page("image-files.md");
    for facts in &OUTPUTS {
        assert!(
            files.contains(&format!("`{}`", facts.name)),
            "docs/image-files.md does not tell of {}",
            facts.name
        );
    }
    for facts in &filesystem::FILESYSTEMS {
        let word = format!("`{}`", facts.name);
        assert!(files.contains(&word), "docs/image-files.md does not tell of {}", facts.name);
    }
}
