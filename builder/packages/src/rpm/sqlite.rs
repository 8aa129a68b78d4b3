//! The table `Packages` of an SQLite file (<https://www.sqlite.org/fileformat2.html>): its b-tree, leaf by leaf. The library itself is a million
//! bytes of C that would be given what strangers wrote; all that is wanted of it here is one column of one table.
//!
//! In: the file. Out: the blobs of the table, in order of their row. Never: a page visited twice, as a file may make its tree a circle.

use super::Found;
use super::bytes::{Endian, slice, u16_at, u32_at};
use crate::error::{DatabaseError, damaged};

const MAGIC: &[u8] = b"SQLite format 3\0";
/// Bytes of the file's head, which is in the first page.
const FILE_HEAD: usize = 100;

/// Types of b-tree pages.
const INTERIOR: u8 = 5;
const LEAF: u8 = 13;

/// The deepest tree: of pages of 512 bytes, one of 10 levels has more rows than any file has bytes.
const DEEPEST: usize = 20;

struct Pages<'a> {
    file: &'a [u8],
    size: usize,
    /// Bytes of a page but for those that are kept for extensions.
    usable: usize,
}

/// What of the file a walk may still read: no page twice, no byte of a row twice, whatever the pages say.
struct Left {
    pages: usize,
    bytes: usize,
}

/// All headers of it.
pub(crate) fn headers(file: &[u8]) -> Result<Found, DatabaseError> {
    let pages = Pages::open(file)?;
    let mut root = None;
    pages.rows(1, &mut |row| {
        // sqlite_schema: type, name, tbl_name, rootpage, sql.
        let row = Row::parse(row)?;
        if row.column(0) == Some(b"table") && row.column(1) == Some(b"Packages") {
            root = row.number(3);
        }
        Ok(())
    })?;
    // A file without the table is that of a system without a package.
    let mut found = Found::in_file(file);
    let Some(root) = root else { return Ok(found) };
    pages.rows(root, &mut |row| {
        // Packages: hnum INTEGER PRIMARY KEY, blob BLOB NOT NULL.
        found.take(Row::parse(row)?.column(1).ok_or_else(|| damaged("a row without a blob"))?)
    })?;
    Ok(found)
}

impl<'a> Pages<'a> {
    fn open(file: &'a [u8]) -> Result<Pages<'a>, DatabaseError> {
        if slice(file, 0, MAGIC.len())? != MAGIC {
            return Err(DatabaseError::Unknown("no `SQLite format 3` at its start".into()));
        }
        // 1 stands for 65536.
        let size = match usize::from(u16_at(file, 16, Endian::Big)?) {
            1 => 1 << 16,
            size => size,
        };
        let reserved = usize::from(slice(file, 20, 1)?[0]);
        if !size.is_power_of_two() || size < 512 || size - reserved < 480 {
            return Err(damaged(format!("pages of {size} bytes")));
        }
        Ok(Pages { file, size, usable: size - reserved })
    }

    fn page(&self, number: u32) -> Result<&'a [u8], DatabaseError> {
        let index = (number as usize).checked_sub(1).ok_or_else(|| damaged("a page of number 0"))?;
        slice(self.file, index.saturating_mul(self.size), self.size)
    }

    /// Gives each row of a table's tree to `take`.
    fn rows(
        &self,
        root: u32,
        take: &mut dyn FnMut(&[u8]) -> Result<(), DatabaseError>,
    ) -> Result<(), DatabaseError> {
        let mut left = Left { pages: self.file.len() / self.size, bytes: self.file.len() };
        self.walk(root, DEEPEST, &mut left, take)
    }

