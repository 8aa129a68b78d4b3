//! XFS of version 5, written once: every block is decided before the first byte, and nothing is ever changed afterwards.
//!
//! `mkfs.xfs -p` fills a filesystem as a kernel would, by allocating, and loses times, attributes and hard links on the way. Whoever
//! knows the whole tree beforehand can place everything at once, with files in one piece, and measure with the code that writes.
//!
//! In: a tree, names, times, options. Out: the size that it needs, or the filesystem as `Extents`. Never: content of files, a clock, or
//! a mount.
//!
//! ```text
//! Tree -> Survey           inodes numbered in walk order, directories cut, forks divided          (survey, dir, attr, fork)
//!      -> Geometry         allocation groups, their headers and roots, the log                    (geometry)
//!      -> Placement        chunks of inodes, attributes, directories and files, low to high       (place)
//!      -> size | Extents   measuring stops at the plan, writing goes on from it                   (plan, write)
//! ```
//!
//! Blocks are 4096 bytes, inodes 512 unless asked otherwise. The features are those of `mkfs.xfs` 6.1, which GRUB 2.06 and later
//! read. Formats follow `fs/xfs/libxfs/` of the kernel.

mod ag;
mod ag_tree;
mod attr;
mod bmap;
mod da_tree;
mod dir;
mod error;
mod field;
mod fork;
mod geometry;
mod hash;
mod inode;
mod log;
mod options;
mod owners;
mod place;
mod plan;
mod seal;
mod spread;
mod superblock;
mod survey;
mod walk;
mod write;

use alloc::string::String;

use dibber_model::filesystem::XfsOptions;
use dibber_model::{Bytes, Extents, SectorSize, Timestamp, Tree};
use uuid::Uuid;

pub use error::XfsError;

use crate::filesystem::{FilesystemError, Making, Writer};
use crate::sink::Sink;
use options::Options;
use plan::Planner;
use survey::Survey;

/// Size of a block in bytes.
pub const BLOCK: u64 = 4096;
/// Bytes of `sb_fname`.
const LABEL_MAX: usize = 12;

/// What a filesystem has besides its tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct XfsParams {
    /// Its label, up to 12 bytes.
    pub label: String,
    /// Its identity.
    pub uuid: Uuid,
    /// The time of everything that the tree gives no time for: access, change and creation of each inode.
    pub epoch: Timestamp,
    /// Logical sectors of the disk: no header is smaller.
    pub sector: SectorSize,
    /// Choices of mkfs.
    pub options: XfsOptions,
}

/// The writer of xfs by what the plan says.
pub struct Xfs;

impl Writer for Xfs {
    fn measure(&self, tree: &Tree, making: &Making<'_>) -> Result<Bytes, FilesystemError> {
        Ok(measure(tree, &XfsParams::of(making))?)
    }

    fn write(&self, tree: &Tree, making: &Making<'_>, len: u64) -> Result<Extents, FilesystemError> {
        Ok(write(tree, &XfsParams::of(making), len)?)
    }
}

impl XfsParams {
    fn of(making: &Making<'_>) -> XfsParams {
        let spec = making.spec;
        XfsParams {
            label: spec.label.clone(),
            uuid: spec.uuid,
            epoch: making.epoch,
            sector: making.sector,
            options: spec.options.xfs.clone(),
        }
    }
}

/// The least size that holds `tree`, in bytes: a multiple of [`BLOCK`], and 300 MiB at least, as `mkfs.xfs` has it.
///
/// # Errors
/// What [`write()`] refuses, but for room.
pub fn measure(tree: &Tree, params: &XfsParams) -> Result<Bytes, XfsError> {
    let options = check(params)?;
    let survey = Survey::new(tree, options)?;
    let plan = Planner { survey: &survey, options }.smallest()?;
    Ok(Bytes(plan.geometry.blocks * BLOCK))
}

/// A filesystem of `len` bytes that holds `tree`. `len` is rounded down to a block for the filesystem; the extents are
/// exactly `len` long. What they leave out is zeros, and the filesystem counts on that.
///
/// # Errors
/// [`XfsError::NoRoom`] or [`XfsError::TooSmall`] with both sizes if `len` does not hold the tree: none that [`measure`] told or more is
/// refused. Otherwise the path of what xfs cannot hold, or the option that there is not.
pub fn write(tree: &Tree, params: &XfsParams, len: u64) -> Result<Extents, XfsError> {
    let options = check(params)?;
    let survey = Survey::new(tree, options)?;
    let plan = Planner { survey: &survey, options }.of(len / BLOCK)?;
    write::write(params, &survey, &plan, len)
}

fn check(params: &XfsParams) -> Result<Options, XfsError> {
    if params.label.len() > LABEL_MAX {
        return Err(XfsError::Label { text: params.label.clone(), max: LABEL_MAX });
    }
    Options::new(&params.options, params.sector)
}
