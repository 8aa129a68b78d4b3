//! `dibber show` before images that were made to keep it busy, to fill memory or to make it fall.
//!
//! In: images made by hand, a kind each. Out: an answer or a refusal within five seconds and 256 MiB, or a failed test. Never: a
//! time of day: what a machine is busy with besides is not counted.
#![allow(clippy::unwrap_used, reason = "a test without its material fails there")]

use std::fs::{self, File};
use std::os::unix::fs::{FileExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use dibber_tests::craft::{
    BLOCK, DIR, EXTENTS, Ext, FILE, FREE, LINK, fat, gpt, index, leaf, names, put, qcow2,
};
use dibber_tests::{accepts, program};

const SECONDS_MAX: f64 = 5.0;
const KIB_MAX: u64 = 256 << 10;

/// How a run of the program ended, and what it took.
struct Ended {
    code: i64,
    said: String,
}

/// Runs `dibber show IMAGE ARGS`, and holds its processor time and peak memory against the bounds.
fn show(image: &Path, args: &[&str]) -> Ended {
    // The kernel's own count of the child, which no poll of /proc can give whole.
    const MEASURE: &str = "import json, resource, subprocess, sys
done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=120)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps({'code': done.returncode, 'seconds': used.ru_utime + used.ru_stime, 'kib': used.ru_maxrss,
                  'said': done.stderr.decode(errors='replace')}))";
    let mut command = Command::new("python3");
    command.args(["-c", MEASURE]).arg(program()).arg("show").arg(image).args(args);
    let output = command.output().unwrap();
    let what = format!("show {} {args:?}", image.display());
    assert!(output.status.success(), "{what}: {}", String::from_utf8_lossy(&output.stderr));
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let (code, said) = (told["code"].as_i64().unwrap(), told["said"].as_str().unwrap().to_string());
    assert!(matches!(code, 0 | 3) && !said.contains("panicked"), "{what}: exit {code}, {said}");
    let (seconds, kib) = (told["seconds"].as_f64().unwrap(), told["kib"].as_u64().unwrap());
    assert!(seconds <= SECONDS_MAX, "{what}: {seconds} s");
    assert!(kib <= KIB_MAX, "{what}: {kib} KiB");
    Ended { code, said }
}

/// Every view of the image is bounded.
fn bounded(image: &Path) {
    for args in [&[][..], &["--files"], &["--packages"], &["/boot", "--json"]] {
        show(image, args);
    }
}

/// The two that read most are.
fn bounded_in_two_views(image: &Path) {
    show(image, &["--json"]);
    show(image, &["--files", "--json"]);
}

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Place {
        Place(tempfile::tempdir().unwrap())
    }

    fn put(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    }
}

/// A system: `/etc/os-release` in inode 13, `/etc` in 12, `/boot` in 14.
fn system(blocks: usize) -> Ext {
    let mut ext = Ext::new(blocks, &[(2, "."), (2, ".."), (12, "etc"), (14, "boot")]);
    ext.directory(12, FREE + 1, &[(12, "."), (2, ".."), (13, "os-release")]);
    ext.file(13, FREE + 2, b"PRETTY_NAME=\"Try\"\n");
    ext.directory(14, FREE + 3, &[(14, "."), (2, "..")]);
    ext
}

#[test]
fn what_is_made_by_hand_is_read() {
    let place = Place::new();
    let image = place.put("sound", &system(32).bytes);
    assert_eq!(show(&image, &[]).code, 0);
    assert_eq!(
        accepts(program().to_str().unwrap(), &["show", image.to_str().unwrap(), "/etc/os-release"]),
        "PRETTY_NAME=\"Try\"\n"
    );
}

#[test]
fn only_files_are_images_and_sidecars() {
    let place = Place::new();
    let at = |name: &str| place.0.path().join(name);
    accepts("mkfifo", &[at("fifo").to_str().unwrap()]);
    let _listener = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
    fs::create_dir(at("dir")).unwrap();
    File::create(at("long")).unwrap().set_len(1 << 40).unwrap();
    let image = place.put("image", &system(32).bytes);
    for (other, word) in [
        (at("fifo"), "a fifo"),
        (at("socket"), "a socket"),
        (at("dir"), "a directory"),
        ("/dev/zero".into(), "a character device"),
        ("/dev/tty".into(), "a character device"),
    ] {
        let ended = show(&other, &[]);
        assert!(ended.code == 3 && ended.said.contains(word), "{}", ended.said);
        symlink(&other, at("image.json")).unwrap();
        let ended = show(&image, &[]);
        assert!(ended.code == 3 && ended.said.contains(word), "{}", ended.said);
        fs::remove_file(at("image.json")).unwrap();
    }
    symlink(at("long"), at("image.json")).unwrap();
    assert!(show(&image, &[]).said.contains("longer than"));
}

