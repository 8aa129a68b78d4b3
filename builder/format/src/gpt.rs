//! GUID Partition Table (UEFI 2.10, section 5).
//!
//! In: a placed disk. Out: the bytes of both copies of its table, and the protective MBR. Never: another slot than the
//! partition's number: gaps between numbers stay.

use alloc::vec::Vec;
use core::ops::RangeInclusive;
use dibber_model::{DiskLayout, PartKind};
use uuid::Uuid;

use crate::chs::chs;
use crate::table::{DiskError, sectors};

/// Entries and their size: the least that section 5.3.2 allows.
const ENTRIES: u32 = 128;
const ENTRY: usize = 128;
const ARRAY: usize = ENTRIES as usize * ENTRY;
/// Bytes of the header that its CRC covers.
const HEADER: usize = 92;
/// UTF-16 units of a name.
const NAME: usize = 36;

/// The two ends of a disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ends {
    /// From byte 0: protective MBR, header, entries.
    pub head: Vec<u8>,
    /// Up to the last byte: entries, header.
    pub tail: Vec<u8>,
}

/// The table of a disk.
pub(crate) fn ends(layout: &DiskLayout, disk: Uuid) -> Result<Ends, DiskError> {
    let sector = layout.spec().sector.bytes();
    let array = ARRAY as u64 / sector;
    let sectors = layout.len() / sector;
    // Two headers, two arrays, the MBR: what a disk without partitions has.
    if !layout.len().is_multiple_of(sector) || sectors < 3 + 2 * array {
        return Err(DiskError::BadLength { len: layout.len(), sector });
    }
    let usable = 2 + array..=sectors - array - 2;
    let entries = entries(layout, &usable)?;
    let last = sectors - 1;
    let header = |here, there, entries_at| {
        header(&GptHeader {
            here,
            there,
            entries_at,
            usable: usable.clone(),
            disk,
            crc: crc32fast::hash(&entries),
        })
    };
    let sector = sector as usize;
    let mut head = protective_mbr(sectors);
    head.resize(sector, 0);
    head.extend_from_slice(&header(1, last, 2));
    head.resize(2 * sector, 0);
    head.extend_from_slice(&entries);
    let mut tail = entries.clone();
    tail.extend_from_slice(&header(last, 1, last - array));
    tail.resize(ARRAY + sector, 0);
    Ok(Ends { head, tail })
}

/// Section 5.2.3, table 5-4.
fn protective_mbr(sectors: u64) -> Vec<u8> {
    let mut mbr = alloc::vec![0; 512];
    let size = u32::try_from(sectors - 1).unwrap_or(u32::MAX);
    let entry = &mut mbr[446..462];
    entry[1..4].copy_from_slice(&chs(1));
    entry[4] = 0xee;
    entry[5..8].copy_from_slice(&match chs(sectors - 1) {
        // "If it is not possible to represent the value in this field, this field is 0xFFFFFF."
        [254, 0xff, 0xff] => [0xff; 3],
        chs => chs,
    });
    entry[8..12].copy_from_slice(&1u32.to_le_bytes());
    entry[12..16].copy_from_slice(&size.to_le_bytes());
    mbr[510..].copy_from_slice(&[0x55, 0xaa]);
    mbr
}

struct GptHeader {
    here: u64,
    there: u64,
    entries_at: u64,
    usable: RangeInclusive<u64>,
    disk: Uuid,
    crc: u32,
}

/// Section 5.3.2, table 5-5.
fn header(header: &GptHeader) -> [u8; HEADER] {
    let mut bytes = [0; HEADER];
    let mut put = |at: usize, field: &[u8]| bytes[at..at + field.len()].copy_from_slice(field);
    put(0, b"EFI PART");
    put(8, &0x0001_0000u32.to_le_bytes());
    put(12, &(HEADER as u32).to_le_bytes());
    put(24, &header.here.to_le_bytes());
    put(32, &header.there.to_le_bytes());
    put(40, &header.usable.start().to_le_bytes());
    put(48, &header.usable.end().to_le_bytes());
    put(56, &header.disk.to_bytes_le());
    put(72, &header.entries_at.to_le_bytes());
    put(80, &ENTRIES.to_le_bytes());
    put(84, &(ENTRY as u32).to_le_bytes());
    put(88, &header.crc.to_le_bytes());
    // The header's CRC is taken while its own field, at 16, is zero.
    let crc = crc32fast::hash(&bytes);
    bytes[16..20].copy_from_slice(&crc.to_le_bytes());
    bytes
}

/// Section 5.3.3, table 5-6.
fn entries(layout: &DiskLayout, usable: &RangeInclusive<u64>) -> Result<Vec<u8>, DiskError> {
    let sector = layout.spec().sector.bytes();
    let mut array = alloc::vec![0; ARRAY];
    for part in layout.parts() {
        let (first, last) = sectors(part, sector)?.into_inner();
        let name = || part.spec.name.clone();
        if !usable.contains(&first) || !usable.contains(&last) {
            return Err(DiskError::InTable { part: name(), first, last, usable: usable.clone() });
        }
        let PartKind::Gpt { type_guid, guid, attributes } = part.spec.kind else {
            return Err(DiskError::WrongKind { part: name() });
        };
        let slot = part.number.wrapping_sub(1) as usize;
        let Some(entry) = array.get_mut(slot.saturating_mul(ENTRY)..).and_then(|a| a.get_mut(..ENTRY)) else {
            return Err(DiskError::BadNumber { part: name(), number: part.number, max: ENTRIES });
        };
        if entry.iter().any(|byte| *byte != 0) {
            return Err(DiskError::TakenNumber { part: name(), number: part.number });
        }
        entry[..16].copy_from_slice(&type_guid.to_bytes_le());
        entry[16..32].copy_from_slice(&guid.to_bytes_le());
        entry[32..40].copy_from_slice(&first.to_le_bytes());
        entry[40..48].copy_from_slice(&last.to_le_bytes());
        entry[48..56].copy_from_slice(&attributes.to_le_bytes());
        let units = part.spec.name.encode_utf16().count();
        if units > NAME {
            return Err(DiskError::LongName { part: name(), units, max: NAME });
        }
        for (unit, place) in part.spec.name.encode_utf16().zip(entry[56..].chunks_exact_mut(2)) {
            place.copy_from_slice(&unit.to_le_bytes());
        }
    }
    Ok(array)
}
