//! The disk: its table, and what is in each partition.
//!
//! In: the bytes of a disk. Out: partitions with their filesystems, and those filesystems opened whose files can be read. Never: a
//! partition that is not wholly on the disk opened.

use std::rc::Rc;

use super::disk::{Disk, Partition, TableFound};
use super::source::{Source, Window};
use super::types::is_extended;
use super::volume::Volume;
use super::{ShowError, gpt, lvm, mbr, probe};

/// Filesystems whose files can be read, by the places of their holders: partitions, then logical volumes.
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
    let (mut volumes, mut physical) = (Vec::new(), Vec::new());
    for (index, part) in disk.partitions.iter_mut().enumerate() {
        let extended = disk.table == TableFound::Mbr && u8_type(part).is_some_and(is_extended);
        let inside = part.start.checked_add(part.bytes).is_some_and(|end| end <= source.len());
        if extended || !inside {
            continue;
        }
        let window: Rc<dyn Source> = Rc::new(Window::new(source, part.start, part.bytes));
        let probe::Probed { info, volume } = probe::probe(&window)?;
        part.filesystem = info;
        if part.filesystem.as_ref().is_some_and(|fs| fs.kind == probe::LVM) {
            physical.push(lvm::Found { number: part.number, source: window });
        }
        volumes.extend(volume.map(|volume| (index, volume)));
    }
    let found = lvm::read(&physical)?;
    for group in &found.groups {
        let its = |part: &&mut Partition| group.partitions.contains(&part.number);
        for fs in disk.partitions.iter_mut().filter(its).filter_map(|part| part.filesystem.as_mut()) {
            // Its files are those of the group's volumes.
            (fs.label, fs.problem) = (group.name.clone(), None);
        }
    }
    let parts = disk.partitions.len();
    volumes.extend(found.volumes.into_iter().map(|(place, volume)| (parts + place, volume)));
    (disk.volume_groups, disk.notes) = (found.groups, [disk.notes, found.notes].concat());
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
        volume_groups: Vec::new(),
        notes: Vec::new(),
    })
}
