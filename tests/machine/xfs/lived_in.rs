//! The kernel takes an image into use: its log, its trees, its indexes hold.

use std::fs::{self, File};
use std::path::Path;

use dibber_format::xfs::{XfsParams, measure};
use dibber_model::filesystem::XfsOptions;
use dibber_model::{Bytes, Tree};
use rustix::fs::{XattrFlags, lsetxattr};

use crate::ext4::compare::Mounted;
use crate::ext4::trees::{Sapling, dir, file, noise, with_xattrs, xattr};

use super::{check, everything, image, params};

/// Mounts for writing; after that xfs_repair must be as content as before.
fn live_in(tree: &Tree, params: &XfsParams, len: u64, changes: impl FnOnce(&Path)) {
    let dir = tempfile::tempdir().expect("make a directory");
    let path = image(dir.path(), (tree, &[]), params, len);
    let mounted = Mounted::of("xfs", &path, "loop,rw,nouuid");
    changes(mounted.path());
    drop(mounted);
    check(&path);
}

fn change(root: &Path) {
    for n in 0..300 {
        fs::create_dir(root.join(format!("new-{n}"))).expect("the kernel takes it");
        fs::write(root.join(format!("new-{n}/file")), noise(n * 1000, 1)).expect("the kernel takes it");
    }
    let large = File::create(root.join("large")).expect("the kernel takes it");
    rustix::fs::fallocate(&large, rustix::fs::FallocateFlags::empty(), 0, 150 << 20)
        .expect("the kernel takes it");
    fs::write(root.join("comb-of-2000"), "shorter").expect("the kernel takes it");
    fs::remove_file(root.join("comb-of-2000")).expect("the kernel takes it");
    fs::remove_file(root.join("largest-attribute")).expect("the kernel takes it");
    fs::remove_dir_all(root.join("deep-0")).expect("the kernel takes it");
    for name in ["block-of-attributes", "ping", "symlink-2", "fifo", "many-attributes"] {
        for n in 0..20 {
            let value = noise(20 + 400 * n, 2);
            lsetxattr(root.join(name), format!("trusted.new-{n}"), &value, XattrFlags::empty())
                .expect("the kernel takes it");
        }
    }
}

#[test]
fn files_of_xfs_come_and_go() {
    live_in(&everything(), &params(), 512 << 20, change);
    let options = XfsOptions { rmapbt: Some(true), large_extent_counts: Some(true), ..XfsOptions::default() };
    live_in(&everything(), &XfsParams { options, ..params() }, 512 << 20, change);
}

#[test]
fn an_index_of_xfs_takes_more_names_and_loses_some() {
    let mut tree = Sapling::new();
    let large = tree.add("large", dir());
    for n in 0..20_000 {
        tree.under(large, format!("name-{n}"), file(""));
    }
    live_in(&tree.0, &params(), 1 << 30, |root| {
        for n in 20_000..30_000 {
            File::create(root.join(format!("large/name-{n}"))).unwrap();
        }
        for n in (0..30_000).step_by(3) {
            fs::remove_file(root.join(format!("large/name-{n}"))).unwrap();
        }
    });
}

#[test]
fn a_full_xfs_is_full_and_no_more() {
    let mut tree = Sapling::new();
    tree.add("much", file(noise(400 << 20, 1)));
    let values = vec![xattr("user.large", &noise(20_000, 3))];
    tree.add("file", with_xattrs(file(noise(4_000_000, 1)), values));
    let Bytes(least) = measure(&tree.0, &params()).unwrap();
    live_in(&tree.0, &params(), least, |root| {
        let refused = fs::write(root.join("new"), noise(40_000_000, 1)).unwrap_err();
        assert_eq!(refused.kind(), std::io::ErrorKind::StorageFull);
        fs::remove_file(root.join("file")).unwrap();
        // The first 32 MiB that come free are the kernel's own reserve.
        fs::remove_file(root.join("much")).unwrap();
        // There may have been no room for its inode.
        let _ = fs::remove_file(root.join("new"));
        rustix::fs::sync();
        fs::write(root.join("new"), noise(1_000_000, 1)).unwrap();
    });
}
