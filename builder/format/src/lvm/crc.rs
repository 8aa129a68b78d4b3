//! lvm2's checksum: CRC-32 that begins with a number of its own and is not inverted at its end (`lib/misc/crc.c`, `INITIAL_CRC`).
//!
//! In: bytes. Out: a number. Never: the usual CRC-32 of them.

/// `INITIAL_CRC`.
const INITIAL: u32 = 0xf597_a6cf;

pub(super) fn crc(bytes: &[u8]) -> u32 {
    // The usual CRC-32 inverts what it begins with and what it ends with.
    let mut hasher = crc32fast::Hasher::new_with_initial(!INITIAL);
    hasher.update(bytes);
    !hasher.finalize()
}
