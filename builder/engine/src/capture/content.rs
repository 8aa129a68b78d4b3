//! The content of one regular file.
//!
//! In: an open directory and a name. Out: a small file's bytes, or where a large one holds data. Never: the content of large
//! files that have no holes.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::{io, iter};

use dibber_fs::DirEntry;
use dibber_model::{Content, FileRef, Source};
use rustix::fs::{SeekFrom, Statx, seek};
use rustix::io::Errno;

use super::entry::EntryKind;

/// Files up to this many bytes are read at once: half of a Debian tree's files, and a thirtieth of its bytes.
const SMALL: u64 = 4096;

/// Holes are told in this unit, whatever the file system of the cache has.
const BLOCK: u64 = 4096;

/// Content of the regular file of this name.
pub(super) fn read_file(here: DirEntry<'_>, stat: &Statx) -> io::Result<EntryKind> {
    let len = stat.stx_size;
    if len == 0 {
        return Ok(EntryKind::Small(Content::inline([])));
    }
    if len <= SMALL {
        let mut bytes = vec![0; len as usize];
        File::from(here.open_file()?).read_exact_at(&mut bytes, 0)?;
        return Ok(EntryKind::Small(Content::inline(bytes)));
    }
    let data = if stat.stx_blocks * 512 < len {
        let file = File::from(here.open_file()?);
        // Where the file system compresses, files without holes take fewer blocks, too.
        match seek(&file, SeekFrom::Hole(0))? {
            first if first >= len => iter::once(0..len).collect(),
            _ => data_ranges(&file, len)?,
        }
    } else {
        iter::once(0..len).collect()
    };
    Ok(EntryKind::Large(Content { len, data, source: Source::File(FileRef(0)) }))
}

/// Ranges of a sparse file that hold data. Where a file system keeps zeros as data and where as a hole is its own affair, so
/// blocks of zeros are taken out, and the answer depends on the content only.
fn data_ranges(file: &File, len: u64) -> io::Result<Vec<Range<u64>>> {
    let mut ranges: Vec<Range<u64>> = Vec::new();
    let mut buffer = vec![0; 64 * BLOCK as usize];
    let mut at = 0;
    while at < len {
        at = match seek(file, SeekFrom::Data(at)) {
            Ok(start) => start / BLOCK * BLOCK,
            Err(Errno::NXIO) => break,
            Err(e) => return Err(e.into()),
        };
        let end = seek(file, SeekFrom::Hole(at.max(seek(file, SeekFrom::Data(at))?)))?
            .next_multiple_of(BLOCK)
            .min(len);
        while at < end {
            let now = (end - at).min(buffer.len() as u64) as usize;
            file.read_exact_at(&mut buffer[..now], at)?;
            for block in buffer[..now].chunks(BLOCK as usize) {
                let to = at + block.len() as u64;
                if block.iter().any(|byte| *byte != 0) {
                    match ranges.last_mut() {
                        Some(last) if last.end == at => last.end = to,
                        _ => ranges.push(at..to),
                    }
                }
                at = to;
            }
        }
    }
    Ok(ranges)
}
