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
}
