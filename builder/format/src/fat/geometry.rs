//! Which FAT, how large its clusters, and where its parts lie.
//!
//! In: the length, and what must fit. Out: a geometry, or the least number of sectors. Never: bytes.
//!
//! A width and a cluster size together are a choice. For each choice, what fits never shrinks as the disk grows, because
//! sectors past the last entry of the allocation table may stay unused. So every length from [`least`] on has a choice.

use super::volume::{RECORD, Volume};

/// Bits of an entry of the allocation table. The number of clusters decides it, and nothing else (specification, 3.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Width {
    Fat12,
    Fat16,
    Fat32,
}

impl Width {
    /// Fewest and most clusters. The specification's cuts are 4085 and 65525; it advises to stay 16 clusters away from
    /// them, because much software is off by some. FAT32 numbers clusters up to 0x0ffffff6.
    fn clusters(self) -> (u64, u64) {
        match self {
            Width::Fat12 => (1, 4085 - 17),
            Width::Fat16 => (4085 + 16, 65_525 - 17),
            Width::Fat32 => (65_525 + 16, 0x0fff_fff5),
        }
    }

    /// Bytes of a table of so many entries.
    fn table(self, entries: u64) -> u64 {
        match self {
            Width::Fat12 => (entries * 3).div_ceil(2),
            Width::Fat16 => entries * 2,
            Width::Fat32 => entries * 4,
        }
    }

    /// Entries in a table of so many bytes.
    fn entries(self, table: u64) -> u64 {
        match self {
            Width::Fat12 => table * 2 / 3,
            Width::Fat16 => table / 2,
            Width::Fat32 => table / 4,
        }
    }

    /// Sectors before the first table: the boot sector, and on FAT32 its copy, FSInfo and room, as mkfs.fat leaves it.
    fn reserved(self) -> u64 {
        if self == Width::Fat32 { 32 } else { 1 }
    }
}

/// Where the parts of a filesystem lie; counts of sectors unless said otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Geometry {
    pub(crate) width: Width,
    /// Bytes.
    pub(crate) sector: u64,
    pub(crate) per_cluster: u64,
    pub(crate) reserved: u64,
    /// Of one table; there are two.
    pub(crate) fat_sectors: u64,
    /// Of the root directory; 0 on FAT32, which has it in clusters.
    pub(crate) root_sectors: u64,
    /// Clusters.
    pub(crate) clusters: u64,
}

impl Geometry {
    fn root_at(&self) -> u64 {
        self.reserved + 2 * self.fat_sectors
    }

    /// All sectors that the filesystem counts as its own.
    pub(crate) fn total(&self) -> u64 {
        self.root_at() + self.root_sectors + self.clusters * self.per_cluster
    }

    /// Bytes of a cluster.
    pub(crate) fn cluster(&self) -> u64 {
        self.per_cluster * self.sector
    }

    /// Clusters of a node of `len` bytes.
    pub(crate) fn clusters_of(&self, id: usize, len: u64) -> u64 {
        match (id, self.width) {
            (0, Width::Fat32) => len.div_ceil(self.cluster()).max(1),
            (0, _) => 0,
            _ => len.div_ceil(self.cluster()),
        }
    }

    /// The byte where a node begins.
    pub(crate) fn at(&self, id: usize, cluster: u64) -> u64 {
        let root = self.root_at();
        let sector = match (id, self.width) {
            (0, Width::Fat12 | Width::Fat16) => root,
            _ => root + self.root_sectors + cluster.saturating_sub(2) * self.per_cluster,
        };
        sector * self.sector
    }
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
    let solve = |width, cluster| solve(width, cluster, sector, sectors, root_sectors(volume, width, sector));
    let usual = usual(len, sector, &solve).filter(fits);
    usual.or_else(|| choices(sector).filter_map(|(width, cluster)| solve(width, cluster)).find(fits))
}

/// The fewest sectors that some choice can do with.
pub(crate) fn least(volume: &Volume<'_>, sector: u64) -> Option<u64> {
    let sectors = |(width, cluster): (Width, u64)| {
        let (min, max) = width.clusters();
        let needed = volume.clusters(cluster, width == Width::Fat32).max(min);
        let fat = width.table(needed + 2).div_ceil(sector);
        let root = root_sectors(volume, width, sector);
        let total = width.reserved() + 2 * fat + root + needed * (cluster / sector);
        (needed <= max && total <= SECTORS_MAX).then_some(total)
    };
    choices(sector).filter_map(sectors).min()
}

fn choices(sector: u64) -> impl Iterator<Item = (Width, u64)> {
    let widths = [Width::Fat32, Width::Fat16, Width::Fat12];
    let clusters = move || CLUSTERS.into_iter().filter(move |cluster| *cluster >= sector);
    widths.into_iter().flat_map(move |width| clusters().map(move |cluster| (width, cluster)))
}

/// What mkfs.fat would choose: FAT32 from 512 MiB on with clusters by Microsoft's table; below, clusters of 2 KiB or
/// the least with which FAT16 covers the disk.
fn usual(len: u64, sector: u64, solve: &dyn Fn(Width, u64) -> Option<Geometry>) -> Option<Geometry> {
    if len >= FAT32_FROM {
        const GIB: u64 = 1 << 30;
        let cluster = match len {
            _ if len <= 8 * GIB => 4 << 10,
            _ if len <= 16 * GIB => 8 << 10,
            _ if len <= 32 * GIB => 16 << 10,
            _ => 32 << 10,
        };
        return solve(Width::Fat32, cluster.max(sector));
    }
    let most = Width::Fat16.clusters().1;
    let cluster = [2 << 10, 4 << 10, 8 << 10, 16 << 10]
        .into_iter()
        .filter(|cluster| *cluster >= sector)
        .find(|cluster| len / cluster <= most)?;
    solve(Width::Fat16, cluster).or_else(|| solve(Width::Fat12, cluster))
}

/// Sectors of a root directory outside the clusters.
fn root_sectors(volume: &Volume<'_>, width: Width, sector: u64) -> u64 {
    match width {
        Width::Fat32 => 0,
        _ => volume.nodes[0].len.max(ROOT_RECORDS * RECORD).div_ceil(sector),
    }
}

/// The geometry of one choice with the most clusters, if these are enough for its width.
fn solve(width: Width, cluster: u64, sector: u64, sectors: u64, root_sectors: u64) -> Option<Geometry> {
    let per_cluster = cluster / sector;
    let (min, max) = width.clusters();
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
