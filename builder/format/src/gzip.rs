//! One gzip member (RFC 1952) of blocks that are compressed apart from each other.
//!
//! In: blocks of bytes, in any order, on any thread. Out: a deflate stream of each, ending at a byte, to be put behind one
//! another. Never: memory of another block: equal blocks give equal bytes.
//!
//! Each block is flushed, so that its stream ends with an empty stored block (RFC 1951, 3.2.4) and the next can follow;
//! checksums of blocks are combined into the whole's. It is one member, as the kernel wants: after each member of an initial
//! ramdisk it expects the end of a cpio archive (init/initramfs.c).

use alloc::vec::Vec;
use core::fmt;

use crc32fast::Hasher;
use flate2::{Compress, FlushCompress};

/// What a member begins with: deflate, no flags, no time, no system.
pub const HEAD: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

/// A compressor for blocks; one for each thread.
pub struct Codec(Compress);

impl fmt::Debug for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Codec")
    }
}

/// Checksum and length of a block.
#[derive(Clone, Debug)]
pub struct Sum(Hasher);

/// Checksum and length of the blocks so far.
#[derive(Clone, Debug, Default)]
pub struct Tail {
    crc: Hasher,
    len: u64,
}

/// A level that deflate does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("compression level {0} is out of range; use 1 to 9")]
pub struct LevelError(pub u8);

impl Codec {
    /// A compressor of level 1 to 9.
    pub fn new(level: u8) -> Result<Self, LevelError> {
        if !(1..=9).contains(&level) {
            return Err(LevelError(level));
        }
        Ok(Codec(Compress::new(flate2::Compression::new(u32::from(level)), false)))
    }

    /// Appends a block's stream to `out`, and returns its checksum.
    pub fn pack(&mut self, block: &[u8], out: &mut Vec<u8>) -> Sum {
        let deflate = &mut self.0;
        deflate.reset();
        let mut crc = Hasher::new();
        crc.update(block);
        loop {
            out.reserve(longest(block.len()));
            let rest = &block[deflate.total_in() as usize..];
            // The error is a stream in a wrong state, which a fresh one is not in.
            deflate.compress_vec(rest, out, FlushCompress::Sync).expect("the stream was reset");
            // Room that is left over means that nothing waits to be written.
            if deflate.total_in() == block.len() as u64 && out.len() < out.capacity() {
                return Sum(crc);
            }
        }
    }
}

/// Room for a block's stream: `deflateBound`'s formula for any parameters, and the empty stored block.
fn longest(block: usize) -> usize {
    block + block.div_ceil(8) + block.div_ceil(64) + 64
}

impl Tail {
    /// Takes the sum of the next block.
    pub fn add(&mut self, sum: &Sum, len: usize) {
        self.crc.combine(&sum.0);
        self.len += len as u64;
    }

    /// What a member ends with: an empty last block (fixed codes, end of block), checksum, length modulo 2^32.
    pub fn finish(self) -> [u8; 10] {
        let mut bytes = [0; 10];
        bytes[..2].copy_from_slice(&[0x03, 0x00]);
        bytes[2..6].copy_from_slice(&self.crc.finalize().to_le_bytes());
        bytes[6..].copy_from_slice(&(self.len as u32).to_le_bytes());
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_checked() {
        assert_eq!(Codec::new(0).unwrap_err(), LevelError(0));
        assert_eq!(Codec::new(10).unwrap_err(), LevelError(10));
    }

    #[test]
    fn blocks_become_one_member() {
        // Noise does not shrink, zeros do; both end at a byte.
        let mut state = 1_u32;
        let mut noise = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        let whole: Vec<u8> = (0..300_000).map(|at| if at % 70_000 < 50_000 { noise() } else { 0 }).collect();
        let (mut codec, mut tail) = (Codec::new(6).unwrap(), Tail::default());
        let mut member = HEAD.to_vec();
        for block in whole.chunks(65_536) {
            let sum = codec.pack(block, &mut member);
            tail.add(&sum, block.len());
        }
        member.extend_from_slice(&tail.finish());
        let mut inflate = flate2::Decompress::new(false);
        let mut back = Vec::with_capacity(whole.len() + 1);
        let status = inflate.decompress_vec(&member[10..], &mut back, flate2::FlushDecompress::Finish);
        assert!(matches!(status, Ok(flate2::Status::StreamEnd)), "{status:?}");
        assert_eq!(back, whole);
        assert_eq!(inflate.total_in() as usize, member.len() - 18);
        let crc = u32::from_le_bytes(member[member.len() - 8..member.len() - 4].try_into().unwrap());
        assert_eq!(crc, crc32fast::hash(&whole));
    }
}
