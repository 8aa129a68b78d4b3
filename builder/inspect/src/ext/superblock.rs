//! The superblock of ext2, ext3 and ext4 (Linux, fs/ext4/ext4.h, `struct ext4_super_block`).
//!
//! In: its 1024 bytes, and the length of the partition. Out: the numbers by which all else is found, checked against each other.
//! Never: a field that two readers take for different numbers.

use crate::ShowError;
use crate::disk::FilesystemInfo;
use crate::field::{le16, le32, text, uuid};

use super::sum::crc;

/// Features without which a filesystem is not understood, and that change nothing here or are known: file types in directories,
/// a journal to replay, extents, 64 bits, multiple mount protection, flexible groups, attributes in inodes, a checksum seed,
/// large directories, encryption and case folding of some directories.
const KNOWN: u32 = 0x2 | 0x4 | 0x40 | 0x80 | 0x100 | 0x200 | 0x400 | 0x2000 | 0x4000 | 0x1_0000 | 0x2_0000;
const FILE_TYPES: u32 = 0x2;
const RECOVER: u32 = 0x4;
const WIDE: u32 = 0x80;
const LARGE_DIRECTORIES: u32 = 0x4000;
/// Names of the others, for the error.
const UNKNOWN: [(u32, &str); 5] = [
    (0x1, "compression"),
    (0x8, "a journal of another filesystem"),
    (0x10, "meta_bg"),
    (0x1000, "dirdata"),
    (0x8000, "inline_data"),
];

/// Which of the three, as blkid tells them apart by the superblock's feature words.
pub(crate) fn kind(superblock: &[u8]) -> &'static str {
    let journal = le32(superblock, 0x5c) & 0x4 != 0;
    // Features that ext3 does not have, for reading (filetype, recover, meta_bg are its own) and for writing.
    let newer = le32(superblock, 0x60) & !0x16 != 0 || le32(superblock, 0x64) & !0x7 != 0;
    match (newer, journal) {
        (true, _) => "ext4",
        (false, true) => "ext3",
        (false, false) => "ext2",
    }
}

/// Label, UUID and use.
pub(crate) fn describe(superblock: &[u8], info: &mut FilesystemInfo) {
    info.uuid = uuid(superblock, 0x68).to_string();
    info.label = text(superblock, 0x78, 16);
    if let Some(BlockCount { blocks, block }) = size(superblock) {
        let high = if wide(superblock) { u64::from(le32(superblock, 0x158)) } else { 0 };
        let free = (u64::from(le32(superblock, 0x0c)) | high << 32).min(blocks);
        info.free_bytes = Some(free * block);
        info.used_bytes = Some((blocks - free) * block);
    }
}

fn wide(superblock: &[u8]) -> bool {
    le32(superblock, 0x60) & WIDE != 0
}

/// How many blocks there are, and how long each is.
struct BlockCount {
    blocks: u64,
    /// Bytes.
    block: u64,
}

/// The blocks of a filesystem; `None` if together they are more than 2^64 bytes.
fn size(superblock: &[u8]) -> Option<BlockCount> {
    let high = if wide(superblock) { u64::from(le32(superblock, 0x150)) } else { 0 };
    let blocks = u64::from(le32(superblock, 0x04)) | high << 32;
    let block = 1024u64.checked_shl(le32(superblock, 0x18)).filter(|block| (1024..=65536).contains(block))?;
    blocks.checked_mul(block)?;
    Some(BlockCount { blocks, block })
}

/// What is needed of a superblock.
#[derive(Clone, Debug)]
pub(super) struct Superblock {
    /// Bytes in a block: a power of two from 1024 to 65536.
    pub(super) block: u64,
    /// Blocks of the filesystem, which are all in the partition.
    pub(super) blocks: u64,
    /// Inodes of the filesystem.
    pub(super) inodes: u32,
    /// Inodes of each group; not 0.
    pub(super) inodes_per_group: u32,
    /// Bytes of an inode: at least 128, at most a block.
    pub(super) inode: u64,
    /// Bytes of a group's descriptor: at least 32, at most a block.
    pub(super) descriptor: u64,
    /// Whether descriptors and the journal count blocks by 64 bits.
    pub(super) wide: bool,
    /// Whether directories tell the types of files, in what is else the high byte of a name's length.
    pub(super) file_types: bool,
    /// Whether directories have sizes of 64 bits.
    pub(super) large_directories: bool,
    /// What checksums begin with, where metadata have them.
    pub(super) seed: Option<u32>,
    /// The inode of a journal that has to be replayed.
    pub(super) journal: Option<u32>,
}

