//! Who is in the tree, and under which number.
//!
//! In: a tree. Out: every inode once, in walk order, with its number, its first name and its link count. Never: content.

use alloc::string::String;
use alloc::vec::Vec;

use dibber_model::{InodeId, Kind, Tree};

use super::Ext4Error;

/// The root directory's number (`EXT4_ROOT_INO`).
pub(super) const ROOT_INO: u32 = 2;
/// `lost+found`: the first number that is not reserved.
pub(super) const LOST_FOUND_INO: u32 = 11;
/// The name that e2fsck moves lost files to.
pub(super) const LOST_FOUND: &[u8] = b"lost+found";
/// `EXT4_LINK_MAX`.
pub(super) const LINK_MAX: u32 = 65_000;
/// Stands for no index.
const NONE: u32 = u32::MAX;

/// An inode that has a name.
#[derive(Debug)]
pub(super) struct Seen<'t> {
    pub(super) id: InodeId,
    pub(super) ino: u32,
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
    pub(super) has_lost_found: bool,
    /// The highest number given out.
    pub(super) last_ino: u32,
}

/// A name that the walk comes to.
#[derive(Clone, Copy)]
struct Visit<'t> {
    name: &'t [u8],
    id: InodeId,
    /// The index of the directory that it is in.
    parent: u32,
}

impl<'t> Walk<'t> {
    /// Walks as `Tree::walk` does: parents before children, bytewise order within a directory.
    pub(super) fn new(tree: &'t Tree) -> Result<Self, Ext4Error> {
        let mut walk = Walk {
            seen: Vec::with_capacity(tree.inode_count()),
            index: alloc::vec![NONE; tree.inode_count()],
            has_lost_found: false,
            last_ino: LOST_FOUND_INO,
        };
        let mut stack = alloc::vec![Visit { name: b"", id: InodeId::ROOT, parent: 0 }];
        while let Some(visit) = stack.pop() {
            let Visit { name, id, parent } = visit;
            let Some(index) = walk.index.get(id.0 as usize).copied() else {
                let count = tree.inode_count();
                return Err(Ext4Error::Dangling { path: walk.path_of(parent, name), id: id.0, count });
            };
            if index != NONE {
                walk.another_name(tree, index, visit)?;
                continue;
            }
            let index = walk.enter(tree, visit)?;
            if let Kind::Dir(entries) = &tree.inode(id).kind {
                let below = entries.iter().rev();
                stack.extend(below.map(|(name, child)| Visit { name, id: *child, parent: index }));
            }
        }
        Ok(walk)
    }

    fn another_name(&mut self, tree: &Tree, index: u32, visit: Visit<'t>) -> Result<(), Ext4Error> {
        let Visit { name, parent, .. } = visit;
        self.check_name(parent, name)?;
        let seen = &mut self.seen[index as usize];
        if matches!(tree.inode(seen.id).kind, Kind::Dir(_)) {
            return Err(Ext4Error::DirTwice { path: self.path_of(parent, name) });
        }
        seen.names += 1;
        Ok(())
    }

    fn enter(&mut self, tree: &Tree, visit: Visit<'t>) -> Result<u32, Ext4Error> {
        let Visit { name, id, parent } = visit;
        let is_root = id == InodeId::ROOT;
        if !is_root {
            self.check_name(parent, name)?;
        }
        let is_lost_found = parent == 0 && !is_root && name == LOST_FOUND;
        let is_dir = matches!(tree.inode(id).kind, Kind::Dir(_));
        let ino = if is_root {
            ROOT_INO
        } else if is_lost_found && is_dir {
            self.has_lost_found = true;
            LOST_FOUND_INO
        } else {
            self.last_ino += 1;
            self.last_ino
        };
        let index = self.seen.len() as u32;
        self.index[id.0 as usize] = index;
        self.seen.push(Seen { id, ino, names: 1, parent, name });
        Ok(index)
    }

    fn check_name(&self, parent: u32, name: &[u8]) -> Result<(), Ext4Error> {
        let why = match name {
            b"" | b"." | b".." => "no file can be called that",
            _ if name.len() > 255 => "it is longer than 255 bytes",
            _ if name.iter().any(|byte| matches!(byte, b'/' | 0)) => "it holds a slash or a NUL",
            _ => return Ok(()),
        };
        Err(Ext4Error::Name { path: self.path_of(parent, name), why })
    }

    /// The number of an inode that has a name.
    pub(super) fn ino(&self, id: InodeId) -> u32 {
        self.seen[self.index[id.0 as usize] as usize].ino
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
