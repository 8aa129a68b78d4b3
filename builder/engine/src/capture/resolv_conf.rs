//! The image's `/etc/resolv.conf`, as dib's `finalise_base` puts it in place: a link that hooks made stays, else the file that was saved
//! under dib's published name, `/etc/resolv.conf.ORIG`, takes its place.
//!
//! In: a captured tree. Out: the same, with the image's file and without that name. Never: the building machine's file.

use dibber_model::{Content, InodeId, Kind, Source, Tree};

use crate::steps::RESOLV_CONF_ORIGINAL;

const PLACE: &[u8] = b"resolv.conf";

/// Puts it in place.
pub(super) fn restore(tree: &mut Tree) {
    let Some(etc) = tree.lookup(b"etc") else { return };
    let found = child(tree, etc, PLACE);
    let saved = child(tree, etc, RESOLV_CONF_ORIGINAL.as_bytes());
    let is_link = found.is_some_and(|id| matches!(tree.inode(id).kind, Kind::Symlink(_)));
    let is_lent = found.is_some_and(|id| is_lent(tree, id));
    let Kind::Dir(entries) = &mut tree.inode_mut(etc).kind else { return };
    entries.remove(RESOLV_CONF_ORIGINAL.as_bytes());
    match saved {
        Some(saved) if !is_link => drop(entries.insert(PLACE.into(), saved)),
        _ if is_lent => drop(entries.remove(PLACE)),
        _ => {}
    }
}

fn child(tree: &Tree, dir: InodeId, name: &[u8]) -> Option<InodeId> {
    tree.entries(dir).find(|(found, _)| *found == name).map(|(_, id)| id)
}

fn is_lent(tree: &Tree, id: InodeId) -> bool {
    match &tree.inode(id).kind {
        Kind::File(Content { source: Source::Inline(bytes), .. }) => dibber_sandbox::is_lent(bytes),
        _ => false,
    }
}
