//! What a disk should be, before any size is known.
//!
//! In: block-device configs, through `plan`. Out: names, roles, identities and size rules of every partition and
//! filesystem; enough to write fstab. Never: offsets, which are the layout engine's.

use alloc::string::String;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::filesystem::FsSpec;
use crate::mount_point::MountPoint;
use crate::volume_group::{LvSpec, VgSpec};
use crate::{Bytes, Hasher, Identify, identify};

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

impl Identify for SectorSize {
    fn identify(&self, hasher: &mut Hasher) {
        self.bytes().identify(hasher);
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
    /// What the content needs, plus so much, instead of the usual headroom.
    ContentAnd(Bytes),
    /// What the content needs, plus headroom.
    Content {
        /// Never less.
        min: Option<Bytes>,
        /// Never more: content that does not fit is an error.
        max: Option<Bytes>,
    },
}

impl Identify for SizeRule {
    fn identify(&self, hasher: &mut Hasher) {
        match self {
            SizeRule::Exact(bytes) => bytes.identify(hasher.part(b"exact")),
            SizeRule::Free { share } => share.identify(hasher.part(b"free")),
            SizeRule::ContentAnd(room) => room.identify(hasher.part(b"content and")),
            SizeRule::Content { min, max } => {
                min.identify(hasher.part(b"content"));
                max.identify(hasher);
            }
        }
    }
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

impl Identify for TableKind {
    fn identify(&self, hasher: &mut Hasher) {
        match self {
            TableKind::Bare => "bare".identify(hasher),
            TableKind::Gpt { disk } => disk.identify(hasher.part(b"gpt")),
            TableKind::Mbr { disk } => disk.identify(hasher.part(b"mbr")),
        }
    }
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

impl Identify for PartKind {
    fn identify(&self, hasher: &mut Hasher) {
        match self {
            PartKind::Bare => "bare".identify(hasher),
            PartKind::Gpt { type_guid, guid, attributes } => {
                type_guid.identify(hasher.part(b"gpt"));
                guid.identify(hasher);
                attributes.identify(hasher);
            }
            PartKind::Mbr { type_byte, active, primary } => {
                type_byte.identify(hasher.part(b"mbr"));
                active.identify(hasher);
                primary.identify(hasher);
            }
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

impl Identify for Loader {
    fn identify(&self, hasher: &mut Hasher) {
        match self {
            Loader::Bios => "bios",
            Loader::Prep => "prep",
        }
        .identify(hasher);
    }
}

/// What is in a partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PartContents {
    /// Zeros.
    Nothing,
    /// A boot loader's core.
    Loader(Loader),
    /// A filesystem.
    Fs(FsSpec),
    /// A physical volume of LVM, of the group that names this partition.
    Pv,
}

impl Identify for PartContents {
    fn identify(&self, hasher: &mut Hasher) {
        match self {
            PartContents::Nothing => "nothing".identify(hasher),
            PartContents::Loader(loader) => loader.identify(hasher.part(b"loader")),
            PartContents::Fs(fs) => fs.identify(hasher.part(b"filesystem")),
            PartContents::Pv => "physical volume".identify(hasher),
        }
    }
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
    pub contents: PartContents,
}
identify!(PartSpec { name, number, kind, size, contents });

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
    /// Volume groups of LVM on these partitions.
    pub groups: Vec<VgSpec>,
}

impl Identify for DiskSpec {
    fn identify(&self, hasher: &mut Hasher) {
        let DiskSpec { name, table, sector, size, align, bios_boot, parts, groups } = self;
        name.identify(hasher);
        table.identify(hasher);
        sector.identify(hasher);
        size.identify(hasher);
        align.identify(hasher);
        bios_boot.identify(hasher);
        parts.identify(hasher);
        // Disks without LVM keep the ids that they had before there was any.
        if !groups.is_empty() {
            groups.identify(hasher.part(b"volume groups"));
        }
    }
}

impl DiskSpec {
    /// Every filesystem, with the name of the partition or logical volume that holds it: partitions first, both in their order.
    pub fn held_filesystems(&self) -> impl Iterator<Item = (&str, &FsSpec)> {
        let parts = self.parts.iter().filter_map(|part| match &part.contents {
            PartContents::Fs(fs) => Some((part.name.as_str(), fs)),
            _ => None,
        });
        let volumes = self.groups.iter().flat_map(|group| &group.lvs);
        parts.chain(volumes.filter_map(|lv| lv.fs.as_ref().map(|fs| (lv.name.as_str(), fs))))
    }

    /// Every filesystem, in the same order.
    pub fn filesystems(&self) -> impl Iterator<Item = &FsSpec> {
        self.held_filesystems().map(|(_, fs)| fs)
    }

    /// The group and the logical volume that hold a filesystem, if one does.
    pub fn volume_of(&self, fs: &FsSpec) -> Option<(&VgSpec, &LvSpec)> {
        let holds = |lv: &&LvSpec| lv.fs.as_ref().is_some_and(|held| held.name == fs.name);
        self.groups.iter().find_map(|group| group.lvs.iter().find(holds).map(|lv| (group, lv)))
    }

    /// The same disk with its places for boot loaders left empty: partitions of zeros, and no boot code before them.
    pub fn without_loaders(&self) -> DiskSpec {
        let empty = |part: &PartSpec| match (&part.contents, part.size) {
            (PartContents::Loader(_), SizeRule::Content { min: None, max }) => PartSpec {
                contents: PartContents::Nothing,
                size: SizeRule::Content { min: Some(Bytes(self.align)), max },
                ..part.clone()
            },
            (PartContents::Loader(_), _) => PartSpec { contents: PartContents::Nothing, ..part.clone() },
            _ => part.clone(),
        };
        DiskSpec { bios_boot: false, parts: self.parts.iter().map(empty).collect(), ..self.clone() }
    }

    /// The filesystem mounted on `/`.
    pub fn root(&self) -> Option<&FsSpec> {
        self.filesystems().find(|fs| fs.mount.as_ref().is_some_and(MountPoint::is_root))
    }
}
