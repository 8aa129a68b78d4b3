//! The only effects: reading sources, running hooks, capturing trees, pouring files.
//!
//! In: a plan. Out: an output set. Never: a mount of an image, a loop device, or anything left behind.

pub mod answers;
pub mod boot;
pub mod event;
pub mod kernel;
pub mod output;
pub mod pour;
pub mod capture;
pub mod layers;
pub mod scan;
pub mod store;
