//! Extended attributes: in the inode where they fit, else in leaves under a tree of hashes, and long values behind those.
//!
//! In: an inode's attributes. Out: bytes for the inode, or a fork of its own. Never: parent pointers, or values in a leaf that xfs
//! would keep outside.
//!
//! Source: `fs/xfs/libxfs/xfs_da_format.h`, `xfs_attr_leaf.c`; names after `fs/xfs/xfs_xattr.c` and `xfs_acl.c`.

mod acl;
mod leaf;
mod remote;

use alloc::borrow::Cow;
use alloc::vec::Vec;

use dibber_model::Xattr;

use super::da_tree::{Block, DaTree};
use super::hash::hash;
use super::seal::{DA_BLOCK, Header, REMOTE};
use leaf::Leaf;

/// `XATTR_NAME_MAX`, prefix included: a longer name could not be asked for.
const NAME_MAX: usize = 255;
/// `XATTR_SIZE_MAX`.
const VALUE_MAX: usize = 65_536;
/// `XFS_ATTR_ROOT` and `XFS_ATTR_SECURE`.
const ROOT: u8 = 2;
const SECURE: u8 = 4;
/// `struct xfs_attr_sf_hdr`, and an entry of it without name and value.
const SHORT_HEADER: usize = 4;
const SHORT_ENTRY: usize = 3;
/// The two ACLs: what the VFS calls them, and what they are called in the root's namespace.
const ACLS: [(&[u8], &[u8]); 2] =
    [(b"system.posix_acl_access", b"SGI_ACL_FILE"), (b"system.posix_acl_default", b"SGI_ACL_DEFAULT")];
/// Namespaces, and their flags in an entry.
const NAMESPACES: [(&[u8], u8); 3] = [(b"user.", 0), (b"trusted.", ROOT), (b"security.", SECURE)];

/// An attribute as xfs names and stores it.
#[derive(Debug)]
struct Stored<'t> {
    hash: u32,
    namespace: u8,
    name: &'t [u8],
    value: Cow<'t, [u8]>,
}

/// Why attributes cannot be stored; the caller knows the path.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refused<'t> {
    Name(&'t [u8]),
    Acl(&'t [u8], &'static str),
    Size { name: &'t [u8], size: usize },
}

/// An inode's attributes.
#[derive(Debug, Default)]
pub(super) struct Attrs<'t> {
    /// Those of `security.` first, being read at every access.
    list: Vec<Stored<'t>>,
}

impl<'t> Attrs<'t> {
    /// Reads the names.
    pub(super) fn new(xattrs: &'t [Xattr]) -> Result<Self, Refused<'t>> {
        let mut list = Vec::with_capacity(xattrs.len());
        for xattr in xattrs {
            list.extend(stored(xattr, xattrs)?);
        }
        list.sort_by_key(|attr| (attr.namespace != SECURE, attr.namespace, attr.name));
        Ok(Attrs { list })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Bytes that they take in the inode; `None` if one is too long for that.
    pub(super) fn short_size(&self) -> Option<usize> {
        self.list.iter().try_fold(SHORT_HEADER, |size, attr| {
            let fits = attr.value.len() <= u8::MAX.into();
            fits.then_some(size + SHORT_ENTRY + attr.name.len() + attr.value.len())
        })
    }

    /// The bytes in the inode.
    pub(super) fn short(&self) -> Vec<u8> {
        let size = self.short_size().expect("only what was found to fit is written so");
        let mut out = Vec::with_capacity(size);
        out.extend_from_slice(&(size as u16).to_be_bytes());
        out.extend_from_slice(&[self.list.len() as u8, 0]);
        for attr in &self.list {
            out.extend_from_slice(&[attr.name.len() as u8, attr.value.len() as u8, attr.namespace]);
            out.extend_from_slice(attr.name);
            out.extend_from_slice(&attr.value);
        }
        out
    }

    /// The same as a fork of blocks.
    pub(super) fn into_fork(mut self) -> AttrFork<'t> {
        self.list.sort_by_key(|attr| (attr.hash, attr.namespace, attr.name));
        let leaves = leaf::cut(self.list);
        let tree = DaTree::over(leaves.len());
        let remote = leaves.iter().flat_map(Leaf::remote).map(remote::blocks).sum();
        AttrFork { leaves, tree, remote }
    }
}

fn stored<'t>(xattr: &'t Xattr, all: &'t [Xattr]) -> Result<Option<Stored<'t>>, Refused<'t>> {
    let full = &*xattr.name;
    if full.len() > NAME_MAX || full.contains(&0) {
        return Err(Refused::Name(full));
    }
    if xattr.value.len() > VALUE_MAX {
        return Err(Refused::Size { name: full, size: xattr.value.len() });
    }
    if let Some((_, name)) = ACLS.iter().find(|(vfs, _)| *vfs == full) {
        let value = acl::to_disk(&xattr.value).map_err(|why| Refused::Acl(full, why))?;
        return Ok(Some(Stored { hash: hash(name), namespace: ROOT, name, value: Cow::Owned(value) }));
    }
    let (name, namespace) = NAMESPACES
        .iter()
        .find_map(|(prefix, namespace)| Some((full.strip_prefix(*prefix)?, *namespace)))
        .filter(|(name, _)| !name.is_empty())
        .ok_or(Refused::Name(full))?;
    // A kernel with xfs shows an ACL to root under both names; it is one attribute.
    let shown_twice = namespace == ROOT
        && ACLS.iter().any(|(vfs, own)| *own == name && all.iter().any(|other| &*other.name == *vfs));
    let value = Cow::Borrowed(&*xattr.value);
    Ok((!shown_twice).then(|| Stored { hash: hash(name), namespace, name, value }))
}

