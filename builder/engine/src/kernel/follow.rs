//! Paths of a captured tree, with links followed as the running system would follow them.
//!
//! In: a path. Out: where it leads in the tree. Never: out of the tree: its root is the root, as for a process in it.

use std::collections::VecDeque;

use dibber_model::{InodeId, Kind, Tree};

/// Links on one path (`MAXSYMLINKS` of the kernel).
const MOST_LINKS: usize = 40;

/// Where a path leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// What is there.
    pub(super) id: InodeId,
    /// Its path without a link, from the root, without a leading slash.
    pub(super) path: String,
}

/// Follows a path from the root; `None` where nothing is there, or a name is no text.
pub(super) fn follow(tree: &Tree, path: &str) -> Option<Found> {
    let mut names: VecDeque<String> = path.split('/').map(str::to_string).collect();
    let mut at: Vec<(String, InodeId)> = Vec::new();
    let mut links = 0;
    while let Some(name) = names.pop_front() {
        match name.as_str() {
            "" | "." => continue,
            ".." => {
                at.pop();
                continue;
            }
            _ => {}
        }
        let dir = at.last().map_or(InodeId::ROOT, |(_, id)| *id);
        let Kind::Dir(entries) = &tree.inode(dir).kind else { return None };
        let id = *entries.get(name.as_bytes())?;
        match &tree.inode(id).kind {
            Kind::Symlink(target) => {
                links += 1;
                let target = std::str::from_utf8(target).ok().filter(|_| links <= MOST_LINKS)?;
                if target.starts_with('/') {
                    at.clear();
                }
                for part in target.split('/').rev() {
                    names.push_front(part.to_string());
                }
            }
            _ => at.push((name, id)),
        }
    }
    let id = at.last().map_or(InodeId::ROOT, |(_, id)| *id);
    let names: Vec<String> = at.into_iter().map(|(name, _)| name).collect();
    Some(Found { id, path: names.join("/") })
}
