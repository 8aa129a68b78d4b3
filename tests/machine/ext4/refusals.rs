//! What ext4 cannot hold is refused by the name of its path, with the numbers.

use dibber_format::ext4::{Ext4Params, measure, write};
use dibber_model::{Bytes, Content, Inode, InodeId, Kind, MkfsOptions, Rdev, Source};

use super::params;
use super::trees::{Sapling, dir, file, inode, noise, with_xattrs, xattr};

/// Both entrances refuse an inode at `/sub/it`, and the message has these words.
fn refused(it: Inode, words: &[&str]) {
    let mut tree = Sapling::new();
    let sub = tree.add("sub", dir());
    tree.under(sub, "it", it);
    tree_refused(&tree, words);
}

fn tree_refused(tree: &Sapling, words: &[&str]) {
    let message = measure(&tree.0, &params()).expect_err("measure refuses").to_string();
    assert_eq!(message, write(&tree.0, &params(), 1 << 30).expect_err("write refuses").to_string());
    for word in words {
        assert!(message.contains(word), "`{word}` is not in: {message}");
    }
}

#[test]
fn links() {
    let link = |target: &[u8]| inode(0o777, Kind::Symlink(target.into()));
    refused(link(b""), &["/sub/it", "0 bytes"]);
    refused(link(&[b'x'; 4096]), &["/sub/it", "4096 bytes", "4095"]);
    refused(link(b"a\0b"), &["/sub/it", "NUL"]);
    let mut tree = Sapling::new();
    let one = tree.add("one", file(""));
    for n in 0..65_000 {
        tree.0.link(InodeId::ROOT, format!("l{n}").as_bytes(), one).unwrap();
    }
    tree_refused(&tree, &["65001", "65000"]);
}

#[test]
fn devices() {
    refused(inode(0o600, Kind::CharDev(Rdev { major: 4096, minor: 0 })), &["/sub/it", "4096:0"]);
    refused(inode(0o600, Kind::BlockDev(Rdev { major: 0, minor: 1 << 20 })), &["/sub/it", "0:1048576"]);
}

#[test]
fn attributes() {
    let with = |xattrs| with_xattrs(file(""), xattrs);
    let large = xattr("user.large", &noise(5000, 1));
    refused(with(vec![large]), &["/sub/it", "user.large", "5024 bytes", "4060 bytes free"]);
    let two = vec![xattr("user.a", &noise(2100, 1)), xattr("user.b", &noise(2100, 2))];
    refused(with(two), &["/sub/it", "user.b", "2120 bytes", "1940 bytes free"]);
    for name in ["user.", "system.data", "nothing", "security.", "system.posix_acl_accessx", "btrfs.x"] {
        refused(with(vec![xattr(name, b"v")]), &["/sub/it", name]);
    }
    let long = format!("user.{}", "n".repeat(251));
    refused(with(vec![xattr(&long, b"v")]), &["/sub/it", "255 bytes"]);
    refused(with(vec![xattr("system.posix_acl_access", b"no")]), &["/sub/it", "posix_acl_access", "header"]);
}

#[test]
fn content() {
    let sparse = |len, data: &[std::ops::Range<u64>]| {
        let source = Source::Inline(vec![1; 10].into());
        inode(0o644, Kind::File(Content { len, data: data.to_vec(), source }))
    };
    refused(sparse(1 << 44, &[]), &["/sub/it", "17592186044416 bytes", "17592186040320"]);
    refused(sparse(10, &[0..5, 4..6]), &["/sub/it", "from 4 to 6", "before it"]);
    refused(sparse(10, &[3..3, 4..6]), &["/sub/it", "is empty"]);
    refused(sparse(10, &[4..11, 12..13]), &["/sub/it", "past the end"]);
    refused(sparse(20, &[4..11]), &["/sub/it", "held"]);
}

#[test]
fn trees_that_are_none() {
    let mut tree = Sapling::new();
    let sub = tree.add("sub", dir());
    tree.0.link(sub, b"loop", InodeId::ROOT).unwrap();
    tree_refused(&tree, &["/sub/loop", "one name"]);
    let mut tree = Sapling::new();
    let sub = tree.add("sub", dir());
    tree.0.link(sub, b"nobody", InodeId(77)).unwrap();
    tree_refused(&tree, &["/sub/nobody", "77"]);
    let mut tree = Sapling::new();
    tree.add("lost+found", file("mine"));
    tree_refused(&tree, &["/lost+found", "rename"]);
    let mut tree = Sapling::new();
    let one = tree.add("one", file(""));
    if let Kind::Dir(names) = &mut tree.0.inode_mut(InodeId::ROOT).kind {
        names.insert(b"a/b"[..].into(), one);
    }
    tree_refused(&tree, &["/a/b", "slash"]);
}

#[test]
fn options_and_names() {
    let tree = Sapling::new();
    let says = |params: Ext4Params, word: &str| {
        let message = measure(&tree.0, &params).unwrap_err().to_string();
        assert!(message.contains(word), "{message}");
    };
    says(Ext4Params { label: "seventeen letters".into(), ..params() }, "17 bytes");
    says(Ext4Params { mount_point: "/x".repeat(32), ..params() }, "64 bytes");
    let with = |options| Ext4Params { options, ..params() };
    says(with(MkfsOptions { inode_ratio: Some(1024), ..MkfsOptions::default() }), "from 4096");
    says(with(MkfsOptions { journal: Some(Bytes::mib(1)), ..MkfsOptions::default() }), "from 4194304");
    says(with(MkfsOptions { reserved_percent: Some(51), ..MkfsOptions::default() }), "to 50");
}
