//! A chunk of a raw image. Blocks of zeros are not written, and stay holes of the sparse file.
//!
//! In: the bytes of a chunk. Out: writes of the runs in it that are not zero. Never: a block of zeros worth leaving out.

use std::os::unix::fs::FileExt;

use super::{PourError, Target};

/// Granularity of holes: the block of the file systems that images are kept on.
const BLOCK: usize = 4096;
/// Zeros shorter than this are written with what is around them: a write costs more than they do.
const GAP: usize = 16 << 10;

/// Writes what is not zero of `bytes`, which lie at `start` of the disk.
pub(super) fn write(target: &Target<'_>, start: u64, bytes: &[u8]) -> Result<(), PourError> {
    let mut run: Option<(usize, usize)> = None;
    let put = |(from, to): (usize, usize)| {
        let at = start + from as u64;
        target.file.write_all_at(&bytes[from..to], at).map_err(|e| PourError::write(target.path, at, e))
    };
    for (index, block) in bytes.chunks(BLOCK).enumerate() {
        if block.chunks(256).all(|part| part.iter().fold(0, |all, byte| all | byte) == 0) {
            continue;
        }
        let (from, to) = (index * BLOCK, index * BLOCK + block.len());
        run = match run {
            Some((first, last)) if from - last < GAP => Some((first, to)),
            Some(full) => {
                put(full)?;
                Some((from, to))
            }
            None => Some((from, to)),
        };
    }
    run.map_or(Ok(()), put)
}
