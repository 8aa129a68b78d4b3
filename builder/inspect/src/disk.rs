//! A disk, its partitions and what they hold, as an image's own bytes describe them.
//!
//! In: what readers of tables and filesystems found. Out: types, which are also the JSON of `dibber show`. Never: a reading.

use std::fmt;

use serde::Serialize;

use super::lvm::{LogicalVolume, VolumeGroup};

/// A disk as its own bytes describe it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Disk {
    /// What kind of table it has.
    pub table: TableFound,
    /// Disk GUID or disk signature.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Bytes in a sector, by which the table counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sector_bytes: Option<u64>,
    /// In the order of the table. Without a table, one with number 0: the whole disk.
    pub partitions: Vec<Partition>,
    /// Volume groups of LVM on them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub volume_groups: Vec<VolumeGroup>,
    /// What is wrong, and does not hinder reading.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

impl Disk {
    /// Every filesystem that was found, of partitions and then of logical volumes.
    pub(super) fn filesystems(&self) -> impl Iterator<Item = &FilesystemInfo> {
        let volumes = self.volume_groups.iter().flat_map(|group| &group.volumes);
        let parts = self.partitions.iter().filter_map(|part| part.filesystem.as_ref());
        parts.chain(volumes.filter_map(|volume| volume.filesystem.as_ref()))
    }

    /// Every place that may hold a filesystem, in the same order.
    pub(super) fn holders(&self) -> impl Iterator<Item = Holder<'_>> {
        let volumes = self.volume_groups.iter();
        let volumes = volumes.flat_map(|group| group.volumes.iter().map(move |lv| Holder::Volume(group, lv)));
        self.partitions.iter().map(Holder::Partition).chain(volumes)
    }

    /// What the holder of that place holds.
    pub(super) fn filesystem_mut(&mut self, place: usize) -> Option<&mut FilesystemInfo> {
        let Some(volume) = place.checked_sub(self.partitions.len()) else {
            return self.partitions[place].filesystem.as_mut();
        };
        let mut volumes = self.volume_groups.iter_mut().flat_map(|group| &mut group.volumes);
        volumes.nth(volume)?.filesystem.as_mut()
    }
}

/// Where a filesystem can be.
#[derive(Clone, Copy)]
pub(super) enum Holder<'a> {
    /// In a partition.
    Partition(&'a Partition),
    /// In a logical volume of a group.
    Volume(&'a VolumeGroup, &'a LogicalVolume),
}

/// A kind of partition table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TableFound {
    /// A GUID partition table.
    Gpt,
    /// A master boot record.
    Mbr,
    /// No table.
    None,
}

impl fmt::Display for TableFound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            TableFound::Gpt => "gpt",
            TableFound::Mbr => "mbr",
            TableFound::None => "none",
        })
    }
}

/// One partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Partition {
    /// Its number, as in `sda1`.
    pub number: u32,
    /// Its name in a GPT.
    pub name: String,
    /// Type GUID or type byte.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub type_id: Option<String>,
    /// The type in words.
    pub type_words: String,
    /// PARTUUID.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guid: Option<String>,
    /// First byte on the disk.
    pub start: u64,
    /// Length in bytes.
    pub bytes: u64,
    /// What is in it, if that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filesystem: Option<FilesystemInfo>,
}

/// What a partition holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FilesystemInfo {
    /// `ext4`, `vfat`, `swap`, `xfs` ... as blkid calls it.
    pub kind: String,
    /// Its label.
    pub label: String,
    /// Its UUID, or FAT's volume id.
    pub uuid: String,
    /// Bytes in use, metadata among them, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub used_bytes: Option<u64>,
    /// Bytes free.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub free_bytes: Option<u64>,
    /// Where the image's fstab mounts it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mount_point: Option<String>,
    /// Why its files cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// It is of a kind that is read, and contradicts itself.
    #[serde(skip)]
    pub damaged: bool,
}
