//! The superblock and its copies.
//!
//! In: the plan, totals, names and times. Out: 1024 bytes, for any group. Never: a field that a clock would fill.
//!
//! Source: `Documentation/filesystems/ext4/super.rst`.

use super::GROUP_BLOCKS;
use super::checksum::Crc;
use super::field::{put_split, put16, put32};
use super::geometry::INODE_SIZE;
use super::group::{DESCRIPTOR_SIZE, Totals};
use super::inode::EXTRA_SIZE;
use super::journal::JOURNAL_INO;
use super::plan::Plan;
use super::walk::LOST_FOUND_INO;
use super::{BLOCK, Ext4Params};

/// has_journal, ext_attr, resize_inode, dir_index.
const COMPAT: u32 = 0x4 | 0x8 | 0x10 | 0x20;
/// filetype, extent, 64bit, flex_bg.
const INCOMPAT: u32 = 0x2 | 0x40 | 0x80 | 0x200;
/// sparse_super, large_file, huge_file, dir_nlink, extra_isize, metadata_csum.
const RO_COMPAT: u32 = 0x1 | 0x2 | 0x8 | 0x20 | 0x40 | 0x400;
/// log2(BLOCK) - 10.
const LOG_BLOCK_SIZE: u32 = BLOCK.trailing_zeros() - 10;

/// What every copy says; group number and sum come last.
pub(super) struct Superblock([u8; 1024]);

impl Superblock {
    /// For a plan whose groups have been written. `journal_map` is the `i_block` of the journal's inode.
    pub(super) fn new(params: &Ext4Params, plan: &Plan, totals: &Totals, journal_map: &[u8; 60]) -> Self {
        let mut out = [0; 1024];
        constants(&mut out);
        counts(&mut out, plan, totals);
        names_and_times(&mut out, params);
        // s_jnl_blocks: a copy of the journal's map, then the two halves of its size, high first.
        let size = u64::from(plan.geometry.journal_blocks) * BLOCK;
        out[0x10c..0x148].copy_from_slice(journal_map);
        put_split(&mut out, 0x14c, 0x148, size);
        Superblock(out)
    }

    /// The copy for a group.
    pub(super) fn copy(&self, group: u32) -> [u8; 1024] {
        let mut out = self.0;
        // The field is as narrow as it was in ext2; copies in groups beyond it say 65535.
        put16(&mut out, 0x5a, u16::try_from(group).unwrap_or(u16::MAX));
        let sum = Crc::START.over(&out[..0x3fc]).value();
        put32(&mut out, 0x3fc, sum);
        out
    }
}

fn constants(out: &mut [u8; 1024]) {
    put32(out, 0x18, LOG_BLOCK_SIZE);
    put32(out, 0x1c, LOG_BLOCK_SIZE); // clusters are blocks
    put32(out, 0x20, GROUP_BLOCKS as u32);
    put32(out, 0x24, GROUP_BLOCKS as u32);
    put16(out, 0x36, u16::MAX); // s_max_mnt_count: never check by count
    put16(out, 0x38, 0xef53); // s_magic
    put16(out, 0x3a, 1); // s_state: clean
    put16(out, 0x3c, 1); // s_errors: continue
    put32(out, 0x4c, 1); // s_rev_level: dynamic
    put32(out, 0x54, LOST_FOUND_INO); // s_first_ino
    put16(out, 0x58, INODE_SIZE as u16);
    put32(out, 0x5c, COMPAT);
    put32(out, 0x60, INCOMPAT);
    put32(out, 0x64, RO_COMPAT);
    put32(out, 0xe0, JOURNAL_INO);
    out[0xfc] = 1; // s_def_hash_version: half MD4
    out[0xfd] = 1; // s_jnl_backup_type: inode blocks
    put16(out, 0xfe, DESCRIPTOR_SIZE as u16);
    put32(out, 0x100, 0x4 | 0x8); // s_default_mount_opts: user_xattr, acl
    put16(out, 0x15c, EXTRA_SIZE);
    put16(out, 0x15e, EXTRA_SIZE);
    put32(out, 0x160, 1); // s_flags: directory hashes over signed characters
    out[0x174] = 4; // s_log_groups_per_flex
    out[0x175] = 1; // s_checksum_type: CRC-32C
}

fn counts(out: &mut [u8; 1024], plan: &Plan, totals: &Totals) {
    let geometry = &plan.geometry;
    let reserved = plan.blocks * u64::from(plan.options.reserved_percent) / 100;
    put32(out, 0x00, geometry.inodes_per_group * geometry.groups);
    put_split(out, 0x04, 0x150, plan.blocks);
    put_split(out, 0x08, 0x154, reserved);
    put_split(out, 0x0c, 0x158, totals.free_blocks);
    put32(out, 0x10, totals.free_inodes);
    put32(out, 0x28, geometry.inodes_per_group);
    put16(out, 0xce, geometry.reserved_blocks as u16);
    // s_overhead_clusters, which the kernel would otherwise count at mount: fixed structures and the journal.
    let fixed: u64 = geometry.fixed.iter().map(|range| range.end - range.start).sum();
    put32(out, 0x248, u32::try_from(fixed + u64::from(geometry.journal_blocks)).unwrap_or(0));
}

fn names_and_times(out: &mut [u8; 1024], params: &Ext4Params) {
    out[0x68..0x78].copy_from_slice(params.uuid.as_bytes());
    out[0x78..0x78 + params.label.len()].copy_from_slice(params.label.as_bytes());
    out[0x88..0x88 + params.mount_point.len()].copy_from_slice(params.mount_point.as_bytes());
    out[0xec..0xfc].copy_from_slice(params.hash_seed.as_bytes());
    // Times have 40 bits, unsigned. s_mtime stays zero: it was never mounted.
    let time = params.epoch.secs.clamp(0, (1 << 40) - 1) as u64;
    for (low, high) in [(0x30, 0x274), (0x40, 0x277), (0x108, 0x276)] {
        put32(out, low, time as u32);
        out[high] = (time >> 32) as u8;
    }
}
