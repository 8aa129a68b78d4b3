//! Points in time with nanoseconds, as filesystems keep them.

use core::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

/// What can stand in for now, in seconds since 1970: cpio and gzip have 32 bits for a time, without a sign, up to 2106.
pub const EPOCHS: RangeInclusive<i64> = 0..=0xffff_ffff;

/// Seconds and nanoseconds since 1970-01-01 00:00:00 UTC; before it, `secs` is negative and `nanos` still counts up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Timestamp {
    /// Whole seconds, rounded down.
    pub secs: i64,
    /// Nanoseconds within the second, 0..1_000_000_000.
    pub nanos: u32,
}

impl Timestamp {
    /// A whole second.
    pub const fn from_secs(secs: i64) -> Self {
        Timestamp { secs, nanos: 0 }
    }

    /// This time, or `epoch` if that is earlier: the clamp of `SOURCE_DATE_EPOCH`.
    pub fn clamped_to(self, epoch: Timestamp) -> Self {
        self.min(epoch)
    }
}
