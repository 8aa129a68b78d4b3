//! The head of a physical volume.
//!
//! In: its bytes. Out: its id and the text of its group. Never: a text longer than its area, or of which the checksum is another.
//!
//! `struct label_header` and `struct pv_header` of lvm2's `lib/label/label.h`, `struct mda_header` of `lib/format_text/layout.h`.

use super::super::ShowError;
use super::super::field::{le32, le64, text};
use super::super::source::{Source, read_up_to};

/// Sectors in which the label may be.
const LABEL_SECTORS: usize = 4;
/// Longest text that is read, in bytes: as long as the area of metadata that pvcreate makes.
const TEXT_MAX: u64 = 1 << 20;
/// Areas of data and of metadata that are looked at.
const AREAS_MAX: usize = 16;

/// A physical volume.
pub(super) struct Member {
    /// Its id, with dashes.
    pub(super) id: String,
    /// What it says of its group, if it is in one.
    pub(super) text: Option<String>,
}

/// Reads the head, or tells why it cannot be read.
pub(super) fn read(source: &dyn Source) -> Result<Result<Member, String>, ShowError> {
    let head = read_up_to(source, 0, LABEL_SECTORS * 512)?;
    let Some(label) = head.chunks_exact(512).find(|sector| sector.starts_with(b"LABELONE")) else {
        return Ok(Err("there is no label".to_string()));
    };
    let at = le32(label, 20) as usize;
    if crc(&label[20..]) != le32(label, 16) || at > 256 {
        return Ok(Err("its label's checksum is another".to_string()));
    }
    let id = dashed(&text(label, at, 32));
    // Areas of data, then areas of metadata; each list ends with zeros.
    let mut areas = (0..AREAS_MAX).map(|n| (le64(label, at + 40 + n * 16), le64(label, at + 48 + n * 16)));
    areas.by_ref().take_while(|area| *area != (0, 0)).for_each(drop);
    let mut why = None;
    for (start, len) in areas.take_while(|area| *area != (0, 0)).collect::<Vec<_>>() {
        match area(source, start, len)? {
            Ok(text) => return Ok(Ok(Member { id, text })),
            Err(fault) => why = Some(fault),
        }
    }
    Ok(match why {
        None => Ok(Member { id, text: None }),
        Some(fault) => Err(fault),
    })
}

/// The text of an area of metadata: a ring behind a header, in which the text may go over the end.
fn area(source: &dyn Source, start: u64, len: u64) -> Result<Result<Option<String>, String>, ShowError> {
    let fault = |why: &str| Ok(Err(format!("its metadata {why}")));
    if len < 1024 || start.checked_add(len).is_none_or(|end| end > source.len()) {
        return fault("is not there");
    }
    let mut header = vec![0; 512];
    source.read_at(start, &mut header)?;
    if &header[4..20] != b" LVM2 x[5A%r0N*>" || crc(&header[4..]) != le32(&header, 0) {
        return fault("has a header whose checksum is another");
    }
    let (offset, size, sum) = (le64(&header, 40), le64(&header, 48), le32(&header, 56));
    if size == 0 {
        return Ok(Ok(None));
    }
    if size > TEXT_MAX || size > len - 512 || !(512..len).contains(&offset) {
        return fault("has no place in its area");
    }
    let mut bytes = vec![0; size as usize];
    let before = (len - offset).min(size) as usize;
    let (head, tail) = bytes.split_at_mut(before);
    source.read_at(start + offset, head)?;
    source.read_at(start + 512, tail)?;
    if crc(&bytes) != sum {
        return fault("has a checksum that is another");
    }
    Ok(Ok(Some(String::from_utf8_lossy(&bytes).trim_end_matches('\0').to_string())))
}

/// An id as lvm2 prints it.
fn dashed(id: &str) -> String {
    let groups = [6, 4, 4, 4, 4, 4, 6];
    let mut letters = id.chars();
    groups.map(|len| letters.by_ref().take(len).collect::<String>()).join("-")
}

/// lvm2's checksum (`lib/misc/crc.c`), bit by bit: a head is read once.
fn crc(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0xf597_a6cf, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| (sum >> 1) ^ (0xedb8_8320 & (sum & 1).wrapping_neg()))
    })
}
