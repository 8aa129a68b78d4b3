//! What is read out of a system's files: databases of packages, names, links, kernels.
//!
//! In: systems made by hand. Out: a bounded answer or refusal of each. Never: a package that was installed.

use dibber_tests::craft::{BLOCK, DIR, EXTENTS, Ext, FILE, FREE, LINK, fat, gpt, leaf, names, put};
use dibber_tests::{accepts, program};

use super::{Place, bounded, far, show, system};

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
