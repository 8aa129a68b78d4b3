//! The checksum of ext4 and its journal: CRC-32C without the usual inversions.
//!
//! In: a sum so far, and bytes. Out: the sum over both. Never: a comparison; those name what is damaged.

/// `crc32c()` of Linux, which neither inverts at the beginning nor at the end.
pub(super) fn crc(sum: u32, bytes: &[u8]) -> u32 {
    !crc32c::crc32c_append(!sum, bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_the_well_known_sum_without_its_inversions() {
        assert_eq!(!crc(u32::MAX, b"123456789"), 0xe306_9283);
        assert_eq!(crc(crc(7, b"1234"), b"56789"), crc(7, b"123456789"));
    }
}
