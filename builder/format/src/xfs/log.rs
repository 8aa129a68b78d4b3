//! The log: empty, and unmounted cleanly.
//!
//! In: where it is. Out: one record that says so, at its start. Never: a transaction.
//!
//! Source: `fs/xfs/libxfs/xfs_log_format.h`; the record is that of `libxfs_log_header` in xfsprogs.

use uuid::Uuid;

use super::field::{put_bytes, put32};

/// Sectors of the log are counted in 512 bytes.
const SECTOR: usize = 512;
/// `XLOG_HEADER_MAGIC_NUM`.
const MAGIC: u32 = 0xfeed_babe;
/// The cycle that a new log begins with, and its version.
const CYCLE: u32 = 1;
const VERSION: u32 = 2;
/// `XLOG_FMT_LINUX_LE`: the record's unmount mark is little-endian.
const FORMAT: u32 = 1;
/// `XLOG_BIG_RECORD_BSIZE`: the most that a record has.
const RECORD_MAX: u32 = 32 << 10;
/// The number of mkfs's transaction; 0xb0c0d0d0 in xfsprogs, too. Its place in the record has the cycle.
const TRANSACTION: u32 = 0xb0c0_d0d0;
/// `XFS_LOG` and `XLOG_UNMOUNT_TRANS`.
const CLIENT: u8 = 0xaa;
const UNMOUNT: u8 = 0x20;
/// `XLOG_UNMOUNT_TYPE`, "Un".
const UNMOUNT_TYPE: u16 = 0x556e;

/// Bytes that are written: a header and a record of one sector, or what fills the log's unit.
pub(super) fn len(sector: u64) -> usize {
    (sector as usize).max(2 * SECTOR)
}

/// Writes the start of the log.
pub(super) fn write(out: &mut [u8], uuid: Uuid) {
    let record = out.len() - SECTOR;
    put32(out, 0, MAGIC);
    put32(out, 4, CYCLE);
    put32(out, 8, VERSION);
    put32(out, 12, record as u32);
    // h_lsn and h_tail_lsn: cycle 1, block 0.
    put32(out, 16, CYCLE);
    put32(out, 24, CYCLE);
    // h_prev_block: none.
    put32(out, 36, u32::MAX);
    // h_num_logops
    put32(out, 40, 1);
    // h_cycle_data: the first word of each sector, which the cycle stands in the place of.
    put32(out, 44, TRANSACTION);
    put32(out, 300, FORMAT);
    put_bytes(out, 304, uuid.as_bytes());
    put32(out, 320, RECORD_MAX);
    for sector in out[SECTOR..].chunks_exact_mut(SECTOR) {
        put32(sector, 0, CYCLE);
    }
    let operation = &mut out[SECTOR..];
    put32(operation, 4, 8);
    operation[8] = CLIENT;
    operation[9] = UNMOUNT;
    put_bytes(operation, 12, &UNMOUNT_TYPE.to_le_bytes());
}
