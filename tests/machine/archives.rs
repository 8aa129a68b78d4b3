//! Archives of trees, judged by GNU tar and by the kernel, which mounts the squashfs image. Wants root.
//!
//! In: a tree with everything that a tree can have. Out: the same tree, read back by others. Never: our own reading.

#![allow(clippy::unwrap_used)] // an unwrap that fails is a test that fails

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use dibber_export::{Files, NamedWriter, Squashfs, write_squashfs, write_tar, write_tgz};
use dibber_model::{Content, FileRef, Inode, InodeId, Kind, Meta, Rdev, Source, Timestamp, Tree, Xattr};
use tempfile::TempDir;

use dibber_tests::{OneFile, accepts, flip_bit, objects};

const EPOCH: i64 = 1_700_000_000;

fn meta(mode: u16, mtime: i64) -> Meta {
    Meta { mode, mtime: Timestamp { secs: mtime, nanos: 0 }, ..Meta::default() }
}

fn xattr(name: &str, value: &[u8]) -> Xattr {
    Xattr { name: name.as_bytes().into(), value: value.into() }
}

/// `security.capability`, version 2: cap_net_raw, effective and permitted (linux/capability.h).
fn capability() -> Xattr {
    let words = [0x0200_0001_u32, 1 << 13, 0, 0, 0];
    xattr("security.capability", &words.map(u32::to_le_bytes).concat())
}

/// `system.posix_acl_access` with one named user (linux/posix_acl_xattr.h).
fn acl() -> Xattr {
    let mut value = 2_u32.to_le_bytes().to_vec();
    for (tag, perm, id) in
        [(1_u16, 6_u16, u32::MAX), (2, 4, 1234), (4, 4, u32::MAX), (16, 4, u32::MAX), (32, 0, u32::MAX)]
    {
        value.extend(tag.to_le_bytes());
        value.extend(perm.to_le_bytes());
        value.extend(id.to_le_bytes());
    }
    xattr("system.posix_acl_access", &value)
}

const CONTENT: usize = 700_000;

/// Everything that a tree can have; `fine` adds what squashfs cannot hold: parts of seconds, early times, ACLs.
fn nasty(fine: bool) -> Tree {
    let root = meta(0o751, EPOCH);
    let mut tree = Tree::new(if fine { Meta { uid: 7, gid: 8, ..root } } else { root });
    let mut add = |parent, name: &[u8], meta, kind| tree.add(parent, name, Inode { meta, kind }).unwrap();
    let dir = || Kind::Dir(BTreeMap::new());
    let small = |text: &str| Kind::File(Content::inline(text.as_bytes()));
    let deep = add(
        InodeId::ROOT,
        b"deep",
        Meta { uid: 3_000_000, gid: 4_294_967_294, ..meta(0o3775, EPOCH) },
        dir(),
    );
    let long = vec![b'n'; 255];
    let deeper = add(deep, &long, meta(0o700, EPOCH - 1), dir());
    let file = add(deeper, &long, meta(0o4755, EPOCH - 2), small("long"));
    add(deep, b"not \xff utf-8\nand a line", meta(0o644, EPOCH), small("bytes"));
    add(deeper, &[&b"\xfe"[..], &long[..200]].concat(), meta(0o644, EPOCH), small("long bytes"));
    add(deep, b"empty", meta(0o000, EPOCH), small(""));
    let ranges = vec![0..1000, 300_000..300_512, 650_000..CONTENT as u64];
    let content = Content { len: CONTENT as u64 + 5000, data: ranges, source: Source::File(FileRef(0)) };
    add(deep, b"sparse", meta(0o640, EPOCH), Kind::File(content));
    let whole = Content {
        len: CONTENT as u64,
        data: std::iter::once(0..CONTENT as u64).collect(),
        source: Source::File(FileRef(0)),
    };
    add(deep, b"whole", meta(0o640, EPOCH), Kind::File(whole));
    let link = add(InodeId::ROOT, b"link", meta(0o777, EPOCH), Kind::Symlink(vec![b't'; 300].into()));
    add(InodeId::ROOT, b"null", meta(0o666, EPOCH), Kind::CharDev(Rdev { major: 1, minor: 3 }));
    add(InodeId::ROOT, b"sda", meta(0o660, EPOCH), Kind::BlockDev(Rdev { major: 4095, minor: 1_048_575 }));
    add(InodeId::ROOT, b"pipe", meta(0o600, EPOCH), Kind::Fifo);
    let xattrs = vec![capability(), xattr("user.note", b"a\n=\0b")];
    add(InodeId::ROOT, b"ping", Meta { xattrs, ..meta(0o755, EPOCH) }, small("ping"));
    if fine {
        add(InodeId::ROOT, b"acl", Meta { xattrs: vec![acl()], ..meta(0o640, EPOCH) }, small("acl"));
        let mtime = Timestamp { secs: -2, nanos: 250_000_000 };
        add(InodeId::ROOT, b"old", Meta { mtime, ..meta(0o644, 0) }, small("old"));
        let mtime = Timestamp { secs: EPOCH, nanos: 123_456_789 };
        add(InodeId::ROOT, b"nanos", Meta { mtime, ..meta(0o644, 0) }, small("nanos"));
        add(InodeId::ROOT, b"late", meta(0o644, 9_000_000_000), small("late"));
    }
    tree.link(InodeId::ROOT, b"hard", file).unwrap();
    tree.link(deep, b"hard link to a link", link).unwrap();
    tree
}

