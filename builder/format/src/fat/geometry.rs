//! Where the parts of a FAT filesystem lie.
//!
//! In: a width, and sizes in sectors. Out: places in bytes, and what fits. Never: bytes; a choice between widths.

use core::ops::RangeInclusive;

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
    pub(super) fn clusters(self) -> RangeInclusive<u64> {
        match self {
            Width::Fat12 => 1..=4085 - 17,
            Width::Fat16 => 4085 + 16..=65_525 - 17,
            Width::Fat32 => 65_525 + 16..=0x0fff_fff5,
        }
    }

    /// Bytes of a table of so many entries.
    pub(super) fn table(self, entries: u64) -> u64 {
        match self {
            Width::Fat12 => (entries * 3).div_ceil(2),
            Width::Fat16 => entries * 2,
            Width::Fat32 => entries * 4,
        }
    }

    /// Entries in a table of so many bytes.
    pub(super) fn entries(self, table: u64) -> u64 {
        match self {
            Width::Fat12 => table * 2 / 3,
            Width::Fat16 => table / 2,
            Width::Fat32 => table / 4,
        }
    }

    /// Sectors before the first table: the boot sector, and on FAT32 its copy, FSInfo and room, as mkfs.fat leaves it.
    pub(super) fn reserved(self) -> u64 {
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
