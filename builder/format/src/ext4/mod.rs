//! ext4, written once: every block is decided before the first byte, and nothing is ever changed afterwards.
//!
//! `mke2fs -d` fills a filesystem as a kernel would, by allocating. Whoever knows the whole tree beforehand can place everything at once, with
//! files in one piece, and measure with the code that writes. Nothing is mounted, so no root is needed.
//!
//! In: a tree, names, times, options. Out: the exact size that it needs, or the filesystem as `Extents`. Never: content
//! of files, a clock, or a mount.
//!
//! ```text
//! Tree -> Survey           inodes numbered in walk order, directories cut, attributes encoded      (survey)
//!      -> Geometry         superblock copies, descriptors, bitmaps and inode tables placed         (geometry)
//!      -> Placement        journal, directories and files placed, low to high, nothing skipped     (place)
//!      -> size | Extents   measuring stops at the plan, writing goes on from it                    (plan, write)
//! ```
//!
//! Blocks are 4096 bytes, inodes 256. The features are those of `mke2fs` 1.47, without those that GRUB 2.06 refuses
//! (`metadata_csum_seed`, `orphan_file`). Formats follow the kernel's `Documentation/filesystems/ext4/`.

mod acl;
mod checksum;
mod dir;
mod error;
mod extent_tree;
mod field;
mod geometry;
mod group;
mod hash;
mod htree;
mod inode;
mod journal;
mod options;
mod place;
mod plan;
mod resize;
mod superblock;
mod survey;
mod walk;
mod write;
mod xattr;

use alloc::format;
use alloc::string::{String, ToString};

use dibber_model::{Bytes, Extents, MkfsOptions, Timestamp, Tree};
use uuid::Uuid;

pub use error::Ext4Error;

use crate::filesystem::{FilesystemError, Making, Writer};
use options::Options;
use plan::Planner;
use survey::Survey;

/// Size of a block in bytes.
pub const BLOCK: u64 = 4096;
/// Blocks of a group: the bits of one bitmap block.
const GROUP_BLOCKS: u64 = BLOCK * 8;
/// The same in bytes: 128 MiB.
const GROUP_BYTES: u64 = GROUP_BLOCKS * BLOCK;
/// Bytes of `s_volume_name`.
const LABEL_MAX: usize = 16;
/// Bytes of `s_last_mounted`, with a NUL behind them.
const MOUNT_POINT_MAX: usize = 63;

/// What a filesystem has besides its tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ext4Params {
    /// Its label, up to 16 bytes.
    pub label: String,
    /// Its identity.
    pub uuid: Uuid,
    /// What directory hashes start from.
    pub hash_seed: Uuid,
    /// The time of everything that the tree gives no time for: the making of the filesystem, and access, change and
    /// creation of each inode.
    pub epoch: Timestamp,
    /// Choices of mkfs.
    pub options: MkfsOptions,
    /// Where it was last mounted, up to 63 bytes; may be empty. e2fsck and `dumpe2fs` show it.
    pub mount_point: String,
}

/// The writer of ext4 by what the plan says.
pub struct Ext4;

impl Writer for Ext4 {
    fn measure(&self, tree: &Tree, making: &Making<'_>) -> Result<Bytes, FilesystemError> {
        Ok(measure(tree, &Ext4Params::of(making))?)
    }

    fn write(&self, tree: &Tree, making: &Making<'_>, len: u64) -> Result<Extents, FilesystemError> {
        Ok(write(tree, &Ext4Params::of(making), len)?)
    }
}

impl Ext4Params {
    fn of(making: &Making<'_>) -> Ext4Params {
        let spec = making.spec;
        Ext4Params {
            label: spec.label.clone(),
            uuid: spec.uuid,
            hash_seed: making.seed.uuid(&format!("hash seed of {}", spec.name), 0),
            epoch: making.epoch,
            options: spec.options.clone(),
            mount_point: spec.mount.as_ref().map(|mount| mount.as_str().to_string()).unwrap_or_default(),
        }
    }
}

/// The least size that holds `tree`, in bytes: a multiple of [`BLOCK`].
///
/// # Errors
/// What [`write()`] refuses, but for room.
pub fn measure(tree: &Tree, params: &Ext4Params) -> Result<Bytes, Ext4Error> {
    let options = check(params)?;
    let survey = Survey::new(tree, params)?;
    let plan = Planner { survey: &survey, options }.smallest()?;
    Ok(Bytes(plan.blocks * BLOCK))
}

/// A filesystem of `len` bytes that holds `tree`. `len` is rounded down to a block for the filesystem; the extents are
/// exactly `len` long. What they leave out is zeros, and the filesystem counts on that.
///
/// # Errors
/// [`Ext4Error::NoRoom`] with both sizes if `len` is less than [`measure`] says. Otherwise the path of what ext4 cannot
/// hold, or the option that is out of range.
pub fn write(tree: &Tree, params: &Ext4Params, len: u64) -> Result<Extents, Ext4Error> {
    let options = check(params)?;
    let survey = Survey::new(tree, params)?;
    let plan = Planner { survey: &survey, options }.of(len / BLOCK)?;
    write::write(params, &survey, &plan, len)
}

fn check(params: &Ext4Params) -> Result<Options, Ext4Error> {
    let texts = [("label", &params.label, LABEL_MAX), ("mount point", &params.mount_point, MOUNT_POINT_MAX)];
    for (what, text, max) in texts {
        if text.len() > max {
            return Err(Ext4Error::Text { what, text: text.clone(), max });
        }
    }
    Options::new(&params.options)
}
