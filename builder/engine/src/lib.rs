//! A build from its plan to the files in the output directory: everything is read, a worker is started, steps make a tree, the tree is
//! captured, its files are poured and put in place. This is the one crate that knows the whole flow; what has a noun of its own
//! (processes, the store, output directories, extents) lives in a crate of that name, and is put together here.
//!
//! In: a plan. Out: an output set. Never: a mount of an image, a loop device, or anything left behind.
//!
//! The person's side is [`build_member`], for several at once [`build_set`]: it scans, asks, starts a worker, commits. The worker's
//! side is [`build_image`]: hooks make a tree, the tree becomes data, the data a disk, the disk files.
#![forbid(unsafe_code)]

pub mod archive;
mod bootloader;
pub mod breakpoints;
mod build_image;
pub mod build_job;
pub mod build_member;
pub mod build_set;
pub mod cache;
pub mod capture;
pub mod dib_commands;
pub mod doctor;
mod error;
pub mod event;
pub mod failure;
mod given;
mod kernel;
pub mod output_names;
mod outputs;
mod partitions;
mod preflight;
mod previous_set;
pub mod scan;
pub mod settings;
mod stand_ins;
pub mod status;
pub mod steps;
pub mod worker;
