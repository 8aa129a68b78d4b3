//! The superblock and its copies.
//!
//! In: parameters, the plan, and counts. Out: a sector. Never: a copy that differs: each group begins with the same.
//!
//! Source: `fs/xfs/libxfs/xfs_format.h`, `struct xfs_dsb`.

use super::ag::Totals;
use super::field::{put_bytes, put16, put32, put64};
use super::geometry::Geometry;
use super::options::Options;
use super::seal::Sealer;
use super::{BLOCK, XfsParams};

/// `sb_versionnum`: version 5, with link counts of 32 bits, aligned chunks, log version 2, unwritten extents, directories of version 2, and
/// `sb_features2` in use.
const VERSION: u16 = 5 | 0x20 | 0x80 | 0x400 | 0x1000 | 0x2000 | 0x8000;
/// There are attributes.
const VERSION_ATTR: u16 = 0x10;
/// Sectors are larger than 512 bytes.
const VERSION_SECTOR: u16 = 0x800;
/// `sb_features2`: lazy counters, attributes of version 2, project ids of 32 bits, checksums.
const FEATURES2: u32 = 0x2 | 0x8 | 0x80 | 0x100;

/// What the superblock tells besides the plan.
pub(super) struct Known {
    pub(super) root: u64,
    pub(super) totals: Totals,
    /// Whether any inode has attributes.
    pub(super) has_attributes: bool,
}

/// `log2` of a power of two.
fn log2(value: u64) -> u8 {
    value.trailing_zeros() as u8
}

/// Writes the superblock into a sector.
pub(super) fn write(out: &mut [u8], params: &XfsParams, geometry: &Geometry, known: &Known) {
    let options = geometry.options;
    put_bytes(out, 0, b"XFSB");
    put32(out, 4, BLOCK as u32);
    put64(out, 8, geometry.blocks);
    put64(out, 48, geometry.fsblock(geometry.log_start()));
    // The root directory, and the bitmap and the summary of a realtime device.
    put64(out, 56, known.root);
    put64(out, 64, known.root + 1);
    put64(out, 72, known.root + 2);
    put32(out, 80, 1); // sb_rextsize
    put32(out, 84, geometry.group_blocks as u32);
    put32(out, 88, geometry.groups);
    put32(out, 96, geometry.log_blocks as u32);
    let sector = if options.sector > 512 { VERSION_SECTOR } else { 0 };
    let attr = if known.has_attributes { VERSION_ATTR } else { 0 };
    put16(out, 100, VERSION | sector | attr);
    put16(out, 102, options.sector as u16);
    put16(out, 104, options.inode_size as u16);
    put16(out, 106, options.inodes_per_block() as u16);
    put_bytes(out, 108, params.label.as_bytes());
    out[120] = log2(BLOCK);
    out[121] = log2(options.sector);
    out[122] = log2(options.inode_size.into());
    out[123] = log2(options.inodes_per_block().into());
    out[124] = geometry.group_bits() as u8;
    out[127] = inode_percent(geometry.blocks);
    put64(out, 128, known.totals.inodes);
    put64(out, 136, known.totals.free_inodes);
    put64(out, 144, known.totals.free_blocks);
    put32(out, 180, options.chunk_align() as u32);
    log_sectors(out, options.sector);
    put32(out, 200, FEATURES2);
    // sb_bad_features2: the same, where a compiler once aligned it otherwise.
    put32(out, 204, FEATURES2);
    features(out, options);
    put32(out, 228, if options.sparse_inodes { options.cluster_blocks() as u32 } else { 0 });
    Sealer(params.uuid).record(out, 32, 224);
}

/// Nothing is said of sectors of 512 bytes; larger ones are the log's unit.
fn log_sectors(out: &mut [u8], sector: u64) {
    if sector > 512 {
        out[193] = log2(sector);
        put16(out, 194, sector as u16);
        put32(out, 196, sector as u32);
    } else {
        put32(out, 196, 1);
    }
}

fn features(out: &mut [u8], options: Options) {
    let word = |bits: &[(bool, u32)]| bits.iter().map(|(has, bit)| u32::from(*has) << bit).sum();
    // Read-only compatible.
    let compatible =
        word(&[(options.finobt, 0), (options.rmapbt, 1), (options.reflink, 2), (options.inobtcount, 3)]);
    put32(out, 212, compatible);
    // Incompatible: kinds in directory entries are always there.
    let incompatible = word(&[
        (true, 0),
        (options.sparse_inodes, 1),
        (options.bigtime, 3),
        (options.large_extent_counts, 5),
    ]);
    put32(out, 216, incompatible);
}

/// `sb_imax_pct`: the share of blocks that inodes may take, in percent (`calc_default_imaxpct`).
fn inode_percent(blocks: u64) -> u8 {
    match (blocks * BLOCK) >> 40 {
        0 => 25,
        1..50 => 5,
        _ => 1,
    }
}
