//! Damage by knowledge of the structures.
//!
//! In: a seed and a source of chance. Out: the seed with some of its numbers changed, its checksums made right again most of the
//! time, so that damage reaches what they protect. Never: the same image twice for two numbers of a run.

use dibber_tests::craft;

use crate::fields::{self, Field};
use crate::random::Random;
use crate::seeds::Seed;
use crate::volumes;

/// An image to try.
pub(crate) fn image(seeds: &[Seed], random: &mut Random) -> Vec<u8> {
    let seed = &seeds[random.below(seeds.len())];
    let mut disk = seed.disk.clone();
    let most = if random.once_in(4) { 24 } else { 4 };
    let changes = 1 + random.below(most);
    for _ in 0..changes {
        change(&mut disk, &seed.fields, random);
    }
    if random.once_in(8) {
        move_block(&mut disk, random);
    }
    if !random.once_in(6) {
        mend(&mut disk, random);
    }
    let Some(cluster_bits) = seed.cluster_bits else {
        if random.once_in(20) {
            disk.truncate(random.below(disk.len()) + 1);
        }
        return disk;
    };
    let mut file = craft::qcow2(disk.len() as u64, cluster_bits, &[(0, &disk)]);
    let tables = fields::qcow2(&file);
    for _ in 0..random.below(4) {
        change(&mut file, &tables, random);
    }
    file
}

/// Changes one number: to one of those at which readers go wrong, to that of another field, or by a bit.
fn change(bytes: &mut [u8], fields: &[Field], random: &mut Random) {
    if fields.is_empty() || random.once_in(12) {
        let at = random.below(bytes.len());
        bytes[at] = random.next() as u8;
        return;
    }
    let field = fields[random.below(fields.len())];
    let old = get(bytes, field);
    let other = fields[random.below(fields.len())];
    let all = u64::MAX >> (64 - 8 * field.width);
    let value = match random.below(12) {
        0 => 0,
        1 => 1,
        2 => all,
        3 => all >> 1,
        4 => old.wrapping_add(1),
        5 => old.wrapping_sub(1),
        6 => old << 1,
        7 => old ^ 1 << random.below(8 * field.width),
        8 => get(bytes, other),
        9 => random.next(),
        10 => random.below(64) as u64,
        _ => 1 << random.below(8 * field.width),
    };
    set(bytes, field, value & all);
}

/// Copies a stretch over another, so that one structure stands where two are looked for.
fn move_block(bytes: &mut [u8], random: &mut Random) {
    let len = [512, 1024, 4096][random.below(3)];
    let places = bytes.len() / len;
    if places > 1 {
        let (from, to) = (random.below(places) * len, random.below(places) * len);
        bytes.copy_within(from..from + len, to);
    }
}

fn get(bytes: &[u8], field: Field) -> u64 {
    let part = &bytes[field.at..field.at + field.width];
    let join = |value: u64, byte: &u8| value << 8 | u64::from(*byte);
    if field.big_endian { part.iter().fold(0, join) } else { part.iter().rev().fold(0, join) }
}

fn set(bytes: &mut [u8], field: Field, value: u64) {
    let little = value.to_le_bytes();
    let part = &mut bytes[field.at..field.at + field.width];
    for (n, byte) in part.iter_mut().enumerate() {
        *byte = little[if field.big_endian { field.width - 1 - n } else { n }];
    }
}

/// Makes the sums of a GPT and of a volume group right, and takes those of an ext4 away or makes its superblock's right.
fn mend(disk: &mut [u8], random: &mut Random) {
    let number = |bytes: &[u8], at: usize| get(bytes, Field { at, width: 4, big_endian: false });
    if disk.get(512..520) == Some(b"EFI PART") && disk.len() > 1024 {
        let entries = (number(disk, 512 + 80) as usize).saturating_mul(number(disk, 512 + 84) as usize);
        let sum = disk.get(1024..entries.saturating_add(1024)).map_or(0, crc32fast::hash);
        craft::put(disk, 4, &[(512 + 88, sum.into()), (512 + 16, 0)]);
        let len = (number(disk, 512 + 12) as usize).min(512);
        let sum = crc32fast::hash(&disk[512..512 + len]);
        craft::put(disk, 4, &[(512 + 16, sum.into())]);
    }
    volumes::mend(disk);
    for base in [0, 1 << 20, 2 << 20, 3 << 20] {
        let superblock = base + 1024;
        if disk.len() < superblock + 1024 || disk[superblock + 0x38..superblock + 0x3a] != [0x53, 0xef] {
            continue;
        }
        let features = number(disk, superblock + 0x64);
        if random.once_in(3) {
            // Without the feature metadata_csum nothing below is protected.
            craft::put(disk, 4, &[(superblock + 0x64, features & !0x400)]);
        } else {
            let sum = !crc32c::crc32c(&disk[superblock..superblock + 0x3fc]);
            craft::put(disk, 4, &[(superblock + 0x3fc, sum.into())]);
        }
    }
}
