//! The checksum of `metadata_csum`.
//!
//! In: bytes, and what was summed before them. Out: CRC-32C as ext4 keeps it. Never: the final inversion.

use uuid::Uuid;

/// A running CRC-32C. The kernel's `crc32c()` neither starts from zero nor inverts its result, as the crate does; the
/// two inversions here undo that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Crc(u32);

impl Crc {
    /// The start of a sum: all ones.
    pub(super) const START: Crc = Crc(!0);

    /// The filesystem's seed, over its UUID (`s_checksum_seed` is only stored with `metadata_csum_seed`).
    pub(super) fn of_filesystem(uuid: Uuid) -> Crc {
        Crc::START.over(uuid.as_bytes())
    }

    /// The seed of an inode's own blocks: over its number and its generation, which is zero here.
    pub(super) fn of_inode(self, ino: u32) -> Crc {
        self.over(&ino.to_le_bytes()).over(&0u32.to_le_bytes())
    }

    /// Sums more bytes.
    pub(super) fn over(self, bytes: &[u8]) -> Crc {
        Crc(!crc32c::crc32c_append(!self.0, bytes))
    }

    /// The sum.
    pub(super) fn value(self) -> u32 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_crc32c_without_the_last_inversion() {
        // The check value of CRC-32C ("123456789") is e3069283.
        assert_eq!(Crc::START.over(b"123456789").value(), !0xe306_9283);
        assert_eq!(Crc::START.over(b"1234").over(b"56789"), Crc::START.over(b"123456789"));
    }
}
