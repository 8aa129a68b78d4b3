//! Sound images to begin with: small, and each with what another lacks.
//!
//! In: what `craft` makes by hand, and images that were named. Out: disks with their fields found. Never: a foreign program.

use std::fs;
use std::path::Path;

use dibber_tests::craft::{self, EXTENTS, Ext, FREE, LINK, put};

use crate::fields::{self, Field};
use crate::volumes;

/// A sound image.
pub(crate) struct Seed {
    pub(crate) disk: Vec<u8>,
    pub(crate) fields: Vec<Field>,
    /// Clusters of a qcow2 file around it, as a power of two.
    pub(crate) cluster_bits: Option<u32>,
}

/// Those of its own, and the named.
pub(crate) fn all(images: &[impl AsRef<Path>]) -> Vec<Seed> {
    let mut disks: Vec<Vec<u8>> = own().into_iter().map(|(_, disk)| disk).collect();
    disks.extend(images.iter().map(|path| fs::read(path).expect("a seed that was named is there")));
    let seed =
        |disk: &Vec<u8>, cluster_bits| Seed { disk: disk.clone(), fields: fields::of(disk), cluster_bits };
    disks
        .iter()
        .enumerate()
        .flat_map(|(n, disk)| [seed(disk, None), seed(disk, Some([9, 12, 16][n % 3]))])
        .collect()
}

/// By the name of the fuzz target that begins with each.
fn own() -> Vec<(&'static str, Vec<u8>)> {
    let mut gpt = vec![0; (1 << 20) + 64 * 1024];
    gpt[1 << 20..].copy_from_slice(&ext(16).bytes);
    craft::gpt(&mut gpt, &[(2048, 2175)]);
    vec![
        ("ext4", ext(16).bytes),
        ("ext4", journal()),
        ("fat", fat(true)),
        ("fat", fat(false)),
        ("tables", gpt),
        ("tables", mbr()),
        ("tables", volumes::disk(&ext(16).bytes)),
        ("qcow2", craft::qcow2(64 << 10, 9, &[(0, &ext(16).bytes)])),
    ]
}

/// Writes them where the fuzz targets look for theirs.
pub(crate) fn write(dir: &Path) {
    for (n, (target, bytes)) in own().into_iter().enumerate() {
        let dir = dir.join(target);
        fs::create_dir_all(&dir).expect("make a directory for seeds");
        fs::write(dir.join(format!("made-{n}")), bytes).expect("write a seed");
    }
}

fn ext(blocks: usize) -> Ext {
    let mut ext =
        Ext::new(blocks, &[(2, "."), (2, ".."), (12, "etc"), (14, "boot"), (15, "var"), (20, "old")]);
    ext.directory(12, FREE + 1, &[(12, "."), (2, ".."), (13, "os-release"), (18, "fstab"), (19, "link")]);
    ext.file(13, FREE + 2, b"PRETTY_NAME=\"Try\"\n");
    ext.directory(14, FREE + 3, &[(14, "."), (2, ".."), (13, "vmlinuz-6")]);
    ext.directory(15, FREE + 4, &[(16, "lib")]);
    ext.directory(16, FREE + 5, &[(17, "dpkg")]);
    ext.directory(17, FREE + 6, &[(21, "status")]);
    ext.file(18, FREE + 7, b"UUID=00000000-0000-0000-0000-000000000000 / ext4\nLABEL=X /boot/efi vfat\n");
    ext.inode(19, (LINK, 10, 0), b"os-release");
    // Pointers, as ext2 has them, one of them to a block of pointers.
    let pointers: Vec<u8> = [8u32, 0, 8].iter().flat_map(|block| block.to_le_bytes()).collect();
    ext.inode(20, (craft::FILE, 60_000, 0), &[&pointers[..], &[0; 36], &[14, 0, 0, 0]].concat());
    ext.block(FREE + 8, &pointers);
    // A tree of two levels.
    ext.inode(21, (craft::FILE, 90, EXTENTS), &craft::index(1, &[(0, FREE as u64 + 9)]));
    ext.block(FREE + 9, &craft::leaf(&[(0, 1, 13), (1, 40000, 13)]));
    ext
}

/// The same, with a journal in which one block was committed.
fn journal() -> Vec<u8> {
    let mut ext = ext(24);
    put(&mut ext.bytes[1024..], 4, &[(0x5c, 4), (0x60, 0x46), (0xe0, 8)]);
    ext.inode(8, (craft::FILE, 5 << 12, EXTENTS), &craft::leaf(&[(0, 5, 17)]));
    let record = |kind: u32, rest: &[u32]| -> Vec<u8> {
        [0xc03b_3998, kind].iter().chain(rest).flat_map(|word| word.to_be_bytes()).collect()
    };
    ext.block(17, &record(4, &[0, 4096, 5, 1, 7, 1]));
    ext.block(18, &record(1, &[7, 8, 0xa]));
    ext.block(19, b"PRETTY_NAME=\"Replayed\"\n");
    ext.block(20, &record(2, &[7]));
    ext.bytes
}

fn fat(wide: bool) -> Vec<u8> {
    let mut disk = if wide { craft::fat(1200, 8, true) } else { craft::fat(600, 3, false) };
    let root = if wide { 9 * 512 } else { 4 * 512 };
    let data = if wide { root } else { root + 512 * 32 };
    let table: Vec<u8> = if wide {
        [0x0fff_fff8u32, 0x0fff_ffff, 0x0fff_ffff, 4, 0x0fff_ffff]
            .iter()
            .flat_map(|entry| entry.to_le_bytes())
            .collect()
    } else {
        vec![0xf8, 0xff, 0xff, 0xff, 0x4f, 0x00, 0xff, 0x0f]
    };
    disk[512..512 + table.len()].copy_from_slice(&table);
    let entry = |name: &[u8; 11], attributes: u8, first: u8, len: u8| {
        let mut entry = [0; 32];
        entry[..11].copy_from_slice(name);
        (entry[11], entry[26], entry[28]) = (attributes, first, len);
        entry
    };
    let entries = [
        entry(b"TRY-ESP    ", 8, 0, 0),
        entry(b"EFI        ", 0x10, if wide { 5 } else { 2 }, 0),
        entry(b"FILE    TXT", 0x20, 3, 200),
    ];
    disk[root..root + 96].copy_from_slice(&entries.concat());
    let inner = data + 512 * if wide { 3 } else { 0 };
    disk[inner..inner + 32].copy_from_slice(&entry(b"BOOT    EFI", 0x20, 4, 9));
    disk
}

/// A primary, an extended and a logical partition.
fn mbr() -> Vec<u8> {
    let mut disk = vec![0; 192 << 10];
    let slot = |disk: &mut [u8], at: usize, kind: u8, (first, count): (u64, u64)| {
        disk[at + 4] = kind;
        put(disk, 4, &[(at + 8, first), (at + 12, count)]);
    };
    for record in [0, 160 * 512] {
        disk[record + 510..record + 512].copy_from_slice(&[0x55, 0xaa]);
    }
    slot(&mut disk, 446, 0x83, (8, 128));
    slot(&mut disk, 462, 5, (160, 200));
    slot(&mut disk, 160 * 512 + 446, 0x83, (8, 32));
    disk[8 * 512..8 * 512 + (64 << 10)].copy_from_slice(&ext(16).bytes);
    disk
}
