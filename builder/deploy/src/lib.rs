//! The rules by which others take an image: ironic for a disk of a node, TripleO for the image of a node, nova for a flavor.
//!
//! They are theirs, not this project's: each is written down beside the code that they have it in, and nothing that a build does depends on
//! a cloud. Planning asks them (an image without a target is looked up as a node's image is), and so do the commands that look at
//! finished images.
//!
//! In: properties, tags, nodes, flavors. Out: which image serves whom, and why. Never: a file, a server, an image's content.
//!
//! # Example
//!
//! What ironic takes an image for, by its properties in Glance.
//!
//! ```
//! use std::collections::BTreeMap;
//!
//! use dibber_deploy::structure::{Structure, of_properties};
//!
//! let properties = BTreeMap::from([("img_type".to_string(), "partition".to_string())]);
//! assert_eq!(of_properties(&properties).structure, Structure::Partition);
//! assert_eq!(of_properties(&BTreeMap::new()).structure, Structure::WholeDisk);
//! ```
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod flavor;
pub mod select;
pub mod structure;
