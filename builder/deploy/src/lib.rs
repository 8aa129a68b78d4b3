//! The rules by which others take an image: ironic for a disk of a node, TripleO for the image of a node, nova for a flavor.
//!
//! They are theirs, not this project's: each is written down beside the code that they have it in, and nothing that a build does depends on
//! a cloud. Planning asks them (an image without a target is looked up as a node's image is), and so do the commands that look at
//! finished images.
//!
//! In: properties, tags, nodes, flavors. Out: which image serves whom, and why. Never: a file, a server, an image's content.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod flavor;
pub mod select;
pub mod structure;
