//! Inodes (Linux, fs/ext4/ext4.h, `struct ext4_inode` and `struct ext4_group_desc`).
//!
//! In: a number. Out: the inode, its checksum right. Never: a table of all groups: a descriptor is read when an inode of its group
//! is asked for.

use crate::ShowError;
use crate::field::{byte, le16, le32};
use crate::volume::Kind;

use super::blocks::Blocks;
use super::sum::crc;

const ENCRYPTED: u32 = 0x800;
const EXTENTS: u32 = 0x8_0000;
const INLINE_DATA: u32 = 0x1000_0000;

/// What an inode says.
#[derive(Clone, Debug)]
pub(super) struct Inode {
    pub(super) number: u32,
    mode: u16,
    pub(super) uid: u32,
    pub(super) gid: u32,
    /// Length of the content in bytes.
    pub(super) size: u64,
    /// When the content was last changed, in seconds since 1970.
    pub(super) mtime: i64,
    flags: u32,
    /// Where the content is, or a short link's target.
    pub(super) map: [u8; 60],
    /// What the checksums of its blocks begin with.
    pub(super) seed: Option<u32>,
}

impl Inode {
    /// Reads inode `number`.
    pub(super) fn read(blocks: &Blocks, number: u32) -> Result<Inode, ShowError> {
        let superblock = &blocks.superblock;
        let what = || format!("inode {number}");
        let Some(index) = number.checked_sub(1).filter(|_| number <= superblock.inodes) else {
            return Err(ShowError::damaged(what(), format!("there are {}", superblock.inodes)));
        };
        let table = table(blocks, u64::from(index / superblock.inodes_per_group))?;
        let skip = u64::from(index % superblock.inodes_per_group) * superblock.inode;
        let at = table.checked_mul(superblock.block).and_then(|at| at.checked_add(skip));
        let at = at.ok_or_else(|| ShowError::damaged(what(), "it lies past 2^64 bytes"))?;
        let mut bytes = vec![0; superblock.inode as usize];
        blocks.read(at, &mut bytes)?;
        let seed = superblock.seed.map(|seed| {
            let own = crc(seed, &number.to_le_bytes());
            crc(own, &bytes[0x64..0x68])
        });
        if seed.is_some_and(|seed| !sum_is_right(seed, &bytes)) {
            return Err(ShowError::damaged(what(), "it has a wrong checksum"));
        }
        Ok(Inode { seed, ..Inode::parse(number, &bytes, superblock.large_directories) })
    }

    fn parse(number: u32, bytes: &[u8], large_directories: bool) -> Inode {
        let mode = le16(bytes, 0x00);
        // Only files have the high word of a size, unless directories may be large.
        let high = if mode >> 12 == 8 || large_directories { le32(bytes, 0x6c) } else { 0 };
        let split =
            |low: usize, high: usize| u32::from(le16(bytes, low)) | u32::from(le16(bytes, high)) << 16;
        let seconds = i64::from(le32(bytes, 0x10).cast_signed());
        // Two more bits of the seconds, where the inode is long enough to have them.
        let epoch = if extra(bytes) >= 12 { i64::from(le32(bytes, 0x88) & 3) << 32 } else { 0 };
        let mut map = [0; 60];
        map.copy_from_slice(&bytes[0x28..0x28 + 60]);
        Inode {
            number,
            mode,
            uid: split(0x02, 0x78),
            gid: split(0x18, 0x7a),
            size: u64::from(le32(bytes, 0x04)) | u64::from(high) << 32,
            mtime: seconds + epoch,
            flags: le32(bytes, 0x20),
            map,
            seed: None,
        }
    }

    /// Permission bits, with setuid, setgid and sticky.
    pub(super) fn permissions(&self) -> u32 {
        u32::from(self.mode & 0o7777)
    }

    pub(super) fn kind(&self) -> Result<Kind, ShowError> {
        Ok(match self.mode >> 12 {
            0x1 => Kind::Fifo,
            0x2 => Kind::CharDevice,
            0x4 => Kind::Directory,
            0x6 => Kind::BlockDevice,
            0x8 => Kind::File,
            0xa => Kind::Symlink,
            0xc => Kind::Socket,
            other => return Err(self.damaged(format!("a file of type {other:#x}"))),
        })
    }

    /// Whether `map` is a tree of extents, or else pointers to blocks.
    pub(super) fn has_extents(&self) -> bool {
        self.flags & EXTENTS != 0
    }

    /// Refuses content that is not in blocks, or that only a key makes readable.
    pub(super) fn readable(&self) -> Result<(), ShowError> {
        for (flag, what) in [(ENCRYPTED, "encrypted"), (INLINE_DATA, "kept in its inode")] {
            if self.flags & flag != 0 {
                let number = self.number;
                return Err(ShowError::UnknownFilesystem(format!(
                    "the content of inode {number} is {what}, which is not read"
                )));
            }
        }
        Ok(())
    }

    pub(super) fn damaged(&self, why: impl Into<String>) -> ShowError {
        ShowError::damaged(format!("inode {}", self.number), why)
    }
}

/// The first block of a group's inodes.
fn table(blocks: &Blocks, group: u64) -> Result<u64, ShowError> {
    let superblock = &blocks.superblock;
    let mut bytes = vec![0; superblock.descriptor as usize];
    blocks.read(superblock.descriptor_at(group), &mut bytes)?;
    if let Some(seed) = superblock.seed {
        let number = u32::try_from(group).unwrap_or(u32::MAX);
        let sum = crc(crc(seed, &number.to_le_bytes()), &bytes[..0x1e]);
        let sum = crc(crc(sum, &[0, 0]), &bytes[0x20..]);
        if sum & 0xffff != u32::from(le16(&bytes, 0x1e)) {
            return Err(ShowError::damaged(
                format!("descriptor of group {group}"),
                "it has a wrong checksum",
            ));
        }
    }
    let high = if superblock.wide { u64::from(le32(&bytes, 0x28)) } else { 0 };
    Ok(u64::from(le32(&bytes, 0x08)) | high << 32)
}

/// Bytes of an inode past the first 128 that have a meaning.
fn extra(bytes: &[u8]) -> u16 {
    if bytes.len() > 128 { le16(bytes, 0x80) } else { 0 }
}

fn sum_is_right(seed: u32, bytes: &[u8]) -> bool {
    let long = extra(bytes) >= 4;
    let mut covered = bytes.to_vec();
    covered[0x7c..0x7e].fill(0);
    let mut stored = u32::from(le16(bytes, 0x7c));
    let mut mask = 0xffff;
    if long {
        covered[0x82..0x84].fill(0);
        stored |= u32::from(byte(bytes, 0x82)) << 16 | u32::from(byte(bytes, 0x83)) << 24;
        mask = u32::MAX;
    }
    crc(seed, &covered) & mask == stored
}
