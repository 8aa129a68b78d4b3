//! Blocks of metadata, given out one after the other.
//!
//! In: fields at places. Out: blocks with their checksums. Never: a block given out twice.

use alloc::vec::Vec;

/// `THIN_METADATA_BLOCK_SIZE`: bytes of a block.
pub(super) const BLOCK: usize = 4096;

/// Blocks from 0 on.
#[derive(Default)]
pub(super) struct Blocks {
    bytes: Vec<u8>,
}

impl Blocks {
    /// The next block, of zeros.
    pub(super) fn take(&mut self) -> u64 {
        let number = self.count();
        self.bytes.resize(self.bytes.len() + BLOCK, 0);
        number
    }

    /// How many were given out.
    pub(super) fn count(&self) -> u64 {
        (self.bytes.len() / BLOCK) as u64
    }

    /// The bytes of a block that was given out.
    pub(super) fn at(&mut self, block: u64) -> &mut [u8] {
        let start = block as usize * BLOCK;
        &mut self.bytes[start..start + BLOCK]
    }

    /// Sums a block: CRC-32C without its last inversion over all but the sum, with a number for its kind
    /// (`dm_bm_checksum` of dm-block-manager.c).
    pub(super) fn seal(&mut self, block: u64, kind: u32) {
        let bytes = self.at(block);
        let sum = !crc32c::crc32c(&bytes[4..]) ^ kind;
        put32(bytes, 0, sum);
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

pub(super) fn put32(bytes: &mut [u8], at: usize, number: u32) {
    bytes[at..at + 4].copy_from_slice(&number.to_le_bytes());
}

pub(super) fn put64(bytes: &mut [u8], at: usize, number: u64) {
    bytes[at..at + 8].copy_from_slice(&number.to_le_bytes());
}
