//! Filesystems, tables and containers as data.
//!
//! In: trees and layouts. Out: `Extents`. Never: files, processes, clocks, randomness.
#![no_std]

extern crate alloc;

pub mod ext4;
