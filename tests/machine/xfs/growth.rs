//! xfs_growfs on what was written: the kernel's own growth, of a mounted filesystem.

use std::fs::File;

use dibber_format::xfs::{XfsParams, measure};
use dibber_model::filesystem::XfsOptions;
use dibber_model::{Bytes, SectorSize, Tree};
use dibber_tests::accepts;

use crate::ext4::compare::Mounted;
use crate::ext4::trees::{Sapling, file, noise};

use super::{check, equal, everything, image, params, superblock, text};

fn grows(tree: &Tree, params: &XfsParams, from: u64, to: &[u64]) {
    let dir = tempfile::tempdir().expect("make a directory");
    let path = image(dir.path(), (tree, &[]), params, from);
    for len in to {
        File::options().write(true).open(&path).expect("open").set_len(*len).expect("size");
        let mounted = Mounted::of("xfs", &path, "loop,rw,nouuid,noatime");
        accepts("xfs_growfs", &[text(mounted.path())]);
        drop(mounted);
        check(&path);
        let blocks: u64 = superblock(&path, "dblocks").parse().expect("a number");
        // A last group of less than 16 MiB is left out.
        assert!(blocks * 4096 <= *len && blocks * 4096 + (16 << 20) > *len, "{blocks} of {len}");
    }
    equal(&path, (tree, &[]), params);
}

#[test]
fn xfs_grows_from_the_least_size_in_steps() {
    let mut tree = Sapling(everything());
    tree.add("much", file(noise(250 << 20, 3)));
    let Bytes(least) = measure(&tree.0, &params()).unwrap();
    grows(&tree.0, &params(), least, &[400 << 20, 1 << 30, (20 << 30) + (9 << 20) + 4096]);
}

#[test]
fn xfs_grows_with_every_tree_that_it_has() {
    let options = XfsOptions { rmapbt: Some(true), large_extent_counts: Some(true), ..XfsOptions::default() };
    let params = XfsParams { options, sector: SectorSize::B4096, ..params() };
    grows(&everything(), &params, 300 << 20, &[64 << 30]);
}
