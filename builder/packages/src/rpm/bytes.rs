//! Numbers out of bytes that somebody else wrote: whatever lies outside is damage.

use crate::error::{DatabaseError, damaged};

/// In which order a number's bytes come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Endian {
    Little,
    Big,
}

/// `len` bytes from `at` on.
pub(super) fn slice(bytes: &[u8], at: usize, len: usize) -> Result<&[u8], DatabaseError> {
    let found = at.checked_add(len).and_then(|end| bytes.get(at..end));
    found.ok_or_else(|| damaged(format!("it ends before byte {}", at.saturating_add(len))))
}

/// The number of two bytes at `at`.
pub(super) fn u16_at(bytes: &[u8], at: usize, endian: Endian) -> Result<u16, DatabaseError> {
    let two = slice(bytes, at, 2)?;
    let two = [two[0], two[1]];
    Ok(if endian == Endian::Big { u16::from_be_bytes(two) } else { u16::from_le_bytes(two) })
}

/// The number of four bytes at `at`.
pub(super) fn u32_at(bytes: &[u8], at: usize, endian: Endian) -> Result<u32, DatabaseError> {
    let four = slice(bytes, at, 4)?;
    let four = [four[0], four[1], four[2], four[3]];
    Ok(if endian == Endian::Big { u32::from_be_bytes(four) } else { u32::from_le_bytes(four) })
}

/// The same as a length or place.
pub(super) fn size_at(bytes: &[u8], at: usize, endian: Endian) -> Result<usize, DatabaseError> {
    // Nobody builds images on machines of 16 bits.
    Ok(u32_at(bytes, at, endian)? as usize)
}
