//! Device nodes and labels that an image file declares, because no hook in a user namespace could make them.
//!
//! In: `nodes:` and `labels:` of an image file. Out: what capture adds to the tree. Never: a node made on the building machine.

use alloc::string::String;

use dibber_model::{Hasher, Identify, identify};
use serde::{Deserialize, Serialize};

/// A device node, label or attribute that no hook in a user namespace could make.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeclaredNode {
    /// Absolute path in the tree.
    pub path: String,
    /// Block, character, fifo or a label on what exists.
    pub what: NodeKind,
}

identify!(DeclaredNode { path, what });

/// What is declared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NodeKind {
    /// `mknod b major minor`.
    Block {
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
        /// Permission bits.
        mode: u16,
    },
    /// `mknod c major minor`.
    Char {
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
        /// Permission bits.
        mode: u16,
    },
    /// `security.selinux`, on a path that exists.
    SelinuxLabel(String),
}

impl Identify for NodeKind {
    fn identify(&self, hasher: &mut Hasher) {
        match self {
            NodeKind::Block { major, minor, mode } => (major, minor, mode).identify(hasher.part(b"block")),
            NodeKind::Char { major, minor, mode } => (major, minor, mode).identify(hasher.part(b"char")),
            NodeKind::SelinuxLabel(label) => label.identify(hasher.part(b"selinux")),
        }
    }
}
