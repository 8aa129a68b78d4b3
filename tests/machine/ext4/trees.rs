//! Trees for the tests, in memory and in files.
//!
//! In: little. Out: trees with everything that ext4 can hold. Never: the disk image.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use dibber_model::{Content, FileRef, Inode, InodeId, Kind, Meta, Rdev, Source, Timestamp, Tree, Xattr};

/// Metadata with a mode.
pub(crate) fn meta(mode: u16) -> Meta {
    Meta { mode, mtime: Timestamp { secs: 1_600_000_000, nanos: 987_654_321 }, ..Meta::default() }
}

/// An inode of a kind.
pub(crate) fn inode(mode: u16, kind: Kind) -> Inode {
    Inode { meta: meta(mode), kind }
}

/// An empty directory.
pub(crate) fn dir() -> Inode {
    inode(0o755, Kind::Dir(BTreeMap::new()))
}

/// A file of these bytes.
pub(crate) fn file(bytes: impl Into<Vec<u8>>) -> Inode {
    inode(0o644, Kind::File(Content::inline(bytes.into())))
}

/// Bytes that differ from block to block and hold no zero.
pub(crate) fn noise(len: usize, salt: u32) -> Vec<u8> {
    let mut state = salt.wrapping_mul(2_654_435_761) | 1;
    (0..len)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            (state >> 24) as u8 | 1
        })
        .collect()
}

/// One attribute.
pub(crate) fn xattr(name: &str, value: &[u8]) -> Xattr {
    Xattr { name: name.as_bytes().into(), value: value.into() }
}

/// An inode with attributes, sorted as the model wants them.
pub(crate) fn with_xattrs(mut inode: Inode, mut xattrs: Vec<Xattr>) -> Inode {
    xattrs.sort();
    inode.meta.xattrs = xattrs;
    inode
}

