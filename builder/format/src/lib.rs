//! Filesystems, partition tables and containers as bytes.
//!
//! Images are usually made by tools that write to a block device: parted, mkfs, mount, qemu-img. Here each format is a function from a tree or a
//! layout to extents, that is bytes at places and references to files. No device is needed, any output can be poured from the same extents,
//! and equal input gives equal bytes.
//!
//! In: trees, layouts and parameters. Out: extents. Never: files, clocks, randomness; every byte is a function of the input.
//!
//! # Example
//!
//! Swap space of 1 MiB: a header with the identity and the label, and a hole.
//!
//! ```
//! use dibber_format::swap::{self, SwapError};
//!
//! let space = swap::write("swap", uuid::Uuid::from_u128(1), 1 << 20, 4096)?;
//! assert_eq!(space.len(), 1 << 20);
//! assert!(space.covered() < 4096);
//! # Ok::<(), SwapError>(())
//! ```
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod chs;
pub mod cpio;
pub mod disk;
pub mod ext4;
pub mod fat;
pub mod filesystem;
mod gpt;
pub mod grub;
pub mod gzip;
pub mod lvm;
mod mbr;
mod posix_acl;
pub mod qcow2;
mod sink;
pub mod swap;
mod table;
pub mod vhd;
pub mod xfs;
