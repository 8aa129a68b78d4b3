//! How disks and ramdisks are compressed.
//!
//! In: a word of an image file. Out: a choice that enters ids under a word of its own. Never: a level; those are fixed where bytes are made.

use dibber_model::{Hasher, Identify};
use serde::{Deserialize, Serialize};

/// Compression of qcow2 clusters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Qcow2Compression {
    /// None.
    Plain,
    /// Deflate, which every reader of qcow2 knows.
    #[default]
    Zlib,
    /// Zstandard, for QEMU 5.1 and later.
    Zstd,
}

impl Identify for Qcow2Compression {
    fn identify(&self, hasher: &mut Hasher) {
        match self {
            Qcow2Compression::Plain => "plain",
            Qcow2Compression::Zlib => "zlib",
            Qcow2Compression::Zstd => "zstd",
        }
        .identify(hasher);
    }
}

/// Compression of an initramfs. The target's kernel must know it; Debian's knows all of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum RamdiskCompression {
    /// None.
    Plain,
    /// gzip, which every kernel knows.
    #[default]
    Gzip,
    /// Zstandard, from Linux 5.9 on.
    Zstd,
    /// xz, with the checksum that the kernel knows.
    Xz,
}

impl Identify for RamdiskCompression {
    fn identify(&self, hasher: &mut Hasher) {
        match self {
            RamdiskCompression::Plain => "plain",
            RamdiskCompression::Gzip => "gzip",
            RamdiskCompression::Zstd => "zstd",
            RamdiskCompression::Xz => "xz",
        }
        .identify(hasher);
    }
}
