//! An inode's bytes.
//!
//! In: what an inode has, in domain terms. Out: `struct xfs_dinode` and its two forks, sealed. Never: a time that the tree or the epoch
//! did not give.
//!
//! Source: `fs/xfs/libxfs/xfs_format.h`.

use dibber_model::{Rdev, Timestamp};

use super::field::{put_bytes, put16, put32, put64};
use super::options::Options;
use super::seal::Sealer;

/// Where the forks begin (`XFS_DINODE_SIZE(3)`).
const FORKS: usize = 176;
/// `XFS_DINODE_MAGIC`.
const MAGIC: &[u8; 2] = b"IN";
/// `NULLAGINO`.
const NONE: u32 = u32::MAX;
/// `XFS_DIFLAG2_BIGTIME` and `XFS_DIFLAG2_NREXT64`.
const BIGTIME: u64 = 1 << 3;
const LARGE_COUNTS: u64 = 1 << 4;

/// `XFS_DINODE_FMT_*`: what a fork holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Device = 0,
    /// The content itself.
    Local = 1,
    /// Runs of blocks.
    Extents = 2,
    /// The root of a tree of runs.
    Tree = 3,
}

/// A fork.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fork<'a> {
    pub(super) format: Format,
    pub(super) bytes: &'a [u8],
    /// Runs of blocks.
    pub(super) extents: u64,
}

impl Fork<'_> {
    /// A fork with nothing in it.
    pub(super) const EMPTY: Fork<'static> = Fork { format: Format::Extents, bytes: &[], extents: 0 };
}

/// An inode to be encoded.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record<'a> {
    pub(super) ino: u64,
    /// `di_mode`.
    pub(super) mode: u16,
    pub(super) uid: u32,
    pub(super) gid: u32,
    /// Length in bytes.
    pub(super) size: u64,
    pub(super) links: u32,
    /// Blocks of content, maps and attributes.
    pub(super) blocks: u64,
    /// `di_flags`.
    pub(super) flags: u16,
    pub(super) mtime: Timestamp,
    /// Access, change and creation.
    pub(super) epoch: Timestamp,
    pub(super) content: Fork<'a>,
    pub(super) attrs: Fork<'a>,
    /// Where attributes begin, in eight bytes; 0 without any.
    pub(super) fork_offset: u8,
}

impl Record<'_> {
    /// Writes the record.
    pub(super) fn write(&self, out: &mut [u8], options: Options, sealer: Sealer) {
        put16(out, 2, self.mode);
        out[5] = self.content.format as u8;
        put32(out, 8, self.uid);
        put32(out, 12, self.gid);
        put32(out, 16, self.links);
        let time = if options.bigtime { big_time } else { classic_time };
        for (at, stamp) in [(32, self.epoch), (40, self.mtime), (48, self.epoch), (144, self.epoch)] {
            put64(out, at, time(stamp));
        }
        put64(out, 56, self.size);
        put64(out, 64, self.blocks);
        if options.large_extent_counts {
            put64(out, 24, self.content.extents);
            put32(out, 76, self.attrs.extents as u32);
        } else {
            put32(out, 76, self.content.extents as u32);
            put16(out, 80, self.attrs.extents as u16);
        }
        out[82] = self.fork_offset;
        out[83] = self.attrs.format as u8;
        put16(out, 90, self.flags);
        // di_changecount: it was made, and never changed.
        put64(out, 104, 1);
        let large = if options.large_extent_counts { LARGE_COUNTS } else { 0 };
        put64(out, 120, large | if options.bigtime { BIGTIME } else { 0 });
        put_bytes(out, FORKS, self.content.bytes);
        put_bytes(out, FORKS + usize::from(self.fork_offset) * 8, self.attrs.bytes);
        seal(out, self.ino, sealer);
    }
}

/// An inode of a chunk that nobody uses.
pub(super) fn write_free(out: &mut [u8], ino: u64, sealer: Sealer) {
    seal(out, ino, sealer);
}

fn seal(out: &mut [u8], ino: u64, sealer: Sealer) {
    put_bytes(out, 0, MAGIC);
    out[4] = 3;
    put32(out, 96, NONE);
    put64(out, 152, ino);
    sealer.record(out, 160, 100);
}

/// `bigtime`: nanoseconds since 1901-12-13 20:45:52, where 32 bits of seconds begin. Times before become the first, later than 2486 the last.
fn big_time(time: Timestamp) -> u64 {
    let since = i128::from(time.secs) + (1 << 31);
    let nanos = since * 1_000_000_000 + i128::from(time.nanos.min(999_999_999));
    // The kernel's last second is the last whole one (`XFS_BIGTIME_TIME_MAX`).
    const LAST: u64 = u64::MAX / 1_000_000_000 * 1_000_000_000 - 1;
    nanos.clamp(0, LAST.into()) as u64
}

/// 32 bits of seconds, signed, and of nanoseconds: 1901 to 2038.
fn classic_time(time: Timestamp) -> u64 {
    let (secs, nanos) = match i32::try_from(time.secs) {
        Ok(secs) => (secs, time.nanos.min(999_999_999)),
        Err(_) if time.secs < 0 => (i32::MIN, 0),
        Err(_) => (i32::MAX, 999_999_999),
    };
    u64::from(secs as u32) << 32 | u64::from(nanos)
}

/// A device number as System V had it: 14 bits of major number above 18 of minor.
pub(super) fn device(Rdev { major, minor }: Rdev) -> [u8; 4] {
    ((major << 18) | minor).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_within_what_the_kernel_reads() {
        let at = |secs, nanos| Timestamp { secs, nanos };
        assert_eq!(big_time(at(-(1 << 31), 5)), 5);
        assert_eq!(big_time(at(i64::MIN, 5)), 0);
        assert_eq!(big_time(at(0, 0)), 0x1dcd_6500_0000_0000);
        // 2486-07-02, as the kernel's documentation has it.
        assert_eq!(big_time(at(i64::MAX, 0)) / 1_000_000_000 - (1 << 31), 16_299_260_424);
        assert_eq!(classic_time(at(-1, 7)), 0xffff_ffff_0000_0007);
        assert_eq!(classic_time(at(1 << 31, 0)), 0x7fff_ffff_3b9a_c9ff);
        assert_eq!(classic_time(at(i64::MIN, 3)), 0x8000_0000_0000_0000);
    }

    #[test]
    fn devices_are_those_of_system_v() {
        assert_eq!(device(Rdev { major: 8, minor: 1 }), [0, 0x20, 0, 1]);
    }
}
