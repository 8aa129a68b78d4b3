//! What a disk should be, before any size is known.
//!
//! In: block-device configs, through `plan`. Out: names, roles, identities and size rules of every partition and
//! filesystem; enough to write fstab. Never: offsets, which are the layout engine's.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::Bytes;

/// Logical sector size: the unit in which a partition table counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SectorSize {
    /// 512 bytes.
    #[default]
    B512,
    /// 4096 bytes (4Kn).
    B4096,
}

impl SectorSize {
    /// In bytes.
    pub const fn bytes(self) -> u64 {
        match self {
            SectorSize::B512 => 512,
            SectorSize::B4096 => 4096,
        }
    }
}

/// How a size is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SizeRule {
    /// Given.
    Exact(Bytes),
    /// A share of what is still free when this partition's turn comes, as dib counts `%`; in hundredths of a percent
    /// (10000 is all). On a disk without a given size it is as large as its content wants.
    Free {
        /// Hundredths of a percent.
        share: u32,
    },
    /// What the content needs, plus headroom.
    Content {
        /// Never less.
        min: Option<Bytes>,
        /// Never more: content that does not fit is an error.
        max: Option<Bytes>,
    },
}

/// Partition table of a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TableKind {
    /// No table: the one "partition" is the whole disk, as in a partition image.
    Bare,
    /// GUID Partition Table (UEFI 2.10, section 5.3).
    Gpt {
        /// The disk's GUID.
        disk: Uuid,
    },
    /// Master boot record, with logical partitions where asked for.
    Mbr {
        /// Disk signature at offset 440.
        disk: u32,
    },
}

/// What a partition is to its table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PartKind {
    /// No table.
    Bare,
    /// An entry of a GPT.
    Gpt {
        /// Partition type GUID.
        type_guid: Uuid,
        /// The partition's own GUID (PARTUUID).
        guid: Uuid,
        /// Attribute bits (UEFI 2.10, table 5-8).
        attributes: u64,
    },
    /// An entry of an MBR or of an extended partition.
    Mbr {
        /// Type byte: 0x83, 0x41, 0xef ...
        type_byte: u8,
        /// The active ("boot") flag.
        active: bool,
        /// In the MBR itself; otherwise a logical partition.
        primary: bool,
    },
}

/// Filesystems that are written natively.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FsKind {
    /// ext4.
    Ext4,
    /// FAT12, FAT16 or FAT32, as the size decides; long names.
    Vfat,
    /// Swap space.
    Swap,
}

impl FsKind {
    /// The name that `mkfs`, `blkid` and fstab use.
    pub fn name(self) -> &'static str {
        match self {
            FsKind::Ext4 => "ext4",
            FsKind::Vfat => "vfat",
            FsKind::Swap => "swap",
        }
    }

    /// Longest label, in bytes: `s_volume_name`, the FAT volume entry, `sws_volume`.
    pub fn label_max(self) -> usize {
        match self {
            FsKind::Ext4 | FsKind::Swap => 16,
            FsKind::Vfat => 11,
        }
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
        match text {
            "ext4" => Ok(FsKind::Ext4),
            "vfat" | "fat" | "fat16" | "fat32" => Ok(FsKind::Vfat),
            "swap" => Ok(FsKind::Swap),
            _ => Err(UnknownFs(text.to_string())),
        }
    }
}

/// A filesystem that no writer here makes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no writer for filesystem `{0}`; there are ext4, vfat and swap")]
pub struct UnknownFs(pub String);

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
}

/// An absolute, normalised path at which a filesystem is mounted: `/`, `/boot/efi`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct MountPoint(String);

impl MountPoint {
    /// With its leading slash.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Without it; empty for the root.
    pub fn relative(&self) -> &str {
        self.0.trim_start_matches('/')
    }

    /// Whether it is `/`.
    pub fn is_root(&self) -> bool {
        self.0 == "/"
    }
}

impl fmt::Display for MountPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A text that is no mount point.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a mount point; write an absolute path without `.`, `..` or doubled slashes")]
pub struct BadMountPoint(pub String);

