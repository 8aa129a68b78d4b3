//! From what was read to what will be done.
//!
//! In: a [`SourceSet`] and a request. Out: a [`Plan`] for each image and target. Never: files, processes, the clock.
#![no_std]

extern crate alloc;

pub mod disk;
pub mod image;
mod output;
pub mod elements;
pub mod plan;
pub mod source;
pub mod yaml;

pub use plan::{Action, Archive, DeclaredNode, NodeKind, OutputKind, Plan, Qcow2Compression, Step};
pub use source::{Body, ElementSource, Entry, SourceSet, TextSource};
