//! Where everything on a disk lies.
//!
//! A disk's config says which partitions there are and how large each should be, often only as a share or as its content wants. Where each of
//! them begins and ends is decided here, in one pass and before any byte is written.
//!
//! In: a disk as it should be, and how much its content needs. Out: every byte range placed, or why it cannot be. Never:
//! content, files, clocks.
//!
//! The rules, where dib's block-device layer (`block_device/level1/partitioning.py`) leaves a choice:
//!
//! - Partitions start on the disk's alignment, and take whole multiples of it. A given size is rounded up, so nobody gets
//!   less than was asked for; a share of the free space is rounded down, so the shares always fit.
//! - A share (`50%`) is one of what is still free when the partition's turn comes, as in dib.
//! - On a disk without a given size, a share is as large as its content wants.
//! - What content wants is its minimal size and headroom: a tenth, and at least 64 MiB for ext4, 96 MiB for xfs and 1 MiB for FAT.
//! - The disk is a whole number of MiB, because Azure, VMware and dd with `bs=1M` want it so.
//! - Groups of LVM lie on their partitions by the rules of `groups`.
//! - An extended partition starts at its first logical one and reaches to the end of the disk, as in dib.
//!
//! # Example
//!
//! A partition of 256 MiB, and one that takes what is left of a disk of 1 GiB.
//!
//! ```
//! use dibber_layout::{LayoutError, Loaders, Measured, solve};
//! use dibber_model::{Bytes, DiskSpec, PartContents, PartKind, PartSpec, SectorSize, SizeRule, TableKind};
//!
//! let part = |name: &str, size| PartSpec {
//!     name: name.into(),
//!     number: None,
//!     kind: PartKind::Mbr { type_byte: 0x83, active: false, primary: true },
//!     size,
//!     contents: PartContents::Nothing,
//! };
//! let spec = DiskSpec {
//!     name: "image0".into(),
//!     table: TableKind::Mbr { disk: 1 },
//!     sector: SectorSize::B512,
//!     size: Some(Bytes::gib(1)),
//!     align: 1 << 20,
//!     bios_boot: false,
//!     groups: vec![],
//!     parts: vec![part("boot", SizeRule::Exact(Bytes::mib(256))), part("root", SizeRule::Free { share: 10_000 })],
//! };
//! let layout = solve(&spec, &Measured::default(), &Loaders::new())?;
//! let places: Vec<(u64, u64)> = layout.parts().iter().map(|part| (part.start >> 20, part.len >> 20)).collect();
//! assert_eq!(places, [(1, 256), (257, 767)]);
//! # Ok::<(), LayoutError>(())
//! ```
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod error;
mod groups;
mod number;
mod pool;
mod render;
mod room;
mod solve;
mod want;
mod warning;

pub use error::LayoutError;
pub use render::{render, sketch};
pub use solve::{Loaders, Measured, solve};
pub use warning::{LayoutWarning, warnings};
