//! What is large: directories of 100,000 names, files over a group's length, maps of two levels, attributes by the hundred.

use dibber_format::xfs::{XfsParams, write};
use dibber_model::filesystem::XfsOptions;
use dibber_model::{Inode, Kind, Tree};
use dibber_tests::accepts;

use crate::ext4::trees::{Sapling, dir, file, inode, noise, on_disk, sparse, with_xattrs, xattr};

use super::{LEAST, equal, image, params, skeleton, text};

fn a_directory_of(names: u32, name: impl Fn(u32) -> String) -> Tree {
    let mut tree = Sapling::new();
    let large = tree.add("large", dir());
    let only = tree.under(large, name(0), file("one inode"));
    for n in 1..names {
        match n % 10 {
            0 => drop(tree.under(large, name(n), inode(0o644, Kind::Fifo))),
            // Links: names without inodes.
            _ => tree.0.link(large, name(n).as_bytes(), only).expect("a new name"),
        }
    }
    tree.0
}

#[test]
fn a_directory_of_100_000_names_in_xfs() {
    let tree = a_directory_of(100_000, |n| format!("{n}"));
    let dir = tempfile::tempdir().unwrap();
    let path = image(dir.path(), (&tree, &[]), &params(), LEAST);
    equal(&path, (&tree, &[]), &params());
    let root = ["-r", "-f", "-c", "path /large", "-c", "dblock 8388608", "-c", "print nhdr.level"];
    let said = accepts("xfs_db", &[&root[..], &[text(&path)]].concat());
    assert_eq!(said.trim(), "nhdr.level = 1");
}

/// More hashes than one node leads to: 504 leaves of 504 each.
#[test]
fn a_directory_of_xfs_with_two_levels_of_nodes() {
    let tree = a_directory_of(300_000, |n| format!("{n:0>100}"));
    let dir = tempfile::tempdir().unwrap();
    let path = image(dir.path(), (&tree, &[]), &params(), 400 << 20);
    equal(&path, (&tree, &[]), &params());
    let root = ["-r", "-f", "-c", "path /large", "-c", "dblock 8388608", "-c", "print nhdr.level"];
    let said = accepts("xfs_db", &[&root[..], &[text(&path)]].concat());
    assert_eq!(said.trim(), "nhdr.level = 2");
}

/// Each form, up to the name with which the next begins.
#[test]
fn directories_of_xfs_around_every_form() {
    let mut tree = Sapling::new();
    // In the inode of 512 bytes: 336 less 6, by 8 and the name's length. In one block: 4096 less 104, by 24 and 8. In blocks with one leaf:
    // 4096 less 68, less 2 for each block, by 8.
    for (len, counts) in
        [(3, vec![0, 1, 29, 30, 31]), (10, vec![123, 124, 125, 126, 495, 496, 497, 498, 499, 500, 501, 502])]
    {
        for names in counts {
            let sub = tree.add(format!("of-{names}"), dir());
            let labelled =
                tree.add(format!("labelled-of-{names}"), with_xattrs(dir(), vec![xattr("user.x", &[1; 60])]));
            for n in 0..names {
                tree.under(sub, format!("{n:0>len$}"), file(""));
                tree.under(labelled, format!("{n:0>len$}"), dir());
            }
        }
    }
    // Every length of name in the inode and in blocks.
    for len in 1..=255 {
        let sub = tree.add(format!("len-{len}"), dir());
        for n in 0..len % 40 + 1 {
            let name = format!("{n:0>len$}");
            if name.len() == len {
                tree.under(sub, name, file(""));
            }
        }
    }
    let dir = tempfile::tempdir().unwrap();
    let path = image(dir.path(), (&tree.0, &[]), &params(), LEAST);
    equal(&path, (&tree.0, &[]), &params());
}

#[test]
fn a_file_of_xfs_over_several_groups() {
    let dir = tempfile::tempdir().unwrap();
    let held = dir.path().join("held");
    let out = std::fs::File::create(&held).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&out, &noise(200 << 20, 2), 0).unwrap();
    let mut tree = Sapling::new();
    tree.add("much", on_disk(200 << 20, &[0..200 << 20]));
    let files = [held];
    for rmapbt in [None, Some(true)] {
        let params = XfsParams { options: XfsOptions { rmapbt, ..XfsOptions::default() }, ..params() };
        let path = image(dir.path(), (&tree.0, &files), &params, LEAST);
        equal(&path, (&tree.0, &files), &params);
    }
}

