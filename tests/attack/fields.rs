//! Where the numbers of an image are.
//!
//! In: the bytes of a sound image. Out: the places and widths of its structures' fields. Never: an answer to what they mean; that
//! they are met, and not passed by, is what counts.

use dibber_tests::craft::BLOCK;

use crate::volumes;

/// A number in an image.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field {
    pub(crate) at: usize,
    /// Bytes: 1, 2, 4 or 8.
    pub(crate) width: usize,
    pub(crate) big_endian: bool,
}

fn little(fields: &mut Vec<Field>, base: usize, width: usize, places: impl IntoIterator<Item = usize>) {
    fields.extend(places.into_iter().map(|at| Field { at: base + at, width, big_endian: false }));
}

fn big(fields: &mut Vec<Field>, base: usize, width: usize, places: impl IntoIterator<Item = usize>) {
    fields.extend(places.into_iter().map(|at| Field { at: base + at, width, big_endian: true }));
}

fn le(bytes: &[u8], at: usize, width: usize) -> u64 {
    let field = bytes.get(at..at + width).unwrap_or_default();
    field.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte))
}

/// Whatever of these is in an image.
pub(crate) fn of(disk: &[u8]) -> Vec<Field> {
    let mut fields = Vec::new();
    mbr(disk, &mut fields);
    volumes::fields(disk, &mut fields);
    if disk.get(512..520) == Some(b"EFI PART") {
        gpt(disk, &mut fields);
    }
    // Filesystems begin at sectors; which of them is told by what they begin with.
    for base in (0..disk.len()).step_by(if disk.len() > 1 << 20 { 1 << 16 } else { 512 }) {
        if le(disk, base + 1024 + 0x38, 2) == 0xef53 && le(disk, base + 1024 + 0x18, 4) < 7 {
            ext(disk, base, &mut fields);
        }
        if le(disk, base + 510, 2) == 0xaa55 && matches!(disk[base], 0xeb | 0xe9) {
            fat(disk, base, &mut fields);
        }
    }
    fields.retain(|field| field.at + field.width <= disk.len());
    fields
}

/// Header, first tables and the entries in them.
pub(crate) fn qcow2(file: &[u8]) -> Vec<Field> {
    let mut fields = Vec::new();
    big(&mut fields, 0, 4, [4, 16, 20, 32, 36, 56, 60, 96, 100]);
    big(&mut fields, 0, 8, [8, 24, 40, 48, 64, 72, 80, 88]);
    little(&mut fields, 0, 1, [104]);
    let be = |at: usize| {
        file.get(at..at + 8).map_or(0, |field| field.iter().fold(0u64, |n, byte| n << 8 | u64::from(*byte)))
    };
    let l1 = be(40) as usize;
    for n in 0..4 {
        big(&mut fields, l1, 8, [8 * n]);
        let l2 = (be(l1 + 8 * n) & 0x00ff_ffff_ffff_fe00) as usize;
        if l2 != 0 {
            big(&mut fields, l2, 8, (0..64).map(|n| 8 * n));
        }
    }
    fields.retain(|field| field.at + field.width <= file.len());
    fields
}

fn mbr(disk: &[u8], fields: &mut Vec<Field>) {
    if le(disk, 510, 2) != 0xaa55 {
        return;
    }
    for slot in (446..510).step_by(16) {
        little(fields, slot, 1, [0, 4]);
        little(fields, slot, 4, [8, 12]);
    }
}

fn gpt(disk: &[u8], fields: &mut Vec<Field>) {
    little(fields, 512, 4, [8, 12, 16, 80, 84, 88]);
    little(fields, 512, 8, [24, 32, 40, 48, 72]);
    for entry in (1024..(1024 + 128 * 6).min(disk.len())).step_by(128) {
        little(fields, entry, 8, [0, 8, 32, 40, 48]);
        little(fields, entry, 2, (56..64).step_by(2));
    }
}

