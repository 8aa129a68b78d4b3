//! The records of a directory.
//!
//! In: a node and its children, with names and clusters. Out: bytes. Never: an order other than the tree's.

use alloc::vec::Vec;

use super::FatParams;
use super::name::{Name, UNITS_PER_RECORD};
use super::time::DosTime;
use super::volume::{FatNode, Volume};

const VOLUME_ID: u8 = 0x08;
const DIRECTORY: u8 = 0x10;
const ARCHIVE: u8 = 0x20;
const LONG_NAME: u8 = 0x0f;
/// Marks the last part of a long name, which is stored first.
const LAST_PART: u8 = 0x40;
/// Where the 13 units of a part lie in its record.
const UNIT_PLACES: [usize; UNITS_PER_RECORD] = [1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30];

/// All records of the directory `id`. The volume label stands first in the root.
pub(crate) fn records(volume: &Volume<'_>, id: usize, params: &FatParams) -> Vec<u8> {
    let node = &volume.nodes[id];
    let mut bytes = Vec::with_capacity(node.len as usize);
    if id == 0 {
        if params.label != [b' '; 11] {
            bytes.extend(record(&params.label, VOLUME_ID, DosTime::of(params.epoch), Data::NONE));
        }
    } else {
        let time = DosTime::of(node.mtime);
        // `..` of a directory in the root has cluster 0, even where the root is in a cluster.
        let above = if node.parent == 0 { 0 } else { volume.nodes[node.parent].cluster };
        bytes.extend(record(b".          ", DIRECTORY, time, Data { cluster: node.cluster, len: 0 }));
        bytes.extend(record(b"..         ", DIRECTORY, time, Data { cluster: above, len: 0 }));
    }
    for child in &node.children {
        let child = &volume.nodes[*child];
        if let Some(name) = &child.name {
            entry(child, name, &mut bytes);
        }
    }
    bytes
}

fn entry(node: &FatNode<'_>, name: &Name, bytes: &mut Vec<u8>) {
    let sum = checksum(&name.short);
    let parts = name.long.chunks(UNITS_PER_RECORD).enumerate();
    let last = parts.len();
    for (i, units) in parts.rev() {
        let order = (i + 1) as u8 | if i + 1 == last { LAST_PART } else { 0 };
        bytes.extend(long_part(order, units, sum));
    }
    let (attributes, len) = match node.content {
        Some(_) => (ARCHIVE, node.len),
        None => (DIRECTORY, 0),
    };
    bytes.extend(record(
        &name.short,
        attributes,
        DosTime::of(node.mtime),
        Data { cluster: node.cluster, len },
    ));
}

/// Where a record's data begins, and its length in bytes.
#[derive(Clone, Copy)]
struct Data {
    cluster: u64,
    len: u64,
}

impl Data {
    const NONE: Data = Data { cluster: 0, len: 0 };
}

/// A record of 8.3 (specification, section 6).
fn record(name: &[u8; 11], attributes: u8, time: DosTime, data: Data) -> [u8; 32] {
    let mut bytes = [0; 32];
    let mut put = |at: usize, field: &[u8]| bytes[at..at + field.len()].copy_from_slice(field);
    let (cluster, len) = (data.cluster as u32, data.len as u32);
    put(0, name);
    put(11, &[attributes]);
    put(13, &[time.hundredths]);
    put(14, &time.time.to_le_bytes());
    put(16, &time.date.to_le_bytes());
    put(18, &time.date.to_le_bytes());
    put(20, &((cluster >> 16) as u16).to_le_bytes());
    put(22, &time.time.to_le_bytes());
    put(24, &time.date.to_le_bytes());
    put(26, &(cluster as u16).to_le_bytes());
    put(28, &len.to_le_bytes());
    bytes
}

/// One part of a long name (section 7): its units, then a zero if there is room, then ones.
fn long_part(order: u8, units: &[u16], sum: u8) -> [u8; 32] {
    let mut bytes = [0; 32];
    bytes[0] = order;
    bytes[11] = LONG_NAME;
    bytes[13] = sum;
    for (i, at) in UNIT_PLACES.into_iter().enumerate() {
        let unit = match units.get(i) {
            Some(unit) => *unit,
            None if i == units.len() => 0,
            None => 0xffff,
        };
        bytes[at..at + 2].copy_from_slice(&unit.to_le_bytes());
    }
    bytes
}

/// The sum that ties long parts to their short name (section 7.2).
fn checksum(short: &[u8; 11]) -> u8 {
    short.iter().fold(0u8, |sum, byte| sum.rotate_right(1).wrapping_add(*byte))
}