#[test]
fn a_sparse_file_of_5_gib_in_xfs() {
    let mut tree = Sapling::new();
    tree.add("sparse", sparse(5 << 30, &[0..100, 900_000..1_000_000]));
    let last = Kind::File(dibber_model::Content {
        len: 5 << 30,
        data: vec![(5 << 30) - 5000..5 << 30],
        source: dibber_model::Source::File(dibber_model::FileRef(0)),
    });
    tree.add("last", inode(0o600, last));
    let dir = tempfile::tempdir().unwrap();
    let held = dir.path().join("held");
    let out = std::fs::File::create(&held).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&out, &noise(5000, 2), (5 << 30) - 5000).unwrap();
    let files = [held];
    let extents = write(&tree.0, &params(), LEAST).unwrap();
    assert!(extents.covered() < 2 << 20, "{}", extents.covered());
    let path = image(dir.path(), (&tree.0, &files), &params(), LEAST);
    equal(&path, (&tree.0, &files), &params());
}

/// 200,000 runs are 797 leaves, over four nodes.
#[test]
fn maps_of_xfs_of_three_levels() {
    let mut tree = Sapling::new();
    let comb: Vec<_> = (0..200_000u64).map(|n| n * 8192..n * 8192 + 1).collect();
    tree.add("comb", on_disk(200_000 * 8192, &comb));
    tree.add(
        "labelled",
        Inode {
            meta: with_xattrs(file(""), vec![xattr("user.x", &[1; 250])]).meta,
            ..on_disk(200_000 * 8192, &comb)
        },
    );
    let dir = tempfile::tempdir().unwrap();
    for rmapbt in [None, Some(true)] {
        let params = XfsParams { options: XfsOptions { rmapbt, ..XfsOptions::default() }, ..params() };
        let path = skeleton(dir.path(), &tree.0, &params, 3 << 30);
        let levels = ["-r", "-f", "-c", "path /labelled", "-c", "print u3.bmbt.level"];
        let said = accepts("xfs_db", &[&levels[..], &[text(&path)]].concat());
        assert_eq!(said.trim(), "u3.bmbt.level = 2");
    }
}

/// Attributes in the inode, in one leaf, in many, under nodes of two levels, and values of every length about a block's.
#[test]
fn attributes_of_xfs_of_every_form() {
    let mut tree = Sapling::new();
    let many = |count: usize, size: usize| {
        (0..count).map(|n| xattr(&format!("user.n{n}"), &noise(size + n % 7, n as u32))).collect()
    };
    for (name, list) in [
        ("two-that-fit", many(2, 100)),
        ("as-many-as-a-leaf", many(40, 70)),
        ("over-many-leaves", many(300, 200)),
        ("empty", many(300, 0)),
        ("under-two-levels", many(5000, 1000)),
        ("largest", many(20, 65_530)),
    ] {
        tree.add(name, with_xattrs(file(name), list));
        let list = if name == "two-that-fit" { many(2, 100) } else { Vec::new() };
        tree.add(format!("dir-{name}"), with_xattrs(dir(), list));
    }
    for size in [
        0, 1, 254, 255, 256, 257, 270, 280, 3060, 3061, 3062, 3063, 3064, 3065, 3066, 4039, 4040, 4041, 8080,
        8081, 65_535, 65_536,
    ] {
        let value = |name: &str| vec![xattr(name, &noise(size, 3))];
        tree.add(format!("value-of-{size}"), with_xattrs(file("x"), value("user.v")));
        tree.add(
            format!("long-name-of-{size}"),
            with_xattrs(file("x"), value(&format!("user.{}", "n".repeat(250)))),
        );
        let fifo = with_xattrs(inode(0o600, Kind::Fifo), value("trusted.v"));
        tree.add(format!("fifo-of-{size}"), fifo);
        let link = inode(0o777, Kind::Symlink([b't'; 200].into()));
        tree.add(format!("link-of-{size}"), with_xattrs(link, value("trusted.v")));
    }
    // Names of every length, for the padding behind each.
    for len in 1..=250 {
        let name = format!("user.{}", "l".repeat(len));
        tree.add(
            format!("name-of-{len}"),
            with_xattrs(file(""), vec![xattr(&name, &noise(4000, 1)), xattr("user.-", &noise(300, 1))]),
        );
    }
    let dir = tempfile::tempdir().unwrap();
    let path = image(dir.path(), (&tree.0, &[]), &params(), LEAST);
    equal(&path, (&tree.0, &[]), &params());
}
