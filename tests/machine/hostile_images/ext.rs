//! Filesystems of the ext family: numbers, trees of extents, directories, links and journals that do not end.
//!
//! In: superblocks and inodes made by hand. Out: a bounded answer or refusal of each. Never: a filesystem that mke2fs would make.

use std::fs::File;
use std::os::unix::fs::FileExt;

use dibber_tests::craft::{BLOCK, DIR, EXTENTS, Ext, FILE, FREE, LINK, gpt, index, leaf, names, put, qcow2};

use super::{Place, bounded, bounded_in_two_views, far, show, system};

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
