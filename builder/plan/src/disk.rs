//! Block-device configs: dib's grammar, in tree form, graph form or both, with a few keys of our own.
//!
//! An image's disk is described as dib describes it, by a list of block-device nodes that stand on each other: a disk, a table, partitions,
//! filesystems, mounts, lines of fstab. dib runs a tool for each node; here the nodes are checked as a graph and become one value, which the
//! layout and the writers of filesystems then carry out. Every identity (UUIDs, disk signatures) is decided here, from names.
//!
//! In: a YAML list of nodes, and what the image says about its disk. Out: a [`DiskSpec`](dibber_model::DiskSpec), the
//! fstab and the variables that hooks see. Never: an offset.

mod choose;
mod defaults;
mod filesystem;
mod fstab;
mod mkfs;
mod mkfs_xfs;
mod nodes;
mod partition;
mod room;
mod spec;
#[cfg(test)]
mod tests;
mod types;
mod volume_names;
#[cfg(test)]
mod volume_tests;
mod volumes;

pub(crate) use choose::{ChosenLayout, LayoutRequest};
pub(crate) use defaults::{DiskDefaults, image_size};
pub use fstab::fstab;
pub(crate) use fstab::variables;
pub(crate) use mkfs::{mkfs_options, over};
pub(crate) use room::with_room;
pub(crate) use spec::disk_spec;
pub use types::gpt_codes;
pub(crate) use types::is_esp;

use alloc::sync::Arc;
use dibber_model::{Arch, Bytes, MkfsOptions, Seed};

use crate::source::TextSource;
use crate::yaml::{Fault, read};

/// Looks at a config as far as that can be done without an image: on a disk that is large enough for what has a size.
pub fn check_config(source: &TextSource, arch: Arch) -> Result<(), Fault> {
    let defaults = DiskDefaults {
        arch,
        seed: Seed::from_names(["check"]),
        size: Some(Bytes::gib(1 << 10)),
        block_size: None,
        fs_type: None,
        root_label: None,
        mkfs: MkfsOptions::default(),
    };
    disk_spec(&read(&Arc::new(source.clone()))?, &defaults).map(drop)
}
