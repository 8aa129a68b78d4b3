//! What every piece of metadata says of itself: whose filesystem, whose piece, which place, and a checksum over all.
//!
//! In: a piece, filled in but for that. Out: the piece, sealed. Never: a log sequence number, as nothing was ever logged: it stays 0.
//!
//! Source: `fs/xfs/libxfs/xfs_format.h`, `xfs_da_format.h` and `xfs_cksum.h` of the kernel.

use uuid::Uuid;

use super::field::{put_bytes, put32, put64};

/// Sectors of 512 bytes in a block: the kernel's disk addresses count them on any disk.
const SECTORS: u64 = 8;

/// Where a kind of metadata block has the fields of its header. Offsets in bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    crc: usize,
    /// The disk address.
    place: usize,
    uuid: usize,
    owner: Owner,
}

/// The field that tells whom a block belongs to.
#[derive(Clone, Copy, Debug)]
enum Owner {
    /// The number of an allocation group, at this offset.
    Group(usize),
    /// An inode number, at this offset.
    Inode(usize),
}

/// `struct xfs_btree_block_shdr`: trees of an allocation group.
pub(super) const SHORT_TREE: Header = Header { crc: 52, place: 16, uuid: 32, owner: Owner::Group(48) };
/// `struct xfs_btree_block_lhdr`: trees of an inode.
pub(super) const LONG_TREE: Header = Header { crc: 64, place: 24, uuid: 40, owner: Owner::Inode(56) };
/// `struct xfs_dir3_blk_hdr`: data and free-space blocks of directories.
pub(super) const DIR_BLOCK: Header = Header { crc: 4, place: 8, uuid: 24, owner: Owner::Inode(40) };
/// `struct xfs_da3_blkinfo`: leaves and nodes of directories and attributes.
pub(super) const DA_BLOCK: Header = Header { crc: 12, place: 16, uuid: 32, owner: Owner::Inode(48) };
/// `struct xfs_dsymlink_hdr` and `struct xfs_attr3_rmt_hdr`.
pub(super) const REMOTE: Header = Header { crc: 12, place: 40, uuid: 16, owner: Owner::Inode(32) };

/// Seals the metadata of one filesystem.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sealer(pub(super) Uuid);

impl Sealer {
    /// Seals a block that lies at block `place` of the filesystem.
    pub(super) fn block(self, bytes: &mut [u8], header: Header, place: u64, owner: u64) {
        put64(bytes, header.place, place * SECTORS);
        match header.owner {
            Owner::Group(at) => put32(bytes, at, owner as u32),
            Owner::Inode(at) => put64(bytes, at, owner),
        }
        self.record(bytes, header.uuid, header.crc);
    }

    /// Seals a record that says no place: its UUID, and its sum.
    pub(super) fn record(self, bytes: &mut [u8], uuid: usize, crc: usize) {
        put_bytes(bytes, uuid, self.0.as_bytes());
        sum(bytes, crc);
    }
}

/// CRC-32C over the record with zeros in the place of the sum, which is the one little-endian field.
pub(super) fn sum(bytes: &mut [u8], crc: usize) {
    bytes[crc..crc + 4].fill(0);
    let sum = crc32c::crc32c(bytes);
    bytes[crc..crc + 4].copy_from_slice(&sum.to_le_bytes());
}
