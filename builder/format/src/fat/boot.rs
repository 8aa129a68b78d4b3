//! Boot sectors and FSInfo.
//!
//! In: a geometry and identities. Out: the sectors before the tables. Never: code that boots anything.

use alloc::vec::Vec;

use super::FatParams;
use super::geometry::{Geometry, Width};

/// `int 18h`, which tells a BIOS to try the next device, and a halt for those that come back.
const CODE: [u8; 5] = [0xcd, 0x18, 0xf4, 0xeb, 0xfd];
/// A hard disk.
const MEDIA: u8 = 0xf8;
/// Where FAT32 keeps FSInfo, and the copies of both.
const FSINFO: u64 = 1;
const COPY: u64 = 6;

/// Sectors with their numbers; `free` is the first free cluster.
pub(crate) fn sectors(geometry: &Geometry, params: &FatParams, free: u64) -> Vec<(u64, Vec<u8>)> {
    let boot = boot_sector(geometry, params);
    if geometry.width != Width::Fat32 {
        return alloc::vec![(0, boot)];
    }
    let info = fsinfo(geometry, free);
    alloc::vec![(0, boot.clone()), (FSINFO, info.clone()), (COPY, boot), (COPY + FSINFO, info)]
}

/// Specification, sections 3.1 to 3.3.
fn boot_sector(geometry: &Geometry, params: &FatParams) -> Vec<u8> {
    let fat32 = geometry.width == Width::Fat32;
    let total = geometry.total();
    let small = |count: u64| if fat32 { 0 } else { u16::try_from(count).unwrap_or(0) };
    let mut bytes = alloc::vec![0; 512];
    let mut put = |at: usize, field: &[u8]| bytes[at..at + field.len()].copy_from_slice(field);
    put(3, b"DIBBER  ");
    put(11, &(geometry.sector as u16).to_le_bytes());
    put(13, &[geometry.per_cluster as u8]);
    put(14, &(geometry.reserved as u16).to_le_bytes());
    put(16, &[2]);
    let root_records = geometry.root_sectors * geometry.sector / 32;
    put(17, &(root_records as u16).to_le_bytes());
    put(19, &small(total).to_le_bytes());
    put(21, &[MEDIA]);
    put(22, &small(geometry.fat_sectors).to_le_bytes());
    // Sectors per track and heads, as every BIOS with translation has them.
    put(24, &63u16.to_le_bytes());
    put(26, &255u16.to_le_bytes());
    put(28, &params.hidden_sectors.to_le_bytes());
    if small(total) == 0 {
        put(32, &(total as u32).to_le_bytes());
    }
    let extended = if fat32 {
        put(36, &(geometry.fat_sectors as u32).to_le_bytes());
        put(44, &2u32.to_le_bytes());
        put(48, &(FSINFO as u16).to_le_bytes());
        put(50, &(COPY as u16).to_le_bytes());
        64
    } else {
        36
    };
    // Drive 0x80, a reserved byte, and the mark that the next three fields are there.
    put(extended, &[0x80, 0, 0x29]);
    put(extended + 3, &params.volume_id.to_le_bytes());
    put(extended + 7, if params.label == [b' '; 11] { b"NO NAME    " } else { &params.label });
    let name: &[u8; 8] = match geometry.width {
        Width::Fat12 => b"FAT12   ",
        Width::Fat16 => b"FAT16   ",
        Width::Fat32 => b"FAT32   ",
    };
    put(extended + 18, name);
    // A short jump over all that, to the code.
    let code = extended + 26;
    put(0, &[0xeb, (code - 2) as u8, 0x90]);
    put(code, &CODE);
    put(510, &[0x55, 0xaa]);
    bytes
}

/// Specification, section 5.
fn fsinfo(geometry: &Geometry, free: u64) -> Vec<u8> {
    let mut bytes = alloc::vec![0; 512];
    let left = geometry.clusters + 2 - free;
    let next = if left == 0 { u32::MAX } else { free as u32 };
    bytes[..4].copy_from_slice(b"RRaA");
    bytes[484..488].copy_from_slice(b"rrAa");
    bytes[488..492].copy_from_slice(&(left as u32).to_le_bytes());
    bytes[492..496].copy_from_slice(&next.to_le_bytes());
    bytes[510..].copy_from_slice(&[0x55, 0xaa]);
    bytes
}
