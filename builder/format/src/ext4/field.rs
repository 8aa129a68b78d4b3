//! Little-endian fields at their offsets.
//!
//! In: a record's bytes, an offset, a number. Out: the record, changed. Never: an offset that depends on input.

/// Writes a 16-bit field.
pub(super) fn put16(record: &mut [u8], at: usize, value: u16) {
    record[at..at + 2].copy_from_slice(&value.to_le_bytes());
}

/// Writes a 32-bit field.
pub(super) fn put32(record: &mut [u8], at: usize, value: u32) {
    record[at..at + 4].copy_from_slice(&value.to_le_bytes());
}

/// Writes the low 32 bits of a number in one field and the high ones in another.
pub(super) fn put_split(record: &mut [u8], low: usize, high: usize, value: u64) {
    put32(record, low, value as u32);
    put32(record, high, (value >> 32) as u32);
}

/// Writes the low 16 bits of a number in one field and the next 16 in another.
pub(super) fn put_halves(record: &mut [u8], low: usize, high: usize, value: u32) {
    put16(record, low, value as u16);
    put16(record, high, (value >> 16) as u16);
}
