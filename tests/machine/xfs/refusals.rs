//! What xfs cannot hold is refused by the name of its path, with the numbers.

use dibber_format::xfs::{XfsParams, measure, write};
use dibber_model::filesystem::XfsOptions;
use dibber_model::{Content, Inode, Kind, Rdev, Source};

use crate::ext4::trees::{Sapling, dir, file, inode, noise, with_xattrs, xattr};

use super::params;

/// Both entrances refuse an inode at `/sub/it`, and the message has these words.
fn refused(it: Inode, words: &[&str]) {
    let mut tree = Sapling::new();
    let sub = tree.add("sub", dir());
    tree.under(sub, "it", it);
    let message = measure(&tree.0, &params()).expect_err("measure refuses").to_string();
    assert_eq!(message, write(&tree.0, &params(), 1 << 30).expect_err("write refuses").to_string());
    for word in words {
        assert!(message.contains(word), "`{word}` is not in: {message}");
    }
}

#[test]
fn what_xfs_cannot_hold_is_refused_by_path() {
    let link = |target: &[u8]| inode(0o777, Kind::Symlink(target.into()));
    refused(link(b""), &["/sub/it", "0 bytes"]);
    refused(link(&[b'x'; 1024]), &["/sub/it", "1024 bytes", "1023"]);
    refused(link(b"a\0b"), &["/sub/it", "NUL"]);
    refused(inode(0o600, Kind::CharDev(Rdev { major: 512, minor: 0 })), &["/sub/it", "512:0"]);
    refused(inode(0o600, Kind::BlockDev(Rdev { major: 0, minor: 1 << 18 })), &["/sub/it", "0:262144"]);
    let content = |len, data: &[std::ops::Range<u64>]| {
        let source = Source::Inline(noise(100, 1).into());
        inode(0o600, Kind::File(Content { len, data: data.to_vec(), source }))
    };
    refused(content(1 << 63, &[]), &["/sub/it", "9223372036854775807"]);
    refused(content(90, &[0..91]), &["/sub/it", "past the end of the file"]);
    refused(content(900, &[0..101]), &["/sub/it", "past the bytes"]);
    refused(content(90, &[5..9, 8..10]), &["/sub/it", "not behind"]);
}

#[test]
fn attributes_that_xfs_cannot_hold_are_refused_by_path() {
    let with = |name: &str, value: &[u8]| with_xattrs(file(""), vec![xattr(name, value)]);
    refused(with("user.large", &noise(65_537, 1)), &["/sub/it", "user.large", "65537 bytes", "65536"]);
    for name in ["user.", "system.data", "nothing", "security.", "system.posix_acl_accessx", "btrfs.x"] {
        refused(with(name, b"v"), &["/sub/it", name]);
    }
    refused(with(&format!("user.{}", "n".repeat(251)), b"v"), &["/sub/it", "255 bytes"]);
    refused(with("system.posix_acl_access", b"no"), &["/sub/it", "posix_acl_access", "header"]);
}

#[test]
fn choices_that_xfs_does_not_have_are_refused() {
    let says = |params: XfsParams, word: &str| {
        let message = measure(&Sapling::new().0, &params).unwrap_err().to_string();
        assert!(message.contains(word), "{message}");
    };
    says(XfsParams { label: "thirteen byte".into(), ..params() }, "13 bytes");
    let with = |options| XfsParams { options, ..params() };
    says(with(XfsOptions { inode_size: Some(256), ..XfsOptions::default() }), "not of 256");
    let apart = XfsOptions { inobtcount: Some(true), finobt: Some(false), ..XfsOptions::default() };
    says(with(apart), "inobtcount needs finobt");
    let small = write(&Sapling::new().0, &params(), 200 << 20).unwrap_err().to_string();
    assert!(small.contains("at least 314572800 bytes (300 MiB)"), "{small}");
}
