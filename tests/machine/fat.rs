//! FAT before its judges: fsck.fat, mtools and blkid.
#![allow(clippy::unwrap_used, reason = "a test without its material fails there")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use dibber_format::fat::{FatError, FatParams, label, measure, write};
use dibber_model::{
    Bytes, Content, FileRef, Inode, InodeId, Kind, Meta, Rdev, SectorSize, Source, Timestamp, Tree,
};
use proptest::prelude::*;
use tempfile::TempDir;

use dibber_tests::{accepts, flip_bit, objects, write_image};

const MIB: u64 = 1 << 20;
/// 2024-02-29 12:34:56 UTC.
const TIME: i64 = 1_709_210_096;

fn params() -> FatParams {
    FatParams {
        label: label("esp").unwrap(),
        volume_id: 0x1234_abcd,
        epoch: Timestamp::from_secs(TIME + 1000),
        hidden_sectors: 2048,
        sector: SectorSize::B512,
    }
}

fn meta() -> Meta {
    Meta { mode: 0o755, mtime: Timestamp::from_secs(TIME), ..Meta::default() }
}

fn dir() -> Inode {
    Inode { meta: meta(), kind: Kind::Dir(BTreeMap::new()) }
}

fn file(bytes: impl Into<Arc<[u8]>>) -> Inode {
    Inode { meta: meta(), kind: Kind::File(Content::inline(bytes)) }
}

/// Adds a file, and the directories above it.
fn add(tree: &mut Tree, path: &str, inode: Inode) {
    let mut at = InodeId::ROOT;
    let (above, name) = path.rsplit_once('/').unwrap_or(("", path));
    for step in above.split('/').filter(|step| !step.is_empty()) {
        let known = tree.entries(at).find(|(name, _)| *name == step.as_bytes()).map(|(_, id)| id);
        at = known.unwrap_or_else(|| tree.add(at, step.as_bytes(), dir()).unwrap());
    }
    tree.add(at, name.as_bytes(), inode).unwrap();
}

fn esp() -> Tree {
    let mut tree = Tree::new(meta());
    add(&mut tree, "EFI/BOOT/BOOTX64.EFI", file(vec![0x5a; 950_000]));
    add(&mut tree, "EFI/BOOT/grubx64.efi", file(vec![0xa5; 2_000_001]));
    add(&mut tree, "EFI/debian/grub.cfg", file(&b"search.fs_uuid x root\n"[..]));
    add(&mut tree, "EFI/debian/a name with spaces, and naïve ünits — 中文.conf", file(&b"x"[..]));
    add(&mut tree, "EFI/debian/empty", file(&b""[..]));
    add(&mut tree, "EFI/debian/empty dir/.keep me", file(&b"."[..]));
    add(&mut tree, "longfilename-1.txt", file(&b"1"[..]));
    add(&mut tree, "longfilename-2.txt", file(&b"2"[..]));
    add(&mut tree, "LONGFI~1.TXT", file(&b"3"[..]));
    tree
}

/// What mtools reads back: every path with its content, directories with none.
fn read_back(image: &Path, into: &TempDir) -> BTreeMap<String, Option<Vec<u8>>> {
    fs::create_dir(into.path().join("back")).unwrap();
    let (image, back) = (image.to_str().unwrap(), into.path().join("back"));
    let list = accepts("mdir", &["-i", image, "-b", "-a", "::/"]);
    if !list.trim().is_empty() {
        let output = std::process::Command::new("mcopy")
            .args(["-s", "-n", "-i", image, "::*", back.to_str().unwrap()])
            .env("LC_ALL", "C.UTF-8")
            .output()
            .expect("mcopy; scripts/test installs mtools");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let mut found = BTreeMap::new();
    let mut stack = vec![back.clone()];
    while let Some(at) = stack.pop() {
        for entry in fs::read_dir(&at).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(&back).unwrap().to_str().unwrap().to_string();
            if path.is_dir() {
                found.insert(name, None);
                stack.push(path);
            } else {
                found.insert(name, Some(fs::read(&path).unwrap()));
            }
        }
    }
    found
}

