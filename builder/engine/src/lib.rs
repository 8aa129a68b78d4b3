//! A build: everything read, the worker started, steps run, the tree captured, its files poured and put in place.
//!
//! It is the one crate that knows the whole flow; what has a noun of its own (processes, the store, output directories, extents) lives in a
//! crate of that name, and is put together here.
//!
//! In: a plan. Out: an output set. Never: a mount of an image, a loop device, or anything left behind.
//!
//! The person's side is [`set`], for several at once [`side_by_side`]: it scans, asks, starts a worker, commits. The worker's
//! side is [`image`]: hooks make a tree, the tree becomes data, the data a disk, the disk files.
#![forbid(unsafe_code)]

pub mod answers;
mod artifacts;
pub mod breaks;
pub mod capture;
pub mod commands;
mod conversation;
pub mod doctor;
mod error;
pub mod event;
mod given;
mod image;
pub mod job;
mod kernel;
mod loader;
mod native;
mod needs;
pub mod outlook;
mod parts;
pub mod scan;
pub mod set;
pub mod side_by_side;
pub mod steps;
pub mod worker;

pub use needs::ran_out;
