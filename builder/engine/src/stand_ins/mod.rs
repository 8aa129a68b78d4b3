//! Native programs in a foreign tree. Where the image is of another architecture, an emulator runs its programs, which is slow; so a small
//! native tree is made from the same archive, and its programs stand in for those of the same name and version.
//!
//! In: the native tree's plan, the tree that is being built. Out: a mounted native tree, and a table of what may stand in. Never: a
//! program whose package differs, or one whose answers depend on the architecture.

mod native_tree;
mod programs;

pub(crate) use native_tree::NativeTree;
pub(crate) use programs::{PackagedTree, Versions, stand_ins};
