//! Headers of tar members, and the pax records for what a ustar header has no room for.
//!
//! In: fields. Out: the field as the header takes it, and a record where that is not the whole of it. Never: a record for
//! what fits: archives of plain trees stay plain.

use dibber_model::Timestamp;
use tar::{EntryType, Header};

/// The records of one member, `length key=value` each (POSIX.1-2008, pax, "extended header").
#[derive(Default)]
pub(super) struct Records(Vec<u8>);

/// An empty ustar header of one kind.
pub(super) fn empty_header(kind: EntryType) -> Header {
    let mut header = Header::new_ustar();
    header.set_entry_type(kind);
    header
}

impl Records {
    /// Adds a record.
    pub(super) fn put(&mut self, key: &[u8], value: &[u8]) {
        // " ", "=" and the line end, and the digits of the length, which counts itself.
        let rest = key.len() + value.len() + 3;
        let mut len = rest + 1;
        while rest + len.to_string().len() != len {
            len = rest + len.to_string().len();
        }
        self.0.extend_from_slice(len.to_string().as_bytes());
        self.0.push(b' ');
        self.0.extend_from_slice(key);
        self.0.push(b'=');
        self.0.extend_from_slice(value);
        self.0.push(b'\n');
    }

    /// Fills a field of the header; a longer text is a record, and the field holds its beginning.
    pub(super) fn text_field(&mut self, key: &str, text: &[u8], field: &mut [u8]) {
        let fits = text.len().min(field.len());
        field[..fits].copy_from_slice(&text[..fits]);
        if fits < text.len() {
            self.put(key.as_bytes(), text);
        }
    }

    /// The number for a field of so many octal digits; a larger one is a record, and the field 0.
    pub(super) fn number_field(&mut self, key: &str, number: u64, digits: u32) -> u64 {
        if number < 1 << (3 * digits) {
            return number;
        }
        self.put(key.as_bytes(), number.to_string().as_bytes());
        0
    }

    /// The seconds for the field `mtime`, which knows neither parts of them nor times before 1970.
    pub(super) fn time_field(&mut self, time: Timestamp) -> u64 {
        let whole = u64::try_from(time.secs).unwrap_or(0);
        if time.nanos != 0 || time.secs < 0 || whole >= 1 << 33 {
            self.put(b"mtime", decimal(time).as_bytes());
        }
        if whole < 1 << 33 { whole } else { 0 }
    }

    /// The member of type `x` that goes before the one that it describes; nothing without records.
    pub(super) fn into_member(self) -> Option<Vec<u8>> {
        if self.0.is_empty() {
            return None;
        }
        let mut header = empty_header(EntryType::XHeader);
        let name = b"././@PaxHeader";
        header.as_ustar_mut().expect("empty_header() makes ustar headers").name[..name.len()]
            .copy_from_slice(name);
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_size(self.0.len() as u64);
        header.set_cksum();
        let mut bytes = [header.as_bytes(), &self.0[..]].concat();
        bytes.resize(bytes.len().next_multiple_of(512), 0);
        Some(bytes)
    }
}

/// A time as a decimal number of seconds. Before 1970 the nanoseconds count up from a lower second, the digits do not.
fn decimal(time: Timestamp) -> String {
    let nanos = i128::from(time.secs) * 1_000_000_000 + i128::from(time.nanos);
    let sign = if nanos < 0 { "-" } else { "" };
    let (secs, part) = (nanos.unsigned_abs() / 1_000_000_000, nanos.unsigned_abs() % 1_000_000_000);
    if part == 0 { format!("{sign}{secs}") } else { format!("{sign}{secs}.{part:09}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_count_their_own_digits() {
        let mut records = Records::default();
        records.put(b"k", b"1234");
        records.put(b"k", b"12345");
        records.put(b"key", &[b'v'; 90]);
        let text = String::from_utf8(records.0).unwrap();
        assert!(text.starts_with("9 k=1234\n11 k=12345\n"), "{text}");
        let mut rest = text.as_str();
        while !rest.is_empty() {
            let (len, _) = rest.split_once(' ').unwrap();
            let (record, next) = rest.split_at(len.parse().unwrap());
            assert!(record.ends_with('\n'), "{record:?}");
            rest = next;
        }
    }

    #[test]
    fn times_are_decimal() {
        for (secs, nanos, text) in [(-1, 500_000_000, "-0.500000000"), (-2, 0, "-2"), (1, 1, "1.000000001")] {
            assert_eq!(decimal(Timestamp { secs, nanos }), text);
        }
    }
}
