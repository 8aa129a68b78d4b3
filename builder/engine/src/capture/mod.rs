//! Reads a mounted tree into data, without what differs from build to build: logs, caches, keys, times later than the epoch. dib copies the
//! directory into a mounted filesystem; the writers of filesystems here take the data instead, so no kernel orders or stamps it.
//!
//! In: the merged tree of all layers, inside the namespace. Out: a [`Tree`], and the files that its content is read from.
//! Never: a change to the disk, a step across a mount point, or anything that depends on the order of directories or threads.

mod content;
mod devices;
mod entry;
mod files;
mod nodes;
mod resolv_conf;
pub mod rules;
mod sanitize;
mod walk;

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

use dibber_fs::Dir;
use dibber_model::tree::TreeError;
use dibber_model::{Inode, InodeId, Kind, Source, Timestamp, Tree};
use dibber_plan::DeclaredNode;

pub use files::CapturedFiles;
pub use rules::{Rule, Treatment};
pub use sanitize::sanitize;

use entry::{EntryKind, FileId, FoundEntry};

/// How a tree is captured.
#[derive(Clone, Debug)]
pub struct CaptureOptions<'a> {
    /// No time in the tree is later.
    pub epoch: Timestamp,
    /// What is removed, emptied or replaced, in this order; [`rules::volatile`] gives the usual ones.
    pub sanitize: &'a [Rule],
    /// Nodes and labels that the image declares.
    pub nodes: &'a [DeclaredNode],
}

/// Why a tree could not be captured.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// A file of the tree.
    #[error("cannot {what} /{} of the captured tree: {source}", path.display())]
    File {
        /// What could not be done: `read`, `open` ...
        what: &'static str,
        /// Path in the tree, without its leading slash.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// More files than ids.
    #[error("the tree has more than {limit} files, which no filesystem here can number; remove some in a hook", limit = u32::MAX)]
    TooMany,
    /// A declared node or label.
    #[error("cannot add the declared node {path}: {why}")]
    Node {
        /// Its path.
        path: String,
        /// Why it cannot be added.
        why: &'static str,
    },
    /// A name that no tree takes.
    #[error("the captured files do not make a tree: {0}")]
    Tree(#[from] TreeError),
}

/// Puts place and verb to an error of the kernel.
fn path_error<E: Into<io::Error>>(
    what: &'static str,
    path: &Path,
) -> impl FnOnce(E) -> CaptureError + use<E> {
    let path = path.to_path_buf();
    move |source| CaptureError::File { what, path, source: source.into() }
}

/// Captures the tree at `root`. What is mounted below it is not part of it: there, the tree shows what lies underneath. Must run inside
/// the namespace that made the tree, for there its owners are 0..65535 and file capabilities have their portable form.
pub fn capture(root: &Dir, options: &CaptureOptions<'_>) -> Result<(Tree, CapturedFiles), CaptureError> {
    let walked = walk::walk(root)?;
    let mut assembly = Assembly { dirs: walked.dirs, ids: HashMap::new(), files: Vec::new() };
    let mut tree = Tree::new(walked.meta);
    assembly.fill(&mut tree)?;
    resolv_conf::restore(&mut tree);
    devices::make(&mut tree);
    sanitize(&mut tree, options.sanitize)?;
    nodes::add(&mut tree, options)?;
    for id in 0..tree.inode_count() as u32 {
        let meta = &mut tree.inode_mut(InodeId(id)).meta;
        meta.mtime = meta.mtime.clamped_to(options.epoch);
    }
    Ok((tree, CapturedFiles::new(walked.root, assembly.files)))
}

/// Turns what the walk found into a tree, in the order of a sorted walk.
struct Assembly {
    dirs: Vec<Vec<FoundEntry>>,
    /// Only looked up, never walked: its order reaches nothing.
    ids: HashMap<FileId, InodeId>,
    files: Vec<Box<[u8]>>,
}

impl Assembly {
    fn fill(&mut self, tree: &mut Tree) -> Result<(), CaptureError> {
        // Each frame is a directory with what is left of its entries: a stack of its own, as trees may be deep.
        let top = self.dirs.first_mut().map(std::mem::take).unwrap_or_default();
        let mut stack = vec![(InodeId::ROOT, Vec::new(), top.into_iter())];
        while let Some((parent, path, entries)) = stack.last_mut() {
            let Some(found) = entries.next() else {
                stack.pop();
                continue;
            };
            let (parent, mut path) = (*parent, path.clone());
            if !path.is_empty() {
                path.push(b'/');
            }
            path.extend_from_slice(found.name.to_bytes());
            let name = found.name.clone();
            if let Some(known) = found.links.and_then(|key| self.ids.get(&key)) {
                tree.link(parent, name.to_bytes(), *known)?;
                continue;
            }
            let links = found.links;
            let (inode, below) = self.inode(found, &path)?;
            let id = tree.add(parent, name.to_bytes(), inode)?;
            if let Some(key) = links {
                self.ids.insert(key, id);
            }
            if let Some(dir) = below {
                let entries = std::mem::take(&mut self.dirs[dir]);
                stack.push((id, path, entries.into_iter()));
            }
        }
        Ok(())
    }

    /// The inode, and the number of the directory below it if it is one.
    fn inode(&mut self, found: FoundEntry, path: &[u8]) -> Result<(Inode, Option<usize>), CaptureError> {
        let mut below = None;
        let kind = match found.what {
            EntryKind::Dir(number) => {
                below = number;
                Kind::Dir(Default::default())
            }
            EntryKind::Small(content) => Kind::File(content),
            EntryKind::Large(mut content) => {
                let number = u32::try_from(self.files.len()).map_err(|_| CaptureError::TooMany)?;
                content.source = Source::File(dibber_model::FileRef(number));
                self.files.push(path.into());
                Kind::File(content)
            }
            EntryKind::Other(kind) => kind,
        };
        Ok((Inode { meta: found.meta, kind }, below))
    }
}