/// Attributes outside the inode: nodes, leaves, then values, in a row from logical block 0 on.
#[derive(Debug)]
pub(super) struct AttrFork<'t> {
    leaves: Vec<Leaf<'t>>,
    tree: DaTree,
    /// Blocks of values.
    remote: u64,
}

impl AttrFork<'_> {
    /// Blocks of all.
    pub(super) fn len(&self) -> u64 {
        (self.tree.nodes() + self.leaves.len()) as u64 + self.remote
    }

    /// The blocks, unsealed, each with the header by which it is sealed.
    pub(super) fn blocks(&self) -> Vec<(Block, Header)> {
        let first = self.tree.nodes() as u64;
        let hashes = self.leaves.iter().map(Leaf::highest_hash).collect();
        let nodes = self.tree.blocks(0, hashes).into_iter();
        let mut blocks: Vec<(Block, Header)> = nodes.map(|block| (block, DA_BLOCK)).collect();
        let mut value = first + self.leaves.len() as u64;
        for (n, leaf) in self.leaves.iter().enumerate() {
            blocks.push((leaf.block(first, n, self.leaves.len(), value), DA_BLOCK));
            for bytes in leaf.remote() {
                blocks.extend(remote::value(bytes, value).map(|block| (block, REMOTE)));
                value += remote::blocks(bytes);
            }
        }
        blocks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn xattr(name: &str, size: usize) -> Xattr {
        Xattr { name: name.as_bytes().into(), value: alloc::vec![b'v'; size].into() }
    }

    #[test]
    fn names_lose_their_prefix_and_security_comes_first() {
        let list = [xattr("security.selinux", 3), xattr("trusted.t", 1), xattr("user.u", 0)];
        let attrs = Attrs::new(&list).unwrap();
        assert_eq!(attrs.short_size(), Some(4 + 3 * 3 + 7 + 3 + 1 + 1 + 1));
        assert_eq!(attrs.short()[..14], *b"\0\x1a\x03\0\x07\x03\x04selinux");
        let long = [xattr("user.long", 256)];
        assert_eq!(Attrs::new(&long).unwrap().short_size(), None);
        for bad in ["user.", "other.name", "system.nfs4_acl"] {
            assert!(matches!(Attrs::new(&[xattr(bad, 1)]), Err(Refused::Name(_))), "{bad}");
        }
        assert!(matches!(Attrs::new(&[xattr("user.u", 65_537)]), Err(Refused::Size { size: 65_537, .. })));
    }

    #[test]
    fn an_acl_that_is_shown_twice_is_one_attribute() {
        let acl = Xattr { name: (*b"system.posix_acl_access").into(), value: [2, 0, 0, 0].into() };
        let list = [acl, xattr("trusted.SGI_ACL_DEFAULT", 1), xattr("trusted.SGI_ACL_FILE", 1)];
        let names: Vec<&[u8]> = Attrs::new(&list).unwrap().list.iter().map(|attr| attr.name).collect();
        assert_eq!(names, [&b"SGI_ACL_DEFAULT"[..], b"SGI_ACL_FILE"]);
    }

    #[test]
    fn long_values_are_counted_in_blocks_of_4040_bytes() {
        let list = [xattr("user.a", 4040), xattr("user.b", 65_536), xattr("user.c", 10)];
        let fork = Attrs::new(&list).unwrap().into_fork();
        assert_eq!(fork.len(), 1 + 1 + 17);
        let blocks = fork.blocks();
        let mut places: Vec<u64> = blocks.iter().map(|(block, _)| block.logical).collect();
        places.sort_unstable();
        assert_eq!(places, (0..19).collect::<Vec<u64>>());
    }
}
