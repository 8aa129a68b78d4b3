//! A root filesystem as data: names, metadata, and where the bytes of each file can be had.
//!
//! In: what capture or a test adds. Out: a tree that writers walk in one order. Never: the content of large files.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Range;

use crate::Timestamp;

/// The place of an inode in its tree; the root directory is [`InodeId::ROOT`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InodeId(pub u32);

impl InodeId {
    /// The root directory.
    pub const ROOT: InodeId = InodeId(0);
}

/// A file that the crate `build` can open: an index into what capture found. The pure crates only pass it on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileRef(pub u32);

/// Where the bytes of a regular file are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Here.
    Inline(Arc<[u8]>),
    /// In a file of the captured tree, at the same offsets.
    File(FileRef),
}

/// The content of a regular file. What lies outside `data` is a hole and reads as zeros.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// Length in bytes.
    pub len: u64,
    /// Ranges that hold data: sorted, disjoint, not empty, within `len`.
    pub data: Vec<Range<u64>>,
    /// Where these ranges are read from.
    pub source: Source,
}

impl Content {
    /// Content without holes, held in memory.
    pub fn inline(bytes: impl Into<Arc<[u8]>>) -> Self {
        let bytes: Arc<[u8]> = bytes.into();
        let len = bytes.len() as u64;
        let data = if len == 0 { Vec::new() } else { alloc::vec![0..len] };
        Content { len, data, source: Source::Inline(bytes) }
    }
}

/// One extended attribute, under its full name as `getxattr(2)` gives it (`security.capability`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Xattr {
    /// Full name with its namespace prefix.
    pub name: Box<[u8]>,
    /// Value as the VFS hands it out; POSIX ACLs in their `posix_acl_xattr.h` version 2 form.
    pub value: Box<[u8]>,
}

/// What every inode has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Meta {
    /// Permission bits with setuid, setgid and sticky: `mode & 0o7777`.
    pub mode: u16,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Last change of content.
    pub mtime: Timestamp,
    /// Extended attributes, sorted by name.
    pub xattrs: Vec<Xattr>,
}

/// The number of a device node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rdev {
    /// Major number, 12 bits on Linux's disks.
    pub major: u32,
    /// Minor number, 20 bits on Linux's disks.
    pub minor: u32,
}

/// What an inode is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A directory: names (bytes, never `.`, `..`, empty, or with `/` or NUL) in bytewise order.
    Dir(BTreeMap<Box<[u8]>, InodeId>),
    /// A regular file.
    File(Content),
    /// A symbolic link and its target.
    Symlink(Box<[u8]>),
    /// A block device.
    BlockDev(Rdev),
    /// A character device.
    CharDev(Rdev),
    /// A named pipe.
    Fifo,
    /// A socket.
    Socket,
}

/// An inode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inode {
    /// Owner, mode, times, attributes.
    pub meta: Meta,
    /// What it is.
    pub kind: Kind,
}

/// A filesystem tree. Two names of one [`InodeId`] are hard links; a directory has one name.
#[derive(Clone, Debug)]
pub struct Tree {
    inodes: Vec<Inode>,
}

/// Why a tree could not be changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TreeError {
    /// The parent is no directory.
    #[error("the parent of `{0}` is not a directory")]
    NotADirectory(alloc::string::String),
    /// There is such a name already.
    #[error("`{0}` exists already")]
    Exists(alloc::string::String),
    /// A name that no filesystem takes.
    #[error("`{0}` is not a file name")]
    BadName(alloc::string::String),
}

fn lossy(name: &[u8]) -> alloc::string::String {
    alloc::string::String::from_utf8_lossy(name).into_owned()
}

impl Tree {
    /// A tree of one empty root directory.
    pub fn new(root: Meta) -> Self {
        Tree { inodes: alloc::vec![Inode { meta: root, kind: Kind::Dir(BTreeMap::new()) }] }
    }

    /// Adds an inode under a name, and returns its id.
    pub fn add(&mut self, parent: InodeId, name: &[u8], inode: Inode) -> Result<InodeId, TreeError> {
        let id = InodeId(self.inodes.len() as u32);
        self.link(parent, name, id)?;
        self.inodes.push(inode);
        Ok(id)
    }

    /// Gives an inode another name: a hard link.
    pub fn link(&mut self, parent: InodeId, name: &[u8], id: InodeId) -> Result<(), TreeError> {
        if matches!(name, b"" | b"." | b"..")
            || name.len() > 255
            || name.iter().any(|b| matches!(b, b'/' | 0))
        {
            return Err(TreeError::BadName(lossy(name)));
        }
        match self.inodes.get_mut(parent.0 as usize).map(|inode| &mut inode.kind) {
            Some(Kind::Dir(entries)) if !entries.contains_key(name) => {
                entries.insert(name.into(), id);
                Ok(())
            }
            Some(Kind::Dir(_)) => Err(TreeError::Exists(lossy(name))),
            _ => Err(TreeError::NotADirectory(lossy(name))),
        }
    }

    /// The inode of an id that this tree gave out.
    pub fn inode(&self, id: InodeId) -> &Inode {
        &self.inodes[id.0 as usize]
    }

