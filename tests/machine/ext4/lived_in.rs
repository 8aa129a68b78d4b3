//! The kernel takes an image into use: its journal, its bitmaps, its indexes hold.

use std::fs::{self, File};
use std::path::Path;

use dibber_format::ext4::measure;
use dibber_model::{Bytes, Tree};
use rustix::fs::{XattrFlags, lsetxattr};

use super::compare::Mounted;
use super::trees::{Sapling, dir, everything, file, noise, with_xattrs, xattr};
use super::{check, image, params, text};
use dibber_tests::accepts;

/// Mounts for writing, with the journal; after that e2fsck must be as content as before.
fn live_in(tree: &Tree, len: u64, changes: impl FnOnce(&Path)) {
    let dir = tempfile::tempdir().expect("make a directory");
    let path = image(dir.path(), (tree, &[]), &params(), len);
    let mounted = Mounted::with(&path, "loop,rw,errors=remount-ro");
    changes(mounted.path());
    drop(mounted);
    check(&path);
    let said = accepts("dumpe2fs", &["-h", text(&path)]);
    let count = said.lines().find_map(|line| line.strip_prefix("Mount count:")).map(str::trim);
    assert_eq!(count, Some("1"), "it was mounted for writing");
}

#[test]
fn files_come_and_go() {
    live_in(&everything(), 512 << 20, |root| {
        for n in 0..300 {
            fs::create_dir(root.join(format!("new-{n}"))).unwrap();
            fs::write(root.join(format!("new-{n}/file")), noise(n * 1000, 1)).unwrap();
        }
        // Beyond the first group, into those whose bitmaps the kernel makes itself.
        let large = File::create(root.join("large")).unwrap();
        rustix::fs::fallocate(&large, rustix::fs::FallocateFlags::empty(), 0, 300 << 20).unwrap();
        fs::remove_file(root.join("comb-of-2000")).unwrap();
        fs::remove_file(root.join("largest-attribute")).unwrap();
        fs::remove_dir_all(root.join("deep-0")).unwrap();
        for name in ["block-of-attributes", "ping", "symlink-2"] {
            lsetxattr(root.join(name), "trusted.new", &noise(400, 2), XattrFlags::empty()).unwrap();
        }
    });
}

#[test]
fn an_index_takes_more_names_and_loses_some() {
    let mut tree = Sapling::new();
    let large = tree.add("large", dir());
    for n in 0..20_000 {
        tree.under(large, format!("name-{n}"), file(""));
    }
    live_in(&tree.0, 1 << 30, |root| {
        for n in 20_000..30_000 {
            File::create(root.join(format!("large/name-{n}"))).unwrap();
        }
        for n in (0..30_000).step_by(3) {
            fs::remove_file(root.join(format!("large/name-{n}"))).unwrap();
        }
    });
}

#[test]
fn a_full_one_is_full_and_no_more() {
    let mut tree = Sapling::new();
    tree.add("file", with_xattrs(file(noise(2_000_000, 1)), vec![xattr("user.large", &noise(2000, 3))]));
    let Bytes(least) = measure(&tree.0, &params()).unwrap();
    live_in(&tree.0, least, |root| {
        let refused = fs::write(root.join("new"), noise(100_000, 1)).unwrap_err();
        assert_eq!(refused.kind(), std::io::ErrorKind::StorageFull);
        fs::remove_file(root.join("file")).unwrap();
        rustix::fs::sync();
        fs::write(root.join("new"), noise(1_000_000, 1)).unwrap();
    });
}
