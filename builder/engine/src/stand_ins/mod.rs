//! Native programs in a foreign tree: a tree of this machine's architecture, from the same archive, whose programs stand in
//! for those of the same name and version.
//!
//! In: the twin's plan, the tree that is being built. Out: a mounted twin, and a table of what may stand in. Never: a
//! program whose package differs, or one whose answers depend on the architecture.

mod programs;
mod twin;

pub(crate) use programs::{Versions, rows};
pub(crate) use twin::Twin;
