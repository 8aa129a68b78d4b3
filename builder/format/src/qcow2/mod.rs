//! qcow2 version 3 images, written once, front to back (QEMU's docs/interop/qcow2.txt).
//!
//! qemu-img makes a qcow2 by writing a raw disk and converting it, and where clusters come to lie depends on its threads. Clusters that come in the
//! order of the disk can be packed while they come, compressed by many threads, and still lie in one order.
//!
//! In: the clusters of a disk, in order, packed by [`Codec`]. Out: a body to append and a head to put before it.
//! Never: I/O; updates in place; snapshots, backing files or encryption.
//!
//! ```text
//! | header | L1 table | clusters and L2 tables, as they come | refcount blocks | refcount table |
//! |-------- head -----|---------------------- body -----------------------------------------|
//! ```
//! The head points into the body, so it is known last; until it is written the file is no qcow2 image at all.

mod codec;
mod field;
mod header;
mod packer;
mod refcount;

pub use codec::{Codec, Packed};
pub use packer::Packer;

/// How clusters are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// Raw deflate with a window of 4 KiB, which every QEMU reads.
    Zlib {
        /// 1 (fast) to 9 (dense); zlib's own default is 6.
        level: u8,
    },
    /// One zstd frame a cluster; read by QEMU 5.1 and later.
    Zstd {
        /// 1 (fast) to 22 (dense); zstd's own default is 3.
        level: u8,
    },
}

impl Compression {
    /// Deflate at zlib's default level.
    pub const ZLIB: Compression = Compression::Zlib { level: 6 };
    /// zstd at its default level.
    pub const ZSTD: Compression = Compression::Zstd { level: 3 };

    /// The range of levels, if there are levels.
    fn levels(self) -> Option<(u8, core::ops::RangeInclusive<u8>)> {
        match self {
            Compression::None => None,
            Compression::Zlib { level } => Some((level, 1..=9)),
            Compression::Zstd { level } => Some((level, 1..=22)),
        }
    }
}

/// The choices that a qcow2 image leaves open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// How clusters are compressed.
    pub compression: Compression,
    /// Size of a cluster in bytes: a power of two, 512 bytes to 2 MiB.
    pub cluster: u32,
}

impl Default for Options {
    fn default() -> Self {
        Options { compression: Compression::ZLIB, cluster: 64 << 10 }
    }
}

/// Why a disk cannot be wrapped in qcow2.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Qcow2Error {
    /// A cluster size that the format does not have.
    #[error("a qcow2 cluster cannot be {0} bytes; use a power of two from 512 to 2097152, such as 65536")]
    Cluster(u32),
    /// A level that the codec does not have.
    #[error("compression level {level} is out of range; use {least} to {most}")]
    Level {
        /// Asked for.
        level: u8,
        /// Smallest there is.
        least: u8,
        /// Largest there is.
        most: u8,
    },
    /// QEMU opens no image with an L1 table over 32 MiB or a refcount table over 8 MiB.
    #[error(
        "a disk of {len} bytes is too large for qcow2 with clusters of {cluster} bytes; use larger clusters"
    )]
    TooLarge {
        /// Length of the disk.
        len: u64,
        /// Cluster size.
        cluster: u32,
    },
    /// The codec could not be set up.
    #[error("the compressor cannot start: out of memory")]
    Codec,
    /// A cluster before one that was there already, past the end, or of a wrong length.
    #[error("cluster {0} does not come in its turn")]
    Order(u64),
}

impl Options {
    /// Whether the format has such images.
    pub fn check(&self) -> Result<(), Qcow2Error> {
        if !self.cluster.is_power_of_two() || !(512..=2 << 20).contains(&self.cluster) {
            return Err(Qcow2Error::Cluster(self.cluster));
        }
        match self.compression.levels() {
            Some((level, range)) if !range.contains(&level) => {
                Err(Qcow2Error::Level { level, least: *range.start(), most: *range.end() })
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
