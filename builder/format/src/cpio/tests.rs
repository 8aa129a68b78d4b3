use alloc::vec;

use dibber_model::{FileRef, Inode, Meta, Timestamp, Xattr};

use super::*;

fn meta(mode: u16, secs: i64) -> Meta {
    Meta { mode, uid: 1, gid: 2, mtime: Timestamp::from_secs(secs), ..Meta::default() }
}

fn file(bytes: &[u8]) -> Inode {
    Inode { meta: meta(0o644, 9), kind: Kind::File(Content::inline(bytes)) }
}

fn flat(archive: &Archive) -> Vec<u8> {
    let mut bytes = vec![0; archive.extents.len() as usize];
    for extent in archive.extents.iter() {
        let Piece::Bytes { buffer, range } = &extent.piece else { panic!("only bytes are in these trees") };
        bytes[extent.at as usize..extent.end() as usize].copy_from_slice(&buffer[range.clone()]);
    }
    bytes
}

#[test]
fn a_small_archive_is_these_bytes() {
    let mut tree = Tree::new(meta(0o755, 7));
    tree.add(InodeId::ROOT, b"a", file(b"hello")).unwrap();
    let archive = write(&tree).unwrap();
    let mut wanted = Vec::new();
    // ino mode uid gid nlink mtime size major minor rmajor rminor namesize check
    wanted.extend_from_slice(
        b"070701000000010000 41ED".split(|b| *b == b' ').collect::<Vec<_>>().concat().as_slice(),
    );
    wanted.extend_from_slice(
        b"00000001000000020000000200000007000000000000000000000000000000000000000000000002",
    );
    wanted.extend_from_slice(b"00000000.\0");
    wanted.extend_from_slice(b"07070100000002000081A4000000010000000200000001000000090000000500000000");
    wanted.extend_from_slice(b"0000000000000000000000000000000200000000a\0hello\0\0\0");
    wanted.extend_from_slice(b"0707010000000000000000000000000000000000000001000000000000000000000000");
    wanted.extend_from_slice(b"0000000000000000000000000000000B00000000TRAILER!!!\0\0\0\0");
    wanted.resize(512, 0);
    assert_eq!(String::from_utf8_lossy(&flat(&archive)), String::from_utf8_lossy(&wanted));
    assert!(archive.omitted.is_empty());
}

#[test]
fn data_goes_with_the_last_name() {
    let mut tree = Tree::new(meta(0o755, 0));
    let id = tree.add(InodeId::ROOT, b"z", file(b"data")).unwrap();
    tree.link(InodeId::ROOT, b"a", id).unwrap();
    let bytes = flat(&write(&tree).unwrap());
    let text = String::from_utf8_lossy(&bytes);
    let at = |needle: &str| text.find(needle).unwrap();
    assert!(at("a\0") < at("z\0"));
    assert!(at("z\0") < at("data"));
    assert_eq!(text.matches("data").count(), 1);
    // The inode is the second of the walk, under both names.
    assert_eq!(text.matches("07070100000002000081A4").count(), 2);
}

#[test]
fn what_does_not_fit_is_refused_or_told() {
    let mut tree = Tree::new(meta(0o755, 0));
    let content =
        |len| Content { len, data: core::iter::once(0..len).collect(), source: Source::File(FileRef(0)) };
    let big = tree
        .add(InodeId::ROOT, b"big", Inode { meta: meta(0, 0), kind: Kind::File(content(LARGEST + 1)) })
        .unwrap();
    assert_eq!(write(&tree).unwrap_err(), CpioError::Large { path: "big".into(), bytes: LARGEST + 1 });
    tree.inode_mut(big).kind = Kind::File(content(LARGEST));
    let xattr = Xattr { name: (*b"security.capability").into(), value: (*b"x").into() };
    tree.inode_mut(big).meta.xattrs.push(xattr);
    tree.inode_mut(big).meta.mtime = Timestamp::from_secs(-1);
    tree.link(InodeId::ROOT, b"also", big).unwrap();
    let archive = write(&tree).unwrap();
    let told: Vec<_> = archive.omitted.iter().map(|o| (&o.path[..], &o.what[..])).collect();
    assert_eq!(
        told,
        [
            (&b"big"[..], "the time -1, outside of 1970 to 2106"),
            (&b"big"[..], "the attribute security.capability")
        ]
    );
    assert!(archive.extents.len() > LARGEST);

    let mut at = InodeId::ROOT;
    for _ in 0..17 {
        let dir = Inode { meta: meta(0o755, 0), kind: Kind::Dir(BTreeMap::new()) };
        at = tree.add(at, &[b'd'; 240], dir).unwrap();
    }
    // 17 names of 240 and 16 slashes: 4096.
    assert!(matches!(write(&tree).unwrap_err(), CpioError::Name { bytes: 4096, .. }));
}
