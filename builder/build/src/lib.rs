//! Every effect of the program: reading sources, running hooks, capturing trees, pouring files.
//!
//! In: plans and trees. Out: files. Never: a decision that the pure crates could have taken.

pub mod pour;
