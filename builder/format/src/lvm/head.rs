//! What lies before the first extent of a physical volume.
//!
//! In: a placed physical volume, and the text of its group. Out: label, header, and the area of metadata with the text. Never: a byte
//! behind the area.
//!
//! `struct label_header`, `struct pv_header`, `struct pv_header_extension` and `struct mda_header` of lvm2's `lib/label/label.h` and
//! `lib/format_text/layout.h`; all numbers are little-endian.

use alloc::vec::Vec;

use dibber_model::{Extents, PlacedPv, PlacedVg};

use super::LvmError;
use super::crc::crc;
use crate::disk::buffer;

/// lvm2 counts in these, whatever the disk's sectors are.
const SECTOR: usize = 512;
/// Where the label is, of the four sectors in which lvm2 looks for it (`DEFAULT_LABELSECTOR`).
const LABEL_AT: usize = SECTOR;
/// Offset of the header of the physical volume in the label's sector, and of the first byte that the label's checksum covers.
const HEADER_AT: usize = 32;
const COVERED: usize = 20;
/// Where the area of metadata begins: a page behind the start, as pvcreate leaves it.
const AREA_AT: u64 = 4096;
/// Length of the area: up to the first extent of a group whose extents begin at 1 MiB.
const AREA: u64 = (1 << 20) - AREA_AT;
/// `MDA_HEADER_SIZE`: the area's header; the ring of texts follows.
const AREA_HEADER: usize = 512;
/// `FMTT_MAGIC`.
const MAGIC: &[u8; 16] = b" LVM2 x[5A%r0N*>";

/// The longest text of a group. lvm2 writes the next text behind the last, and both have to be there for a moment.
pub const METADATA_BYTES: u64 = (AREA - AREA_HEADER as u64) / 2;

/// The head of a physical volume, as parts of its partition.
pub(super) fn head(group: &PlacedVg, pv: &PlacedPv, text: &[u8]) -> Result<Vec<(u64, Extents)>, LvmError> {
    let wanted = text.len() as u64;
    if wanted > METADATA_BYTES {
        let group = group.spec.name.clone();
        return Err(LvmError::LongText { group, wanted, available: METADATA_BYTES });
    }
    let mut area = area_header(text);
    area.extend_from_slice(text);
    Ok(alloc::vec![(LABEL_AT as u64, buffer(label(pv))), (AREA_AT, buffer(area))])
}

/// The label's sector.
fn label(pv: &PlacedPv) -> Vec<u8> {
    let mut sector = alloc::vec![0; SECTOR];
    sector[..8].copy_from_slice(b"LABELONE");
    put(&mut sector, 8, (LABEL_AT / SECTOR) as u64);
    sector[20..24].copy_from_slice(&(HEADER_AT as u32).to_le_bytes());
    sector[24..32].copy_from_slice(b"LVM2 001");
    sector[HEADER_AT..HEADER_AT + 32].copy_from_slice(pv.spec.id.as_bytes());
    let mut at = HEADER_AT + 32;
    // Length of the device; areas of data, of which the last is as long as there is room; areas of metadata; each list ends with zeros.
    for number in [pv.len, pv.first, 0, 0, 0, AREA_AT, AREA, 0, 0] {
        put(&mut sector, at, number);
        at += 8;
    }
    // The extension's version, and that the volume is of a group (`PV_EXT_USED`); no area for boot loaders follows.
    sector[at..at + 4].copy_from_slice(&2u32.to_le_bytes());
    sector[at + 4..at + 8].copy_from_slice(&1u32.to_le_bytes());
    let sum = crc(&sector[COVERED..]);
    sector[16..20].copy_from_slice(&sum.to_le_bytes());
    sector
}

/// The area's header, which says where in the ring the text is.
fn area_header(text: &[u8]) -> Vec<u8> {
    let mut header = alloc::vec![0; AREA_HEADER];
    header[4..20].copy_from_slice(MAGIC);
    header[20..24].copy_from_slice(&1u32.to_le_bytes());
    put(&mut header, 24, AREA_AT);
    put(&mut header, 32, AREA);
    put(&mut header, 40, AREA_HEADER as u64);
    put(&mut header, 48, text.len() as u64);
    header[56..60].copy_from_slice(&crc(text).to_le_bytes());
    let sum = crc(&header[4..]);
    header[..4].copy_from_slice(&sum.to_le_bytes());
    header
}

fn put(bytes: &mut [u8], at: usize, number: u64) {
    bytes[at..at + 8].copy_from_slice(&number.to_le_bytes());
}
