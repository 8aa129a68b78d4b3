//! YAML with places: what image files and block-device configs are read from.
//!
//! A message about an image file must name the line and the column, and a mode such as `0755` must stay as it was written; readers of YAML that
//! deserialize into types keep neither. So these files are read into nodes that know their places, and checked against shapes.
//!
//! In: a text and the name of its file. Out: a tree of nodes, each with its line and column, numbers kept as they were
//! written (`0755`, `0x41`). Never: a duplicate key, an alias bomb, a guess.

mod place;
mod read;
mod shape;

pub use place::{Cause, Fault, Place};
pub use read::{Node, Yaml, read};
pub(crate) use shape::unknown_key;
pub use shape::{Key, Shape};
