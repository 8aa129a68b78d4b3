//! Trees and layouts as bytes: tables, filesystems and containers, described as extents.
//!
//! In: nouns of the model. Out: extents, headers and tables. Never: files, processes, clocks, randomness.
#![no_std]

extern crate alloc;

pub mod qcow2;
