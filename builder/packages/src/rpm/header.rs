//! A header of rpm's, as its database has it (`lib/header.c`; "Header Structure" of rpm's manual): the number of index entries and of data
//! bytes, the entries (tag, type, place in the data, count), the data. All numbers are big-endian.

use super::bytes::{Endian, size_at, slice, u32_at};
use crate::error::{DatabaseError, damaged};
use crate::package::Package;

/// Tags of `rpmtag.h`.
const NAME: u32 = 1000;
const VERSION: u32 = 1001;
const RELEASE: u32 = 1002;
const EPOCH: u32 = 1003;
const ARCH: u32 = 1022;

/// Types of `rpmtag.h`.
const INT32: u32 = 4;
const STRING: u32 = 6;

/// Bytes of an index entry, and of the two numbers before the first.
const ENTRY: usize = 16;
const INTRO: usize = 8;

/// The longest text that is taken of a header, in bytes.
const TEXT_MAX: usize = 4096;

struct Header<'a> {
    index: &'a [u8],
    data: &'a [u8],
}

/// The package that a header describes.
pub(super) fn package(bytes: &[u8]) -> Result<Package, DatabaseError> {
    let (entries, length) = (size_at(bytes, 0, Endian::Big)?, size_at(bytes, 4, Endian::Big)?);
    let index_length = entries.checked_mul(ENTRY).ok_or_else(|| damaged("a header has too many entries"))?;
    let header = Header {
        index: slice(bytes, INTRO, index_length)?,
        data: slice(bytes, INTRO.saturating_add(index_length), length)?,
    };
    let needed =
        |tag: u32, what: &str| header.text(tag)?.ok_or_else(|| damaged(format!("a header has no {what}")));
    let name = needed(NAME, "name")?;
    let (version, release) = (needed(VERSION, "version")?, needed(RELEASE, "release")?);
    let version = match header.number(EPOCH)? {
        Some(epoch) => format!("{epoch}:{version}-{release}"),
        None => format!("{version}-{release}"),
    };
    // Keys have none.
    Ok(Package { name, version, arch: header.text(ARCH)?.unwrap_or_default() })
}

impl Header<'_> {
    /// Where the data of a tag of this type begins.
    fn place(&self, tag: u32, kind: u32) -> Result<Option<usize>, DatabaseError> {
        for entry in self.index.chunks_exact(ENTRY) {
            if u32_at(entry, 0, Endian::Big)? == tag && u32_at(entry, 4, Endian::Big)? == kind {
                return size_at(entry, 8, Endian::Big).map(Some);
            }
        }
        Ok(None)
    }

    fn text(&self, tag: u32) -> Result<Option<String>, DatabaseError> {
        let Some(at) = self.place(tag, STRING)? else { return Ok(None) };
        let rest = self.data.get(at..).unwrap_or_default();
        let end = rest.iter().take(TEXT_MAX).position(|byte| *byte == 0);
        let text = end.map(|end| String::from_utf8_lossy(&rest[..end]).into_owned());
        text.map(Some).ok_or_else(|| damaged("a text of a header does not end"))
    }

    fn number(&self, tag: u32) -> Result<Option<u32>, DatabaseError> {
        let place = self.place(tag, INT32)?;
        place.map(|at| u32_at(self.data, at, Endian::Big)).transpose()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A header of these tags; a number is one without letters.
    pub(crate) fn header(tags: &[(u32, &str)]) -> Vec<u8> {
        let (mut index, mut data) = (Vec::new(), Vec::new());
        for (tag, value) in tags {
            let number = (*tag == EPOCH).then(|| value.parse::<u32>().unwrap());
            while number.is_some() && data.len() % 4 != 0 {
                data.push(0);
            }
            let kind = if number.is_some() { INT32 } else { STRING };
            for field in [*tag, kind, data.len() as u32, 1] {
                index.extend(field.to_be_bytes());
            }
            match number {
                Some(number) => data.extend(number.to_be_bytes()),
                None => data.extend(value.bytes().chain([0])),
            }
        }
        let intro = [tags.len() as u32, data.len() as u32];
        intro.iter().flat_map(|n| n.to_be_bytes()).chain(index).chain(data).collect()
    }

    #[test]
    fn a_package() {
        let bash = header(&[(NAME, "bash"), (VERSION, "5.2"), (RELEASE, "3.el9"), (ARCH, "x86_64")]);
        assert_eq!(package(&bash).unwrap().to_string(), "bash 5.2-3.el9 x86_64");
        let epoch = header(&[(EPOCH, "2"), (NAME, "vim"), (VERSION, "9"), (RELEASE, "1"), (ARCH, "noarch")]);
        assert_eq!(package(&epoch).unwrap().to_string(), "vim 2:9-1 noarch");
        let key = header(&[(NAME, "gpg-pubkey"), (VERSION, "1"), (RELEASE, "2")]);
        assert_eq!(package(&key).unwrap().arch, "");
        for missing in [header(&[]), header(&[(NAME, "x")]), bash[..bash.len() - 1].to_vec(), vec![0xff; 64]]
        {
            package(&missing).unwrap_err();
        }
    }
}