fn fat(disk: &[u8], base: usize, fields: &mut Vec<Field>) {
    little(fields, base, 1, [0, 2, 13, 16, 21, 38, 66]);
    little(fields, base, 2, [11, 14, 17, 19, 22, 48]);
    little(fields, base, 4, [32, 36, 44]);
    let reserved = le(disk, base + 14, 2) as usize * 512;
    little(fields, base + reserved, 2, (0..64).step_by(2));
    // Directories: entries whose attributes are some that directories have.
    for at in (base + reserved..disk.len().min(base + (1 << 19))).step_by(32) {
        let entry = disk[at];
        if entry.is_ascii_uppercase() && matches!(le(disk, at + 11, 1), 0x08 | 0x0f | 0x10 | 0x20) {
            little(fields, at, 1, [0, 11, 13]);
            little(fields, at, 2, [20, 26]);
            little(fields, at, 4, [28]);
        }
    }
}

fn ext(disk: &[u8], base: usize, fields: &mut Vec<Field>) {
    let superblock = base + 1024;
    let block = 1024usize << le(disk, superblock + 0x18, 4);
    little(
        fields,
        superblock,
        4,
        [0x00, 0x04, 0x0c, 0x14, 0x18, 0x1c, 0x20, 0x28, 0x4c, 0x5c, 0x60, 0x64, 0xe0, 0x150, 0x158],
    );
    little(fields, superblock, 2, [0x38, 0x58, 0xfe]);
    let descriptors = base + if block == 1024 { 2 * block } else { block };
    little(fields, descriptors, 4, [0x08, 0x28]);
    let inode = (le(disk, superblock + 0x58, 2) as usize).clamp(128, 4096);
    let table = base + le(disk, descriptors + 8, 4) as usize * block;
    for number in 0..(le(disk, superblock + 0x28, 4) as usize).min(64) {
        let at = table + number * inode;
        if le(disk, at, 2) == 0 {
            continue;
        }
        little(fields, at, 2, [0x00]);
        little(fields, at, 4, [0x04, 0x10, 0x20, 0x6c]);
        content(disk, at, (base, block), fields);
    }
}

/// The map of an inode, and what it leads to: nodes of extents, names of directories, blocks of a journal.
fn content(disk: &[u8], inode: usize, (base, block): (usize, usize), fields: &mut Vec<Field>) {
    let map = inode + 0x28;
    if le(disk, map, 2) != 0xf30a {
        little(fields, map, 4, (0..60).step_by(4));
        return;
    }
    little(fields, map, 2, (0..8).step_by(2));
    for entry in 0..(le(disk, map + 2, 2) as usize).min(4) {
        let entry = map + 12 + 12 * entry;
        little(fields, entry, 2, [4, 6]);
        little(fields, entry, 4, [0, 4, 8]);
        let first = base + le(disk, entry + 8, 4) as usize * block;
        if le(disk, map + 6, 2) != 0 {
            let node = base + le(disk, entry + 4, 4) as usize * block;
            little(fields, node, 2, (0..40).step_by(2));
        } else if le(disk, inode, 2) >> 12 == 4 {
            names(disk, first, block, fields);
        } else if disk.get(first..first + 4) == Some(&[0xc0, 0x3b, 0x39, 0x98]) {
            big(fields, first, 4, (0..0x30).step_by(4));
            big(fields, first + block, 4, (0..64).step_by(4));
            big(fields, first + 2 * block, 4, (0..64).step_by(4));
        }
    }
}

fn names(disk: &[u8], first: usize, block: usize, fields: &mut Vec<Field>) {
    let mut at = first;
    while at < first + block.min(BLOCK * 16) {
        let len = le(disk, at + 4, 2) as usize;
        little(fields, at, 4, [0]);
        little(fields, at, 2, [4]);
        little(fields, at, 1, [6, 7, 8]);
        if len < 8 {
            return;
        }
        at += len;
    }
}
