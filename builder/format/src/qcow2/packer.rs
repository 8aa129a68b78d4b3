//! Places packed clusters one behind the other, and keeps the tables that find them.
//!
//! In: clusters by rising index. Out: the body of the file, in order, and at the end its head. Never: more memory than one
//! L2 table, the L1 table and two bytes for each host cluster.

use alloc::vec::Vec;

use super::field::put64;
use super::header::Qcow2Header;
use super::refcount::Refcounts;
use super::{Options, Packed, Qcow2Error};

/// A cluster or table that is referred to once (`QCOW_OFLAG_COPIED`).
const COPIED: u64 = 1 << 63;
/// L2 entry of a compressed cluster (`QCOW_OFLAG_COMPRESSED`).
const COMPRESSED: u64 = 1 << 62;
/// QEMU's limit for the L1 table (`QCOW_MAX_L1_SIZE`).
const L1_MAX: u64 = 32 << 20;
/// QEMU's limit for the refcount table (`QCOW_MAX_REFTABLE_SIZE`).
const REFCOUNT_TABLE_MAX: u64 = 8 << 20;
/// Compressed clusters are found and counted in sectors of this size, whatever the disk's.
const SECTOR: u64 = 512;

/// The state of an image that is being written.
pub struct Packer {
    options: Options,
    cluster: u64,
    /// Virtual size, whole sectors.
    size: u64,
    /// Length of the file so far, the head included.
    at: u64,
    l1: Vec<u64>,
    l2: Vec<u64>,
    /// Which L2 table `l2` is.
    l2_index: u64,
    /// First guest cluster that may still come.
    next: u64,
    refcounts: Refcounts,
}

impl Packer {
    /// An empty image of a disk of `len` bytes; a last partial sector counts as a whole one, as QEMU reads no less.
    pub fn new(len: u64, options: Options) -> Result<Self, Qcow2Error> {
        options.check()?;
        let cluster = u64::from(options.cluster);
        let too_large = Qcow2Error::TooLarge { len, cluster: options.cluster };
        let size = len.checked_next_multiple_of(SECTOR).ok_or_else(|| too_large.clone())?;
        let l2_covers = cluster * (cluster / 8);
        let l1_entries = size.div_ceil(l2_covers);
        // A refcount table entry covers a block of counts; the file is never longer than twice the disk plus its tables.
        let refcount_entries = (size / cluster).div_ceil(cluster / 2).saturating_mul(2);
        if l1_entries * 8 > L1_MAX || refcount_entries.saturating_mul(8) > REFCOUNT_TABLE_MAX {
            return Err(too_large);
        }
        let mut packer = Packer {
            options,
            cluster,
            size,
            at: 0,
            l1: alloc::vec![0; l1_entries as usize],
            l2: alloc::vec![0; (cluster / 8) as usize],
            l2_index: 0,
            next: 0,
            refcounts: Refcounts::new(cluster),
        };
        packer.at = packer.head_len();
        packer.refcounts.count(0, packer.at);
        Ok(packer)
    }

    /// Length of the head in bytes: where the body starts in the file.
    pub fn head_len(&self) -> u64 {
        self.cluster + (self.l1.len() as u64 * 8).next_multiple_of(self.cluster)
    }

    /// Virtual size of the disk in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Takes guest cluster `index`, packed to `bytes`, and appends to `body` what comes next in the file.
    pub fn push(
        &mut self,
        index: u64,
        packed: Packed,
        bytes: &[u8],
        body: &mut Vec<u8>,
    ) -> Result<(), Qcow2Error> {
        let fits = match packed {
            Packed::Zero => bytes.is_empty(),
            Packed::Compressed(len) => {
                bytes.len() as u64 == u64::from(len) && (1..self.cluster).contains(&u64::from(len))
            }
            Packed::Plain => bytes.len() as u64 == self.cluster,
        };
        if index < self.next || index >= self.size.div_ceil(self.cluster) || !fits {
            return Err(Qcow2Error::Order(index));
        }
        self.next = index + 1;
        let l2_entries = self.l2.len() as u64;
        if index / l2_entries != self.l2_index {
            self.close_l2(body);
            self.l2_index = index / l2_entries;
        }
        let entry = match packed {
            Packed::Zero => return Ok(()),
            Packed::Compressed(_) => self.place_compressed(bytes, body),
            Packed::Plain => {
                self.align(body);
                self.append(bytes, body) | COPIED
            }
        };
        self.l2[(index % l2_entries) as usize] = entry;
        Ok(())
    }

    /// Ends the body, and returns the head that belongs at offset 0.
    pub fn finish(mut self, body: &mut Vec<u8>) -> Vec<u8> {
        self.close_l2(body);
        self.align(body);
        let tail = self.refcounts.tail(self.at);
        body.extend_from_slice(&tail.bytes);
        let head_len = self.cluster + (self.l1.len() as u64 * 8).next_multiple_of(self.cluster);
        let mut head = Qcow2Header {
            compression: self.options.compression,
            cluster_bits: self.options.cluster.trailing_zeros(),
            size: self.size,
            l1_size: self.l1.len() as u32,
            l1_table_offset: self.cluster,
            refcount_table_offset: tail.table_offset,
            refcount_table_clusters: tail.table_clusters as u32,
        }
        .bytes();
        head.resize(self.cluster as usize, 0);
        for entry in &self.l1 {
            put64(&mut head, *entry);
        }
        head.resize(head_len as usize, 0);
        head
    }

    /// Appends compressed bytes right behind what is there, and returns their L2 entry.
    fn place_compressed(&mut self, bytes: &[u8], body: &mut Vec<u8>) -> u64 {
        if self.refcounts.full(self.at) {
            self.align(body);
        }
        let offset = self.at;
        let end = offset + bytes.len() as u64;
        let more_sectors = (end - 1) / SECTOR - offset / SECTOR;
        // What counts is what a reader may touch: whole sectors, from the one that the first byte is in.
        let from = offset / SECTOR * SECTOR;
        self.refcounts.count(from, from + (more_sectors + 1) * SECTOR);
        self.at = end;
        body.extend_from_slice(bytes);
        // The offset takes 62 - (cluster_bits - 8) bits, the number of further sectors the rest below bit 62.
        let offset_bits = 62 - (self.options.cluster.trailing_zeros() - 8);
        COMPRESSED | more_sectors << offset_bits | offset
    }

    /// Appends whole clusters at a cluster's start, and returns where they lie.
    fn append(&mut self, bytes: &[u8], body: &mut Vec<u8>) -> u64 {
        let offset = self.at;
        self.at += bytes.len() as u64;
        self.refcounts.count(offset, self.at);
        body.extend_from_slice(bytes);
        offset
    }

    /// Pads to the next cluster.
    fn align(&mut self, body: &mut Vec<u8>) {
        let aligned = self.at.next_multiple_of(self.cluster);
        body.resize(body.len() + (aligned - self.at) as usize, 0);
        self.at = aligned;
    }

    /// Writes the L2 table down, unless it is empty, and starts a new one.
    fn close_l2(&mut self, body: &mut Vec<u8>) {
        if self.l2.iter().all(|entry| *entry == 0) {
            return;
        }
        self.align(body);
        let mut bytes = Vec::with_capacity(self.cluster as usize);
        for entry in &mut self.l2 {
            put64(&mut bytes, *entry);
            *entry = 0;
        }
        self.l1[self.l2_index as usize] = self.append(&bytes, body) | COPIED;
    }
}
