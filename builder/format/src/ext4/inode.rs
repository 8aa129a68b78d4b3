//! An inode's 256 bytes.
//!
//! In: what an inode has, in domain terms. Out: its record, with its checksum. Never: a time that the tree or the epoch
//! did not give.
//!
//! Source: `Documentation/filesystems/ext4/inodes.rst`.

use core::ops::Range;

use dibber_model::{Rdev, Timestamp};

use super::checksum::Crc;
use super::field::{put_halves, put_split, put16, put32};
use super::geometry::INODE_SIZE;

/// `EXT4_EXTENTS_FL`: `i_block` holds an extent tree.
pub(super) const EXTENTS: u32 = 0x8_0000;
/// `EXT4_INDEX_FL`: a directory with a hash tree.
pub(super) const INDEX: u32 = 0x1000;
/// Bytes in use beyond the first 128, up to `i_projid`.
pub(super) const EXTRA_SIZE: u16 = 32;

/// Seconds that 34 bits reach, counted from 1901-12-13.
const SECS_MIN: i64 = -(1 << 31);
const SECS_MAX: i64 = (1 << 34) - (1 << 31) - 1;
/// Seconds that e2fsck takes for times before 1970 as old kernels wrote them, and would change: 2310-04-04 to
/// 2378-04-22, where the low field is negative and both extra bits are set.
const DOUBTED: Range<i64> = (3 << 32) - (1 << 31)..3 << 32;

/// An inode to be encoded.
pub(super) struct Record<'a> {
    /// `i_mode`.
    pub(super) mode: u16,
    pub(super) uid: u32,
    pub(super) gid: u32,
    /// Length in bytes.
    pub(super) size: u64,
    pub(super) links: u16,
    /// Blocks of 4096 bytes that belong to it, those of its map and attributes included.
    pub(super) blocks: u64,
    /// `i_flags`.
    pub(super) flags: u32,
    /// `i_block`.
    pub(super) map: [u8; 60],
    /// The block of its attributes, or zero.
    pub(super) xattr_block: u64,
    /// Its attributes in the inode.
    pub(super) xattrs: &'a [u8],
    pub(super) mtime: Timestamp,
    /// Access, change and creation.
    pub(super) epoch: Timestamp,
}

impl Record<'_> {
    /// Writes the record. `seed` is the inode's own ([`Crc::of_inode`]).
    pub(super) fn write(&self, out: &mut [u8], seed: Crc) {
        put16(out, 0x00, self.mode);
        put_halves(out, 0x02, 0x78, self.uid);
        put_split(out, 0x04, 0x6c, self.size);
        put_halves(out, 0x18, 0x7a, self.gid);
        put16(out, 0x1a, self.links);
        // In sectors of 512 bytes: 32 bits, and 16 more.
        let sectors = self.blocks * 8;
        put32(out, 0x1c, sectors as u32);
        put16(out, 0x74, (sectors >> 32) as u16);
        put32(out, 0x20, self.flags);
        out[0x28..0x64].copy_from_slice(&self.map);
        put32(out, 0x68, self.xattr_block as u32);
        put16(out, 0x76, (self.xattr_block >> 32) as u16);
        put16(out, 0x80, EXTRA_SIZE);
        put_time(out, 0x08, 0x8c, self.epoch);
        put_time(out, 0x0c, 0x84, self.epoch);
        put_time(out, 0x10, 0x88, self.mtime);
        put_time(out, 0x90, 0x94, self.epoch);
        let tail = 0x80 + usize::from(EXTRA_SIZE);
        out[tail..tail + self.xattrs.len()].copy_from_slice(self.xattrs);
        // The two fields of the sum are still zero, as they are summed.
        let sum = seed.over(&out[..INODE_SIZE as usize]).value();
        put_halves(out, 0x7c, 0x82, sum);
    }
}

/// 32 bits of seconds, then nanoseconds over two more bits of seconds. Times before 1901 and after 2446 become the first
/// and the last that there is, and those that e2fsck would change the last before them.
fn put_time(out: &mut [u8], low: usize, extra: usize, time: Timestamp) {
    let (secs, nanos) = match time.secs {
        ..SECS_MIN => (SECS_MIN, 0),
        secs if DOUBTED.contains(&secs) => (DOUBTED.start - 1, 999_999_999),
        SECS_MIN..=SECS_MAX => (time.secs, time.nanos.min(999_999_999)),
        _ => (SECS_MAX, 999_999_999),
    };
    // The low field is signed; the extra bits count how often 2^32 seconds must be added to it.
    let carry = (secs - i64::from(secs as i32)) >> 32;
    put32(out, low, secs as u32);
    put32(out, extra, (nanos << 2) | (carry as u32 & 3));
}

/// A device number in `i_block`: the old form where it suffices, as the kernel has it.
pub(super) fn device_map(Rdev { major, minor }: Rdev) -> [u8; 60] {
    let mut map = [0; 60];
    if major < 256 && minor < 256 {
        put32(&mut map, 0, (major << 8) | minor);
    } else {
        put32(&mut map, 4, (minor & 0xff) | (major << 8) | ((minor & !0xff) << 12));
    }
    map
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_34_bits() {
        let encoded = |secs, nanos| {
            let mut out = [0; 8];
            put_time(&mut out, 0, 4, Timestamp { secs, nanos });
            (
                u32::from_le_bytes([out[0], out[1], out[2], out[3]]),
                u32::from_le_bytes([out[4], out[5], out[6], out[7]]),
            )
        };
        assert_eq!(encoded(0, 5), (0, 20));
        assert_eq!(encoded(-1, 0), (u32::MAX, 0));
        assert_eq!(encoded(0x7fff_ffff, 0), (0x7fff_ffff, 0));
        assert_eq!(encoded(0x8000_0000, 0), (0x8000_0000, 1));
        assert_eq!(encoded(0x1_0000_0000, 0), (0, 1));
        assert_eq!(encoded(SECS_MAX, 0), (0x7fff_ffff, 3));
        assert_eq!(encoded(i64::MAX, 0), (0x7fff_ffff, (999_999_999 << 2) | 3));
        assert_eq!(encoded(i64::MIN, 7), (0x8000_0000, 0));
    }
}
