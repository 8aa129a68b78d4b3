//! The entries of a FAT directory: short names, and the long names before them.
//!
//! In: the bytes of a directory. Out: its entries. Never: a long name whose checksum is not its short name's.

use super::field::{byte, le16, le32};
use super::volume::{Entry, Kind};

/// Bytes of an entry.
pub(super) const ENTRY: usize = 32;
const READ_ONLY: u8 = 0x01;
const LABEL: u8 = 0x08;
const DIRECTORY: u8 = 0x10;
const LONG: u8 = 0x0f;

/// An entry in its own bytes, so that looking for a name makes no texts of the others.
pub(super) struct RawEntry<'a> {
    bytes: &'a [u8],
    /// The long name before it, of which it may not be the one.
    long: Long,
}

impl RawEntry<'_> {
    /// Whether it has this name, long or short, in whichever case.
    pub(super) fn is_called(&self, wanted: &str) -> bool {
        self.long().is_some_and(|long| same(long, wanted)) || same(short(self.bytes), wanted)
    }

    fn long(&self) -> Option<impl Iterator<Item = char> + '_> {
        self.long.name(&self.bytes[..11])
    }

    /// What it stands for.
    pub(super) fn entry(&self) -> Entry {
        let entry = self.bytes;
        let kind = if entry[11] & DIRECTORY != 0 { Kind::Directory } else { Kind::File };
        // As Linux mounts it with a umask of 022.
        let mode = if entry[11] & READ_ONLY != 0 { 0o555 } else { 0o755 };
        let size = if kind == Kind::File { le32(entry, 28).into() } else { 0 };
        let name: String = self.long().map_or_else(|| short(entry).collect(), Iterator::collect);
        let mtime = seconds(le16(entry, 24), le16(entry, 22));
        let node = u64::from(le16(entry, 20)) << 16 | u64::from(le16(entry, 26));
        Entry { name: name.into_bytes(), kind, mode, uid: 0, gid: 0, size, mtime, target: None, node }
    }
}

/// As FAT compares: without regard to case.
fn same(name: impl Iterator<Item = char>, wanted: &str) -> bool {
    name.flat_map(char::to_lowercase).eq(wanted.chars().flat_map(char::to_lowercase))
}

/// The root directory, of which no entry tells anything.
pub(super) fn root() -> Entry {
    Entry {
        name: Vec::new(),
        kind: Kind::Directory,
        mode: 0o755,
        uid: 0,
        gid: 0,
        size: 0,
        mtime: 0,
        target: None,
        node: 0,
    }
}

/// The label that the root directory has.
pub(super) fn label(root: &[u8]) -> Option<String> {
    let entries = root.chunks_exact(ENTRY).take_while(|entry| entry[0] != 0);
    let mut labels =
        entries.filter(|entry| entry[0] != 0xe5 && entry[11] & 0x3f != LONG && entry[11] & LABEL != 0);
    labels.next().map(|entry| letters(&entry[..11]).collect())
}

/// All entries but `.`, `..` and the label.
pub(super) fn each(bytes: &[u8]) -> impl Iterator<Item = RawEntry<'_>> {
    let mut long = Long::default();
    bytes.chunks_exact(ENTRY).take_while(|entry| entry[0] != 0).filter_map(move |entry| {
        if entry[0] != 0xe5 && entry[11] & 0x3f == LONG {
            long.add(entry);
            return None;
        }
        let found = RawEntry { bytes: entry, long: std::mem::take(&mut long) };
        (entry[0] != 0xe5 && entry[11] & LABEL == 0 && entry[0] != b'.').then_some(found)
    })
}

/// A long name being collected, from its last piece to its first.
#[derive(Default)]
struct Long {
    units: Vec<[u16; 13]>,
    /// The number of the piece that must come next; 0 when none is missing.
    next: u8,
    sum: u8,
}

