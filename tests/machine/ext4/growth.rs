//! resize2fs on what was written: growth a thousandfold, without moving anything.
//!
//! It runs offline here. The kernel's online growth takes the same blocks from the resize inode.

use std::fs::File;
use std::path::Path;

use dibber_format::ext4::{Ext4Params, measure};
use dibber_model::{Bytes, MkfsOptions, Tree};
use dibber_tests::accepts;

use super::compare::equal;
use super::trees::{Sapling, everything, file, noise};
use super::{check, image, params, text};

fn grow(path: &Path, len: u64) {
    File::options().write(true).open(path).expect("open").set_len(len).expect("size");
    accepts("resize2fs", &[text(path)]);
    check(path);
    let said = accepts("dumpe2fs", &["-h", text(path)]);
    assert!(said.contains("resize_inode") && !said.contains("meta_bg"), "{said}");
    let blocks = said.lines().find_map(|line| line.strip_prefix("Block count:")).expect("a line");
    assert_eq!(blocks.trim().parse::<u64>().ok(), Some(len / 4096));
}

fn grows(tree: &Tree, params: &Ext4Params, from: u64, to: &[u64]) {
    let dir = tempfile::tempdir().expect("make a directory");
    let path = image(dir.path(), (tree, &[]), params, from);
    for len in to {
        grow(&path, *len);
    }
    equal(&path, (tree, &[]), params);
}

#[test]
fn a_thousandfold() {
    grows(&everything(), &params(), 64 << 20, &[64 << 30]);
}

#[test]
fn from_the_least_size_in_steps() {
    let tree = everything();
    let Bytes(least) = measure(&tree, &params()).unwrap();
    grows(&tree, &params(), least, &[100 << 20, 1 << 30, (20 << 30) + (9 << 20) + 4096]);
}

#[test]
fn from_several_groups() {
    let mut tree = Sapling::new();
    tree.add("file", file(noise(1 << 20, 1)));
    for from in [300 << 20, 2 << 30, 3 << 30] {
        grows(&tree.0, &params(), from, &[from * 2 + (9 << 20), from * 10]);
    }
}

#[test]
fn as_far_as_was_asked_for() {
    let options = MkfsOptions { grow_to: Some(Bytes::gib(512)), ..MkfsOptions::default() };
    let mut tree = Sapling::new();
    tree.add("file", file(noise(1 << 20, 1)));
    grows(&tree.0, &Ext4Params { options, ..params() }, 32 << 20, &[100 << 30]);
}
