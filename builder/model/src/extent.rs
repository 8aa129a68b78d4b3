//! A disk, or a part of one, as data: what lies where, without the bytes of large files.
//!
//! In: pieces that the writers place. Out: sorted, disjoint extents that one function pours. Never: I/O.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Range;

use crate::FileRef;

/// What an extent consists of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Bytes in memory: metadata, small files, tables. `range` selects from the shared buffer.
    Bytes {
        /// The buffer, which several extents may share.
        buffer: Arc<[u8]>,
        /// The part of it that this extent is.
        range: Range<usize>,
    },
    /// One byte repeated. Explicit zeros; a hole needs no extent at all.
    Fill {
        /// The byte.
        byte: u8,
        /// How often.
        len: u64,
    },
    /// A range of a captured file.
    File {
        /// Which file.
        file: FileRef,
        /// Where in it the range starts.
        offset: u64,
        /// Length of the range, in bytes.
        len: u64,
    },
}

impl Piece {
    /// The whole of a buffer.
    pub fn bytes(buffer: impl Into<Arc<[u8]>>) -> Self {
        let buffer: Arc<[u8]> = buffer.into();
        let range = 0..buffer.len();
        Piece::Bytes { buffer, range }
    }

    /// Length in bytes.
    pub fn len(&self) -> u64 {
        match self {
            Piece::Bytes { range, .. } => range.len() as u64,
            Piece::Fill { len, .. } | Piece::File { len, .. } => *len,
        }
    }

    /// Whether it covers nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// `len` bytes of it from `from` on, which are there.
    fn cut(&self, from: u64, len: u64) -> Self {
        match self {
            Piece::Bytes { buffer, range } => {
                let place = |at: u64| range.start + usize::try_from(at).expect("within a buffer in memory");
                Piece::Bytes { buffer: Arc::clone(buffer), range: place(from)..place(from + len) }
            }
            Piece::Fill { byte, .. } => Piece::Fill { byte: *byte, len },
            Piece::File { file, offset, .. } => Piece::File { file: *file, offset: offset + from, len },
        }
    }
}

/// A piece at a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Offset of its first byte.
    pub at: u64,
    /// What lies there.
    pub piece: Piece,
}

impl Extent {
    /// Offset just past its last byte.
    pub fn end(&self) -> u64 {
        self.at + self.piece.len()
    }
}

/// Extents that do not fit together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExtentError {
    /// Two extents claim the same bytes.
    #[error("bytes {at} to {end} are claimed twice")]
    Overlap {
        /// First byte claimed twice.
        at: u64,
        /// End of the earlier claim.
        end: u64,
    },
    /// An extent reaches past the end.
    #[error("an extent ends at byte {end}, past the end at {len}")]
    Outside {
        /// Where it ends.
        end: u64,
        /// Where the whole ends.
        len: u64,
    },
}

/// A range of bytes of known length: sorted, disjoint extents, and holes (zeros) between them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extents {
    len: u64,
    list: Vec<Extent>,
}

impl Extents {
    /// Sorts and checks. Empty pieces are dropped.
    pub fn new(len: u64, mut list: Vec<Extent>) -> Result<Self, ExtentError> {
        list.retain(|extent| !extent.piece.is_empty());
        list.sort_by_key(|extent| extent.at);
        let mut end = 0;
        for extent in &list {
            if extent.at < end {
                return Err(ExtentError::Overlap { at: extent.at, end });
            }
            end = extent
                .at
                .checked_add(extent.piece.len())
                .ok_or(ExtentError::Outside { end: u64::MAX, len })?;
            if end > len {
                return Err(ExtentError::Outside { end, len });
            }
        }
        Ok(Extents { len, list })
    }

    /// Nothing but a hole.
    pub fn hole(len: u64) -> Self {
        Extents { len, list: Vec::new() }
    }

    /// Length in bytes, holes included.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether it covers no bytes.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The extents, by rising offset.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Extent> + DoubleEndedIterator {
        self.list.iter()
    }

    /// The extents as a slice, by rising offset.
    pub fn as_slice(&self) -> &[Extent] {
        &self.list
    }

    /// Bytes that some extent covers.
    pub fn covered(&self) -> u64 {
        self.list.iter().map(|extent| extent.piece.len()).sum()
    }

    /// What lies in a range of it, as a whole of its own that is as long as the range; behind its end there are holes.
    pub fn cut(&self, range: Range<u64>) -> Self {
        let first = self.list.partition_point(|extent| extent.end() <= range.start);
        let inside = self.list[first..].iter().take_while(|extent| extent.at < range.end);
        let list = inside.map(|extent| {
            let (from, to) = (extent.at.max(range.start), extent.end().min(range.end));
            Extent { at: from - range.start, piece: extent.piece.cut(from - extent.at, to - from) }
        });
        Extents { len: range.end.saturating_sub(range.start), list: list.collect() }
    }

    /// One whole of parts, each at an offset.
    pub fn compose(len: u64, parts: impl IntoIterator<Item = (u64, Extents)>) -> Result<Self, ExtentError> {
        let mut list = Vec::new();
        for (at, part) in parts {
            if at.checked_add(part.len).is_none_or(|end| end > len) {
                return Err(ExtentError::Outside { end: at.saturating_add(part.len), len });
            }
            list.extend(part.list.into_iter().map(|e| Extent { at: at + e.at, piece: e.piece }));
        }
        Extents::new(len, list)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlaps_and_overruns_are_refused() {
        let at = |at, len| Extent { at, piece: Piece::Fill { byte: 1, len } };
        assert_eq!(
            Extents::new(10, alloc::vec![at(4, 4), at(0, 5)]),
            Err(ExtentError::Overlap { at: 4, end: 5 })
        );
        assert_eq!(Extents::new(10, alloc::vec![at(8, 4)]), Err(ExtentError::Outside { end: 12, len: 10 }));
        let whole = Extents::new(10, alloc::vec![at(8, 2), at(0, 0), at(0, 5)]).unwrap();
        assert_eq!(whole.iter().map(|e| e.at).collect::<Vec<_>>(), [0, 8]);
        assert_eq!(whole.covered(), 7);
        assert!(Extents::compose(12, [(4, whole)]).is_err());
    }

    #[test]
    fn cuts_put_together_are_the_whole() {
        let bytes: Arc<[u8]> = (0..100).collect::<Vec<u8>>().into();
        let piece = Piece::Bytes { buffer: bytes, range: 10..60 };
        let file = Piece::File { file: FileRef(3), offset: 7, len: 20 };
        let list = alloc::vec![
            Extent { at: 5, piece },
            Extent { at: 60, piece: Piece::Fill { byte: 1, len: 10 } },
            Extent { at: 70, piece: file },
        ];
        let whole = Extents::new(120, list).unwrap();
        for step in [1, 7, 30, 64, 120] {
            let starts = (0..120).step_by(step).map(|at| (at as u64, (at + step).min(120) as u64));
            let parts: Vec<(u64, Extents)> = starts.map(|(at, end)| (at, whole.cut(at..end))).collect();
            assert!(parts.iter().all(|(_, part)| part.len() <= step as u64));
            let again = Extents::compose(120, parts).unwrap();
            assert_eq!(again.covered(), whole.covered());
            let end = |extents: &Extents| extents.iter().map(Extent::end).max();
            assert_eq!(end(&again), end(&whole));
            if step == 120 {
                assert_eq!(again, whole);
            }
        }
        let Piece::File { offset, len, .. } = whole.cut(75..200).as_slice()[0].piece else {
            panic!("a file")
        };
        assert_eq!((offset, len), (12, 15));
    }
}
