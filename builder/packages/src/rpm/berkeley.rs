//! A hash of Berkeley DB's, `Packages` (`dbinc/db_page.h` of Berkeley DB): pages of pairs, whose values lie on chains of pages of their own. It
//! is in the byte order of the machine that wrote it.
//!
//! In: the file. Out: the values, but for the counter that rpm keeps under the key 0. Never: a chain longer than the file.

use super::Found;
use super::bytes::{Endian, size_at, slice, u16_at, u32_at};
use crate::error::{DatabaseError, damaged};

/// `DB_HASHMAGIC`, at byte 12 of the first page.
const MAGIC: u32 = 0x0006_1561;

/// `P_HASH_UNSORTED`, `P_HASH`, `P_OVERFLOW`: types of pages.
const HASH_UNSORTED: u8 = 2;
const HASH: u8 = 13;
const OVERFLOW: u8 = 7;

/// `H_OFFPAGE`: a value that lies on pages of its own.
const OFF_PAGE: u8 = 3;

/// Bytes of a page's head.
const HEAD: usize = 26;

struct Pages<'a> {
    file: &'a [u8],
    size: usize,
    endian: Endian,
}

/// All headers of it.
pub(crate) fn headers(file: &[u8]) -> Result<Found, DatabaseError> {
    let endian = [Endian::Little, Endian::Big].into_iter().find(|e| u32_at(file, 12, *e) == Ok(MAGIC));
    let endian = endian.ok_or_else(|| DatabaseError::Unknown("it is no hash of Berkeley DB's".into()))?;
    let size = size_at(file, 20, endian)?;
    if !(512..=65536).contains(&size) || !size.is_power_of_two() {
        return Err(damaged(format!("pages of {size} bytes")));
    }
    let pages = Pages { file, size, endian };
    let mut found = Found::in_file(file);
    for page in file.chunks_exact(size).skip(1) {
        if matches!(page[25], HASH | HASH_UNSORTED) {
            pages.values(page, &mut found)?;
        }
    }
    Ok(found)
}

impl Pages<'_> {
    /// Values of a page: every second item. A short one is the counter.
    fn values(&self, page: &[u8], found: &mut Found) -> Result<(), DatabaseError> {
        let items = usize::from(u16_at(page, 20, self.endian)?);
        for item in (1..items).step_by(2) {
            let at = usize::from(u16_at(page, HEAD + 2 * item, self.endian)?);
            if slice(page, at, 1)?[0] != OFF_PAGE {
                continue;
            }
            let first = u32_at(page, at + 4, self.endian)?;
            found.take(&self.chain(first, size_at(page, at + 8, self.endian)?)?)?;
        }
        Ok(())
    }

    /// A value that begins on this page.
    fn chain(&self, first: u32, length: usize) -> Result<Vec<u8>, DatabaseError> {
        if length > self.file.len() {
            return Err(damaged("a value longer than the file"));
        }
        let (mut value, mut number) = (Vec::new(), first);
        while value.len() < length {
            let page = slice(self.file, (number as usize).saturating_mul(self.size), self.size)?;
            let here = usize::from(u16_at(page, 22, self.endian)?).min(length - value.len());
            if page[25] != OVERFLOW || here == 0 {
                return Err(damaged("a value that breaks off"));
            }
            value.extend_from_slice(slice(page, HEAD, here)?);
            number = u32_at(page, 16, self.endian)?;
        }
        Ok(value)
    }
}