#[test]
fn numbers_of_a_superblock() {
    let place = Place::new();
    // Groups without number, in a file of a few clusters.
    for (blocks, wide) in [(1u64 << 40, true), (1 << 36, true), (1 << 31, false)] {
        let mut head = Ext::new(16, &[]).bytes;
        put(
            &mut head[1024..],
            4,
            &[
                (0x04, blocks & 0xffff_ffff),
                (0x18, 0),
                (0x20, 256),
                (0x28, 16),
                (0x60, if wide { 0xc2 } else { 0x42 }),
            ],
        );
        put(&mut head[1024..], 4, &[(0x150, blocks >> 32)]);
        put(&mut head[1024..], 2, &[(0xfe, 64)]);
        let image = place.put("groups.qcow2", &qcow2(blocks << 10, 21, &[(0, &head[..4096])]));
        assert_eq!(show(&image, &[]).code, 3);
    }
    // One field, which readers take for two.
    let mut ext = system(32);
    put(&mut ext.bytes[1024..], 4, &[(0x150, 4096)]);
    let ended = show(&place.put("high", &ext.bytes), &[]);
    assert!(ended.code == 3 && ended.said.contains("without the feature 64bit"), "{}", ended.said);
    for (at, value) in
        [(0x18, 0xffff_ffff), (0x18, 60), (0x20, 0), (0x28, 0), (0x28, 1), (0x58, 0xffff), (0x60, 0xff)]
    {
        let mut ext = system(32);
        put(&mut ext.bytes[1024..], 4, &[(at, value)]);
        bounded_in_two_views(&place.put("field", &ext.bytes));
    }
}

#[test]
fn trees_of_extents_that_fan_out() {
    let place = Place::new();
    // Each level's children are all the one block of the level below, and the leaves lead nowhere.
    let mut ext = system(32);
    let mut below = leaf(&[(0, 0, 0); 340]);
    for depth in 1..=5 {
        ext.block(20 + usize::from(depth), &below);
        below = index(depth, &[(0, 20 + u64::from(depth)); 340]);
    }
    let root = index(5, &[(0, 25); 4]);
    for (number, mode) in [(14, DIR), (13, FILE), (2, DIR)] {
        let mut ext = ext.clone();
        ext.inode(number, (mode, 1 << 20, EXTENTS), &root);
        bounded(&place.put("fan", &ext.bytes));
    }
    // Pointers of ext2: three levels, all of them one block that points to itself.
    let pointers: Vec<u8> = 30u32.to_le_bytes().repeat(BLOCK / 4);
    ext.block(30, &pointers);
    for (number, mode) in [(14, DIR), (2, DIR)] {
        let mut ext = ext.clone();
        ext.inode(number, (mode, 0xffff_f000, 0), &pointers[..60]);
        bounded(&place.put("pointers", &ext.bytes));
    }
}

#[test]
fn directories_without_end() {
    let place = Place::new();
    // A directory in itself, and directories that meet again two levels below: 2^40 paths.
    let mut ext = system(80);
    ext.directory(14, FREE + 3, &[(14, "."), (2, ".."), (2, "up"), (14, "self"), (20, "fork")]);
    for level in 0..40u32 {
        let next = if level == 39 { 13 } else { 21 + level };
        ext.directory(20 + level, 20 + level as usize, &[(next, "a"), (next, "b")]);
    }
    let image = place.put("circle", &ext.bytes);
    bounded(&image);
    let ended = show(&image, &["--files"]);
    assert!(ended.code == 3 && ended.said.contains("circles"), "{}", ended.said);
    // One block of names in every place of a directory of half a gigabyte, and of one with room for 2^32 blocks.
    for blocks in [340 * 340u32, u32::MAX] {
        let mut ext = system(80);
        let many: Vec<String> = (0..340).map(|n| format!("v{n:02}")).collect();
        let many: Vec<(u32, &str)> = many.iter().map(|name| (13, name.as_str())).collect();
        for block in 40..60 {
            ext.block(block, &names(&many[..255]));
        }
        let extents: Vec<_> = (0..340).map(|n| (n * 20, 20, 40)).collect();
        ext.block(30, &leaf(&extents));
        ext.inode(14, (DIR, u64::from(blocks) << 12, EXTENTS), &index(1, &[(0, 30)]));
        bounded(&place.put("many", &ext.bytes));
    }
}

