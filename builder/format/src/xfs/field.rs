//! Big-endian fields at their offsets.
//!
//! In: a record's bytes, an offset, a number. Out: the record, changed. Never: an offset that depends on input.

/// Writes a 16-bit field.
pub(super) fn put16(record: &mut [u8], at: usize, value: u16) {
    record[at..at + 2].copy_from_slice(&value.to_be_bytes());
}

/// Writes a 32-bit field.
pub(super) fn put32(record: &mut [u8], at: usize, value: u32) {
    record[at..at + 4].copy_from_slice(&value.to_be_bytes());
}

/// Writes a 64-bit field.
pub(super) fn put64(record: &mut [u8], at: usize, value: u64) {
    record[at..at + 8].copy_from_slice(&value.to_be_bytes());
}

/// Writes bytes as they are.
pub(super) fn put_bytes(record: &mut [u8], at: usize, bytes: &[u8]) {
    record[at..at + bytes.len()].copy_from_slice(bytes);
}