    fn walk(
        &self,
        number: u32,
        depth: usize,
        left: &mut Left,
        take: &mut dyn FnMut(&[u8]) -> Result<(), DatabaseError>,
    ) -> Result<(), DatabaseError> {
        if depth == 0 || left.pages == 0 {
            return Err(damaged("its tree has no end"));
        }
        left.pages -= 1;
        let page = self.page(number)?;
        let head = if number == 1 { FILE_HEAD } else { 0 };
        let cells = usize::from(u16_at(page, head + 3, Endian::Big)?);
        let (kind, head_length) = match slice(page, head, 1)?[0] {
            kind @ LEAF => (kind, 8),
            kind @ INTERIOR => (kind, 12),
            other => return Err(damaged(format!("a page of type {other} in a table"))),
        };
        for cell in 0..cells {
            let at = usize::from(u16_at(page, head + head_length + 2 * cell, Endian::Big)?);
            match kind {
                INTERIOR => self.walk(u32_at(page, at, Endian::Big)?, depth - 1, left, take)?,
                _ => take(&self.payload(page, at, left)?)?,
            }
        }
        match kind {
            INTERIOR => self.walk(u32_at(page, head + 8, Endian::Big)?, depth - 1, left, take),
            _ => Ok(()),
        }
    }

    /// The record of a leaf's cell, with what of it lies on pages of its own.
    fn payload(&self, page: &[u8], at: usize, left: &mut Left) -> Result<Vec<u8>, DatabaseError> {
        let (length, at) = varint(page, at)?;
        let (_row, at) = varint(page, at)?;
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        left.bytes =
            left.bytes.checked_sub(length).ok_or_else(|| damaged("its rows are longer than the file"))?;
        // "Cell Payload Overflow Pages": U is the usable size, P the length.
        let most = self.usable - 35;
        if length <= most {
            return slice(page, at, length).map(<[u8]>::to_vec);
        }
        let least = (self.usable - 12) * 32 / 255 - 23;
        let wanted = least + (length - least) % (self.usable - 4);
        let local = if wanted <= most { wanted } else { least };
        let mut record = slice(page, at, local)?.to_vec();
        let mut next = u32_at(page, at + local, Endian::Big)?;
        while record.len() < length {
            let page = self.page(next)?;
            let rest = (length - record.len()).min(self.usable - 4);
            record.extend_from_slice(slice(page, 4, rest)?);
            next = u32_at(page, 0, Endian::Big)?;
        }
        Ok(record)
    }
}

/// A number of one to nine bytes, and where what follows it begins.
fn varint(bytes: &[u8], at: usize) -> Result<(u64, usize), DatabaseError> {
    let mut value = 0_u64;
    for more in 0..9 {
        let byte = slice(bytes, at + more, 1)?[0];
        if more == 8 {
            return Ok((value << 8 | u64::from(byte), at + 9));
        }
        value = value << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Ok((value, at + more + 1));
        }
    }
    unreachable!("the ninth byte returns")
}

/// A record ("Record Format"): types of the columns, then the columns.
struct Row<'a> {
    columns: Vec<&'a [u8]>,
}

impl<'a> Row<'a> {
    fn parse(record: &'a [u8]) -> Result<Row<'a>, DatabaseError> {
        let (head, mut at) = varint(record, 0)?;
        let head = usize::try_from(head).unwrap_or(usize::MAX);
        let mut place = head;
        let mut columns = Vec::new();
        // The widest table has five.
        while at < head && columns.len() < 8 {
            let (kind, next) = varint(record, at)?;
            at = next;
            let length = match kind {
                0 | 8 | 9 => 0,
                1..=4 => usize::try_from(kind).unwrap_or_default(),
                5 => 6,
                6 | 7 => 8,
                10 | 11 => return Err(damaged("a column of a type that is kept for SQLite itself")),
                _ => usize::try_from((kind - 12) / 2).unwrap_or(usize::MAX),
            };
            columns.push(slice(record, place, length)?);
            place = place.saturating_add(length);
        }
        Ok(Row { columns })
    }

    fn column(&self, number: usize) -> Option<&'a [u8]> {
        self.columns.get(number).copied()
    }

    /// A column of up to four bytes as a number.
    fn number(&self, number: usize) -> Option<u32> {
        let bytes = self.column(number).filter(|bytes| (1..=4).contains(&bytes.len()))?;
        Some(bytes.iter().fold(0, |value, byte| value << 8 | u32::from(*byte)))
    }
}