#[test]
fn links_and_sizes_that_are_claimed() {
    let place = Place::new();
    for size in [0, 60, 5000, 1 << 31, 1 << 40, u64::MAX] {
        let mut ext = system(32);
        ext.inode(12, (LINK, size, EXTENTS), &leaf(&[(0, 1, 6)]));
        bounded_in_two_views(&place.put("etc-is-a-link", &ext.bytes));
        let mut ext = system(32);
        ext.inode(13, (FILE, size, EXTENTS), &leaf(&[(0, 32768, 6)]));
        for args in [&[][..], &["--files"]] {
            show(&place.put("size", &ext.bytes), args);
        }
    }
    let mut ext = system(32);
    ext.inode(13, (LINK, 10, 0), b"os-release");
    assert!(show(&place.put("itself", &ext.bytes), &["/etc/os-release"]).said.contains("circles"));
}

#[test]
fn databases_and_tables_of_the_system() {
    let place = Place::new();
    let with = |path: &[&str], content: &[u8]| {
        let blocks = content.len().div_ceil(BLOCK);
        let mut ext = system(48 + blocks);
        ext.directory(12, FREE + 1, &[(12, "."), (13, "os-release"), (30, path[0])]);
        ext.directory(2, FREE, &[(12, "etc"), (14, "boot"), (31, "var")]);
        ext.directory(31, 20, &[(32, "lib")]);
        ext.directory(32, 21, &[(33, "dpkg")]);
        ext.directory(33, 22, &[(30, "status")]);
        // Files of many extents are not needed: one leaf has four, of 32768 blocks each.
        let extents: Vec<_> = (0..blocks.div_ceil(30000) as u32)
            .map(|n| (n * 30000, (blocks - n as usize * 30000).min(30000) as u16, 40 + u64::from(n) * 30000))
            .collect();
        ext.inode(30, (FILE, content.len() as u64, EXTENTS), &leaf(&extents));
        ext.block(40, content);
        place.put("system", &ext.bytes)
    };
    let package = "Package: a\nStatus: install ok installed\nVersion: 1\nArchitecture: b\n\n";
    for status in [package.repeat(700_000).into_bytes(), vec![0xff; 120 << 20], vec![b'\n'; 128 << 20]] {
        let image = with(&["x"], &status);
        show(&image, &[]);
        show(&image, &["--packages", "--json"]);
    }
    let ended = show(&with(&["x"], &b"a\n\n".repeat(40 << 20)), &["--packages"]);
    assert!(ended.code == 3 && ended.said.contains("more than 1024 MiB"), "{}", ended.said);
    bounded(&with(&["fstab"], "LABEL=x /b\n/dev/vda0 /etc/os-release\n".repeat(5000).as_bytes()));
}

#[test]
fn tables_of_partitions() {
    let place = Place::new();
    // Thousands of partitions that are all one large FAT, or all one ext4.
    for holds in [fat(140_000, 65_600, true), system(64).bytes] {
        let mut disk = vec![0; 3 << 20];
        let last = (disk.len() + holds.len()) as u64 / 512 - 1;
        disk.extend(holds);
        let parts: Vec<_> = (0..8192).map(|_| ((3 << 20) / 512, last)).collect();
        gpt(&mut disk, &parts);
        bounded(&place.put("gpt", &disk));
    }
    // Logical partitions in a circle.
    let mut disk = vec![0; 1 << 20];
    disk[510..512].copy_from_slice(&[0x55, 0xaa]);
    disk[446 + 4] = 5;
    put(&mut disk, 4, &[(446 + 8, 64), (446 + 12, 1000)]);
    let record = 64 * 512;
    disk[record + 510..record + 512].copy_from_slice(&[0x55, 0xaa]);
    disk[record + 446 + 4] = 0x83;
    disk[record + 462 + 4] = 5;
    put(&mut disk[record..], 4, &[(446 + 8, 1), (446 + 12, 10), (462 + 8, 0), (462 + 12, 1000)]);
    let image = place.put("mbr", &disk);
    bounded(&image);
    let page = accepts(program().to_str().unwrap(), &["show", image.to_str().unwrap()]);
    assert!(page.contains("circles") && page.lines().count() < 12, "{page}");
}

