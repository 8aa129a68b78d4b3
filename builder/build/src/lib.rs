//! The only effects: reading sources, running hooks, capturing trees, pouring files.
//!
//! In: a plan. Out: an output set. Never: a mount of an image, a loop device, or anything left behind.

pub mod event;
pub mod sandbox;
