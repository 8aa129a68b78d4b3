//! The disk, cut into chunks of one size; those without data are left out.
//!
//! In: extents. Out: chunks by rising offset, each with the extents that reach into it. Never: a list of all chunks: a
//! disk of many terabytes costs nothing until its chunks come.

use std::ops::Range;

use dibber_model::{Extent, Extents, Piece};

/// A range of the disk with data in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Chunk {
    /// Offset of its first byte, a multiple of the chunk size.
    pub(super) start: u64,
    /// Which extents reach into it.
    pub(super) extents: Range<usize>,
}

/// All chunks with data, in order.
pub(super) struct Chunks<'a> {
    extents: &'a [Extent],
    size: u64,
    /// First extent that ends after `at`.
    first: usize,
    at: u64,
}

impl<'a> Chunks<'a> {
    pub(super) fn new(extents: &'a Extents, size: u64) -> Self {
        Chunks { extents: extents.as_slice(), size, first: 0, at: 0 }
    }
}

impl Iterator for Chunks<'_> {
    type Item = Chunk;

    fn next(&mut self) -> Option<Chunk> {
        // Skips what is over, and explicit zeros, which are as good as holes.
        let extent = loop {
            let extent = self.extents.get(self.first)?;
            if extent.end() > self.at && !is_zeros(&extent.piece) {
                break extent;
            }
            self.first += 1;
        };
        let start = self.at.max(extent.at) / self.size * self.size;
        let end = start.saturating_add(self.size);
        let reach = self.extents[self.first..].iter().take_while(|extent| extent.at < end).count();
        self.at = end;
        Some(Chunk { start, extents: self.first..self.first + reach })
    }
}

fn is_zeros(piece: &Piece) -> bool {
    matches!(piece, Piece::Fill { byte: 0, .. })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(at: u64, byte: u8, len: u64) -> Extent {
        Extent { at, piece: Piece::Fill { byte, len } }
    }

    fn chunk(start: u64, extents: Range<usize>) -> Chunk {
        Chunk { start, extents }
    }

    fn chunks(len: u64, extents: &[Extent]) -> Vec<Chunk> {
        Chunks::new(&Extents::new(len, extents.to_vec()).unwrap(), 10).collect()
    }

    #[test]
    fn holes_and_zeros_have_no_chunks() {
        assert_eq!(chunks(1 << 60, &[]), []);
        assert_eq!(chunks(1 << 60, &[fill(0, 0, 1 << 60)]), []);
        assert_eq!(
            chunks(1 << 60, &[fill(5, 1, 1), fill(1 << 50, 1, 1)]),
            [chunk(0, 0..1), chunk((1 << 50) / 10 * 10, 1..2)]
        );
    }

    #[test]
    fn each_chunk_knows_its_extents() {
        let all = [fill(0, 1, 10), fill(10, 1, 5), fill(15, 1, 10), fill(28, 0, 14), fill(45, 1, 1)];
        assert_eq!(chunks(50, &all), [chunk(0, 0..1), chunk(10, 1..3), chunk(20, 2..4), chunk(40, 4..5)]);
    }
}
