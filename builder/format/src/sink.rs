//! Where bytes go until all are known.
//!
//! In: metadata for a block number, and references to content. Out: `Extents`. Never: a copy of a file's content.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Range;

use dibber_model::extent::ExtentError;
use dibber_model::{Extent, Extents, Piece};

/// Size of a block in bytes, of ext4 and of xfs.
const BLOCK: u64 = 4096;

/// Metadata in one buffer, which all its extents share, and content by reference.
#[derive(Default)]
pub(crate) struct Sink {
    buffer: Vec<u8>,
    /// Offset on disk, and the part of the buffer that goes there.
    marks: Vec<(u64, Range<usize>)>,
    content: Vec<Extent>,
}

impl Sink {
    /// Room for `len` bytes at byte `at` of the filesystem, zeroed.
    pub(crate) fn bytes(&mut self, at: u64, len: usize) -> &mut [u8] {
        let start = self.buffer.len();
        self.buffer.resize(start + len, 0);
        let end = start + len;
        match self.marks.last_mut() {
            Some((before, range)) if *before + range.len() as u64 == at => range.end = end,
            _ => self.marks.push((at, start..end)),
        }
        &mut self.buffer[start..]
    }

    /// One block of metadata, zeroed.
    pub(crate) fn block(&mut self, block: u64) -> &mut [u8] {
        self.bytes(block * BLOCK, BLOCK as usize)
    }

    /// A piece that is not copied.
    pub(crate) fn piece(&mut self, at: u64, piece: Piece) {
        self.content.push(Extent { at, piece });
    }

    /// Everything, as a filesystem of `len` bytes.
    pub(crate) fn finish(self, len: u64) -> Result<Extents, ExtentError> {
        let buffer: Arc<[u8]> = self.buffer.into();
        let mut list = self.content;
        list.extend(
            self.marks
                .into_iter()
                .map(|(at, range)| Extent { at, piece: Piece::Bytes { buffer: buffer.clone(), range } }),
        );
        Extents::new(len, list)
    }
}
