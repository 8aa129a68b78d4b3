//! The disk: its table, and what is in each partition.
//!
//! In: the bytes of a disk. Out: partitions with their filesystems, and those filesystems opened whose files can be read. Never: a
//! partition that is not wholly on the disk opened.

use std::fmt;
use std::rc::Rc;

use serde::Serialize;

use super::source::{Source, Window};
use super::types::is_extended;
use super::volume::Volume;
use super::{ShowError, gpt, mbr, probe};

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
    /// What is wrong, and does not hinder reading.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
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

/// Filesystems whose files can be read, by their place in `partitions`.
pub(super) type Volumes = Vec<(usize, Rc<dyn Volume>)>;

/// A disk, and its filesystems whose files can be read.
pub(super) struct ReadDisk {
    pub(super) disk: Disk,
    pub(super) volumes: Volumes,
}

/// Reads the table, and looks into every partition.
pub(super) fn read(source: &Rc<dyn Source>) -> Result<ReadDisk, ShowError> {
    let mut disk = match partitioned(source)? {
        Some(disk) => disk,
        None => bare(source)?,
    };
    let mut volumes = Vec::new();
    for (index, part) in disk.partitions.iter_mut().enumerate() {
        let extended = disk.table == TableFound::Mbr && u8_type(part).is_some_and(is_extended);
        let inside = part.start.checked_add(part.bytes).is_some_and(|end| end <= source.len());
        if extended || !inside {
            continue;
        }
        let window = Rc::new(Window::new(source, part.start, part.bytes));
        let probe::Looked { info, volume } = probe::look(&(window as Rc<dyn Source>))?;
        part.filesystem = info;
        volumes.extend(volume.map(|volume| (index, volume)));
    }
    Ok(ReadDisk { disk, volumes })
}

fn u8_type(part: &Partition) -> Option<u8> {
    u8::from_str_radix(part.type_id.as_deref()?.strip_prefix("0x")?, 16).ok()
}

fn partitioned(source: &Rc<dyn Source>) -> Result<Option<Disk>, ShowError> {
    for sector in [512, 4096] {
        if let Some(disk) = gpt::read(&**source, sector)? {
            return Ok(Some(disk));
        }
    }
    if gpt::protective(&**source)? {
        return Err(ShowError::damaged("GPT", "an MBR protects it, and neither it nor its backup is there"));
    }
    // The boot sector of a FAT has an MBR's signature, and text where the partitions would be.
    if probe::kind(&**source)?.is_some_and(|kind| kind == "vfat" || kind == "ntfs" || kind == "exfat") {
        return Ok(None);
    }
    // An MBR does not say how long its sectors are: the length by which something is found.
    let known = |disk: &Disk| -> Result<usize, ShowError> {
        let mut known = 0;
        for part in &disk.partitions {
            let inside = part.start.checked_add(part.bytes).is_some_and(|end| end <= source.len());
            let window = Window::new(source, part.start, part.bytes);
            known += usize::from(inside && probe::kind(&window)?.is_some());
        }
        Ok(known)
    };
    let Some(short) = mbr::read(&**source, 512)? else { return Ok(None) };
    if known(&short)? == 0
        && let Some(long) = mbr::read(&**source, 4096)?
        && known(&long)? > 0
    {
        return Ok(Some(long));
    }
    Ok(Some(short))
}

/// A disk without a table: a partition image.
fn bare(source: &Rc<dyn Source>) -> Result<Disk, ShowError> {
    if probe::kind(&**source)?.is_none() {
        return Err(ShowError::NoDisk { bytes: source.len() });
    }
    let whole = Partition {
        number: 0,
        name: String::new(),
        type_id: None,
        type_words: "whole disk".to_string(),
        guid: None,
        start: 0,
        bytes: source.len(),
        filesystem: None,
    };
    Ok(Disk {
        table: TableFound::None,
        id: None,
        sector_bytes: None,
        partitions: vec![whole],
        notes: Vec::new(),
    })
}
