//! Filesystems by their kinds: one row for each, which says who writes it.
//!
//! What is true of a kind wherever disks are planned is a row of [`dibber_model::filesystem::FILESYSTEMS`]; how its bytes come about
//! is a folder here, whose [`Writer`] stands in [`writer`].
//!
//! In: a tree, and what the plan says of the partition. Out: the least size, or extents. Never: a kind's name decided elsewhere.

use dibber_model::{Bytes, Extents, FsKind, FsSpec, SectorSize, Seed, Timestamp, Tree};

use crate::{ext4, fat, swap, xfs};

/// What a filesystem is made of, besides its tree and its length.
#[derive(Clone, Copy, Debug)]
pub struct Making<'a> {
    /// What the plan says of it.
    pub spec: &'a FsSpec,
    /// Logical sectors of the disk.
    pub sector: SectorSize,
    /// Where its partition begins, in bytes; 0 while that is not known.
    pub start: u64,
    /// Where identities come from.
    pub seed: Seed,
    /// The time that stands in for now.
    pub epoch: Timestamp,
    /// Pages of the system that will use it, in bytes.
    pub page: Bytes,
}

/// Writes one kind of filesystem.
pub trait Writer: Sync {
    /// The least length that holds the tree, in bytes.
    ///
    /// # Errors
    /// What [`Writer::write`] refuses, but for room.
    fn measure(&self, tree: &Tree, making: &Making<'_>) -> Result<Bytes, FilesystemError>;

    /// The filesystem, in `len` bytes.
    ///
    /// # Errors
    /// What the kind cannot hold, by its path; a length that is too short, with the one that is needed.
    fn write(&self, tree: &Tree, making: &Making<'_>, len: u64) -> Result<Extents, FilesystemError>;
}

/// Who writes a kind.
pub fn writer(kind: FsKind) -> &'static dyn Writer {
    match kind {
        FsKind::Ext4 => &ext4::Ext4,
        FsKind::Xfs => &xfs::Xfs,
        FsKind::Vfat => &fat::Fat,
        FsKind::Swap => &swap::Swap,
    }
}

/// Why a filesystem cannot be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FilesystemError {
    /// ext4 cannot hold it.
    #[error(transparent)]
    Ext4(#[from] ext4::Ext4Error),
    /// xfs cannot hold it.
    #[error(transparent)]
    Xfs(#[from] xfs::XfsError),
    /// FAT cannot hold it.
    #[error(transparent)]
    Fat(#[from] fat::FatError),
    /// Swap space cannot be made.
    #[error(transparent)]
    Swap(#[from] swap::SwapError),
}
