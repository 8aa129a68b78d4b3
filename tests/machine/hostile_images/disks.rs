//! Tables of partitions, FATs and sparse files that do not end.
//!
//! In: disks made by hand. Out: a bounded answer or refusal of each. Never: a disk that a tool would make.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;

use dibber_tests::craft::{fat, gpt, put, qcow2};
use dibber_tests::{accepts, program};

use super::{Place, bounded, bounded_in_two_views, show, system};

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
