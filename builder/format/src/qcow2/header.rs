//! The header of a qcow2 image and its extensions.
//!
//! In: where the tables lie. Out: the first bytes of the file. Never: a field that depends on anything else.

use alloc::vec::Vec;

use super::Compression;
use super::field::{put32, put64};

/// Length of the header with the field `compression_type`, padded to 8 bytes.
const HEADER_LENGTH: u32 = 112;
/// Header extension with the names of feature bits.
const FEATURE_NAMES: u32 = 0x6803_f857;
/// `incompatible_features` bit 3: `compression_type` is not zlib.
const COMPRESSION_TYPE_BIT: u8 = 3;

/// Where things lie, and how large they are.
pub(super) struct Qcow2Header {
    pub(super) compression: Compression,
    pub(super) cluster_bits: u32,
    /// Virtual size in bytes.
    pub size: u64,
    pub(super) l1_size: u32,
    pub(super) l1_table_offset: u64,
    pub(super) refcount_table_offset: u64,
    pub(super) refcount_table_clusters: u32,
}

impl Qcow2Header {
    /// The header as it stands at offset 0.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let zstd = matches!(self.compression, Compression::Zstd { .. });
        let mut out = Vec::with_capacity(256);
        out.extend_from_slice(b"QFI\xfb");
        put32(&mut out, 3); // version
        put64(&mut out, 0); // backing_file_offset
        put32(&mut out, 0); // backing_file_size
        put32(&mut out, self.cluster_bits);
        put64(&mut out, self.size);
        put32(&mut out, 0); // crypt_method
        put32(&mut out, self.l1_size);
        put64(&mut out, self.l1_table_offset);
        put64(&mut out, self.refcount_table_offset);
        put32(&mut out, self.refcount_table_clusters);
        put32(&mut out, 0); // nb_snapshots
        put64(&mut out, 0); // snapshots_offset
        put64(&mut out, u64::from(zstd) << COMPRESSION_TYPE_BIT); // incompatible_features
        put64(&mut out, 0); // compatible_features
        put64(&mut out, 0); // autoclear_features
        put32(&mut out, super::refcount::ORDER); // refcount_order
        put32(&mut out, HEADER_LENGTH);
        out.push(u8::from(zstd)); // compression_type: 0 is deflate, 1 is zstd
        out.resize(HEADER_LENGTH as usize, 0);
        if zstd {
            // So that a QEMU before 5.1, which cannot read the image, names what it misses.
            put32(&mut out, FEATURE_NAMES);
            put32(&mut out, 48);
            out.extend_from_slice(&[0, COMPRESSION_TYPE_BIT]); // an incompatible feature, and its bit
            let name = b"compression type";
            out.extend_from_slice(name);
            out.extend_from_slice(&[0; 46 - 16]);
        }
        put64(&mut out, 0); // end of the extensions
        out
    }
}