#[test]
fn chains_of_a_fat_in_circles() {
    let place = Place::new();
    for wide in [true, false] {
        let mut disk = if wide { fat(70_000, 600, true) } else { fat(20_000, 100, false) };
        // Every cluster is followed by the third, whose directory holds itself and the root.
        let width = if wide { 4 } else { 2 };
        let table: Vec<u8> = 3u32.to_le_bytes()[..width].repeat(512 * 50 / width);
        disk[512..512 + table.len()].copy_from_slice(&table);
        let data = if wide { 601 * 512 } else { 133 * 512 };
        let mut entry = *b"A          \x10\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x03\0\xff\xff\xff\xff";
        let root = if wide { data } else { 101 * 512 };
        for at in [root, data + 512] {
            for n in 0..16u8 {
                entry[0] = b'A' + n;
                entry[26] = 2 + n % 3;
                disk[at + usize::from(n) * 32..][..32].copy_from_slice(&entry);
            }
        }
        bounded(&place.put("fat", &disk));
    }
}

#[test]
fn sparse_files_without_end() {
    let place = Place::new();
    let path = place.0.path().join("sparse");
    let file = File::create(&path).unwrap();
    file.set_len(8 << 40).unwrap();
    file.write_all_at(&system(32).bytes, 0).unwrap();
    fs::write(
        place.0.path().join("sparse.json"),
        format!("{{\"sha256\": \"{}\", \"bytes\": {}}}", "0".repeat(64), 8u64 << 40),
    )
    .unwrap();
    bounded(&path);
    for bits in [9, 16, 21] {
        let size = 1u64 << if bits == 9 { 30 } else { 44 };
        bounded(&place.put("sparse.qcow2", &qcow2(size, bits, &[(0, &system(32).bytes)])));
        bounded_in_two_views(&place.put("empty.qcow2", &qcow2(size, bits, &[])));
    }
    // A disk of 2^60 bytes by a header whose tables are elsewhere.
    let mut huge = qcow2(1 << 44, 21, &[]);
    huge[24..32].copy_from_slice(&(1u64 << 60).to_be_bytes());
    huge[36..40].copy_from_slice(&u32::MAX.to_be_bytes());
    assert_eq!(show(&place.put("huge.qcow2", &huge), &[]).code, 3);
    // The same, and the tables there: 2^60 bytes have 2^23 entries of them, in a file that is sparse too.
    let huge = place.put("huge.qcow2", &huge);
    File::options().write(true).open(&huge).unwrap().set_len(1 << 30).unwrap();
    bounded(&huge);
}

/// A journal whose log never ends: one block that revokes, in every place of it.
#[test]
fn journals_without_end() {
    let place = Place::new();
    for kind in [1u32, 2, 5] {
        let mut ext = system(64);
        put(&mut ext.bytes[1024..], 4, &[(0x5c, 4), (0x60, 0x46), (0xe0, 8)]);
        let be = |bytes: &mut [u8], fields: &[(usize, u32)]| {
            for (at, value) in fields {
                bytes[*at..*at + 4].copy_from_slice(&value.to_be_bytes());
            }
        };
        let mut head = vec![0; BLOCK];
        be(
            &mut head,
            &[(0, 0xc03b_3998), (4, 4), (0x0c, 4096), (0x10, 1 << 25), (0x14, 1), (0x18, 7), (0x1c, 1)],
        );
        ext.block(30, &head);
        let mut record = vec![0; BLOCK];
        be(&mut record, &[(0, 0xc03b_3998), (4, kind), (8, 7), (12, 4096)]);
        for n in 0..400 {
            be(&mut record, &[(16 + n * 8, n as u32), (20 + n * 8, 2)]);
        }
        (31..64).for_each(|block| ext.block(block, &record));
        let extents: Vec<_> =
            [(0, 1, 30)].into_iter().chain((0..330).map(|n| (1 + n * 33, 33, 31))).collect();
        ext.block(29, &leaf(&extents));
        ext.inode(8, (FILE, 1 << 37, EXTENTS), &index(1, &[(0, 29)]));
        bounded(&place.put("journal", &ext.bytes));
    }
}

