//! A disk with every byte range placed.
//!
//! In: regions from the layout engine. Out: a value whose ranges are sorted, disjoint and inside the disk, by
//! construction. Never: content.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::{DiskSpec, LvSpec, PartSpec, PvSpec, VgSpec};

/// A range that the table itself, or boot code, takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Region {
    /// What it is: `MBR`, `GPT header`, `GPT entries`, `boot gap`, `EBR 5`, `GPT backup` ...
    pub name: String,
    /// First byte.
    pub start: u64,
    /// Length in bytes.
    pub len: u64,
}

/// A partition with its place and its number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// What it is.
    pub spec: PartSpec,
    /// Its number in the table, from 1; 0 on a disk without a table.
    pub number: u32,
    /// First byte.
    pub start: u64,
    /// Length in bytes.
    pub len: u64,
}

/// A run of extents of one physical volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LvSegment {
    /// Which physical volume of the group, from 0.
    pub pv: usize,
    /// Its first extent.
    pub start: u64,
    /// How many.
    pub count: u64,
}

/// A physical volume with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlacedPv {
    /// What it is.
    pub spec: PvSpec,
    /// First byte of its partition, on the disk.
    pub start: u64,
    /// Length of its partition, in bytes.
    pub len: u64,
    /// First byte of its first extent, from the start of the partition.
    pub first: u64,
    /// Its extents.
    pub count: u64,
}

/// A logical volume with its extents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlacedLv {
    /// What it is.
    pub spec: LvSpec,
    /// Its length in extents; of a thin volume, what it pretends to have.
    pub count: u64,
    /// Where they lie: as many as its length; none of a thin volume.
    pub segments: Vec<LvSegment>,
    /// Of a thin pool, where its metadata lies.
    pub metadata: Vec<LvSegment>,
}

/// A volume group, placed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlacedVg {
    /// What it is.
    pub spec: VgSpec,
    /// Its physical volumes, in the order of the spec.
    pub pvs: Vec<PlacedPv>,
    /// Its logical volumes, in the order of the spec.
    pub lvs: Vec<PlacedLv>,
    /// Extents kept to mend the metadata of a thin pool, where there is one.
    pub spare: Vec<LvSegment>,
}

impl PlacedVg {
    /// Length of a logical volume, in bytes.
    pub fn bytes(&self, lv: &PlacedLv) -> u64 {
        lv.count * self.spec.extent.0
    }

    /// Bytes of a chunk of a thin pool, by the length of its data: 64 KiB, and doubled until its metadata is within 128 MiB at 64
    /// bytes a chunk (`DEFAULT_THIN_POOL_CHUNK_SIZE` and `DEFAULT_THIN_POOL_OPTIMAL_METADATA_SIZE` of lvm2's `lib/config/defaults.h`).
    pub fn chunk_of(data_bytes: u64) -> u64 {
        let mut chunk = 64 << 10;
        while data_bytes / chunk > (128 << 20) / 64 {
            chunk *= 2;
        }
        chunk
    }

    /// Runs of extents that are taken, with what takes them.
    fn taken(&self) -> impl Iterator<Item = (&LvSegment, &str)> {
        let volumes = self.lvs.iter().flat_map(|lv| {
            lv.segments.iter().chain(&lv.metadata).map(|segment| (segment, lv.spec.name.as_str()))
        });
        volumes.chain(self.spare.iter().map(|segment| (segment, "the spare of thin pools")))
    }

    /// Checks that no two volumes share an extent, and that every extent is there.
    fn check(&self) -> Result<(), LayoutFault> {
        for (index, pv) in self.pvs.iter().enumerate() {
            let mut runs: Vec<(u64, u64, &str)> = self
                .taken()
                .filter(|(segment, _)| segment.pv == index)
                .map(|(segment, name)| (segment.start, segment.count, name))
                .collect();
            runs.sort_unstable();
            let end_of = |run: &(u64, u64, &str)| run.0.saturating_add(run.1);
            if let Some(pair) = runs.windows(2).find(|pair| end_of(&pair[0]) > pair[1].0) {
                let at = pv.start + pv.first + pair[1].0 * self.spec.extent.0;
                return Err(LayoutFault::Overlap { first: pair[0].2.into(), second: pair[1].2.into(), at });
            }
            if let Some(last) = runs.last().filter(|last| end_of(last) > pv.count) {
                let bytes = |count: u64| count.saturating_mul(self.spec.extent.0);
                return Err(LayoutFault::Outside {
                    name: last.2.into(),
                    end: bytes(end_of(last)),
                    len: bytes(pv.count),
                });
            }
        }
        Ok(())
    }
}

/// Ranges that do not make a disk.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LayoutFault {
    /// Two ranges share bytes.
    #[error("{first} and {second} overlap at byte {at}")]
    Overlap {
        /// The earlier one.
        first: String,
        /// The later one.
        second: String,
        /// Where.
        at: u64,
    },
    /// A range reaches past the end of the disk.
    #[error("{name} ends at byte {end}, past the end of the disk at {len}")]
    Outside {
        /// Which.
        name: String,
        /// Its end.
        end: u64,
        /// The disk's length.
        len: u64,
    },
}

/// A disk, placed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiskLayout {
    spec: DiskSpec,
    len: u64,
    regions: Vec<Region>,
    parts: Vec<Placed>,
    groups: Vec<PlacedVg>,
}

impl DiskLayout {
    /// Checks that no two ranges overlap and that all are inside `len` bytes.
    pub fn new(
        spec: DiskSpec,
        len: u64,
        regions: Vec<Region>,
        parts: Vec<Placed>,
    ) -> Result<Self, LayoutFault> {
        let mut ranges: Vec<(u64, u64, &str)> = regions
            .iter()
            .map(|r| (r.start, r.len, r.name.as_str()))
            .chain(parts.iter().map(|p| (p.start, p.len, p.spec.name.as_str())))
            .filter(|(_, len, _)| *len > 0)
            .collect();
        ranges.sort();
        let (mut end, mut last) = (0, "the start");
        for (start, size, name) in ranges {
            if start < end {
                return Err(LayoutFault::Overlap {
                    first: last.to_string(),
                    second: name.to_string(),
                    at: start,
                });
            }
            end = start.saturating_add(size);
            if end > len {
                return Err(LayoutFault::Outside { name: name.to_string(), end, len });
            }
            last = name;
        }
        Ok(DiskLayout { spec, len, regions, parts, groups: Vec::new() })
    }

    /// The same with volume groups on its partitions. Checks that no two volumes share an extent, and that every extent is there.
    pub fn with_groups(self, groups: Vec<PlacedVg>) -> Result<Self, LayoutFault> {
        groups.iter().try_for_each(PlacedVg::check)?;
        Ok(DiskLayout { groups, ..self })
    }

    /// What was asked for.
    pub fn spec(&self) -> &DiskSpec {
        &self.spec
    }

    /// Length of the disk, in bytes.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether the disk has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// What the table and boot code take.
    pub fn regions(&self) -> &[Region] {
        &self.regions
    }

    /// The partitions, in the order of the spec.
    pub fn parts(&self) -> &[Placed] {
        &self.parts
    }

    /// The volume groups, in the order of the spec.
    pub fn groups(&self) -> &[PlacedVg] {
        &self.groups
    }

    /// Every logical volume with its group.
    pub fn volumes(&self) -> impl Iterator<Item = (&PlacedVg, &PlacedLv)> {
        self.groups.iter().flat_map(|group| group.lvs.iter().map(move |lv| (group, lv)))
    }
}