fn source(dir: &Path) -> OneFile {
    let path = dir.join("source");
    std::fs::write(&path, (0..CONTENT).map(|n| (n * 7 / 5) as u8).collect::<Vec<_>>()).unwrap();
    OneFile(path)
}

/// What a file of the tree reads as.
fn bytes_of(content: &Content, files: &OneFile) -> Vec<u8> {
    let mut bytes = vec![0; content.len as usize];
    for range in &content.data {
        let part = &mut bytes[range.start as usize..range.end as usize];
        match &content.source {
            Source::Inline(all) => part.copy_from_slice(&all[range.start as usize..range.end as usize]),
            Source::File(file) => files.open(*file).unwrap().read_exact_at(part, range.start).unwrap(),
        }
    }
    bytes
}

fn xattrs_of(path: &Path) -> Vec<Xattr> {
    let mut list = vec![0; 4096];
    let len = rustix::fs::llistxattr(path, &mut list[..]).unwrap();
    let mut found = Vec::new();
    for name in list[..len].split(|b| *b == 0).filter(|name| !name.is_empty()) {
        let mut value = vec![0; 4096];
        let name_text = std::str::from_utf8(name).unwrap();
        let len = rustix::fs::lgetxattr(path, name_text, &mut value[..]).unwrap();
        found.push(Xattr { name: name.into(), value: value[..len].into() });
    }
    found.sort();
    found
}

/// Compares a directory of the kernel's with a tree: names, kinds, metadata, hard links, content.
fn same(root: &Path, tree: &Tree, files: &OneFile) {
    let walked = tree.walk();
    let mut inodes: BTreeMap<u64, InodeId> = BTreeMap::new();
    for (path, id) in &walked {
        let inode = tree.inode(*id);
        let at = root.join(std::ffi::OsStr::from_bytes(path));
        let stat = at.symlink_metadata().unwrap_or_else(|e| panic!("{}: {e}", at.display()));
        let meta = &inode.meta;
        let seen = (stat.mode() & 0o7777, stat.uid(), stat.gid(), stat.mtime(), stat.mtime_nsec());
        let want = (u32::from(meta.mode), meta.uid, meta.gid, meta.mtime.secs, i64::from(meta.mtime.nanos));
        assert_eq!(seen, want, "{}", at.display());
        assert_eq!(xattrs_of(&at), meta.xattrs, "{}", at.display());
        assert_eq!(*inodes.entry(stat.ino()).or_insert(*id), *id, "{}", at.display());
        let kind = stat.mode() & 0o170_000;
        let device = |rdev: &Rdev| rustix::fs::makedev(rdev.major, rdev.minor);
        match &inode.kind {
            Kind::Dir(entries) => {
                assert_eq!(kind, 0o040_000);
                assert_eq!(std::fs::read_dir(&at).unwrap().count(), entries.len(), "{}", at.display());
            }
            Kind::File(content) => assert!(std::fs::read(&at).unwrap() == bytes_of(content, files)),
            Kind::Symlink(target) => {
                assert_eq!(std::fs::read_link(&at).unwrap().as_os_str().as_bytes(), &target[..]);
            }
            Kind::BlockDev(rdev) => assert_eq!((kind, stat.rdev()), (0o060_000, device(rdev))),
            Kind::CharDev(rdev) => assert_eq!((kind, stat.rdev()), (0o020_000, device(rdev))),
            Kind::Fifo => assert_eq!(kind, 0o010_000),
            Kind::Socket => unreachable!("no archive holds sockets"),
        }
    }
    let ids: std::collections::BTreeSet<_> = walked.iter().map(|(_, id)| id).collect();
    assert_eq!(inodes.len(), ids.len(), "hard links were split");
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn gnu_tar_unpacks_the_same_tree() {
    let dir = TempDir::new().unwrap();
    let (tree, files) = (nasty(true), source(dir.path()));
    let archive = dir.path().join("a.tar");
    let mut to = File::create(&archive).unwrap();
    assert_eq!(write_tar(&tree, &files, NamedWriter { to: &mut to, path: &archive }).unwrap(), []);
    let root = dir.path().join("root");
    std::fs::create_dir(&root).unwrap();
    let unpack = [
        "-x",
        "-p",
        "--numeric-owner",
        "--warning=no-timestamp",
        "--xattrs",
        "--xattrs-include=*",
        "-C",
        text(&root),
        "-f",
    ];
    let said = accepts("tar", &[&unpack[..], &[text(&archive)]].concat());
    assert_eq!(said, "", "tar complained");
    same(&root, &tree, &files);
    // A bit of the first header: its checksum must object.
    flip_bit(&archive, 600);
    objects("tar", &["-t", "-f", text(&archive)]);
}

#[test]
fn gzip_is_the_same_stream_and_nothing_else() {
    let dir = TempDir::new().unwrap();
    let (tree, files) = (nasty(true), source(dir.path()));
    let path = dir.path().join("a.tar");
    let (mut plain, mut packed, mut again) = (Vec::new(), Vec::new(), Vec::new());
    write_tar(&tree, &files, NamedWriter { to: &mut plain, path: &path }).unwrap();
    write_tgz(&tree, &files, NamedWriter { to: &mut packed, path: &path }, 6).unwrap();
    write_tgz(&tree, &files, NamedWriter { to: &mut again, path: &path }, 6).unwrap();
    assert!(packed == again);
    std::fs::write(&path, &plain).unwrap();
    let gz = dir.path().join("b.tar.gz");
    std::fs::write(&gz, &packed).unwrap();
    accepts("gzip", &["-t", text(&gz)]);
    accepts("gzip", &["-d", text(&gz)]);
    accepts("cmp", &[text(&path), text(&dir.path().join("b.tar"))]);
    std::fs::write(&gz, &packed).unwrap();
    flip_bit(&gz, packed.len() as u64 / 2);
    objects("gzip", &["-t", text(&gz)]);
}

#[test]
fn sockets_are_reported() {
    let mut tree = Tree::new(meta(0o755, EPOCH));
    tree.add(InodeId::ROOT, b"s", Inode { meta: meta(0o600, EPOCH), kind: Kind::Socket }).unwrap();
    let files = OneFile(PathBuf::new());
    let left = write_tar(&tree, &files, NamedWriter { to: &mut Vec::new(), path: Path::new("x") }).unwrap();
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].path, Path::new("/s"));
}

