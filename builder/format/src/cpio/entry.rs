//! The header of one entry.
//!
//! In: fields. Out: 110 bytes of hexadecimal text, the name, and zeros to a multiple of four. Never: a field that is cut:
//! every field is 32 bits, and so is its type.

use alloc::vec::Vec;
use dibber_model::Rdev;

/// The new portable format without checksums.
const MAGIC: &[u8] = b"070701";
/// Headers and bodies start at multiples of this (buffer-format.rst).
const ALIGN: u64 = 4;

/// A length with its padding.
pub(super) fn padded(len: u64) -> u64 {
    len.next_multiple_of(ALIGN)
}

/// Fields of `cpio_newc_header` under its own names, those that differ from entry to entry.
#[derive(Clone, Copy)]
pub(super) struct CpioHeader {
    pub(super) ino: u32,
    pub(super) mode: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) nlink: u32,
    pub(super) mtime: u32,
    pub size: u32,
    pub(super) rdev: Rdev,
}

impl Default for CpioHeader {
    fn default() -> Self {
        let rdev = Rdev { major: 0, minor: 0 };
        CpioHeader { ino: 0, mode: 0, uid: 0, gid: 0, nlink: 0, mtime: 0, size: 0, rdev }
    }
}

impl CpioHeader {
    /// Appends the header and the name, padded. Appending to a multiple of four leaves one.
    pub(super) fn write(&self, name: &[u8], out: &mut Vec<u8>) {
        let start = out.len();
        // The name's NUL counts.
        let name_size = name.len() as u32 + 1;
        let (dev_major, dev_minor, check) = (0, 0, 0);
        out.extend_from_slice(MAGIC);
        for field in [
            self.ino,
            self.mode,
            self.uid,
            self.gid,
            self.nlink,
            self.mtime,
            self.size,
            dev_major,
            dev_minor,
            self.rdev.major,
            self.rdev.minor,
            name_size,
            check,
        ] {
            hexadecimal(field, out);
        }
        out.extend_from_slice(name);
        out.push(0);
        let len = (out.len() - start) as u64;
        out.resize(start + padded(len) as usize, 0);
    }
}

/// Eight digits, upper case as GNU cpio writes them.
fn hexadecimal(field: u32, out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for byte in field.to_be_bytes() {
        out.push(DIGITS[usize::from(byte >> 4)]);
        out.push(DIGITS[usize::from(byte & 0xf)]);
    }
}
