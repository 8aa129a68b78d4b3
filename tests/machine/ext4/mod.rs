//! ext4 before foreign judges: e2fsck, debugfs, resize2fs, the kernel, and the reader `ext4-view`.
//!
//! In: trees on memory and in files. Out: what the judges say. Never: our own reader. Mounting needs root and a kernel
//! with loop devices and ext4.

// A list of one range is what is meant where it stands.
#![allow(clippy::single_range_in_vec_init)]

pub(crate) mod compare;
pub(crate) mod generated;
mod growth;
mod large;
mod lived_in;
mod refusals;
mod sizes;
pub(crate) mod trees;
mod whole;

use std::path::{Path, PathBuf};

use dibber_format::ext4::{Ext4Params, write};
use dibber_model::{Extents, MkfsOptions, Piece, Seed, Timestamp, Tree};
use dibber_tests::{accepts, write_image};

/// Names and times of the test filesystems.
fn params() -> Ext4Params {
    let seed = Seed::from_names(["ext4 tests"]);
    Ext4Params {
        label: "root".into(),
        uuid: seed.uuid("filesystem", 0),
        hash_seed: seed.uuid("hash", 0),
        epoch: Timestamp { secs: 1_700_000_000, nanos: 123_456_789 },
        options: MkfsOptions::default(),
        mount_point: "/".into(),
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("test paths are UTF-8")
}

/// e2fsck must find nothing to say: neither an error nor something that it would optimise.
fn check(image: &Path) {
    let said = accepts("e2fsck", &["-fn", text(image)]);
    let known = |line: &str| {
        line.is_empty()
            || line.starts_with("e2fsck 1.")
            || line.starts_with("Pass ")
            || line.contains(" files (") && line.ends_with(" blocks")
    };
    let odd: Vec<&str> = said.lines().filter(|line| !known(line)).collect();
    assert!(odd.is_empty(), "e2fsck remarks: {odd:#?}");
}

/// Writes an image of `len` bytes into `dir`, and has e2fsck judge it.
fn image(dir: &Path, (tree, files): (&Tree, &[PathBuf]), params: &Ext4Params, len: u64) -> PathBuf {
    let extents = write(tree, params, len).expect("the tree fits");
    assert_eq!(extents.len(), len);
    let path = dir.join("ext4.img");
    write_image(&extents, files, &path);
    check(&path);
    path
}

/// The same without the content of files on disk, which no checker of metadata reads: quick at any size.
fn skeleton(dir: &Path, tree: &Tree, params: &Ext4Params, len: u64) -> PathBuf {
    let extents = write(tree, params, len).expect("the tree fits");
    let metadata =
        extents.iter().filter(|extent| matches!(extent.piece, Piece::Bytes { .. })).cloned().collect();
    let path = dir.join("skeleton.img");
    write_image(&Extents::new(len, metadata).expect("they were extents before"), &[], &path);
    check(&path);
    path
}
