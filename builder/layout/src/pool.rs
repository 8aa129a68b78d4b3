//! What a thin pool takes beside its data, as lvcreate sizes it (`lib/metadata/thin_manip.c` of lvm2).
//!
//! In: the extents of its data. Out: the extents of its metadata. Never: a place.

use dibber_model::{Bytes, PlacedVg};

/// What errors call the extents that are kept to mend a pool's metadata.
pub(crate) const SPARE: &str = "the spare metadata of its thin pools";

/// Bytes of metadata for each chunk (`estimate_thin_pool_metadata`).
const BYTES_A_CHUNK: u64 = 64;
/// `DEFAULT_THIN_POOL_MIN_METADATA_SIZE`.
const LEAST: u64 = 2 << 20;
/// The most that the kernel uses: 255 bitmaps of 16,320 blocks of 4 KiB (`THIN_METADATA_MAX_SECTORS` of drivers/md/dm-thin-metadata.h).
const MOST: u64 = 255 * ((1 << 14) - 64) * 4096;

/// Extents of the metadata of a pool with so many of data.
pub(crate) fn metadata_extents(extent: Bytes, data: u64) -> u64 {
    let bytes = data.saturating_mul(extent.0);
    let chunks = bytes.div_ceil(PlacedVg::chunk_of(bytes));
    chunks.saturating_mul(BYTES_A_CHUNK).clamp(LEAST, MOST).div_ceil(extent.0)
}