fn expected(tree: &Tree) -> BTreeMap<String, Option<Vec<u8>>> {
    let inline = |content: &Content| match &content.source {
        Source::Inline(bytes) => {
            let mut whole = vec![0; content.len as usize];
            for range in &content.data {
                let range = range.start as usize..range.end as usize;
                whole[range.clone()].copy_from_slice(&bytes[range]);
            }
            whole
        }
        Source::File(_) => panic!("these trees are held in memory"),
    };
    let content = |id| match &tree.inode(id).kind {
        Kind::File(content) => Some(inline(content)),
        _ => None,
    };
    let paths = tree.walk().into_iter().skip(1);
    paths.map(|(path, id)| (String::from_utf8(path).unwrap(), content(id))).collect()
}

/// Writes, and lets every judge speak. Returns what fsck.fat said.
fn judge(tree: &Tree, params: &FatParams, len: u64) -> String {
    let place = tempfile::tempdir().unwrap();
    let image = place.path().join("fat");
    write_image(&write(tree, params, len).unwrap(), &[], &image);
    assert_eq!(fs::metadata(&image).unwrap().len(), len);
    let said = accepts("fsck.fat", &["-vn", image.to_str().unwrap()]);
    // It warns without a bad exit code.
    let worries =
        ["differ", "not match", "Dirty", "bad", "invalid", "wrong", "lost", "orphan", "Free cluster"];
    for worry in worries {
        assert!(!said.contains(worry), "{said}");
    }
    assert_eq!(read_back(&image, &place), expected(tree), "{said}");
    said
}

#[test]
fn every_width_is_clean_and_reads_back() {
    for (len, width) in [
        (4 * MIB, 12),
        (8 * MIB, 12),
        (16 * MIB, 16),
        (64 * MIB, 16),
        (511 * MIB, 16),
        (512 * MIB, 32),
        (550 * MIB, 32),
        (9 << 30, 32),
        (33 * MIB + 12_345, 16),
    ] {
        let said = judge(&esp(), &params(), len);
        assert!(said.contains(&format!("2 FATs, {width} bit entries")), "{len}: {said}");
    }
}

#[test]
fn sectors_of_4096_bytes() {
    let params = FatParams { sector: SectorSize::B4096, ..params() };
    for len in [16 * MIB, 128 * MIB, 600 * MIB] {
        let said = judge(&esp(), &params, len);
        assert!(said.contains("4096 bytes per logical sector"), "{said}");
    }
}

#[test]
fn blkid_sees_identity_and_type() {
    let place = tempfile::tempdir().unwrap();
    let image = place.path().join("fat");
    for (len, version) in [(4 * MIB, "FAT12"), (64 * MIB, "FAT16"), (600 * MIB, "FAT32")] {
        write_image(&write(&esp(), &params(), len).unwrap(), &[], &image);
        let said = accepts("blkid", &["-p", "-o", "export", image.to_str().unwrap()]);
        for line in ["LABEL=ESP", "LABEL_FATBOOT=ESP", "UUID=1234-ABCD", "TYPE=vfat"] {
            assert!(said.lines().any(|l| l == line), "{line}: {said}");
        }
        assert!(said.contains(&format!("VERSION={version}")), "{said}");
        fs::remove_file(&image).unwrap();
    }
}

#[test]
fn times_are_the_trees_in_utc() {
    let place = tempfile::tempdir().unwrap();
    let image = place.path().join("fat");
    let mut tree = esp();
    let mut old = file(&b"old"[..]);
    old.meta.mtime = Timestamp::from_secs(0);
    add(&mut tree, "old", old);
    let mut new = file(&b"new"[..]);
    new.meta.mtime = Timestamp::from_secs(TIME + 86_400);
    add(&mut tree, "new", new);
    write_image(&write(&tree, &params(), 16 * MIB).unwrap(), &[], &image);
    let said = accepts("mdir", &["-i", image.to_str().unwrap(), "::/"]);
    let line = |name: &str| said.lines().find(|l| l.contains(name)).unwrap_or_else(|| panic!("{said}"));
    assert!(line("LONGFI~1 TXT").contains("2024-02-29  12:34"), "{said}");
    assert!(line("OLD ").contains("1980-01-01   0:00"), "{said}");
    // Cut to the epoch, 1000 seconds after.
    assert!(line("NEW ").contains("2024-02-29  12:51"), "{said}");
}