impl Superblock {
    pub(super) fn parse(bytes: &[u8], partition: u64) -> Result<Superblock, ShowError> {
        let bad = |why: String| Err(ShowError::damaged(format!("{} superblock", kind(bytes)), why));
        let Some(BlockCount { blocks, block }) = size(bytes) else {
            return bad(format!("blocks of 2^{} KiB", le32(bytes, 0x18)));
        };
        // Linux takes the high word always, e2fsprogs only with the feature: who is right cannot be told.
        let (wide, high) = (wide(bytes), le32(bytes, 0x150));
        if !wide && high != 0 {
            return bad(format!("its number of blocks has a high word, {high}, without the feature 64bit"));
        }
        if blocks * block > partition {
            return bad(format!("{blocks} blocks of {block} bytes on {partition} bytes"));
        }
        let seed = seed(bytes)?;
        let unknown = le32(bytes, 0x60) & !KNOWN;
        if unknown != 0 {
            let named = UNKNOWN.iter().find(|(bit, _)| unknown & bit != 0).map_or("", |(_, name)| name);
            return Err(ShowError::UnknownFilesystem(format!(
                "the filesystem has features that are not read: {unknown:#x} {named}"
            )));
        }
        // The first revision has neither field.
        let inode = if le32(bytes, 0x4c) == 0 { 128 } else { u64::from(le16(bytes, 0x58)) };
        let descriptor = if wide { u64::from(le16(bytes, 0xfe)) } else { 32 };
        let (inodes, inodes_per_group) = (le32(bytes, 0x00), le32(bytes, 0x28));
        let fits = |bytes: u64, least: u64| bytes.is_power_of_two() && (least..=block).contains(&bytes);
        if !fits(inode, 128) || !fits(descriptor, if wide { 64 } else { 32 }) {
            return bad(format!("inodes of {inode} bytes, group descriptors of {descriptor} bytes"));
        }
        if inodes_per_group == 0 || u64::from(inodes_per_group) > 8 * block {
            return bad(format!("groups of {inodes_per_group} inodes"));
        }
        let dirty = le32(bytes, 0x60) & RECOVER != 0 && le32(bytes, 0x5c) & 0x4 != 0;
        Ok(Superblock {
            block,
            blocks,
            inodes,
            inodes_per_group,
            inode,
            descriptor,
            wide,
            file_types: le32(bytes, 0x60) & FILE_TYPES != 0,
            large_directories: le32(bytes, 0x60) & LARGE_DIRECTORIES != 0,
            seed,
            journal: dirty.then(|| le32(bytes, 0xe0)),
        })
    }

    /// Where the descriptor of a group is, in bytes; all of them follow the superblock's block.
    pub(super) fn descriptor_at(&self, group: u64) -> u64 {
        let first = if self.block == 1024 { 2 } else { 1 };
        // Both factors of the second term are below 2^32 and 2^16, and descriptors are powers of two, which fill blocks.
        first * self.block + group * self.descriptor
    }
}

/// The seed of all checksums, if there are any and the superblock's own is right.
fn seed(bytes: &[u8]) -> Result<Option<u32>, ShowError> {
    if le32(bytes, 0x64) & 0x400 == 0 {
        return Ok(None);
    }
    if bytes.get(..0x3fc).is_none_or(|covered| crc(u32::MAX, covered) != le32(bytes, 0x3fc)) {
        return Err(ShowError::damaged(format!("{} superblock", kind(bytes)), "it has a wrong checksum"));
    }
    let stored = le32(bytes, 0x60) & 0x2000 != 0;
    Ok(Some(if stored { le32(bytes, 0x270) } else { crc(u32::MAX, &bytes[0x68..0x78]) }))
}
