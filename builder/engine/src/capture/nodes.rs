//! Device nodes and labels that no hook in a user namespace can make.
//!
//! In: what the image declares. Out: the same in the tree. Never: a node in place of something else.

use dibber_model::{Inode, Kind, Meta, Rdev, Tree, Xattr};
use dibber_plan::{DeclaredNode, NodeKind};

use super::{CaptureError, CaptureOptions};

/// Adds them, owned by root, at the time of the epoch.
pub(super) fn add(tree: &mut Tree, options: &CaptureOptions<'_>) -> Result<(), CaptureError> {
    for DeclaredNode { path, what } in options.nodes {
        let fail = |why| CaptureError::Node { path: path.clone(), why };
        let (kind, mode) = match what {
            NodeKind::Block { major, minor, mode } => {
                (Kind::BlockDev(Rdev { major: *major, minor: *minor }), *mode)
            }
            NodeKind::Char { major, minor, mode } => {
                (Kind::CharDev(Rdev { major: *major, minor: *minor }), *mode)
            }
            NodeKind::SelinuxLabel(label) => {
                let id =
                    tree.lookup(path.as_bytes()).ok_or_else(|| fail("there is no such file to label"))?;
                set_label(&mut tree.inode_mut(id).meta, label);
                continue;
            }
        };
        let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
        let parent = tree
            .lookup(parent.as_bytes())
            .ok_or_else(|| fail("its directory does not exist; a hook must make it"))?;
        if tree.lookup(path.as_bytes()).is_some() {
            return Err(fail("a file of that name is there already; remove it in a hook"));
        }
        let meta = Meta { mode: mode & 0o7777, mtime: options.epoch, ..Meta::default() };
        tree.add(parent, name.as_bytes(), Inode { meta, kind })?;
    }
    Ok(())
}

/// The value ends with a NUL, as `setfilecon(3)` writes it.
fn set_label(meta: &mut Meta, label: &str) {
    const NAME: &[u8] = b"security.selinux";
    let mut value = label.as_bytes().to_vec();
    value.push(0);
    meta.xattrs.retain(|xattr| &*xattr.name != NAME);
    meta.xattrs.push(Xattr { name: NAME.into(), value: value.into() });
    meta.xattrs.sort();
}