/// A mount that ends with its scope.
struct Mounted(PathBuf);

impl Drop for Mounted {
    fn drop(&mut self) {
        accepts("umount", &[text(&self.0)]);
    }
}

#[test]
fn the_kernel_mounts_the_same_tree_from_squashfs() {
    let dir = TempDir::new().unwrap();
    let (tree, files) = (nasty(false), source(dir.path()));
    let make = |name: &str, threads| {
        let path = dir.path().join(name);
        let image = Squashfs { path: &path, compressor: "zstd", epoch: EPOCH as u32, threads };
        let (version, left) = write_squashfs(&tree, &files, image).unwrap();
        assert!(version.starts_with("mksquashfs version"), "{version}");
        assert_eq!(left, []);
        path
    };
    let (image, again) = (make("a.squashfs", 1), make("b.squashfs", 2));
    accepts("cmp", &[text(&image), text(&again)]);
    accepts("unsquashfs", &["-ll", text(&image)]);
    let root = dir.path().join("root");
    std::fs::create_dir(&root).unwrap();
    accepts("mount", &["-o", "loop,ro", "-t", "squashfs", text(&image), text(&root)]);
    let mounted = Mounted(root);
    same(&mounted.0, &tree, &files);
    drop(mounted);
    // The superblock's offset of the inode table.
    flip_bit(&image, 66);
    objects("unsquashfs", &["-ll", text(&image)]);
}

#[test]
fn what_squashfs_cannot_hold_is_reported() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("a.squashfs");
    let image = Squashfs { path: &path, compressor: "gzip", epoch: 0, threads: 2 };
    let (_, left) = write_squashfs(&nasty(true), &source(dir.path()), image).unwrap();
    let at =
        |path: &str| left.iter().find(|left| left.path == Path::new(path)).map(|left| left.what.as_str());
    assert_eq!(at("/acl"), Some("the attribute system.posix_acl_access"));
    assert_eq!(at("/"), Some("the owner 7:8 of the root directory"));
    assert_eq!(at("/old"), Some("the time -2, outside of 1970 to 2106"));
    assert_eq!(at("/ping"), None);
    let image = Squashfs { path: &path, compressor: "nonsense", epoch: 0, threads: 2 };
    let error = write_squashfs(&nasty(false), &source(dir.path()), image).unwrap_err().to_string();
    assert!(
        error.contains("`mksquashfs` failed with exit status: 1") && error.contains("nonsense"),
        "{error}"
    );
}
