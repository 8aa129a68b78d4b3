//! Filesystems: what is true of each kind, and what one should be before its size is known.
//!
//! A kind is a row of [`FILESYSTEMS`]: names, rules for labels, room that it wants, who else reads it. Whoever parses, places,
//! draws or boots a disk asks the row, so that a new kind is a new row here, and its writer in crate `format`.
//!
//! In: words of block-device configs. Out: kinds and specs. Never: a byte of a filesystem, which crate `format` writes.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::mount_point::MountPoint;
use crate::{Bytes, Hasher, Identify, SectorSize, identify};

/// Filesystems that are written natively.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FsKind {
    /// ext4.
    Ext4,
    /// XFS, version 5.
    Xfs,
    /// FAT12, FAT16 or FAT32, as the size decides; long names.
    Vfat,
    /// Swap space.
    Swap,
}

/// What is true of a kind of filesystem.
#[derive(Clone, Copy, Debug)]
pub struct FsFacts {
    /// The kind.
    pub kind: FsKind,
    /// The name that `mkfs`, `blkid` and fstab use.
    pub name: &'static str,
    /// Other words for it in a block-device config.
    pub aliases: &'static [&'static str],
    /// Whether it holds files; else it is never mounted, takes whatever size it is given, and is of none by itself.
    pub holds_files: bool,
    /// Longest label, in bytes.
    pub longest_label: usize,
    /// How a label is written.
    pub label: LabelRule,
    /// What identifies one.
    pub identity: FsIdentity,
    /// Whose options `opts` of a config are, if it may have any.
    pub options: Option<MkfsDialect>,
    /// Least free room that one which is as large as its content has beyond what was measured; a tenth of that if it is more.
    pub headroom: Bytes,
    /// Whether UEFI firmware reads it, so that it may be an EFI system partition (UEFI 2.10, section 13.3).
    pub read_by_uefi: bool,
    /// GRUB's module that reads it, and `grub-probe`'s word for it.
    pub grub_module: Option<&'static str>,
}

/// How a label is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LabelRule {
    /// As it is given.
    AsGiven,
    /// In capitals, of ASCII.
    UpperAscii,
}

/// The program that options are spelled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MkfsDialect {
    /// mke2fs(8).
    Mke2fs,
    /// mkfs.xfs(8).
    MkfsXfs,
}

/// What identifies a filesystem to `blkid`, fstab and GRUB's `search --fs-uuid`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FsIdentity {
    /// Its UUID.
    Uuid,
    /// A volume id of four bytes, which are the UUID's first ones, little-endian: `1A2B-3C4D`.
    VolumeId,
}

/// One row for each kind.
pub const FILESYSTEMS: [FsFacts; 4] = [
    FsFacts {
        kind: FsKind::Ext4,
        name: "ext4",
        aliases: &[],
        holds_files: true,
        // `s_volume_name`.
        longest_label: 16,
        label: LabelRule::AsGiven,
        identity: FsIdentity::Uuid,
        options: Some(MkfsDialect::Mke2fs),
        // A system that boots writes logs, caches and keys before its root is grown.
        headroom: Bytes::mib(64),
        read_by_uefi: false,
        grub_module: Some("ext2"),
    },
    FsFacts {
        kind: FsKind::Xfs,
        name: "xfs",
        aliases: &[],
        holds_files: true,
        // `sb_fname`.
        longest_label: 12,
        label: LabelRule::AsGiven,
        identity: FsIdentity::Uuid,
        options: Some(MkfsDialect::MkfsXfs),
        // As ext4's, and what the kernel keeps of free space for itself: 8192 blocks (`xfs_default_resblks`).
        headroom: Bytes::mib(64 + 32),
        read_by_uefi: false,
        grub_module: Some("xfs"),
    },
    FsFacts {
        kind: FsKind::Vfat,
        name: "vfat",
        aliases: &["fat", "fat16", "fat32"],
        holds_files: true,
        // The volume entry of the root directory.
        longest_label: 11,
        label: LabelRule::UpperAscii,
        identity: FsIdentity::VolumeId,
        options: None,
        // Room for the next kernel's loader, or for a few variables of the firmware.
        headroom: Bytes::mib(1),
        read_by_uefi: true,
        grub_module: Some("fat"),
    },
    FsFacts {
        kind: FsKind::Swap,
        name: "swap",
        aliases: &[],
        holds_files: false,
        // `sws_volume`.
        longest_label: 16,
        label: LabelRule::AsGiven,
        identity: FsIdentity::Uuid,
        options: None,
        headroom: Bytes(0),
        read_by_uefi: false,
        grub_module: None,
    },
];

impl FsKind {
    /// Its row.
    pub fn facts(self) -> &'static FsFacts {
        FILESYSTEMS.iter().find(|facts| facts.kind == self).expect("FILESYSTEMS has a row for every kind")
    }

    /// The name that `mkfs`, `blkid` and fstab use.
    pub fn name(self) -> &'static str {
        self.facts().name
    }
}

impl fmt::Display for FsKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for FsKind {
    type Err = UnknownFs;
    fn from_str(text: &str) -> Result<Self, UnknownFs> {
        let named = |facts: &&FsFacts| facts.name == text || facts.aliases.contains(&text);
        FILESYSTEMS
            .iter()
            .find(named)
            .map(|facts| facts.kind)
            .ok_or_else(|| UnknownFs { word: text.to_string() })
    }
}

