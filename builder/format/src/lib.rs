//! Filesystems, partition tables and containers as bytes.
//!
//! In: trees, layouts and parameters. Out: extents. Never: files, clocks, randomness; every byte is a function of the input.
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
mod mbr;
pub mod qcow2;
pub mod swap;
mod table;
pub mod vhd;
