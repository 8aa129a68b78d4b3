//! Block-device configs: dib's grammar, in tree form, graph form or both, with a few keys of our own.
//!
//! In: a YAML list of nodes, and what the image says about its disk. Out: a [`DiskSpec`](dibber_model::DiskSpec), the
//! fstab and the variables that hooks see. Never: an offset.

mod choose;
mod defaults;
mod filesystem;
mod fstab;
mod mkfs;
mod nodes;
mod partition;
mod spec;
#[cfg(test)]
mod tests;
mod types;

pub use choose::{ChosenLayout, DEFAULT_LAYOUT, LayoutRequest};
pub use defaults::DiskDefaults;
pub use fstab::{fstab, variables};
pub use mkfs::{mkfs_options, over};
pub use spec::disk_spec;
pub use types::{gpt_codes, gpt_type, is_esp, mbr_type};
