//! A tree as FAT sees it.
//!
//! In: a tree. Out: nodes with checked names and sizes in records or bytes; later, their first clusters. Never: a size that
//! depends on the clusters' size.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use dibber_model::{Content, InodeId, Kind, Timestamp, Tree};

use super::geometry::Geometry;
use super::name::{Name, checked, folded, names};
use super::{FatError, FatParams};

/// Length of a directory record.
pub(crate) const RECORD: u64 = 32;
/// Records of a directory: its length must fit 2 MiB (FAT specification, section 6).
const RECORDS_MAX: u64 = 65_536;
/// The same of a root directory of FAT12 or FAT16, `BPB_RootEntCnt`: what fits 16 bits, in whole sectors of 4096.
const ROOT_RECORDS_MAX: u64 = 65_408;

/// A directory or a file.
pub(crate) struct FatNode<'a> {
    pub(crate) path: String,
    /// Its name in its parent; none for the root.
    pub(crate) name: Option<Name>,
    pub(crate) parent: usize,
    pub(crate) children: Vec<usize>,
    /// Content, if it is a file.
    pub(crate) content: Option<&'a Content>,
    pub(crate) mtime: Timestamp,
    /// Length: of a file as it is, of a directory with all its records.
    pub(crate) len: u64,
    /// First cluster; 0 for an empty file and the root of FAT12 and FAT16.
    pub(crate) cluster: u64,
}

/// A node that the walk comes to.
struct Visit {
    id: InodeId,
    path: String,
    /// The index of the directory that it is in.
    parent: usize,
    /// Its name there; none for the root.
    name: Option<Name>,
}

/// All nodes, the root first, parents before children.
pub(crate) struct Volume<'a> {
    pub(crate) nodes: Vec<FatNode<'a>>,
}

impl<'a> Volume<'a> {
    /// Checks everything that does not depend on the length.
    pub(crate) fn of(tree: &'a Tree, params: &FatParams) -> Result<Self, FatError> {
        let label = u64::from(params.label != [b' '; 11]);
        let mut volume = Volume { nodes: Vec::new() };
        let mut seen = BTreeMap::new();
        let mut stack = alloc::vec![Visit { id: InodeId::ROOT, path: String::new(), parent: 0, name: None }];
        while let Some(Visit { id, path, parent, name }) = stack.pop() {
            if let Some(first) = seen.insert(id, path.clone()) {
                return Err(FatError::HardLink { path, first });
            }
            let inode = tree.inode(id);
            let content = content(&inode.kind, &path)?;
            let index = volume.nodes.len();
            if name.is_some() {
                volume.nodes[parent].children.push(index);
            }
            let mut len = content.map_or(0, |content| content.len);
            if let Kind::Dir(_) = inode.kind {
                let children = children(tree, id, &path, index)?;
                // A directory begins with `.` and `..`; the root with the label instead.
                let own = if index == 0 { label } else { 2 };
                let records = own
                    + children.iter().filter_map(|child| child.name.as_ref()).map(Name::records).sum::<u64>();
                let max = if index == 0 { ROOT_RECORDS_MAX } else { RECORDS_MAX };
                if records > max {
                    return Err(FatError::TooManyFiles { path, records, max });
                }
                len = records * RECORD;
                stack.extend(children.into_iter().rev());
            }
            let mtime = inode.meta.mtime.clamped_to(params.epoch);
            volume.nodes.push(FatNode {
                path,
                name,
                parent,
                children: Vec::new(),
                content,
                mtime,
                len,
                cluster: 0,
            });
        }
        Ok(volume)
    }

    /// Clusters that files and directories take; the root's only if `with_root`.
    pub(crate) fn clusters(&self, cluster: u64, with_root: bool) -> u64 {
        let skip = usize::from(!with_root);
        let all = self.nodes.iter().skip(skip).map(|node| node.len.div_ceil(cluster)).sum::<u64>();
        // FAT32's root has a cluster even when it is empty.
        all + u64::from(with_root && self.nodes[0].len == 0)
    }

    /// Gives every node its clusters, directories first, without a gap. Returns the first free cluster.
    pub(crate) fn allocate(&mut self, geometry: &Geometry) -> u64 {
        let mut next = 2;
        for files in [false, true] {
            for (id, node) in self.nodes.iter_mut().enumerate() {
                let clusters = geometry.clusters_of(id, node.len);
                if node.content.is_some() == files && clusters > 0 {
                    node.cluster = next;
                    next += clusters;
                }
            }
        }
        next
    }
}

/// The content of a file, nothing for a directory, a refusal for anything else.
fn content<'a>(kind: &'a Kind, path: &str) -> Result<Option<&'a Content>, FatError> {
    let kind = match kind {
        Kind::Dir(_) => return Ok(None),
        Kind::File(content) if content.len > u64::from(u32::MAX) => {
            return Err(FatError::FileTooLarge { path: path.to_string(), len: content.len });
        }
        Kind::File(content) => return Ok(Some(content)),
        Kind::Symlink(_) => "symbolic link",
        Kind::BlockDev(_) => "block device",
        Kind::CharDev(_) => "character device",
        Kind::Fifo => "named pipe",
        Kind::Socket => "socket",
    };
    Err(FatError::Kind { path: path.to_string(), kind })
}

/// The entries of a directory, with their paths and FAT names.
fn children(tree: &Tree, id: InodeId, path: &str, parent: usize) -> Result<Vec<Visit>, FatError> {
    let below = |name: &str| if path.is_empty() { name.to_string() } else { alloc::format!("{path}/{name}") };
    let mut texts = Vec::new();
    for (name, _) in tree.entries(id) {
        let text = checked(name)
            .map_err(|why| FatError::Name { path: below(&String::from_utf8_lossy(name)), why })?;
        texts.push(text);
    }
    let mut seen: BTreeMap<String, &str> = BTreeMap::new();
    for text in &texts {
        if let Some(first) = seen.insert(folded(text), text) {
            return Err(FatError::SameName { path: below(text), first: below(first) });
        }
    }
    let names = names(&texts);
    debug_assert_eq!(names.iter().map(|n| n.short).collect::<BTreeSet<_>>().len(), names.len());
    let ids = tree.entries(id).map(|(_, id)| id);
    let all = ids.zip(texts).zip(names);
    Ok(all.map(|((id, text), name)| Visit { id, path: below(text), parent, name: Some(name) }).collect())
}
