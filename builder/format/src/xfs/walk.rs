//! Who is in the tree, and in what order they are numbered.
//!
//! In: a tree. Out: every inode once, in walk order, with its ordinal, its first name and its link count. Never: content, or an
//! inode number, which depends on where chunks lie.

use alloc::string::String;
use alloc::vec::Vec;

use dibber_model::{InodeId, Kind, Tree};

use super::XfsError;

/// The root directory is the first inode; the two of the realtime device, which there is none of, come next.
pub(super) const OWN_INODES: u32 = 3;
/// Stands for no index.
const NONE: u32 = u32::MAX;

/// An inode that has a name.
#[derive(Debug)]
pub(super) struct Seen<'t> {
    pub(super) id: InodeId,
    /// How many names it has.
    pub(super) names: u32,
    /// The index of the directory of its first name; the root's is its own.
    pub(super) parent: u32,
    /// Its first name in walk order.
    pub(super) name: &'t [u8],
}

/// All inodes that have a name, in walk order.
#[derive(Debug)]
pub(super) struct Walk<'t> {
    pub(super) seen: Vec<Seen<'t>>,
    index: Vec<u32>,
}

/// A name that the walk comes to.
#[derive(Clone, Copy)]
struct Visit<'t> {
    name: &'t [u8],
    id: InodeId,
    /// The index of the directory that it is in.
    parent: u32,
}

/// How many inodes come before the one of an index in walk order.
pub(super) fn ordinal(index: u32) -> u32 {
    if index == 0 { 0 } else { index + OWN_INODES - 1 }
}

impl<'t> Walk<'t> {
    /// Walks as `Tree::walk` does: parents before children, bytewise order within a directory.
    pub(super) fn new(tree: &'t Tree) -> Result<Self, XfsError> {
        let count = tree.inode_count();
        let mut walk = Walk { seen: Vec::with_capacity(count), index: alloc::vec![NONE; count] };
        let mut stack = alloc::vec![Visit { name: b"", id: InodeId::ROOT, parent: 0 }];
        while let Some(visit) = stack.pop() {
            let Visit { name, id, parent } = visit;
            let Some(index) = walk.index.get(id.0 as usize).copied() else {
                return Err(XfsError::Dangling { path: walk.path_of(parent, name), id: id.0, count });
            };
            if !walk.seen.is_empty() {
                walk.check_name(parent, name)?;
            }
            if index != NONE {
                walk.another_name(tree, index, visit)?;
                continue;
            }
            let index = walk.seen.len() as u32;
            walk.index[id.0 as usize] = index;
            walk.seen.push(Seen { id, names: 1, parent, name });
            if let Kind::Dir(entries) = &tree.inode(id).kind {
                let below = entries.iter().rev();
                stack.extend(below.map(|(name, child)| Visit { name, id: *child, parent: index }));
            }
        }
        Ok(walk)
    }

    fn another_name(&mut self, tree: &Tree, index: u32, visit: Visit<'t>) -> Result<(), XfsError> {
        let seen = &mut self.seen[index as usize];
        if matches!(tree.inode(seen.id).kind, Kind::Dir(_)) {
            return Err(XfsError::DirTwice { path: self.path_of(visit.parent, visit.name) });
        }
        seen.names += 1;
        Ok(())
    }

    fn check_name(&self, parent: u32, name: &[u8]) -> Result<(), XfsError> {
        let why = match name {
            b"" | b"." | b".." => "no file can be called that",
            _ if name.len() > 255 => "it is longer than 255 bytes",
            _ if name.iter().any(|byte| matches!(byte, b'/' | 0)) => "it holds a slash or a NUL",
            _ => return Ok(()),
        };
        Err(XfsError::Name { path: self.path_of(parent, name), why })
    }

    /// The ordinal of an inode that has a name.
    pub(super) fn ordinal(&self, id: InodeId) -> u32 {
        ordinal(self.index[id.0 as usize])
    }

    /// Inodes that there will be, the filesystem's own among them.
    pub(super) fn inodes(&self) -> u32 {
        self.seen.len() as u32 + OWN_INODES - 1
    }

    /// The first name of an inode, for messages.
    pub(super) fn path(&self, index: u32) -> String {
        let seen = &self.seen[index as usize];
        if index == 0 { String::from("/") } else { self.path_of(seen.parent, seen.name) }
    }

    fn path_of(&self, mut parent: u32, name: &[u8]) -> String {
        let mut parts = alloc::vec![name];
        while parent != 0 {
            let seen = &self.seen[parent as usize];
            parts.push(seen.name);
            parent = seen.parent;
        }
        let mut path = String::new();
        for part in parts.iter().rev() {
            path.push('/');
            path.push_str(&String::from_utf8_lossy(part));
        }
        path
    }
}
