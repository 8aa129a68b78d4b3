//! Trees as cpio archives, and archives as compressed streams, judged by GNU cpio, gzip, zstd and xz. Wants root.
//!
//! In: trees with everything that a tree can have, and one built by hooks. Out: the same trees, unpacked by others. Never: our
//! own reading.

#![allow(clippy::unwrap_used)] // an unwrap that fails is a test that fails

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use dibber_export::{CompressedStream, Files, NamedWriter, StreamCompression, WriteOptions, write_stream};
use dibber_format::cpio;
use dibber_model::{
    Content, Extents, FileRef, Inode, InodeId, Kind, Meta, Rdev, Source, Timestamp, Tree, Xattr,
};
use tempfile::TempDir;

use dibber_tests::workshop::{Numbers, Workshop};
use dibber_tests::{OneFile, accepts, dump, flip_bit, listing, objects};

const EPOCH: i64 = 1_700_000_000;

/// Bytes of that file.
const CONTENT: u64 = 3_500_000;

/// Words and noise: neither as small as zeros nor as large as noise.
fn source(dir: &Path) -> OneFile {
    let path = dir.join("source");
    let mut numbers = Numbers(7);
    let mut bytes = Vec::new();
    while bytes.len() < CONTENT as usize {
        match numbers.below(4) {
            0 => bytes.extend((0..100).map(|_| numbers.below(256) as u8)),
            _ => bytes.extend(format!("line {} of the source\n", numbers.below(5000)).bytes()),
        }
    }
    bytes.truncate(CONTENT as usize);
    fs::write(&path, bytes).unwrap();
    OneFile(path)
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn write(extents: &Extents, files: &OneFile, compression: StreamCompression, threads: usize) -> Vec<u8> {
    let mut out = Vec::new();
    let to = NamedWriter { to: &mut out, path: Path::new("archive") };
    let stream = CompressedStream { to, compression };
    write_stream(extents, files, stream, WriteOptions { threads, progress: &|_| () }).unwrap();
    out
}

/// GNU cpio's status, what it complained of, and the directory that it filled.
fn unpack(archive: &[u8], dir: &Path) -> (bool, String, PathBuf) {
    let (root, file) = (dir.join("root"), dir.join("archive"));
    let _ = fs::remove_dir_all(&root);
    fs::create_dir(&root).unwrap();
    fs::write(&file, archive).unwrap();
    let output = Command::new("cpio")
        .args(["-i", "-d", "-m", "-u", "--quiet", "--no-absolute-filenames", "-F", text(&file)])
        .current_dir(&root)
        .output()
        .unwrap_or_else(|e| panic!("cpio: {e}; scripts/install-tools test installs it"));
    (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned(), root)
}

fn meta(mode: u16, secs: i64) -> Meta {
    Meta { mode, mtime: Timestamp::from_secs(secs), ..Meta::default() }
}

/// A tree that nobody thought of, of what GNU cpio gives back as it was.
fn generated(numbers: &mut Numbers) -> Tree {
    let mut tree = Tree::new(meta(0o755, EPOCH));
    let (mut dirs, mut files) = (vec![InodeId::ROOT], Vec::new());
    for at in 0..numbers.below(60) {
        let parent = dirs[numbers.below(dirs.len() as u64) as usize];
        let name =
            format!("{}{at}", ["n", "name with spaces ", "ä", "TRAILER!!!", "-"][numbers.below(5) as usize]);
        let owned = Meta {
            uid: numbers.below(70_000) as u32,
            gid: numbers.below(70_000) as u32,
            ..meta(0o400 + numbers.below(0o400) as u16, EPOCH - numbers.below(1 << 30) as i64)
        };
        let content = |len, from: u64, to: u64| Content {
            len,
            data: (from < to).then_some(from..to).into_iter().collect(),
            source: Source::File(FileRef(0)),
        };
        let kind = match numbers.below(9) {
            0 => Kind::Dir(BTreeMap::new()),
            1 => Kind::Fifo,
            2 if !files.is_empty() => {
                let id = files[numbers.below(files.len() as u64) as usize];
                tree.link(parent, name.as_bytes(), id).unwrap();
                continue;
            }
            3 => Kind::File(Content::inline(vec![b'x'; numbers.below(9) as usize])),
            4 => Kind::File(content(CONTENT, numbers.below(CONTENT), numbers.below(CONTENT))),
            _ => {
                let len = numbers.below(20_000);
                Kind::File(content(len, 0, len))
            }
        };
        let (is_dir, is_file) = (matches!(kind, Kind::Dir(_)), matches!(kind, Kind::File(_)));
        let id = tree.add(parent, name.as_bytes(), Inode { meta: owned, kind }).unwrap();
        if is_dir {
            dirs.push(id);
        }
        if is_file {
            files.push(id);
        }
    }
    tree
}

/// GNU cpio sets the times of directories before it is through with what is in them; their times are in its listing.
fn comparable(listing: &str) -> Vec<String> {
    let line = |line: &str| match line.split('\t').collect::<Vec<_>>()[..] {
        [path, "d", mode, uid, gid, ..] => [path, "d", mode, uid, gid].join("\t"),
        _ => line.to_string(),
    };
    listing.lines().map(line).collect()
}

#[test]
fn gnu_cpio_unpacks_generated_trees() {
    let dir = TempDir::new().unwrap();
    let files = source(dir.path());
    let mut numbers = Numbers(42);
    for round in 0..15 {
        let tree = generated(&mut numbers);
        let archive = cpio::write(&tree).unwrap();
        assert_eq!(archive.omitted, []);
        let bytes = write(&archive.extents, &files, StreamCompression::Plain, 1);
        let (well, said, root) = unpack(&bytes, dir.path());
        assert!(well && said.is_empty(), "round {round}: {said}");
        let (found, wanted) = (listing(&root), dump(&tree, |file| files.open(file).unwrap()));
        assert_eq!(comparable(&found), comparable(&wanted), "round {round}");
    }
}

/// Devices, links of links, odd names, the root's own mode; and what newc cannot hold is told by path.
#[test]
fn gnu_cpio_unpacks_odd_things() {
    let dir = TempDir::new().unwrap();
    let files = source(dir.path());
    let mut tree = Tree::new(meta(0o751, EPOCH));
    let mut add = |name: &[u8], meta, kind| tree.add(InodeId::ROOT, name, Inode { meta, kind }).unwrap();
    add(b"console", meta(0o600, EPOCH), Kind::CharDev(Rdev { major: 5, minor: 1 }));
    add(b"disk", meta(0o660, EPOCH), Kind::BlockDev(Rdev { major: 259, minor: 70_000 }));
    add(b"socket", meta(0o755, EPOCH), Kind::Socket);
    add(b"not \xff utf-8\nand a line", meta(0o4755, EPOCH), Kind::File(Content::inline(*b"odd")));
    let link = add(b"link", meta(0o777, EPOCH), Kind::Symlink(vec![b't'; 4000].into()));
    let xattr = Xattr { name: (*b"security.capability").into(), value: (*b"\x01\0\0\x02").into() };
    let capable = Meta { xattrs: vec![xattr], ..meta(0o755, EPOCH) };
    add(b"ping", capable, Kind::File(Content::inline(*b"ping")));
    add(b"old", meta(0o644, -5), Kind::File(Content::inline(*b"")));
    tree.link(InodeId::ROOT, b"link too", link).unwrap();
    let archive = cpio::write(&tree).unwrap();
    let told: Vec<(&[u8], &str)> = archive.omitted.iter().map(|o| (&o.path[..], &o.what[..])).collect();
    assert_eq!(
        told,
        [
            (&b"old"[..], "the time -5, outside of 1970 to 2106"),
            (b"ping", "the attribute security.capability")
        ]
    );
    let bytes = write(&archive.extents, &files, StreamCompression::Plain, 1);
    let (well, said, root) = unpack(&bytes, dir.path());
    assert!(well && said.is_empty(), "{said}");
    // The directory that it unpacks into keeps its mode; the kernel gives the root this one.
    let listed = accepts("cpio", &["-t", "-v", "--quiet", "-F", text(&dir.path().join("archive"))]);
    assert!(listed.starts_with("drwxr-x--x ") && listed.contains("Nov 14  2023 .\n"), "{listed}");
    let stat = |name: &str| root.join(name).symlink_metadata().unwrap();
    let device = |name: &str| (stat(name).mode(), stat(name).rdev());
    assert_eq!(device("console"), (0o020_600, rustix::fs::makedev(5, 1)));
    assert_eq!(device("disk"), (0o060_660, rustix::fs::makedev(259, 70_000)));
    assert_eq!(stat("socket").mode(), 0o140_755);
    assert_eq!(stat("old").mtime(), 0);
    for name in ["link", "link too"] {
        assert_eq!(fs::read_link(root.join(name)).unwrap().as_os_str().len(), 4000);
    }
    use std::os::unix::ffi::OsStrExt;
    let odd = root.join(std::ffi::OsStr::from_bytes(b"not \xff utf-8\nand a line"));
    assert_eq!((fs::read(&odd).unwrap(), odd.metadata().unwrap().mode()), (b"odd".to_vec(), 0o104_755));
}

/// A broken twin: one bit of a header, and cpio objects or unpacks something else.
#[test]
fn a_broken_header_is_seen() {
    let dir = TempDir::new().unwrap();
    let files = source(dir.path());
    let tree = generated(&mut Numbers(3));
    let archive = cpio::write(&tree).unwrap();
    let bytes = write(&archive.extents, &files, StreamCompression::Plain, 1);
    let good = dump(&tree, |file| files.open(file).unwrap());
    // The root's entry is 112 bytes; what follows are the second one's magic, inode, mode and owner.
    for at in [112 + 5, 112 + 6 + 8 + 7, 112 + 6 + 16 + 7, 112 + 110] {
        let mut broken = bytes.clone();
        broken[at] ^= 1;
        let (well, said, root) = unpack(&broken, dir.path());
        assert!(!well || !said.is_empty() || listing(&root) != good, "byte {at} was not missed");
    }
}

/// Every packing, from one thread and from more, is the same stream; the program of its name gives the archive back.
#[test]
fn streams_do_not_depend_on_threads() {
    let dir = TempDir::new().unwrap();
    let files = source(dir.path());
    let mut tree = Tree::new(meta(0o755, EPOCH));
    for at in 0..5 {
        // Holes of more than a block, and files that end anywhere.
        let len = CONTENT - at * 1000;
        let data = if at == 3 { vec![0..7, len - 7..len] } else { std::iter::once(0..len).collect() };
        let content = Content { len, data, source: Source::File(FileRef(0)) };
        let inode = Inode { meta: meta(0o644, EPOCH), kind: Kind::File(content) };
        tree.add(InodeId::ROOT, format!("{at}").as_bytes(), inode).unwrap();
    }
    let extents = cpio::write(&tree).unwrap().extents;
    let plain = dir.path().join("plain");
    fs::write(&plain, write(&extents, &files, StreamCompression::Plain, 1)).unwrap();
    assert_eq!(plain.metadata().unwrap().len(), extents.len());
    for (program, packing) in [
        ("gzip", StreamCompression::Gzip(6)),
        ("gzip", StreamCompression::Gzip(1)),
        ("zstd", StreamCompression::Zstd(3)),
        ("xz", StreamCompression::Xz(0)),
    ] {
        let first = write(&extents, &files, packing, 1);
        for threads in [2, 5] {
            let other = write(&extents, &files, packing, threads);
            assert!(other == first, "{packing:?} with {threads} threads is another stream");
        }
        let packed = dir.path().join(format!("packed.{program}"));
        fs::write(&packed, &first).unwrap();
        accepts(program, &["-t", "-q", text(&packed)]);
        let shell = format!("{program} -dc {} | cmp - {}", text(&packed), text(&plain));
        accepts("sh", &["-c", &shell]);
        assert!((first.len() as u64) < extents.len() * 2 / 3, "{packing:?}: {}", first.len());
        flip_bit(&packed, first.len() as u64 / 2);
        objects(program, &["-t", "-q", text(&packed)]);
    }
    // What the kernel wants of xz: CRC32 (lib/decompress_unxz.c); and several blocks, else threads have nothing to share.
    let packed = dir.path().join("packed.xz");
    fs::write(&packed, write(&extents, &files, StreamCompression::Xz(0), 2)).unwrap();
    let said = accepts("xz", &["--robot", "-l", text(&packed)]);
    let totals: Vec<&str> = said.lines().last().unwrap().split('\t').collect();
    // totals, streams, blocks, sizes, ratio, check (xz(1), "Robot mode").
    assert_eq!((totals[1], totals[6]), ("1", "CRC32"), "{said}");
    assert!(totals[2].parse::<u32>().unwrap() > 1, "{said}");
}

const TREE: &str = r#"
mkdir -p boot lib/modules/6.1.0-9-amd64 dev
echo kernel > boot/vmlinuz-6.1.0-9-amd64; echo old > boot/vmlinuz-6.1.0-8-amd64
echo module > lib/modules/6.1.0-9-amd64/a.ko
ln -s bin/busybox init; echo shared > one; ln one two
cp bin/busybox capable; setcap cap_net_raw=ep capable
"#;

/// Kernel and initramfs of a built tree, and nothing else: no disk is made, whatever its size or layout.
#[test]
fn a_built_tree_becomes_a_kernel_and_an_initramfs() {
    let shop = Workshop::new();
    shop.hook("ramdisk/post-root.d/50-tree", &format!("cd \"$TMP_MOUNT_PATH\"\n{TREE}"));
    let keys = [
        ("elements", "[tiny-os, ramdisk]"),
        ("outputs", "[kernel, initramfs]"),
        // Too small for anything.
        ("size", "1MiB"),
        ("nodes", "[{path: /dev/console, type: char, major: 5, minor: 1, mode: \"0600\"}]"),
    ];
    let mut made = BTreeMap::new();
    for (program, compression) in [("gzip", "gzip"), ("zstd", "zstd"), ("xz", "xz"), ("cat", "none")] {
        let image = shop.image("agent", &[&keys[..], &[("compression", compression)]].concat());
        let told = shop.build(&image, &["-j", if program == "xz" { "1" } else { "3" }]).well();
        let missing = "initramfs: /capable: the attribute security.capability";
        assert!(told.err.contains(missing) || told.out.contains(missing), "{}\n{}", told.out, told.err);
        let packed = shop.out().join("agent.initramfs");
        let plain = shop.at("plain");
        let unpack = if program == "cat" { "cat".into() } else { format!("{program} -dc") };
        accepts("sh", &["-c", &format!("{unpack} < {} > {}", text(&packed), text(&plain))]);
        made.insert(compression, fs::read(&plain).unwrap());
        assert_eq!(fs::read_to_string(shop.out().join("agent.kernel")).unwrap(), "kernel\n");
    }
    assert!(made.values().all(|bytes| *bytes == made["none"]));
    let names: Vec<String> = shop.outputs().into_keys().filter(|name| name.starts_with("agent.")).collect();
    assert_eq!(names, ["agent.initramfs", "agent.initramfs.json", "agent.kernel", "agent.kernel.json"]);
    let listed = accepts("cpio", &["-t", "-v", "-n", "--quiet", "-F", text(&shop.at("plain"))]);
    for sign in
        ["init -> bin/busybox", "5,   1", " dev/console", " lib/modules/6.1.0-9-amd64/a.ko", " boot\n"]
    {
        assert!(listed.contains(sign), "no `{sign}` in:\n{listed}");
    }
    assert!(!listed.contains(" boot/"), "{listed}");
    let read = |name: &str| {
        let bytes = fs::read(shop.out().join(name)).unwrap();
        serde_json::from_slice::<serde_json::Value>(&bytes).unwrap()
    };
    let sidecar = read("agent.initramfs.json");
    assert_eq!(
        (&sidecar["kind"], &sidecar["kernel_release"]),
        (&"initramfs".into(), &"6.1.0-9-amd64".into())
    );
    assert!(sidecar.get("disk").is_none() && sidecar["properties"].get("img_type").is_none(), "{sidecar}");
    // A kernel that is not there, and a compression that a disk does not have.
    let bare = shop.image("bare", &[("outputs", "[kernel, initramfs]")]);
    shop.build(&bare, &[]).refuses(3, &["the kernel is wanted, and /boot has none"]);
    let mixed = shop.image("mixed", &[("outputs", "[qcow2, initramfs]"), ("compression", "xz")]);
    shop.build(&mixed, &[]).refuses(3, &["qcow2 has no xz compression"]);
}
