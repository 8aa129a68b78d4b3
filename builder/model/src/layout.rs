//! A disk with every byte range placed.
//!
//! In: regions from the layout engine. Out: a value whose ranges are sorted, disjoint and inside the disk, by
//! construction. Never: content.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::{DiskSpec, PartSpec};

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
        Ok(DiskLayout { spec, len, regions, parts })
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
}
