//! The bytes of one range of the disk, gathered from the extents that reach into it.
//!
//! In: the extents that reach into it. Out: a buffer, zeros where nothing lies. Never: bytes outside the chunk.

use dibber_model::{Extent, Piece};

use super::PourError;
use super::files::FileReader;

/// Fills `buffer` with the bytes of the disk from offset `start`.
pub(super) fn fill_buffer(
    extents: &[Extent],
    start: u64,
    files: &mut FileReader<'_>,
    buffer: &mut [u8],
) -> Result<(), PourError> {
    let mut done = 0;
    for extent in extents {
        // Both ends within the buffer: the first is at most where the chunk ends, as the extent reaches into it.
        let from = extent.at.saturating_sub(start) as usize;
        let to = (extent.end() - start).min(buffer.len() as u64) as usize;
        // Where in the piece this part of it begins.
        let skip = start.saturating_sub(extent.at);
        buffer[done..from].fill(0);
        let part = &mut buffer[from..to];
        match &extent.piece {
            Piece::Bytes { buffer, range } => {
                let first = range.start + skip as usize;
                part.copy_from_slice(&buffer[first..first + part.len()]);
            }
            Piece::Fill { byte, .. } => part.fill(*byte),
            Piece::File { file, offset, .. } => files.read(*file, offset + skip, part)?,
        }
        done = to;
    }
    buffer[done..].fill(0);
    Ok(())
}