/// `security.capability`, revision 2: cap_net_raw=ep.
pub(crate) fn net_raw() -> Xattr {
    xattr("security.capability", &[1, 0, 0, 2, 0, 32, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
}

/// A POSIX ACL as the VFS has it: owner rwx, user 1000 r-x, group 4 r-x, group r-x, mask r-x, other none.
pub(crate) fn acl(name: &str) -> Xattr {
    let entry = |tag: u16, perm: u16, id: u32| {
        [&tag.to_le_bytes()[..], &perm.to_le_bytes(), &id.to_le_bytes()].concat()
    };
    let entries = [
        2u32.to_le_bytes().to_vec(),
        entry(0x01, 7, u32::MAX),
        entry(0x02, 5, 1000),
        entry(0x04, 5, u32::MAX),
        entry(0x08, 5, 4),
        entry(0x10, 5, u32::MAX),
        entry(0x20, 0, u32::MAX),
    ];
    xattr(name, &entries.concat())
}

/// A tree under construction; names are taken from its root.
pub(crate) struct Sapling(pub(crate) Tree);

impl Sapling {
    pub(crate) fn new() -> Self {
        Sapling(Tree::new(Meta { uid: 5, gid: 6, ..meta(0o751) }))
    }

    pub(crate) fn add(&mut self, name: impl AsRef<[u8]>, inode: Inode) -> InodeId {
        self.under(InodeId::ROOT, name, inode)
    }

    pub(crate) fn under(&mut self, parent: InodeId, name: impl AsRef<[u8]>, inode: Inode) -> InodeId {
        self.0.add(parent, name.as_ref(), inode).expect("a new name")
    }
}

/// One of each kind, each metadata at its limits, each name at its limits.
pub(crate) fn everything() -> Tree {
    let mut tree = Sapling::new();
    tree.0.inode_mut(InodeId::ROOT).meta.xattrs = vec![xattr("user.of-the-root", b"yes")];
    kinds(&mut tree);
    times(&mut tree);
    links(&mut tree);
    names(&mut tree);
    attributes(&mut tree);
    holes(&mut tree);
    tree.0
}

fn kinds(tree: &mut Sapling) {
    let rdev = |major, minor| Rdev { major, minor };
    tree.add("block", inode(0o660, Kind::BlockDev(rdev(8, 1))));
    tree.add("char", inode(0o666, Kind::CharDev(rdev(1, 3))));
    tree.add("char-255", inode(0o600, Kind::CharDev(rdev(255, 255))));
    tree.add("char-256", inode(0o600, Kind::CharDev(rdev(256, 255))));
    tree.add("char-minor-256", inode(0o600, Kind::CharDev(rdev(4, 256))));
    tree.add("char-most", inode(0o600, Kind::CharDev(rdev(4095, 1_048_575))));
    tree.add("fifo", inode(0o622, Kind::Fifo));
    tree.add("socket", inode(0o777, Kind::Socket));
    tree.add("empty", file(""));
    tree.add("setuid", inode(0o4755, Kind::File(Content::inline(&b"#!/bin/true\n"[..]))));
    let sticky = tree.add("sticky", inode(0o3777, Kind::Dir(BTreeMap::new())));
    let mut owned = file("owned");
    (owned.meta.uid, owned.meta.gid) = (4_294_967_294, 70_000);
    tree.under(sticky, "owned", owned);
}

fn times(tree: &mut Sapling) {
    for (name, secs) in [
        ("time-1901", -(1 << 31)),
        ("time-1969", -1),
        ("time-1970", 0),
        ("time-2038", (1 << 31) - 1),
        ("time-2038-later", 1 << 31),
        ("time-2106", 1 << 32),
        ("time-2446", (1 << 34) - (1 << 31) - 1),
    ] {
        let mut inode = file(name);
        inode.meta.mtime = Timestamp { secs, nanos: 999_999_999 };
        tree.add(name, inode);
    }
}

fn links(tree: &mut Sapling) {
    for len in [1, 2, 58, 59, 60, 61, 65, 255, 1023, 4094, 4095] {
        let mut target: Vec<u8> = noise(len, 3).iter().map(|byte| b'a' + byte % 26).collect();
        target.iter_mut().skip(1).step_by(100).for_each(|byte| *byte = b'/');
        tree.add(format!("symlink-{len}"), inode(0o777, Kind::Symlink(target.into())));
    }
    let sub = tree.add("linked", dir());
    for name in ["symlink-2", "symlink-1023", "char", "fifo", "setuid", "socket", "block"] {
        let id = tree.0.lookup(name.as_bytes()).expect("it was added");
        tree.0.link(sub, format!("too-{name}").as_bytes(), id).expect("a new name");
    }
}

fn names(tree: &mut Sapling) {
    tree.add([b'n'; 255], file("a long name"));
    tree.add(b"\xff\xfe not \x80 utf-8\n", file("bytes"));
    tree.add("caf\u{e9} \u{1f980}", file("utf-8"));
    let deep = (0..40).fold(InodeId::ROOT, |at, level| tree.under(at, format!("deep-{level}"), dir()));
    tree.under(deep, "bottom", file("down here"));
}

fn attributes(tree: &mut Sapling) {
    tree.add("ping", with_xattrs(file("ping"), vec![net_raw()]));
    let label = xattr("security.selinux", b"system_u:object_r:unlabeled_t:s0\0");
    tree.add("labelled", with_xattrs(file("label"), vec![label.clone(), net_raw()]));
    let mut acl_dir =
        with_xattrs(dir(), vec![acl("system.posix_acl_access"), acl("system.posix_acl_default")]);
    acl_dir.meta.mode = 0o750;
    tree.add("acl-dir", acl_dir);
    let mut acl_file = with_xattrs(file("acl"), vec![acl("system.posix_acl_access"), label, net_raw()]);
    acl_file.meta.mode = 0o750;
    tree.add("acl-file", acl_file);
    let large =
        vec![xattr("trusted.large", &noise(3000, 1)), xattr("user.empty", b""), xattr("user.z", b"z")];
    tree.add("block-of-attributes", with_xattrs(file("x"), large.clone()));
    tree.add("the-same-block", with_xattrs(dir(), large));
    let name = format!("user.{}", "n".repeat(250));
    tree.add("long-attribute-name", with_xattrs(file("x"), vec![xattr(&name, b"v")]));
    let link = inode(0o777, Kind::Symlink(b"somewhere"[..].into()));
    tree.add("labelled-link", with_xattrs(link, vec![xattr("trusted.of-a-link", b"v")]));
    let many = (0..40).map(|n| xattr(&format!("user.attribute-{n}"), &noise(n, 2))).collect();
    tree.add("many-attributes", with_xattrs(file("x"), many));
    // The most that a block takes: 4096 less its header, the end mark, and an entry of 16 + 4 bytes.
    let most = xattr("user.most", &noise(4096 - 32 - 4 - 20, 5));
    tree.add("largest-attribute", with_xattrs(file("x"), vec![most]));
}

/// A file of these ranges; the bytes between them are not zero in memory, and must read as zeros on disk.
pub(crate) fn sparse(len: u64, data: &[std::ops::Range<u64>]) -> Inode {
    let held = data.last().map_or(0, |range| range.end) as usize;
    let source = Source::Inline(noise(held, 9).into());
    inode(0o644, Kind::File(Content { len, data: data.to_vec(), source }))
}

/// A file on disk, of these ranges.
pub(crate) fn on_disk(len: u64, data: &[std::ops::Range<u64>]) -> Inode {
    inode(0o644, Kind::File(Content { len, data: data.to_vec(), source: Source::File(FileRef(0)) }))
}

fn holes(tree: &mut Sapling) {
    tree.add("hole-only", sparse(1 << 20, &[]));
    tree.add("hole-of-terabytes", sparse(5 << 40, &[]));
    tree.add("hole-first", sparse(300_000, &[200_000..300_000]));
    tree.add("hole-last", sparse(1 << 21, std::slice::from_ref(&(0..5))));
    tree.add("unaligned", sparse(100_000, &[1..2, 5..4097, 8191..8192, 20_000..20_001, 20_479..20_481]));
    tree.add("next-to-each-other", sparse(16_384, &[0..4096, 4096..8192, 12_288..16_384]));
    let comb: Vec<_> = (0..2000u64).map(|n| n * 8192 + 10..n * 8192 + 20).collect();
    tree.add("comb-of-2000", sparse(2000 * 8192, &comb));
}

/// Files on disk behind `FileRef`s: one dense, one with a hole that the file system has, too.
pub(crate) fn in_files(dir_path: &Path) -> (Tree, Vec<PathBuf>) {
    let dense = dir_path.join("dense");
    std::fs::write(&dense, noise(3_000_001, 4)).expect("write");
    let holed = dir_path.join("holed");
    let out = File::create(&holed).expect("create");
    out.write_all_at(&noise(5000, 6), 1 << 20).expect("write");
    out.set_len(3 << 20).expect("size");
    let mut tree = Sapling::new();
    let from =
        |len, data, n| inode(0o600, Kind::File(Content { len, data, source: Source::File(FileRef(n)) }));
    tree.add("dense", from(3_000_001, [0..3_000_001].to_vec(), 0));
    tree.add("holed", from(3 << 20, [1 << 20..(1 << 20) + 5000].to_vec(), 1));
    tree.add("lost+found", inode(0o1700, Kind::Dir(BTreeMap::new())));
    let lost = tree.0.lookup(b"lost+found").expect("it was added");
    tree.under(lost, "#12345", file("found again"));
    (tree.0, vec![dense, holed])
}
