//! What is large: directories of 100,000 names, files over 4 GiB, maps of two levels.

use dibber_model::{Inode, InodeId, Kind, Tree};
use dibber_tests::accepts;

use super::compare::equal;
use super::trees::{Sapling, dir, file, inode, noise, on_disk, sparse, with_xattrs, xattr};
use super::{image, params, skeleton, text};

fn a_directory_of(names: u32, name: impl Fn(u32) -> String) -> Tree {
    let mut tree = Sapling::new();
    let large = tree.add("large", dir());
    let only = tree.under(large, name(0), file("one inode"));
    for n in 1..names {
        if n % 1000 == 0 {
            tree.under(large, name(n), inode(0o644, Kind::Fifo));
        } else {
            // Links: names without inodes, up to what one inode can have.
            let mut id = only;
            if n >= 50_000 {
                id = tree.0.lookup(format!("large/{}", name(1000)).as_bytes()).expect("it was added");
            }
            tree.0.link(large, name(n).as_bytes(), id).expect("a new name");
        }
    }
    tree.0
}

#[test]
fn a_directory_of_100_000_names() {
    let tree = a_directory_of(100_000, |n| format!("{n}"));
    let dir = tempfile::tempdir().unwrap();
    let path = image(dir.path(), (&tree, &[]), &params(), 64 << 20);
    equal(&path, (&tree, &[]), &params());
    let said = accepts("debugfs", &["-R", "htree_dump /large", text(&path)]);
    assert!(said.contains("Indirect levels: 0"), "{}", &said[..400]);
}

#[test]
fn a_directory_with_two_levels_of_index() {
    let tree = a_directory_of(90_000, |n| format!("{n:0>200}"));
    let dir = tempfile::tempdir().unwrap();
    let path = image(dir.path(), (&tree, &[]), &params(), 128 << 20);
    equal(&path, (&tree, &[]), &params());
    let said = accepts("debugfs", &["-R", "htree_dump /large", text(&path)]);
    assert!(said.contains("Indirect levels: 1"), "{}", &said[..400]);
}

#[test]
fn directories_around_the_size_that_needs_an_index() {
    let mut tree = Sapling::new();
    // Names of 100 bytes take 108: 37 fill a block, and the third block brings an index.
    for names in [0, 36, 37, 38, 73, 74, 75, 76, 120] {
        let sub = tree.add(format!("of-{names}"), dir());
        for n in 0..names {
            tree.under(sub, format!("{n:0>100}"), file(""));
        }
    }
    let dir = tempfile::tempdir().unwrap();
    let path = image(dir.path(), (&tree.0, &[]), &params(), 32 << 20);
    equal(&path, (&tree.0, &[]), &params());
}

#[test]
fn more_subdirectories_than_the_link_count_holds() {
    let mut tree = Sapling::new();
    let many = tree.add("many", dir());
    for n in 0..65_100 {
        tree.under(many, format!("{n}"), dir());
    }
    let dir = tempfile::tempdir().unwrap();
    let path = image(dir.path(), (&tree.0, &[]), &params(), 512 << 20);
    equal(&path, (&tree.0, &[]), &params());
}

#[test]
fn a_file_over_4_gib() {
    let mut tree = Sapling::new();
    tree.add("dense", on_disk(5 << 30, &[0..5 << 30]));
    let dir = tempfile::tempdir().unwrap();
    let path = skeleton(dir.path(), &tree.0, &params(), 6 << 30);
    let said = accepts("debugfs", &["-R", "stat /dense", text(&path)]);
    assert!(said.contains("Size: 5368709120"), "{said}");

    let mut tree = Sapling::new();
    let ends = [0..70_000, (6 << 30) + 3..(6 << 30) + 9];
    let Inode { meta, kind } = sparse(7 << 30, &ends[..1]);
    let Kind::File(mut content) = kind else { unreachable!("sparse() makes files") };
    let source = dir.path().join("source");
    let out = std::fs::File::create(&source).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&out, &noise(70_000, 1), 0).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&out, b"at six", 6 << 30 | 3).unwrap();
    content.data = ends.to_vec();
    content.source = dibber_model::Source::File(dibber_model::FileRef(0));
    tree.under(InodeId::ROOT, "ends", Inode { meta, kind: Kind::File(content) });
    let files = [source];
    let path = image(dir.path(), (&tree.0, &files), &params(), 64 << 20);
    equal(&path, (&tree.0, &files), &params());
}

#[test]
fn maps_of_two_levels() {
    let mut tree = Sapling::new();
    // 1360 runs fill one level below the inode.
    for runs in [4, 5, 1360, 1361, 6000] {
        let data: Vec<_> = (0..runs).map(|n| n * 8192..n * 8192 + 1).collect();
        tree.add(format!("comb-{runs}"), sparse(runs * 8192, &data));
    }
    let dir = tempfile::tempdir().unwrap();
    let path = image(dir.path(), (&tree.0, &[]), &params(), 64 << 20);
    equal(&path, (&tree.0, &[]), &params());
    let said = accepts("debugfs", &["-R", "extents /comb-6000", text(&path)]);
    assert!(said.contains("2/ 2"), "{}", &said[..400]);
}

#[test]
fn more_inodes_than_may_share_a_block_of_attributes() {
    let mut tree = Sapling::new();
    let large = vec![xattr("user.large", &noise(500, 1))];
    for n in 0..2100 {
        tree.add(format!("{n}"), with_xattrs(file(""), large.clone()));
    }
    let dir = tempfile::tempdir().unwrap();
    let path = image(dir.path(), (&tree.0, &[]), &params(), 16 << 20);
    equal(&path, (&tree.0, &[]), &params());
}
