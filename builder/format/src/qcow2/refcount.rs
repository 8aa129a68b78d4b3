//! Reference counts of host clusters, and the blocks and table that hold them.
//!
//! In: ranges of the file that are in use. Out: refcount blocks and refcount table, which count themselves too. Never: a
//! count that wraps: a full cluster says so.

use alloc::vec::Vec;

use super::field::put64;

/// Width of a count as a power of two: 16 bits, QEMU's default.
pub(super) const ORDER: u32 = 4;
const COUNT_BYTES: u64 = 2;

/// How often each host cluster is referred to.
pub(super) struct Refcounts {
    cluster: u64,
    counts: Vec<u16>,
}

/// The tail of the image that holds all counts.
pub(super) struct Tail {
    /// Blocks, then the table, padded to clusters.
    pub(super) bytes: Vec<u8>,
    /// Where in the file the table starts.
    pub(super) table_offset: u64,
    /// How many clusters it has.
    pub(super) table_clusters: u64,
}

impl Refcounts {
    pub(super) fn new(cluster: u64) -> Self {
        Refcounts { cluster, counts: Vec::new() }
    }

    /// Counts one more reference to each cluster of `start..end`, offsets in bytes.
    pub(super) fn count(&mut self, start: u64, end: u64) {
        let first = (start / self.cluster) as usize;
        let past = end.div_ceil(self.cluster) as usize;
        if self.counts.len() < past {
            self.counts.resize(past, 0);
        }
        for count in &mut self.counts[first..past] {
            *count = count.saturating_add(1);
        }
    }

    /// Whether the cluster at this offset can be counted no further.
    pub(super) fn full(&self, offset: u64) -> bool {
        self.counts.get((offset / self.cluster) as usize).is_some_and(|count| *count == u16::MAX)
    }

    /// The counts of a file of `used` bytes, whole clusters, with the tail itself behind it.
    pub(super) fn tail(mut self, used: u64) -> Tail {
        let per_block = self.cluster / COUNT_BYTES;
        let used_clusters = used / self.cluster;
        let (mut blocks, mut table_clusters) = (0, 0);
        // Blocks count themselves and the table: grow both until they suffice; each round only adds.
        loop {
            let wanted = (used_clusters + blocks + table_clusters).div_ceil(per_block);
            let wanted_table = (wanted * 8).div_ceil(self.cluster);
            if (wanted, wanted_table) == (blocks, table_clusters) {
                break;
            }
            (blocks, table_clusters) = (wanted, wanted_table);
        }
        let table_offset = used + blocks * self.cluster;
        let end = table_offset + table_clusters * self.cluster;
        self.count(used, end);
        let mut bytes = Vec::with_capacity((end - used) as usize);
        for count in &self.counts {
            bytes.extend_from_slice(&count.to_be_bytes());
        }
        bytes.resize((blocks * self.cluster) as usize, 0);
        for block in 0..blocks {
            put64(&mut bytes, used + block * self.cluster);
        }
        bytes.resize((end - used) as usize, 0);
        Tail { bytes, table_offset, table_clusters }
    }
}
