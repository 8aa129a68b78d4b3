//! Which FAT, and how large its clusters.
//!
//! FAT has no field for its own width: a reader counts the clusters, and takes the width that so many clusters have. So width and cluster size
//! are chosen together, mkfs.fat's choice before others.
//!
//! In: the length, and what must fit. Out: a geometry, or the least number of sectors. Never: bytes.
//!
//! A width and a cluster size together are a choice. For each choice, what fits never shrinks as the disk grows, because
//! sectors past the last entry of the allocation table may stay unused. So every length from [`least`] on has a choice.

use super::geometry::{Geometry, Width};
use super::volume::{RECORD, Volume};

/// A width and a cluster size.
#[derive(Clone, Copy)]
struct Choice {
    width: Width,
    /// Bytes.
    cluster: u64,
}

/// Sizes of clusters, in bytes, from the largest that every system reads.
const CLUSTERS: [u64; 7] = [32 << 10, 16 << 10, 8 << 10, 4 << 10, 2 << 10, 1 << 10, 512];

/// From this length on, mkfs.fat makes FAT32.
const FAT32_FROM: u64 = 512 << 20;
/// Most sectors of a filesystem: `BPB_TotSec32`.
const SECTORS_MAX: u64 = u32::MAX as u64;
/// Records of the root directory of FAT12 and FAT16, at least: what mkfs.fat and Windows give it.
const ROOT_RECORDS: u64 = 512;

/// The geometry for `len` bytes: the usual one, or one into which the volume fits.
pub(crate) fn choose(volume: &Volume<'_>, len: u64, sector: u64) -> Option<Geometry> {
    let sectors = (len / sector).min(SECTORS_MAX);
    let fits = |geometry: &Geometry| {
        volume.clusters(geometry.cluster(), geometry.width == Width::Fat32) <= geometry.clusters
    };
    let solve = |choice: Choice| choice.geometry(sector, sectors, root_sectors(volume, choice.width, sector));
    let usual = usual(len, sector, &solve).filter(fits);
    usual.or_else(|| choices(sector).filter_map(solve).find(fits))
}

/// The fewest sectors that some choice can do with.
pub(crate) fn least(volume: &Volume<'_>, sector: u64) -> Option<u64> {
    let sectors = |Choice { width, cluster }| {
        let (min, max) = width.clusters().into_inner();
        let needed = volume.clusters(cluster, width == Width::Fat32).max(min);
        let fat = width.table(needed + 2).div_ceil(sector);
        let root = root_sectors(volume, width, sector);
        let total = width.reserved() + 2 * fat + root + needed * (cluster / sector);
        (needed <= max && total <= SECTORS_MAX).then_some(total)
    };
    choices(sector).filter_map(sectors).min()
}

fn choices(sector: u64) -> impl Iterator<Item = Choice> {
    let widths = [Width::Fat32, Width::Fat16, Width::Fat12];
    let clusters = move || CLUSTERS.into_iter().filter(move |cluster| *cluster >= sector);
    widths.into_iter().flat_map(move |width| clusters().map(move |cluster| Choice { width, cluster }))
}

/// What mkfs.fat would choose: FAT32 from 512 MiB on with clusters by Microsoft's table; below, clusters of 2 KiB or
/// the least with which FAT16 covers the disk.
fn usual(len: u64, sector: u64, solve: &dyn Fn(Choice) -> Option<Geometry>) -> Option<Geometry> {
    if len >= FAT32_FROM {
        const GIB: u64 = 1 << 30;
        let cluster = match len {
            _ if len <= 8 * GIB => 4 << 10,
            _ if len <= 16 * GIB => 8 << 10,
            _ if len <= 32 * GIB => 16 << 10,
            _ => 32 << 10,
        };
        return solve(Choice { width: Width::Fat32, cluster: cluster.max(sector) });
    }
    let most = *Width::Fat16.clusters().end();
    let cluster = [2 << 10, 4 << 10, 8 << 10, 16 << 10]
        .into_iter()
        .filter(|cluster| *cluster >= sector)
        .find(|cluster| len / cluster <= most)?;
    let solve = |width| solve(Choice { width, cluster });
    solve(Width::Fat16).or_else(|| solve(Width::Fat12))
}

/// Sectors of a root directory outside the clusters.
fn root_sectors(volume: &Volume<'_>, width: Width, sector: u64) -> u64 {
    match width {
        Width::Fat32 => 0,
        _ => volume.nodes[0].len.max(ROOT_RECORDS * RECORD).div_ceil(sector),
    }
}

impl Choice {
    /// The geometry of one choice with the most clusters, if these are enough for its width.
    fn geometry(self, sector: u64, sectors: u64, root_sectors: u64) -> Option<Geometry> {
        let Choice { width, cluster } = self;
        let per_cluster = cluster / sector;
        let (min, max) = width.clusters().into_inner();
        let around = width.reserved() + root_sectors;
        let data = |fat: u64| sectors.checked_sub(around + 2 * fat).map_or(0, |data| data / per_cluster);
        let entries = |fat: u64| width.entries(fat * sector).saturating_sub(2).min(max);
        // A larger table has more entries and leaves less data: the best is where they meet, or one below.
        let (mut low, mut high) = (1, width.table(max + 2).div_ceil(sector));
        while low < high {
            let middle = low + (high - low) / 2;
            if entries(middle) >= data(middle).min(max) { high = middle } else { low = middle + 1 }
        }
        let clusters = |fat: u64| entries(fat).min(data(fat));
        let fat_sectors = if low > 1 && clusters(low - 1) > clusters(low) { low - 1 } else { low };
        let clusters = clusters(fat_sectors);
        let reserved = width.reserved();
        let geometry = Geometry { width, sector, per_cluster, reserved, fat_sectors, root_sectors, clusters };
        (clusters >= min && geometry.total() <= sectors).then_some(geometry)
    }
}
