//! Everything that xfs holds, before every judge; and damage, which each judge must see.

use std::path::{Path, PathBuf};

use dibber_format::xfs::{XfsParams, write};
use dibber_model::filesystem::XfsOptions;
use dibber_model::{Bytes, Kind, SectorSize, Source, Timestamp, Tree};
use dibber_tests::{accepts, flip_bit, objects, run, write_image};

use crate::ext4::trees::{Sapling, file, in_files, with_xattrs, xattr};

use super::{LEAST, equal, everything, image, is_damaged, params, superblock, text};

#[test]
fn the_kernel_sees_the_tree_in_xfs() {
    let dir = tempfile::tempdir().unwrap();
    let tree = everything();
    let path = image(dir.path(), (&tree, &[]), &params(), LEAST);
    equal(&path, (&tree, &[]), &params());
}

#[test]
fn the_kernel_sees_files_of_the_build_in_xfs() {
    let dir = tempfile::tempdir().unwrap();
    let (tree, files) = in_files(dir.path());
    let path = image(dir.path(), (&tree, &files), &params(), LEAST);
    equal(&path, (&tree, &files), &params());
}

/// Every option that the writer has, each way, and with each size of inodes and sectors.
#[test]
fn the_kernel_sees_the_tree_with_every_option_of_xfs() {
    let tree = everything();
    let default = XfsOptions::default();
    let (no, yes) = (Some(false), Some(true));
    let all = XfsOptions { rmapbt: yes, large_extent_counts: yes, ..default.clone() };
    let none = XfsOptions {
        sparse_inodes: no,
        finobt: no,
        inobtcount: no,
        reflink: no,
        bigtime: no,
        ..default.clone()
    };
    let mut choices = vec![
        all.clone(),
        none,
        XfsOptions { inobtcount: no, ..default.clone() },
        XfsOptions { reflink: no, rmapbt: yes, ..default },
    ];
    for inode_size in [1024, 2048] {
        for sparse_inodes in [yes, no] {
            choices.push(XfsOptions { inode_size: Some(inode_size), sparse_inodes, ..all.clone() });
        }
    }
    let dir = tempfile::tempdir().unwrap();
    for options in choices {
        for sector in [SectorSize::B512, SectorSize::B4096] {
            let mut tree = tree.clone();
            if options.bigtime == no {
                // 32 bits of seconds end in 2038.
                for name in ["time-2038-later", "time-2106", "time-2446"] {
                    let id = tree.lookup(name.as_bytes()).unwrap();
                    tree.inode_mut(id).meta.mtime = Timestamp { secs: i32::MAX.into(), nanos: 999_999_999 };
                }
            }
            let params = XfsParams { options: options.clone(), sector, ..params() };
            let path = image(dir.path(), (&tree, &[]), &params, LEAST + (50 << 20));
            equal(&path, (&tree, &[]), &params);
        }
    }
}

/// GRUB 2.06's own reader, as far as it goes: it knows neither names that are no UTF-8, nor links of its host's kind.
#[test]
fn grub_reads_every_file_of_xfs() {
    let mut sapling = Sapling(everything());
    let node = sapling.add("node", crate::ext4::trees::dir());
    for n in 0..3000 {
        sapling.under(node, format!("a-name-that-is-not-short-{n}"), file(format!("{n}")));
    }
    let tree = sapling.0;
    let dir = tempfile::tempdir().unwrap();
    for sector in [SectorSize::B512, SectorSize::B4096] {
        let params = XfsParams { sector, ..params() };
        let path = image(dir.path(), (&tree, &[]), &params, LEAST);
        let (mut read, mut twin) = (0, 0);
        for (name, id) in tree.walk() {
            let (Kind::File(content), Ok(name)) = (&tree.inode(id).kind, std::str::from_utf8(&name)) else {
                continue;
            };
            let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '/' | '+');
            let large = name.starts_with("node/") && !name.ends_with("99");
            if content.len > 20 << 20 || large || !name.chars().all(plain) {
                continue;
            }
            let wanted = dir.path().join("wanted");
            std::fs::write(&wanted, bytes(content)).unwrap();
            let args = [text(&path), "cmp", &format!("(loop0)/{name}"), text(&wanted)];
            accepts("grub-fstest", &args);
            read += 1;
            if content.len > 0 && twin < 3 {
                std::fs::write(&wanted, b"something else").unwrap();
                objects("grub-fstest", &args);
                twin += 1;
            }
        }
        assert!(read > 50 && twin == 3, "{read} files");
    }
}

fn bytes(content: &dibber_model::Content) -> Vec<u8> {
    let Source::Inline(held) = &content.source else { panic!("trees of tests are in memory") };
    let mut bytes = vec![0; content.len as usize];
    for range in &content.data {
        let range = range.start as usize..range.end as usize;
        bytes[range.clone()].copy_from_slice(&held[range]);
    }
    bytes
}