/// Thousands of partitions that all are one filesystem, whose journal has as many copies as the inode's own extents reach.
#[test]
fn journals_of_many_partitions() {
    const LOG: u64 = 4 * 32768;
    const AT: u64 = 64;
    let place = Place::new();
    let mut ext = system(AT as usize);
    put(&mut ext.bytes[1024..], 4, &[(0x04, AT + LOG), (0x5c, 4), (0x60, 0x46), (0xe0, 8)]);
    let extents = [0, 1, 2, 3].map(|n| (n * 32768, 32768, AT + u64::from(n) * 32768));
    ext.inode(8, (FILE, LOG * BLOCK as u64, EXTENTS), &leaf(&extents));
    let be = |fields: &[u32]| fields.iter().flat_map(|field| field.to_be_bytes()).collect::<Vec<u8>>();
    let start = 4 << 20;
    let mut table = vec![0; start];
    let last = (start as u64 + (AT + LOG) * BLOCK as u64) / 512 - 1;
    gpt(&mut table, &vec![(start as u64 / 512, last); 200]);
    let image = place.put("disk", &[&table[..], &ext.bytes].concat());
    // The log is sparse: of a copy only its number in the descriptor is written.
    let disk = File::options().write(true).open(&image).unwrap();
    disk.set_len((last + 2048) * 512).unwrap();
    let write = |block: u64, bytes: &[u8]| {
        disk.write_all_at(bytes, start as u64 + (AT + block) * BLOCK as u64).unwrap();
    };
    write(0, &be(&[0xc03b_3998, 3, 0, BLOCK as u32, LOG as u32, 1, 1, 1]));
    let tags = (BLOCK as u64 - 12) / 8;
    let ends = (1..LOG - tags - 2).step_by(1 + tags as usize).inspect(|at| {
        let mut descriptor = be(&[0xc03b_3998, 1, 1]);
        let numbers = (0..tags).map(|n| (1 << 20) + *at as u32 + n as u32);
        let same_uuid = 2;
        numbers.for_each(|number| descriptor.extend(be(&[number, same_uuid])));
        write(*at, &descriptor);
    });
    let end = ends.last().unwrap() + 1 + tags;
    write(end, &be(&[0xc03b_3998, 2, 1]));
    bounded_in_two_views(&image);
    let page = show(&image, &[]);
    assert!(page.code == 3 && page.said.contains("more than 1048576 copies"), "{}", page.said);
}

/// Links whose targets go through one directory thousands of times: `/m/d/d/d ...`.
fn far(up: &str, step: &str, count: usize, down: &str) -> Vec<u8> {
    format!("{up}{}{down}", step.repeat(count)).into_bytes()
}

#[test]
fn links_that_are_long() {
    let place = Place::new();
    let root = [(2, "d"), (12, "etc"), (12, "usr"), (12, "boot"), (12, "lib"), (12, "var")];
    let links: Vec<String> = (0..16).map(|n| format!("l{n:02}")).collect();
    let all: Vec<(u32, &str)> =
        root.into_iter().chain((20..).zip(links.iter().map(String::as_str))).collect();
    let mut ext = Ext::new(64, &all);
    ext.inode(12, (LINK, 3, 0), b"l00");
    for n in 0..15u32 {
        let next = if n < 14 { format!("l{:02}", n + 1) } else { "d".into() };
        let target = far("", "d/", 2040, &next);
        ext.file(20 + n, 20 + n as usize, &target);
        ext.inode(20 + n, (LINK, target.len() as u64, EXTENTS), &leaf(&[(0, 1, 20 + u64::from(n))]));
    }
    bounded(&place.put("links", &ext.bytes));
}

