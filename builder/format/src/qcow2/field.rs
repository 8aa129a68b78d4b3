//! Big-endian fields, one behind the other.
//!
//! In: a number. Out: its bytes at the end of a buffer. Never: an offset.

use alloc::vec::Vec;

pub(super) fn put32(out: &mut Vec<u8>, value: u32) {
    out.extend_from_slice(&value.to_be_bytes());
}

pub(super) fn put64(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(&value.to_be_bytes());
}
