//! rpm's own container, `Packages.db` (`lib/backend/ndb/rpmpkg.c`): pages of slots, each with the place of a blob, in units of 16 bytes.

use super::Found;
use super::bytes::{Endian, size_at, slice, u32_at};
use crate::error::{DatabaseError, damaged};

/// `PKGDB_MAGIC`, `SLOT_MAGIC`, `BLOBHEAD_MAGIC`: "RpmP", "Slot", "BlbS".
const MAGIC: &[u8] = b"RpmP";
const SLOT: &[u8] = b"Slot";
const BLOB: &[u8] = b"BlbS";

/// Bytes of a slot, of a blob's head, and of what a blob's place counts.
const UNIT: usize = 16;
/// Bytes of a page of slots; the first two slots of the first one are the file's head.
const PAGE: usize = 4096;
const HEAD_SLOTS: usize = 2;

/// All headers of it.
pub(crate) fn headers(file: &[u8]) -> Result<Found, DatabaseError> {
    if slice(file, 0, 4)? != MAGIC {
        return Err(DatabaseError::Unknown("no `RpmP` at its start".into()));
    }
    let pages = size_at(file, 12, Endian::Little)?;
    let slots = slice(file, 0, pages.saturating_mul(PAGE))?;
    let mut found = Found::in_file(file);
    for slot in slots.chunks_exact(UNIT).skip(HEAD_SLOTS) {
        let number = u32_at(slot, 4, Endian::Little)?;
        if number == 0 {
            continue;
        }
        if &slot[..4] != SLOT {
            return Err(damaged("a slot without its mark"));
        }
        found.take(blob(file, size_at(slot, 8, Endian::Little)?.saturating_mul(UNIT), number)?)?;
    }
    Ok(found)
}

fn blob(file: &[u8], at: usize, number: u32) -> Result<&[u8], DatabaseError> {
    let head = slice(file, at, UNIT)?;
    if &head[..4] != BLOB || u32_at(head, 4, Endian::Little)? != number {
        return Err(damaged("a slot leads to no blob of its own"));
    }
    slice(file, at.saturating_add(UNIT), size_at(head, 12, Endian::Little)?)
}