#[test]
fn the_measure_is_exact() {
    let mut trees = vec![Tree::new(meta()), esp()];
    let mut many = Tree::new(meta());
    for n in 0..3000 {
        add(&mut many, &format!("d{}/a rather long file name, number {n}", n % 7), file(vec![1; n]));
    }
    trees.push(many);
    let mut wide = Tree::new(meta());
    for n in 0..2000 {
        add(&mut wide, &format!("in the root itself {n}"), file(vec![1; n % 3]));
    }
    trees.push(wide);
    for (tree, sector) in trees.iter().flat_map(|t| [(t, SectorSize::B512), (t, SectorSize::B4096)]) {
        let params = FatParams { sector, ..params() };
        let Bytes(least) = measure(tree, &params).unwrap();
        judge(tree, &params, least);
        let short = write(tree, &params, least - 1);
        assert!(
            matches!(short, Err(FatError::TooSmall { needs, len }) if needs == least && len == least - 1)
        );
    }
}

#[test]
fn every_length_from_the_measure_on_holds_the_tree() {
    // So many small files that a change of width or of cluster size would lose them.
    let mut tree = Tree::new(meta());
    for n in 0..9_000u32 {
        let mut inode = file(&b""[..]);
        inode.kind = Kind::File(Content { len: 512, data: Vec::new(), source: Source::File(FileRef(0)) });
        add(&mut tree, &format!("{}/{n}", n % 50), inode);
    }
    let Bytes(least) = measure(&tree, &params()).unwrap();
    let lens = (0..200).map(|step| least + step * 512).chain((0..200).map(|step| least + step * 177_777));
    for len in lens {
        write(&tree, &params(), len).unwrap_or_else(|e| panic!("{len}: {e}"));
    }
}

#[test]
fn large_files_stay_references_and_holes_stay_holes() {
    let place = tempfile::tempdir().unwrap();
    let source = place.path().join("source");
    fs::write(&source, vec![7; 5_000_000]).unwrap();
    let mut tree = Tree::new(meta());
    let content = Content {
        len: 5_000_000,
        data: vec![0..4096, 1_000_000..4_999_999],
        source: Source::File(FileRef(0)),
    };
    add(&mut tree, "big", Inode { meta: meta(), kind: Kind::File(content) });
    let extents = write(&tree, &params(), 64 * MIB).unwrap();
    assert!(extents.covered() < 4_096 + 3_999_999 + 20_000, "{}", extents.covered());
    let image = place.path().join("fat");
    write_image(&extents, &[source], &image);
    accepts("fsck.fat", &["-vn", image.to_str().unwrap()]);
    let mut want = vec![0; 5_000_000];
    want[..4096].fill(7);
    want[1_000_000..4_999_999].fill(7);
    assert!(read_back(&image, &place)["big"].as_deref() == Some(&want[..]));
}

#[test]
fn what_fat_cannot_hold_is_refused_by_path() {
    let refuse = |change: &dyn Fn(&mut Tree)| {
        let mut tree = esp();
        change(&mut tree);
        let error = measure(&tree, &params()).unwrap_err();
        assert_eq!(write(&tree, &params(), 64 * MIB).unwrap_err(), error);
        error.to_string()
    };
    let kind = |kind: Kind| refuse(&|tree| add(tree, "EFI/it", Inode { meta: meta(), kind: kind.clone() }));
    for (message, words) in [
        (kind(Kind::Symlink(b"x"[..].into())), "symbolic link"),
        (kind(Kind::BlockDev(Rdev { major: 8, minor: 0 })), "block device"),
        (kind(Kind::CharDev(Rdev { major: 1, minor: 3 })), "character device"),
        (kind(Kind::Fifo), "named pipe"),
        (kind(Kind::Socket), "socket"),
    ] {
        assert!(message.contains("`/EFI/it`") && message.contains(words), "{message}");
    }
    let case = refuse(&|tree| add(tree, "efi/x", file(&b""[..])));
    assert!(case.contains("`/efi` and `/EFI` differ only by letter case"), "{case}");
    let case = refuse(&|tree| {
        add(tree, "naïve", file(&b""[..]));
        add(tree, "NAÏVE", file(&b""[..]));
    });
    assert!(case.contains("letter case"), "{case}");
    let link = refuse(&|tree| {
        let id = tree.lookup(b"EFI/debian/grub.cfg").unwrap();
        tree.link(InodeId::ROOT, b"again", id).unwrap();
    });
    assert!(link.contains("hard link") && link.contains("grub.cfg") && link.contains("again"), "{link}");
    for name in ["a:b", "q?", "dot.", "space ", "back\\slash", "tab\t"] {
        let message = refuse(&|tree| add(tree, name, file(&b""[..])));
        assert!(message.contains("name that FAT cannot hold"), "{name}: {message}");
    }
    let bytes = refuse(&|tree| {
        tree.add(InodeId::ROOT, b"\xff\xfe", file(&b""[..])).unwrap();
    });
    assert!(bytes.contains("UTF-8"), "{bytes}");
    let huge = refuse(&|tree| {
        let content = Content { len: 1 << 32, data: Vec::new(), source: Source::File(FileRef(0)) };
        add(tree, "huge", Inode { meta: meta(), kind: Kind::File(content) });
    });
    assert!(huge.contains("4294967296") && huge.contains("4294967295"), "{huge}");
    let crowd = refuse(&|tree| {
        for n in 0..33_000 {
            add(tree, &format!("crowd/f {n}"), file(&b""[..]));
        }
    });
    assert!(crowd.contains("66002") && crowd.contains("65536"), "{crowd}");
    assert!(label("twelve chars").is_err() && label("a.b").is_err() && label("é").is_err());
}