    /// The same, to change. Replacing a directory's map may orphan inodes; writers only see what has a name.
    pub fn inode_mut(&mut self, id: InodeId) -> &mut Inode {
        &mut self.inodes[id.0 as usize]
    }

    /// How many inodes were added, orphans included: ids are below this.
    pub fn inode_count(&self) -> usize {
        self.inodes.len()
    }

    /// The entries of a directory; empty for anything else.
    pub fn entries(&self, id: InodeId) -> impl Iterator<Item = (&[u8], InodeId)> {
        let map = match &self.inode(id).kind {
            Kind::Dir(map) => Some(map),
            _ => None,
        };
        map.into_iter().flatten().map(|(name, id)| (&**name, *id))
    }

    /// The inode at a path such as `boot/grub`, by names only (symbolic links are not followed).
    pub fn lookup(&self, path: &[u8]) -> Option<InodeId> {
        let mut at = InodeId::ROOT;
        for name in path.split(|b| *b == b'/').filter(|name| !name.is_empty()) {
            match &self.inode(at).kind {
                Kind::Dir(map) => at = *map.get(name)?,
                _ => return None,
            }
        }
        Some(at)
    }

    /// Every name with its path from the root (no leading slash), parents before children, bytewise order within a
    /// directory. The root itself comes first, with an empty path.
    pub fn walk(&self) -> Vec<(Vec<u8>, InodeId)> {
        let mut found = Vec::with_capacity(self.inodes.len());
        let mut stack = alloc::vec![(Vec::new(), InodeId::ROOT)];
        while let Some((path, id)) = stack.pop() {
            if let Kind::Dir(map) = &self.inode(id).kind {
                for (name, child) in map.iter().rev() {
                    let mut below = path.clone();
                    if !below.is_empty() {
                        below.push(b'/');
                    }
                    below.extend_from_slice(name);
                    stack.push((below, *child));
                }
            }
            found.push((path, id));
        }
        found
    }

    /// Cuts the directory at `path` out of the tree and returns it as a tree of its own, leaving an empty directory of
    /// the same metadata behind: what a mount point looks like from below. `None` if there is no such directory.
    pub fn split_off(&mut self, path: &[u8]) -> Option<Tree> {
        let top = self.lookup(path)?;
        let Kind::Dir(_) = self.inode(top).kind else { return None };
        let mut part = Tree::new(self.inode(top).meta.clone());
        let mut moved: BTreeMap<InodeId, InodeId> = BTreeMap::new();
        let mut stack = alloc::vec![(top, InodeId::ROOT)];
        while let Some((from, to)) = stack.pop() {
            let entries: Vec<(Box<[u8]>, InodeId)> =
                self.entries(from).map(|(name, id)| (name.into(), id)).collect();
            for (name, id) in entries {
                if let Some(known) = moved.get(&id) {
                    part.link(to, &name, *known).expect("names were checked when they entered this tree");
                    continue;
                }
                let mut inode = self.inode(id).clone();
                let is_dir = matches!(inode.kind, Kind::Dir(_));
                if is_dir {
                    inode.kind = Kind::Dir(BTreeMap::new());
                }
                let copy =
                    part.add(to, &name, inode).expect("names were checked when they entered this tree");
                moved.insert(id, copy);
                if is_dir {
                    stack.push((id, copy));
                }
            }
        }
        self.inode_mut(top).kind = Kind::Dir(BTreeMap::new());
        Some(part)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;

    fn dir() -> Inode {
        Inode { meta: Meta { mode: 0o755, ..Meta::default() }, kind: Kind::Dir(BTreeMap::new()) }
    }

    fn file(text: &str) -> Inode {
        Inode { meta: Meta::default(), kind: Kind::File(Content::inline(text.as_bytes())) }
    }

    #[test]
    fn walks_in_byte_order_and_splits_at_mount_points() {
        let mut tree = Tree::new(Meta::default());
        let boot = tree.add(InodeId::ROOT, b"boot", dir()).unwrap();
        let efi = tree.add(boot, b"efi", dir()).unwrap();
        let a = tree.add(efi, b"a", file("x")).unwrap();
        tree.link(efi, b"b", a).unwrap();
        tree.add(InodeId::ROOT, b"bin", file("y")).unwrap();
        let esp = tree.split_off(b"boot/efi").unwrap();
        let paths = |t: &Tree| -> Vec<String> { t.walk().iter().map(|(p, _)| lossy(p)).collect() };
        assert_eq!(paths(&tree), ["", "bin", "boot", "boot/efi"]);
        assert_eq!(paths(&esp), ["", "a", "b"]);
        assert_eq!(esp.lookup(b"a"), esp.lookup(b"b"));
    }

    #[test]
    fn names_are_checked() {
        let mut tree = Tree::new(Meta::default());
        for bad in [&b".."[..], b"", b"a/b", b"a\0", &[b'x'; 256]] {
            assert!(matches!(tree.add(InodeId::ROOT, bad, file("")), Err(TreeError::BadName(_))));
        }
        let f = tree.add(InodeId::ROOT, b"f", file("")).unwrap();
        assert!(matches!(tree.add(f, b"g", file("")), Err(TreeError::NotADirectory(_))));
        assert!(matches!(tree.add(InodeId::ROOT, b"f", file("")), Err(TreeError::Exists(_))));
    }
}
