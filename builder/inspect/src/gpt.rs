//! GUID partition tables, for reading (UEFI 2.10, section 5.3).
//!
//! In: a disk and a sector size to try. Out: its partitions, from the first copy or else the second. Never: a table whose
//! checksum is wrong, or more memory than its largest sensible size.

use super::ShowError;
use super::disk::{Disk, Partition, TableFound};
use super::field::{guid, le16, le32, le64};
use super::source::{Source, read_up_to};
use super::types;

/// Most bytes of partition entries: 8192 of 128 bytes. The usual table has 128 of them.
const ENTRIES_MAX: u64 = 1 << 20;

/// A table, if there is one in sectors of this size. One that is there and damaged in both copies is an error.
pub(super) fn read(source: &dyn Source, sector: u64) -> Result<Option<Disk>, ShowError> {
    let last = (source.len() / sector).saturating_sub(1);
    if last < 2 {
        return Ok(None);
    }
    let first = read_copy(source, sector, 1);
    let why = match first {
        Ok(disk) => return Ok(Some(disk)),
        Err(why) => why,
    };
    match read_copy(source, sector, last) {
        Ok(mut disk) => {
            let note = format!(
                "the first partition table is damaged ({why}); this is its backup; mend it with sgdisk -e"
            );
            disk.notes.insert(0, note);
            Ok(Some(disk))
        }
        Err(_) if why == ABSENT && !protective(source)? => Ok(None),
        // A protective MBR alone does not say the sector size.
        Err(backup) if why == ABSENT && backup == ABSENT => Ok(None),
        Err(backup) => Err(ShowError::damaged("GPT", format!("{why}; of its backup, {backup}"))),
    }
}

const ABSENT: &str = "it has no signature";

/// Whether an MBR protects a GPT: one of its partitions has type 0xee.
pub(super) fn protective(source: &dyn Source) -> Result<bool, ShowError> {
    let mbr = read_up_to(source, 0, 512)?;
    let types = (0..4).map(|slot| mbr.get(446 + 16 * slot + 4).copied().unwrap_or(0));
    Ok(le16(&mbr, 510) == 0xaa55 && types.into_iter().any(|kind| kind == 0xee))
}

fn read_copy(source: &dyn Source, sector: u64, lba: u64) -> Result<Disk, String> {
    let at = lba.checked_mul(sector).ok_or("it lies past 2^64 bytes")?;
    let header = read_up_to(source, at, sector as usize).map_err(|e| e.to_string())?;
    if !header.starts_with(b"EFI PART") {
        return Err(ABSENT.to_string());
    }
    let len = le32(&header, 12) as usize;
    let mut bytes =
        header.get(..len).filter(|_| len >= 92).ok_or(format!("its header has {len} bytes"))?.to_vec();
    bytes[16..20].fill(0);
    if crc32fast::hash(&bytes) != le32(&header, 16) {
        return Err("its header has a wrong checksum".to_string());
    }
    let (count, size) = (u64::from(le32(&header, 80)), u64::from(le32(&header, 84)));
    if !(128..=4096).contains(&size) || count * size > ENTRIES_MAX {
        return Err(format!("it has {count} entries of {size} bytes"));
    }
    let place = le64(&header, 72).checked_mul(sector).ok_or("its entries lie past 2^64 bytes")?;
    let entries =
        read_up_to(source, place, (count * size) as usize).map_err(|e| format!("its entries: {e}"))?;
    if entries.len() as u64 != count * size || crc32fast::hash(&entries) != le32(&header, 88) {
        return Err("its entries have a wrong checksum".to_string());
    }
    let mut disk = Disk {
        table: TableFound::Gpt,
        id: Some(guid(&header, 56).to_string()),
        sector_bytes: Some(sector),
        volume_groups: Vec::new(),
        partitions: Vec::new(),
        notes: Vec::new(),
    };
    for (number, entry) in (1..).zip(entries.chunks_exact(size as usize)) {
        add_partition(&mut disk, source.len(), number, entry);
    }
    Ok(disk)
}

/// Adds the partition of an entry that is in use, or a note of what is wrong with it.
fn add_partition(disk: &mut Disk, disk_bytes: u64, number: u32, entry: &[u8]) {
    let sector = disk.sector_bytes.unwrap_or(512);
    let kind = guid(entry, 0);
    if kind.is_nil() {
        return;
    }
    let (first, last) = (le64(entry, 32), le64(entry, 40));
    let start = first.checked_mul(sector);
    let bytes = last.checked_sub(first).and_then(|n| n.checked_add(1)).and_then(|n| n.checked_mul(sector));
    let end = start.zip(bytes).and_then(|(start, bytes)| start.checked_add(bytes));
    let (Some(start), Some(bytes)) = (start, bytes) else {
        disk.notes.push(format!("partition {number} is damaged: sectors {first} to {last}"));
        return;
    };
    if end.is_none_or(|end| end > disk_bytes) {
        disk.notes.push(format!("partition {number} ends past the disk: sectors {first} to {last}"));
    }
    let name: Vec<u16> = (56..128).step_by(2).map(|at| le16(entry, at)).take_while(|c| *c != 0).collect();
    disk.partitions.push(Partition {
        number,
        name: String::from_utf16_lossy(&name),
        type_id: Some(kind.to_string()),
        type_words: types::gpt(kind).to_string(),
        guid: Some(guid(entry, 16).to_string()),
        start,
        bytes,
        filesystem: None,
    });
}
