//! What the caller chooses, checked.
//!
//! In: `XfsOptions`. Out: the same with defaults, and what follows from each. Never: features that need one another, apart.
//!
//! Defaults are those of `mkfs.xfs` 6.1, Debian bookworm's. Later ones add `rmapbt` and `nrext64`; GRUB 2.06 refuses a filesystem
//! with the latter, so neither is made unless asked for.

use dibber_model::SectorSize;
use dibber_model::filesystem::XfsOptions;

use super::{BLOCK, XfsError};

/// Bytes of an inode: two of them would not hold what version 5 says of itself (256), and a cluster of 64 is at most 128 KiB.
const INODE_SIZES: [u32; 3] = [512, 1024, 2048];
/// `XFS_DINODE_SIZE(3)`: what an inode has before its forks.
const INODE_CORE: u32 = 176;
/// `XFS_INODES_PER_CHUNK`.
pub(super) const CHUNK_INODES: u32 = 64;

/// Choices, with defaults filled in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Options {
    /// Bytes of an inode.
    pub(super) inode_size: u32,
    /// Bytes of the sectors that headers are as large as.
    pub(super) sector: u64,
    pub(super) sparse_inodes: bool,
    pub(super) large_extent_counts: bool,
    pub(super) finobt: bool,
    pub(super) inobtcount: bool,
    pub(super) reflink: bool,
    pub(super) rmapbt: bool,
    pub(super) bigtime: bool,
}

impl Options {
    /// `sector` is the disk's; headers on smaller ones could not be written by themselves.
    pub(super) fn new(asked: &XfsOptions, sector: SectorSize) -> Result<Self, XfsError> {
        let inode_size = asked.inode_size.unwrap_or(INODE_SIZES[0]);
        if !INODE_SIZES.contains(&inode_size) {
            return Err(XfsError::InodeSize { size: inode_size });
        }
        let finobt = asked.finobt.unwrap_or(true);
        let inobtcount = asked.inobtcount.unwrap_or(finobt);
        if inobtcount && !finobt {
            return Err(XfsError::Needs { option: "inobtcount", needs: "finobt" });
        }
        Ok(Options {
            inode_size,
            sector: asked.sector.map_or(0, SectorSize::bytes).max(sector.bytes()),
            sparse_inodes: asked.sparse_inodes.unwrap_or(true),
            large_extent_counts: asked.large_extent_counts.unwrap_or(false),
            finobt,
            inobtcount,
            reflink: asked.reflink.unwrap_or(true),
            rmapbt: asked.rmapbt.unwrap_or(false),
            bigtime: asked.bigtime.unwrap_or(true),
        })
    }

    /// Bytes of an inode's two forks together.
    pub(super) fn literal(self) -> usize {
        (self.inode_size - INODE_CORE) as usize
    }

    pub(super) fn inodes_per_block(self) -> u32 {
        BLOCK as u32 / self.inode_size
    }

    /// Blocks of a chunk of 64 inodes.
    pub(super) fn chunk_blocks(self) -> u64 {
        (CHUNK_INODES / self.inodes_per_block()).into()
    }

    /// `spino_align`: blocks that an inode cluster is aligned to, 8 KiB for inodes of 256 bytes and in proportion
    /// (`XFS_INODE_BIG_CLUSTER_SIZE`).
    pub(super) fn cluster_blocks(self) -> u64 {
        self.chunk_blocks() / 2
    }

    /// `inoalignmt`: whole chunks where some may be sparse, else clusters.
    pub(super) fn chunk_align(self) -> u64 {
        if self.sparse_inodes { self.chunk_blocks() } else { self.cluster_blocks() }
    }
}
