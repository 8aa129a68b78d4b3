//! Fixed virtual hard disks ("Virtual Hard Disk Image Format Specification", version 1.0).
//!
//! In: a disk. Out: the disk in whole MiB, and a footer of 512 bytes. Never: a size that readers could round.
//!
//! Azure wants the virtual size in whole MiB; qemu takes it from the footer's size field rather than from its cylinders,
//! heads and sectors, which cannot express most sizes, if the creator is one that is known to mean it: `qem2`.

use alloc::vec::Vec;
use dibber_model::extent::ExtentError;
use dibber_model::{Bytes, Extents, Timestamp};
use uuid::Uuid;

use crate::disk::buffer;

const UNIT: u64 = 1 << 20;
/// 2040 GiB, the largest that Hyper-V and qemu take.
const MAX: u64 = 2040 << 30;
/// 2000-01-01 00:00:00 UTC, from where the footer counts seconds.
const EPOCH: i64 = 946_684_800;

/// Why a disk cannot be a fixed VHD.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VhdError {
    /// Larger than the format allows.
    #[error("a disk of {} is larger than a VHD can be, {}; make the disk smaller, or write another format", Bytes(*.0), Bytes(MAX))]
    TooLarge(u64),
    /// Nothing.
    #[error("a disk of no bytes cannot be a VHD")]
    Empty,
    /// Pieces that overlap.
    #[error("disk and footer do not fit together: {0}")]
    Extents(ExtentError),
}

/// The disk with its footer behind it. `timestamp` before 2000 or past 2136 counts as the nearest that can be said.
pub fn fixed(disk: Extents, identity: Uuid, timestamp: Timestamp) -> Result<Extents, VhdError> {
    let len = disk.len().checked_next_multiple_of(UNIT).filter(|len| *len <= MAX);
    let len = len.ok_or(VhdError::TooLarge(disk.len()))?;
    if len == 0 {
        return Err(VhdError::Empty);
    }
    let footer = footer(len, identity, timestamp);
    Extents::compose(len + 512, [(0, disk), (len, buffer(footer))]).map_err(VhdError::Extents)
}

/// All fields are big-endian.
fn footer(len: u64, identity: Uuid, timestamp: Timestamp) -> Vec<u8> {
    let seconds = (timestamp.secs.saturating_sub(EPOCH)).clamp(0, i64::from(u32::MAX)) as u32;
    let mut bytes = alloc::vec![0; 512];
    let mut put = |at: usize, field: &[u8]| bytes[at..at + field.len()].copy_from_slice(field);
    put(0, b"conectix");
    // "Reserved. This bit must always be set to 1."
    put(8, &2u32.to_be_bytes());
    put(12, &0x0001_0000u32.to_be_bytes());
    // A fixed disk has no header elsewhere.
    put(16, &u64::MAX.to_be_bytes());
    put(24, &seconds.to_be_bytes());
    put(28, b"qem2");
    put(32, &0x0001_0000u32.to_be_bytes());
    put(36, b"Wi2k");
    put(40, &len.to_be_bytes());
    put(48, &len.to_be_bytes());
    put(56, &chs(len / 512));
    put(60, &2u32.to_be_bytes());
    put(68, identity.as_bytes());
    let sum = !bytes.iter().map(|byte| u32::from(*byte)).sum::<u32>();
    bytes[64..68].copy_from_slice(&sum.to_be_bytes());
    bytes
}

/// Cylinders (16 bits), heads, sectors per track, by the specification's appendix "CHS Calculation".
fn chs(sectors: u64) -> [u8; 4] {
    let sectors = sectors.min(65_535 * 16 * 255);
    let (tracks, heads, per_track) = if sectors >= 65_535 * 16 * 63 {
        (sectors / 255, 16, 255)
    } else {
        let tracks = sectors / 17;
        let heads = tracks.div_ceil(1024).max(4);
        if tracks < heads * 1024 && heads <= 16 {
            (tracks, heads, 17)
        } else if sectors / 31 < 16 * 1024 {
            (sectors / 31, 16, 31)
        } else {
            (sectors / 63, 16, 63)
        }
    };
    let [high, low] = ((tracks / heads) as u16).to_be_bytes();
    [high, low, heads as u8, per_track as u8]
}