impl Identify for FsKind {
    fn identify(&self, hasher: &mut Hasher) {
        self.name().identify(hasher);
    }
}

/// A filesystem that no writer here makes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no writer for filesystem `{word}`; there are {}", known())]
pub struct UnknownFs {
    /// What was asked for.
    pub word: String,
}

fn known() -> String {
    let names: Vec<&str> = FILESYSTEMS.iter().map(|facts| facts.name).collect();
    let (last, first) = names.split_last().expect("FILESYSTEMS has rows");
    alloc::format!("{} and {last}", first.join(", "))
}

/// Choices of `mkfs` that an image may make; `None` is the writer's default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MkfsOptions {
    /// ext4: bytes of disk per inode (`mke2fs -i`).
    pub inode_ratio: Option<u32>,
    /// ext4: journal size (`mke2fs -J size=`).
    pub journal: Option<Bytes>,
    /// ext4: share of blocks kept for root, in percent (`mke2fs -m`).
    pub reserved_percent: Option<u8>,
    /// ext4: largest size that online growth prepares for (`mke2fs -E resize=`).
    pub grow_to: Option<Bytes>,
    /// xfs: choices of mkfs.xfs.
    #[serde(default)]
    pub xfs: XfsOptions,
}

impl Identify for MkfsOptions {
    /// What mkfs.xfs chooses has a word before it, and is no part of an id where nothing was chosen: ids from before it could be stay.
    fn identify(&self, hasher: &mut Hasher) {
        let MkfsOptions { inode_ratio, journal, reserved_percent, grow_to, xfs } = self;
        inode_ratio.identify(hasher);
        journal.identify(hasher);
        reserved_percent.identify(hasher);
        grow_to.identify(hasher);
        if *xfs != XfsOptions::default() {
            "mkfs.xfs".identify(hasher);
            xfs.identify(hasher);
        }
    }
}

/// Choices of `mkfs.xfs`; `None` is the writer's default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct XfsOptions {
    /// Bytes of an inode (`-i size=`).
    pub inode_size: Option<u32>,
    /// Sectors that its headers are as large as (`-s size=`); those of the disk where nothing is said.
    pub sector: Option<SectorSize>,
    /// Inode chunks that are there in part (`-i sparse=`).
    pub sparse_inodes: Option<bool>,
    /// Counts of extents of 64 bits (`-i nrext64=`).
    pub large_extent_counts: Option<bool>,
    /// A tree of the inodes that are free (`-m finobt=`).
    pub finobt: Option<bool>,
    /// Counts of the blocks of inode trees (`-m inobtcount=`).
    pub inobtcount: Option<bool>,
    /// Blocks that files share (`-m reflink=`).
    pub reflink: Option<bool>,
    /// A tree of the owners of blocks (`-m rmapbt=`).
    pub rmapbt: Option<bool>,
    /// Times up to 2486 (`-m bigtime=`).
    pub bigtime: Option<bool>,
}
identify!(XfsOptions {
    inode_size,
    sector,
    sparse_inodes,
    large_extent_counts,
    finobt,
    inobtcount,
    reflink,
    rmapbt,
    bigtime,
});

/// How a filesystem enters `/etc/fstab` (`fstab(5)`, fields 4 to 6).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fstab {
    /// Mount options.
    pub options: String,
    /// Field 5.
    pub dump_freq: u8,
    /// Field 6.
    pub passno: u8,
}
identify!(Fstab { options, dump_freq, passno });

/// A filesystem to be written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FsSpec {
    /// Its node's name in the block-device config, such as `mkfs_root`.
    pub name: String,
    /// Its kind.
    pub kind: FsKind,
    /// Its label, within [`FsFacts::longest_label`].
    pub label: String,
    /// Its identity; of a volume id, the first four bytes, little-endian.
    pub uuid: Uuid,
    /// Where it is mounted; a filesystem without one is written empty.
    pub mount: Option<MountPoint>,
    /// Its fstab line, if it gets one.
    pub fstab: Option<Fstab>,
    /// Choices of mkfs.
    pub options: MkfsOptions,
}
identify!(FsSpec { name, kind, label, uuid, mount, fstab, options });

impl FsSpec {
    /// FAT's volume id: the first four bytes of the UUID, little-endian.
    pub fn volume_id(&self) -> u32 {
        let bytes = self.uuid.as_bytes();
        u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
    }

    /// The identity as `blkid`, fstab and GRUB's `search --fs-uuid` spell it: `1A2B-3C4D` for vfat.
    pub fn blkid_uuid(&self) -> String {
        match self.kind.facts().identity {
            FsIdentity::VolumeId => {
                alloc::format!("{:04X}-{:04X}", self.volume_id() >> 16, self.volume_id() & 0xffff)
            }
            FsIdentity::Uuid => self.uuid.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_row_and_its_words() {
        for facts in &FILESYSTEMS {
            assert_eq!(facts.kind.facts().name, facts.name);
            for word in facts.aliases.iter().chain([&facts.name]) {
                assert_eq!(word.parse(), Ok(facts.kind));
            }
        }
        let said = "zfs".parse::<FsKind>().map_err(|error| error.to_string());
        let said = said.expect_err("nobody writes it");
        assert!(said.starts_with("no writer for filesystem `zfs`; there are ext4, "), "{said}");
        assert!(FILESYSTEMS.iter().all(|facts| said.contains(facts.name)), "{said}");
    }
}