impl FromStr for MountPoint {
    type Err = BadMountPoint;
    fn from_str(text: &str) -> Result<Self, BadMountPoint> {
        let normal = text.strip_prefix('/').is_some_and(|rest| {
            rest.is_empty()
                || rest.split('/').all(|name| !matches!(name, "" | "." | "..") && !name.contains('\0'))
        });
        if normal { Ok(MountPoint(text.to_string())) } else { Err(BadMountPoint(text.to_string())) }
    }
}

impl TryFrom<String> for MountPoint {
    type Error = BadMountPoint;
    fn try_from(text: String) -> Result<Self, BadMountPoint> {
        text.parse()
    }
}

impl From<MountPoint> for String {
    fn from(point: MountPoint) -> String {
        point.0
    }
}

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

/// A filesystem to be written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FsSpec {
    /// Its node's name in the block-device config, such as `mkfs_root`.
    pub name: String,
    /// Its kind.
    pub kind: FsKind,
    /// Its label, within [`FsKind::label_max`].
    pub label: String,
    /// Its identity: the UUID of ext4 and swap; the first four bytes, little-endian, are FAT's volume id.
    pub uuid: Uuid,
    /// Where it is mounted; a filesystem without one is written empty.
    pub mount: Option<MountPoint>,
    /// Its fstab line, if it gets one.
    pub fstab: Option<Fstab>,
    /// Choices of mkfs.
    pub options: MkfsOptions,
}

impl FsSpec {
    /// FAT's volume id: the first four bytes of the UUID, little-endian.
    pub fn volume_id(&self) -> u32 {
        let bytes = self.uuid.as_bytes();
        u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
    }

    /// The identity as `blkid`, fstab and GRUB's `search --fs-uuid` spell it: `1A2B-3C4D` for vfat.
    pub fn blkid_uuid(&self) -> String {
        match self.kind {
            FsKind::Vfat => {
                alloc::format!("{:04X}-{:04X}", self.volume_id() >> 16, self.volume_id() & 0xffff)
            }
            FsKind::Ext4 | FsKind::Swap => self.uuid.to_string(),
        }
    }
}

/// Boot loader bytes that the disk wants in a place of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Loader {
    /// GRUB i386-pc: boot.img in the first sector, core.img in the BIOS boot partition or the gap after the MBR.
    Bios,
    /// GRUB powerpc-ieee1275: core.elf at the start of the PReP partition.
    Prep,
}

/// What is in a partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Holds {
    /// Zeros.
    Nothing,
    /// A boot loader's core.
    Loader(Loader),
    /// A filesystem.
    Fs(FsSpec),
}

/// A partition to be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartSpec {
    /// Its name in the block-device config, and in a GPT.
    pub name: String,
    /// Its number in the table if it must have a certain one; otherwise the next.
    pub number: Option<u32>,
    /// What it is to its table.
    pub kind: PartKind,
    /// Its size.
    pub size: SizeRule,
    /// Its content.
    pub holds: Holds,
}

/// A disk to be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiskSpec {
    /// Its name in the block-device config: `image0`.
    pub name: String,
    /// Its partition table.
    pub table: TableKind,
    /// Its sectors.
    pub sector: SectorSize,
    /// Its size, if given; else what its partitions need.
    pub size: Option<Bytes>,
    /// Partitions start on multiples of this, in bytes (default 1 MiB).
    pub align: u64,
    /// GRUB i386-pc's boot.img goes into the first sector.
    pub bios_boot: bool,
    /// Partitions, in the order of their places.
    pub parts: Vec<PartSpec>,
}

impl DiskSpec {
    /// Every filesystem, in the order of the partitions.
    pub fn filesystems(&self) -> impl Iterator<Item = &FsSpec> {
        self.parts.iter().filter_map(|part| match &part.holds {
            Holds::Fs(fs) => Some(fs),
            _ => None,
        })
    }

    /// The filesystem mounted on `/`.
    pub fn root(&self) -> Option<&FsSpec> {
        self.filesystems().find(|fs| fs.mount.as_ref().is_some_and(MountPoint::is_root))
    }
}
