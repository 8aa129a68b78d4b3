//! Everything that ext4 holds, before every judge; and damage, which each judge must see.

use std::path::Path;

use dibber_format::ext4::write;
use dibber_model::{Kind, Timestamp};
use dibber_tests::{accepts, flip_bit, objects, run, write_image};

use super::compare::{bytes, equal};
use super::trees::{Sapling, everything, file, in_files};
use super::{image, params, text};

#[test]
fn the_kernel_sees_the_tree() {
    let dir = tempfile::tempdir().unwrap();
    let tree = everything();
    let path = image(dir.path(), (&tree, &[]), &params(), 64 << 20);
    equal(&path, (&tree, &[]), &params());
}

#[test]
fn the_kernel_sees_files_of_the_build() {
    let dir = tempfile::tempdir().unwrap();
    let (tree, files) = in_files(dir.path());
    let path = image(dir.path(), (&tree, &files), &params(), 64 << 20);
    equal(&path, (&tree, &files), &params());
}

#[test]
fn a_second_reader_sees_the_tree() {
    let dir = tempfile::tempdir().unwrap();
    let mut tree = everything();
    // ext4-view 1.0.0 refuses inodes whose seconds have bit 31 set: those before 1970, and of 2038 to 2106.
    for name in ["time-1901", "time-1969", "time-2038-later"] {
        let id = tree.lookup(name.as_bytes()).unwrap();
        tree.inode_mut(id).meta.mtime.secs = 1;
    }
    let path = image(dir.path(), (&tree, &[]), &params(), 32 << 20);
    let fs = ext4_view::Ext4::load(Box::new(bytes(&path))).unwrap();
    assert_eq!(fs.label().to_str(), Ok("root"));
    let mut seen = 0;
    for (name, id) in tree.walk() {
        let path = [b"/", &name[..]].concat();
        let meta = fs.symlink_metadata(&path[..]).unwrap();
        let inode = tree.inode(id);
        assert_eq!((meta.uid(), meta.gid()), (inode.meta.uid, inode.meta.gid));
        assert_eq!(meta.mode() & 0o7777, inode.meta.mode);
        match &inode.kind {
            Kind::File(content) if content.len < 1 << 30 => {
                assert_eq!(fs.read(&path[..]).unwrap().len() as u64, content.len);
            }
            Kind::Symlink(target) => {
                assert_eq!(fs.read_link(&path[..]).unwrap().as_ref(), &target[..]);
            }
            _ => continue,
        }
        seen += 1;
    }
    assert!(seen > 40, "{seen} files and links");
}

#[test]
fn debugfs_sees_features_and_identity() {
    let dir = tempfile::tempdir().unwrap();
    let params = params();
    let path = image(dir.path(), (&everything(), &[]), &params, 48 << 20);
    let said = accepts("dumpe2fs", &["-h", text(&path)]);
    let features = "has_journal ext_attr resize_inode dir_index filetype extent 64bit flex_bg sparse_super \
                    large_file huge_file dir_nlink extra_isize metadata_csum";
    let line = |name: &str| {
        let line = said.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("no {name}"));
        line[name.len()..].trim().to_owned()
    };
    assert_eq!(line("Filesystem features:"), features);
    assert_eq!(line("Filesystem UUID:"), params.uuid.to_string());
    assert_eq!(line("Directory Hash Seed:"), params.hash_seed.to_string());
    assert_eq!(line("Filesystem volume name:"), "root");
    assert_eq!(line("Last mounted on:"), "/");
    assert_eq!(line("Filesystem state:"), "clean");
    assert_eq!(line("Total journal size:"), "4096k");
    let stat = accepts("debugfs", &["-R", "stat /time-2446", text(&path)]);
    assert!(stat.contains("mtime: 0x7fffffff:ee6b27ff"), "{stat}");
    assert!(stat.contains(" ctime: 0x6553f100:1d6f3454"), "{stat}");
}

/// e2fsck takes seconds with all three high bits set for times before 1970 that an old kernel wrote, and would move
/// them by 544 years: 2310-04-04 to 2378-04-22. The writer stays just before.
#[test]
fn times_that_e2fsck_doubts() {
    let from = (3i64 << 32) - (1 << 31);
    let dir = tempfile::tempdir().unwrap();
    for (secs, becomes) in [
        (from - 1, from - 1),
        (from, from - 1),
        ((3 << 32) - 1, from - 1),
        (3 << 32, 3 << 32),
        (i64::MAX, (7 << 31) - 1),
    ] {
        let mut tree = Sapling::new();
        let mut inode = file("x");
        inode.meta.mtime = Timestamp { secs, nanos: 999_999_999 };
        let id = tree.add("file", inode);
        let path = image(dir.path(), (&tree.0, &[]), &params(), 32 << 20);
        tree.0.inode_mut(id).meta.mtime.secs = becomes;
        equal(&path, (&tree.0, &[]), &params());
    }
}

#[test]
fn equal_input_gives_equal_bytes() {
    let one = write(&everything(), &params(), 64 << 20).unwrap();
    let two = write(&everything(), &params(), 64 << 20).unwrap();
    assert_eq!(one, two);
    let other = super::Ext4Params { label: "other".into(), ..params() };
    assert_ne!(one, write(&everything(), &other, 64 << 20).unwrap());
}

/// Where a piece of metadata is, as debugfs says.
fn block_of(path: &Path, request: &str) -> u64 {
    let said = accepts("debugfs", &["-R", request, text(path)]);
    let number = said.split_whitespace().next().and_then(|word| word.parse().ok());
    number.unwrap_or_else(|| panic!("{request}: {said}"))
}

#[test]
fn e2fsck_objects_to_a_flipped_bit() {
    let dir = tempfile::tempdir().unwrap();
    let path = image(dir.path(), (&everything(), &[]), &params(), 64 << 20);
    let extents = write(&everything(), &params(), 64 << 20).unwrap();
    let place = |request| block_of(&path, request) * 4096;
    let places = [
        ("the superblock", 1024 + 0x20),
        ("a group descriptor", 4096 + 0x0c),
        ("the root directory", place("blocks /") + 12),
        ("an extent tree", place("blocks /comb-of-2000")),
        ("an inode", {
            let said = accepts("debugfs", &["-R", "imap /ping", text(&path)]);
            let (_, rest) = said.split_once("at block ").unwrap();
            let (block, offset) = rest.split_once(", offset 0x").unwrap();
            let offset = &offset[..4];
            block.parse::<u64>().unwrap() * 4096 + u64::from_str_radix(offset, 16).unwrap() + 0x18
        }),
    ];
    for (what, at) in places {
        write_image(&extents, &[], &path);
        flip_bit(&path, at);
        let said = objects("e2fsck", &["-fn", text(&path)]);
        assert!(!said.is_empty(), "{what}");
    }
}

#[test]
fn the_comparison_objects_to_other_content() {
    let dir = tempfile::tempdir().unwrap();
    let tree = everything();
    let path = image(dir.path(), (&tree, &[]), &params(), 64 << 20);
    // ext4 has no checksums over content: e2fsck cannot see this, and the comparison must.
    flip_bit(&path, block_of(&path, "blocks /setuid") * 4096);
    assert!(run("e2fsck", &["-fn", text(&path)]).status.success());
    let compared = std::panic::catch_unwind(|| equal(&path, (&tree, &[]), &params()));
    assert!(compared.is_err());
}