#[test]
fn xfs_db_sees_features_and_identity() {
    let dir = tempfile::tempdir().unwrap();
    let params = params();
    let path = image(dir.path(), (&everything(), &[]), &params, 400 << 20);
    assert_eq!(superblock(&path, "uuid"), params.uuid.to_string());
    assert_eq!(superblock(&path, "fname"), "\"twelve bytes\"");
    // What mkfs.xfs 6.1 makes of 400 MiB, and the bit for attributes, which the kernel sets with the first of them.
    let theirs = dir.path().join("theirs.img");
    std::fs::File::create(&theirs).unwrap().set_len(400 << 20).unwrap();
    let defaults = ["-q", "-i", "nrext64=0", "-m", "rmapbt=0"];
    accepts("mkfs.xfs", &[&defaults[..], &[text(&theirs)]].concat());
    for field in [
        "dblocks",
        "logstart",
        "rootino",
        "rbmino",
        "rsumino",
        "agblocks",
        "agcount",
        "logblocks",
        "sectsize",
        "inodesize",
        "agblklog",
        "imax_pct",
        "inoalignmt",
        "spino_align",
        "logsunit",
        "features2",
        "features_ro_compat",
        "features_incompat",
    ] {
        assert_eq!(superblock(&path, field), superblock(&theirs, field), "{field}");
    }
    assert_eq!(superblock(&path, "versionnum"), "0xb4b5");
    assert_eq!(superblock(&theirs, "versionnum"), "0xb4a5");
    let said = accepts("blkid", &["-p", "-o", "export", text(&path)]);
    assert!(said.contains("TYPE=xfs\n") && said.contains(&format!("UUID={}\n", params.uuid)), "{said}");
}

#[test]
fn equal_input_gives_an_equal_xfs() {
    let one = write(&everything(), &params(), LEAST).unwrap();
    let two = write(&everything(), &params(), LEAST).unwrap();
    assert_eq!(one, two);
    let other = XfsParams { label: "other".into(), ..params() };
    assert_ne!(one, write(&everything(), &other, LEAST).unwrap());
}

/// Where xfs_db finds something, in bytes from the start.
fn place(path: &Path, commands: &[&str]) -> u64 {
    let mut args = vec!["-r", "-f"];
    args.extend(commands.iter().flat_map(|command| ["-c", *command]));
    let said = accepts("xfs_db", &[&args[..], &["-c", "daddr", text(path)]].concat());
    let number = said.trim().strip_prefix("current daddr is ").and_then(|number| number.parse::<u64>().ok());
    512 * number.unwrap_or_else(|| panic!("{commands:?}: {said}"))
}

#[test]
fn xfs_repair_objects_to_a_flipped_bit() {
    let dir = tempfile::tempdir().unwrap();
    let mut tree = Sapling(everything());
    let large = tree.add("large", crate::ext4::trees::dir());
    for n in 0..3000 {
        tree.under(large, format!("name-{n}"), file(""));
    }
    let values = vec![xattr("user.large", &[7; 5000]), xattr("user.other", &[8; 900])];
    tree.add("valued", with_xattrs(file(""), values));
    let tree = tree.0;
    let params =
        XfsParams { options: XfsOptions { rmapbt: Some(true), ..XfsOptions::default() }, ..params() };
    let path = image(dir.path(), (&tree, &[]), &params, LEAST);
    let extents = write(&tree, &params, LEAST).unwrap();
    let block = |commands: &[&str]| place(&path, commands) + 80;
    let places = [
        ("the superblock", 0x20),
        ("a secondary superblock", place(&path, &["sb 2"]) + 4),
        ("AGF", place(&path, &["agf 1"]) + 60),
        ("AGI", place(&path, &["agi 0"]) + 20),
        ("AGFL", place(&path, &["agfl 3"]) + 40),
        ("free space by place", block(&["agf 0", "addr bnoroot"])),
        ("free space by length", block(&["agf 0", "addr cntroot"])),
        ("shared blocks", block(&["agf 0", "addr refcntroot"])),
        ("owners", block(&["agf 0", "addr rmaproot"])),
        ("inodes", block(&["agi 0", "addr root"])),
        ("free inodes", block(&["agi 0", "addr free_root"])),
        ("an inode", place(&path, &["path /ping"]) + 8),
        ("a map", block(&["path /comb-of-2000", "addr u3.bmbt.ptrs[1]"])),
        ("names", block(&["path /large", "dblock 0"])),
        ("hashes", block(&["path /large", "dblock 8388608"])),
        ("free space of names", block(&["path /large", "dblock 16777216"])),
        ("a long link", block(&["path /symlink-1023", "dblock 0"])),
        ("attributes", block(&["path /valued", "ablock 0"])),
        ("a value", block(&["path /valued", "ablock 1"])),
    ];
    for (what, at) in places {
        write_image(&extents, &[], &path);
        flip_bit(&path, at);
        is_damaged(&path, what);
    }
}

#[test]
fn the_comparison_objects_to_other_content_of_xfs() {
    let dir = tempfile::tempdir().unwrap();
    let tree = everything();
    let path = image(dir.path(), (&tree, &[]), &params(), LEAST);
    // xfs has no checksums over content: xfs_repair cannot see this, and the comparison must.
    flip_bit(&path, place(&path, &["path /setuid", "dblock 0"]));
    super::check(&path);
    assert!(run("xfs_repair", &["-n", "-f", text(&path)]).status.success());
    let compared = std::panic::catch_unwind(|| equal(&path, (&tree, &[]), &params()));
    assert!(compared.is_err());
}

/// What is as it came: an xfs captured by root has each ACL twice.
#[test]
fn acls_that_xfs_showed_twice_are_written_once() {
    let mut tree = Sapling::new();
    let acl = crate::ext4::trees::acl("system.posix_acl_access");
    let shown = vec![acl.clone(), xattr("trusted.SGI_ACL_FILE", b"as it was on disk")];
    let mut inode = with_xattrs(file("x"), shown);
    inode.meta.mode = 0o750;
    let id = tree.add("file", inode);
    let dir = tempfile::tempdir().unwrap();
    let files: &[PathBuf] = &[];
    let path = image(dir.path(), (&tree.0, files), &params(), LEAST);
    let mut expected: Tree = tree.0;
    expected.inode_mut(id).meta.xattrs = vec![acl];
    equal(&path, (&expected, files), &params());
    assert_eq!(dibber_format::xfs::measure(&expected, &params()), Ok(Bytes(LEAST)));
}