/// A disk with a system whose `/etc/os-release` and `/boot` are links to `target`, an fstab, and a FAT of one directory of so many
/// clusters full of names, the last of which, `d`, is the directory itself.
fn with_fat(clusters: usize, fstab: &str, target: &[u8]) -> Vec<u8> {
    let blocks = 64 + fstab.len().div_ceil(BLOCK);
    let mut ext = Ext::new(blocks, &[(2, "d"), (12, "etc"), (15, "boot")]);
    ext.directory(12, FREE + 1, &[(14, "fstab"), (15, "os-release")]);
    ext.file(14, 64, fstab.as_bytes());
    ext.block(20, target);
    ext.inode(15, (LINK, target.len() as u64, EXTENTS), &leaf(&[(0, 1, 20)]));
    // Clusters of 64 KiB, each of 2048 names.
    let mut fat = fat(1 + 100 + 33 * 128, 100, true);
    fat[13] = 128;
    for cluster in 2..2 + clusters {
        let next = if cluster == 1 + clusters { 0x0fff_ffff } else { cluster as u64 + 1 };
        put(&mut fat, 4, &[(512 + cluster * 4, next)]);
    }
    let data = 101 * 512;
    let last = clusters * 2048 - 2;
    for n in 0..=last {
        let mut entry = [0; 32];
        entry[..12].copy_from_slice(format!("{n:08X}TXT ").as_bytes());
        if n == last {
            entry[..12].copy_from_slice(b"D          \x10");
            entry[26] = 2;
        }
        fat[data + n * 32..][..32].copy_from_slice(&entry);
    }
    let start = 1 << 20;
    let mut disk = vec![0; start];
    let (first, ext_len, fat_len) =
        (start as u64 / 512, ext.bytes.len() as u64 / 512, fat.len() as u64 / 512);
    disk.extend(ext.bytes);
    disk.extend(fat);
    disk.resize(disk.len() + (1 << 20), 0);
    gpt(&mut disk, &[(first, first + ext_len - 1), (first + ext_len, first + ext_len + fat_len - 1)]);
    disk
}

#[test]
fn names_that_are_looked_up_without_end() {
    let place = Place::new();
    bounded(&place.put("fat", &with_fat(31, "/dev/sda2 /m vfat\n", &far("/m/", "d/", 2000, "d"))));
    // Mount points that differ in their five hundredth name only, and a way that comes by there again and again.
    let points: Vec<String> =
        (0..240).map(|n| format!("/dev/sda2 /{}{n:03} vfat\n", "d/".repeat(499))).collect();
    let target = [far("/", "d/", 499, ""), far("", "d/../", 600, "d")].concat();
    let image = place.put("mounts", &with_fat(31, &points.concat(), &target));
    bounded(&image);
    let ended = show(&image, &[]);
    assert!(ended.code == 3 && ended.said.contains("more than 1024 MiB"), "{}", ended.said);
}

#[test]
fn cells_that_are_wide() {
    let place = Place::new();
    let image =
        place.put("wide", &with_fat(32, &format!("/dev/sda2 /{} vfat\n", "m".repeat(100_000)), b"/d"));
    bounded(&image);
    let page = accepts(program().to_str().unwrap(), &["show", image.to_str().unwrap()]);
    assert!(page.contains("mmm...\n") && page.len() < 4096, "{page}");
    let json = accepts(program().to_str().unwrap(), &["show", image.to_str().unwrap(), "--json"]);
    assert!(json.len() > 100_000);
}

#[test]
fn kernels_without_number() {
    let place = Place::new();
    let (count, per_block) = (160_000, BLOCK / 264);
    let blocks = count / per_block;
    let mut ext = Ext::new(64 + blocks, &[(12, "lib"), (2, "d")]);
    ext.directory(12, FREE + 1, &[(13, "modules")]);
    // Letters that are three times as long where they are shown, and six times in JSON.
    let name = |n: usize| format!("{n:07}{}", "\x01".repeat(248));
    for block in 0..blocks {
        let held: Vec<String> = (0..per_block).map(|n| name(block * per_block + n)).collect();
        let held: Vec<(u32, &str)> = held.iter().map(|name| (2, name.as_str())).collect();
        ext.block(64 + block, &names(&held));
    }
    ext.inode(13, (DIR, (blocks * BLOCK) as u64, EXTENTS), &leaf(&[(0, blocks as u16, 64)]));
    let image = place.put("kernels", &ext.bytes);
    show(&image, &["--json"]);
    let page = accepts(program().to_str().unwrap(), &["show", image.to_str().unwrap()]);
    assert!(page.contains("more than 256 kernels; these are the first"));
    assert!(page.contains("0000255") && !page.contains("0000256"));
}