impl Long {
    fn add(&mut self, entry: &[u8]) {
        let (number, sum) = (entry[0] & 0x3f, entry[13]);
        if entry[0] & 0x40 != 0 && (1..=20).contains(&number) {
            *self = Long { units: Vec::new(), next: number, sum };
        } else if number == 0 || number != self.next || sum != self.sum {
            *self = Long::default();
            return;
        }
        let places = (1..11).step_by(2).chain((14..26).step_by(2)).chain((28..32).step_by(2));
        let mut units = [0; 13];
        units.iter_mut().zip(places).for_each(|(unit, at)| *unit = le16(entry, at));
        self.units.push(units);
        self.next -= 1;
    }

    /// The name's letters, if it is whole and the short name's.
    fn name(&self, short: &[u8]) -> Option<impl Iterator<Item = char> + '_> {
        let sum = short.iter().fold(0u8, |sum, byte| sum.rotate_right(1).wrapping_add(*byte));
        if self.units.is_empty() || self.next != 0 || sum != self.sum {
            return None;
        }
        let units = self.units.iter().rev().flatten().copied().take_while(|unit| *unit != 0);
        let name = char::decode_utf16(units).map(|letter| letter.unwrap_or(char::REPLACEMENT_CHARACTER));
        // Names with a slash cannot be asked for, and a path must not climb.
        let climbs = ["", ".", ".."].iter().any(|other| name.clone().eq(other.chars()));
        (!climbs && !name.clone().any(|letter| letter == '/')).then_some(name)
    }
}

/// Letters of the name of eight and three.
fn short(entry: &[u8]) -> impl Iterator<Item = char> + '_ {
    // Bits by which Windows NT keeps a short name in lower case.
    let part = |bytes, bit: u8| {
        let lower = byte(entry, 12) & bit != 0;
        letters(bytes).map(move |letter| if lower { letter.to_ascii_lowercase() } else { letter })
    };
    let (base, mut extension) = (part(&entry[..8], 0x08), part(&entry[8..11], 0x10).peekable());
    let dot = extension.peek().map(|_| '.');
    base.chain(dot).chain(extension)
}

/// Letters of an unknown OEM code page, without the spaces after them: those beyond ASCII cannot be told.
fn letters(bytes: &[u8]) -> impl Iterator<Item = char> + '_ {
    let letter =
        |byte: &u8| if byte.is_ascii() && *byte >= b' ' && *byte != b'/' { char::from(*byte) } else { '_' };
    let end = bytes.iter().rposition(|byte| *byte != b' ').map_or(0, |last| last + 1);
    bytes[..end].iter().map(letter)
}

/// Seconds since 1970 of a date and a time of DOS.
fn seconds(date: u16, time: u16) -> i64 {
    let (year, month, day) =
        (1980 + i64::from(date >> 9), i64::from(date >> 5 & 0xf), i64::from(date & 0x1f));
    let (hour, minute, second) =
        (i64::from(time >> 11), i64::from(time >> 5 & 0x3f), i64::from(time & 0x1f) * 2);
    // Days of the proleptic Gregorian calendar, in years that begin with March, so that the leap day is the last.
    let (year, month) = if month <= 2 { (year - 1, month + 9) } else { (year, month - 3) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1;
    // 1970-01-01 is day 719468 of that calendar.
    (days - 719_468) * 86_400 + hour * 3600 + minute * 60 + second
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_dos() {
        assert_eq!(seconds(0x21, 0), 315_532_800); // 1980-01-01
        assert_eq!(seconds(44 << 9 | 2 << 5 | 29, 12 << 11 | 30 << 5 | 5), 1_709_209_810); // 2024-02-29 12:30:10
    }

    #[test]
    fn a_long_name_of_another_entry_is_not_taken() {
        let mut long = [0u8; 32];
        long[0] = 0x41;
        long[11] = LONG;
        long[1] = b'x';
        let mut short = *b"A       TXT                     ";
        short[11] = 0x20;
        short[12] = 0;
        let bytes = [long, short].concat();
        let found = each(&bytes).next().unwrap();
        assert_eq!(found.entry().name, b"A.TXT");
        assert!(found.is_called("a.txt") && !found.is_called("x") && !found.is_called("A.TX"));
    }
}
