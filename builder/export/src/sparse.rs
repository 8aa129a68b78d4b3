//! A file with holes as a member of a tar archive: GNU's sparse format 1.0 in pax records, which GNU tar, bsdtar, Python's tarfile and
//! Go's archive/tar read (GNU tar's manual, "Sparse Formats", "PAX Format, Version 1.0").
//!
//! In: a file's name, length and ranges of data. Out: the records of its member, its map, and what of the file follows. Never: a
//! member that is longer than the plain one would be.

use std::ops::Range;

use dibber_model::Content;

use super::pax::Records;

const BLOCK: u64 = 512;

/// What the records and the map of a file with few ranges take: a header and a block of records, a block of map.
const COST: u64 = 3 * BLOCK;

/// A file that is stored without its holes.
pub(super) struct SparseFile {
    len: u64,
    /// The map, padded to whole blocks.
    pub(super) map: Vec<u8>,
    /// What of the file follows on it: whole blocks, but for the file's end.
    pub(super) data: Vec<Range<u64>>,
}

impl SparseFile {
    /// The file without its holes; none if it is not shorter so.
    pub(super) fn of(content: &Content) -> Option<SparseFile> {
        let data = whole_blocks(content);
        let map = map(&data);
        let sparse = SparseFile { len: content.len, map, data };
        (sparse.stored() + COST < content.len).then_some(sparse)
    }

    /// Bytes that the member stores.
    pub(super) fn stored(&self) -> u64 {
        self.map.len() as u64 + self.data.iter().map(|range| range.end - range.start).sum::<u64>()
    }

    /// The records by which readers know it. They come after that of the other name, which Python's reader would take for it.
    pub(super) fn describe(&self, name: &[u8], records: &mut Records) {
        records.put(b"GNU.sparse.major", b"1");
        records.put(b"GNU.sparse.minor", b"0");
        records.put(b"GNU.sparse.name", name);
        records.put(b"GNU.sparse.realsize", self.len.to_string().as_bytes());
    }

    /// The name of the member for readers that know no holes.
    pub(super) fn stand_in_name(name: &[u8]) -> Vec<u8> {
        let cut = name.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
        [&name[..cut], b"GNUSparseFile.0/", &name[cut..]].concat()
    }
}

/// Ranges of data as whole blocks of the archive, but for the end of the file: readers pad each to a block, or none.
fn whole_blocks(content: &Content) -> Vec<Range<u64>> {
    let mut ranges: Vec<Range<u64>> = Vec::new();
    for range in &content.data {
        let (start, end) = (range.start / BLOCK * BLOCK, range.end.next_multiple_of(BLOCK).min(content.len));
        match ranges.last_mut() {
            Some(last) if last.end >= start => last.end = end,
            _ => ranges.push(start..end),
        }
    }
    // As GNU tar tells of a hole at the end.
    if ranges.last().is_none_or(|last| last.end < content.len) {
        ranges.push(content.len..content.len);
    }
    ranges
}

/// The number of ranges, then of each its place and length, a line each.
fn map(ranges: &[Range<u64>]) -> Vec<u8> {
    let mut text = format!("{}\n", ranges.len());
    for Range { start, end } in ranges {
        text += &format!("{start}\n{}\n", end - start);
    }
    let mut bytes = text.into_bytes();
    bytes.resize(bytes.len().next_multiple_of(BLOCK as usize), 0);
    bytes
}

#[cfg(test)]
mod tests {
    use dibber_model::{FileRef, Source};

    use super::*;

    fn content(len: u64, data: &[Range<u64>]) -> Content {
        Content { len, data: data.to_vec(), source: Source::File(FileRef(0)) }
    }

    #[test]
    fn a_map_tells_of_data_and_of_a_hole_at_the_end() {
        let sparse = SparseFile::of(&content(1 << 20, &[0..4096, 8192..12288])).unwrap();
        assert_eq!(sparse.map.len(), 512);
        assert!(sparse.map.starts_with(b"3\n0\n4096\n8192\n4096\n1048576\n0\n\0"));
        assert_eq!(sparse.stored(), 512 + 8192);
        let end = SparseFile::of(&content(100_003, core::slice::from_ref(&(98_304..100_003)))).unwrap();
        assert!(end.map.starts_with(b"1\n98304\n1699\n\0"));
        assert!(SparseFile::of(&content(1 << 30, &[])).unwrap().map.starts_with(b"1\n1073741824\n0\n"));
    }

    #[test]
    fn a_file_that_would_not_be_shorter_is_stored_whole() {
        let whole = 0..8192;
        assert!(SparseFile::of(&content(8192, &[whole])).is_none());
        assert!(SparseFile::of(&content(1000, &[])).is_none());
    }

    #[test]
    fn the_member_has_another_name_for_readers_that_know_no_holes() {
        assert_eq!(SparseFile::stand_in_name(b"./var/db"), b"./var/GNUSparseFile.0/db");
    }
}
