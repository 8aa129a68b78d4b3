//! Everything below a directory.
//!
//! In: a tree and where to begin. Out: each entry with its path, a directory before what is in it. Never: a directory twice, or
//! more held than the names of the directories that wait.

use std::collections::HashSet;

use super::ShowError;
use super::tree::{Located, Names, Tree};
use super::volume::{Entry, Kind, joined, shown};

/// Deepest directory that is listed.
const DEPTH_MAX: usize = 200;
/// Most names, and most directories among them.
const NAMES_MAX: u64 = 10_000_000;
const DIRECTORIES_MAX: usize = 1_000_000;
/// Most bytes of memory for directories that wait for their turn.
const WAITING_MAX: usize = 32 << 20;

/// What is called with every path and entry of a walk.
pub type Visit<'a> = &'a mut dyn FnMut(&[u8], &Entry) -> Result<(), ShowError>;

/// A directory that was found, and waits.
struct Waiting {
    mount: usize,
    entry: Entry,
    /// How many names lead to it.
    depth: usize,
}

/// An entry, and the filesystem that it is of.
struct MountedEntry {
    mount: usize,
    entry: Entry,
}

/// A walk that is under way.
struct Walk<'a> {
    tree: &'a Tree,
    waiting: Vec<Waiting>,
    weight: usize,
    /// Filesystem and node of each directory that was listed.
    listed: HashSet<(u32, u64)>,
    seen: u64,
}

impl Tree {
    /// Everything below a directory, across filesystems, with its path.
    pub fn walk(&self, from: &Located, visit: Visit<'_>) -> Result<(), ShowError> {
        let first = Waiting { mount: from.mount, entry: from.entry.clone(), depth: from.names.len() };
        let mut walk = Walk { tree: self, waiting: vec![first], weight: 0, listed: HashSet::new(), seen: 0 };
        let mut names = from.names.clone();
        while let Some(dir) = walk.waiting.pop() {
            if dir.depth > from.names.len() {
                walk.weight -= dir.entry.weight();
                // The directory that this one is in was listed just before it, or before its elder siblings.
                names.truncate(dir.depth - 1);
                names.push(dir.entry.name.clone());
            }
            walk.list(&dir, &mut names, visit)?;
        }
        Ok(())
    }
}

impl Walk<'_> {
    fn list(&mut self, dir: &Waiting, names: &mut Names, visit: Visit<'_>) -> Result<(), ShowError> {
        let endless = |names: &Names| {
            Err(ShowError::damaged(shown(names), "directories without end: they go in circles"))
        };
        let mount = u32::try_from(dir.mount).unwrap_or(u32::MAX);
        if !self.listed.insert((mount, dir.entry.node)) || self.listed.len() > DIRECTORIES_MAX {
            return endless(names);
        }
        let before = self.waiting.len();
        for entry in self.tree.volume(dir.mount).list(&dir.entry, names)? {
            self.seen += 1;
            names.push(entry.name.clone());
            if names.len() > DEPTH_MAX || self.seen > NAMES_MAX {
                return endless(names);
            }
            let MountedEntry { mount, entry } = self.mounted(names, dir.mount, entry)?;
            visit(&joined(names), &entry)?;
            self.tree.budget.printed(1);
            if entry.kind == Kind::Directory {
                self.wait(Waiting { mount, entry, depth: names.len() }, names)?;
            }
            names.pop();
        }
        // The first by name is listed first.
        self.waiting[before..].reverse();
        Ok(())
    }

    /// Where something is mounted, its root is seen, under the name of the directory below it.
    fn mounted(&self, names: &Names, mount: usize, entry: Entry) -> Result<MountedEntry, ShowError> {
        match self.tree.mount_at(names)? {
            Some(mount) => {
                let root = self.tree.volume(mount).root()?;
                Ok(MountedEntry { mount, entry: Entry { name: entry.name, ..root } })
            }
            None => Ok(MountedEntry { mount, entry }),
        }
    }

    fn wait(&mut self, dir: Waiting, names: &Names) -> Result<(), ShowError> {
        self.weight += dir.entry.weight();
        if self.weight > WAITING_MAX {
            let why = format!("directories in directories, more than {} MiB of names", WAITING_MAX >> 20);
            return Err(ShowError::damaged(shown(names), why));
        }
        self.waiting.push(dir);
        Ok(())
    }
}