#[test]
fn a_broken_twin_is_rejected() {
    let place = tempfile::tempdir().unwrap();
    let image = place.path().join("fat");
    let path = image.to_str().unwrap();
    // FAT32: an entry of the first table; FSInfo's free count is a warning only, so a chain is broken.
    for (len, at) in [(600 * MIB, 32 * 512 + 4 * 9), (64 * MIB, 512 + 2 * 9), (4 * MIB, 512 + 9)] {
        write_image(&write(&esp(), &params(), len).unwrap(), &[], &image);
        accepts("fsck.fat", &["-n", path]);
        flip_bit(&image, at);
        objects("fsck.fat", &["-n", path]);
    }
    let twin = place.path().join("content");
    write_image(&write(&esp(), &params(), 16 * MIB).unwrap(), &[], &twin);
    let bytes = fs::read(&twin).unwrap();
    flip_bit(&twin, bytes.iter().position(|b| *b == 0x5a).unwrap() as u64);
    assert_ne!(read_back(&twin, &place), expected(&esp()));
}

/// Names that FAT takes, some of them alike.
fn name() -> impl Strategy<Value = String> {
    let alike = "[aB]{1,3}long name[0-9]{1,2}\\.(txt|CFG|a b)";
    let plain = "[A-Z0-9]{1,8}(\\.[A-Z0-9]{1,3})?";
    let odd = "[a-zA-Z0-9 .,+=\\[\\];é中~_-]{0,60}[a-z0-9~é]";
    prop_oneof![alike, plain, odd]
        .prop_filter("no name", |n: &String| !n.trim_matches(['.', ' ']).is_empty() && !n.starts_with(' '))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_tree_reads_back(
        entries in prop::collection::vec((prop::collection::vec(name(), 0..3), name(), 0usize..20_000), 0..40),
        room in 0u64..40_000_000,
        large in any::<bool>(),
    ) {
        let mut tree = Tree::new(meta());
        for (above, name, len) in entries {
            let mut at = InodeId::ROOT;
            let folded = |n: &[u8]| String::from_utf8_lossy(n).to_uppercase();
            let find = |tree: &Tree, at, name: &str| {
                tree.entries(at).find(|(n, _)| folded(n) == name.to_uppercase()).map(|(_, id)| id)
            };
            for step in above {
                at = match find(&tree, at, &step) {
                    Some(id) if matches!(tree.inode(id).kind, Kind::Dir(_)) => id,
                    Some(_) => break,
                    None => tree.add(at, step.as_bytes(), dir()).unwrap(),
                };
            }
            if find(&tree, at, &name).is_none() {
                tree.add(at, name.as_bytes(), file(vec![(len % 251) as u8; len])).unwrap();
            }
        }
        let sector = if large { SectorSize::B4096 } else { SectorSize::B512 };
        let params = FatParams { sector, ..params() };
        let Bytes(least) = measure(&tree, &params).unwrap();
        judge(&tree, &params, least + room / 512 * 512);
    }
}
