//! Several layers merged into one, as every look-up in a tree costs more with each layer.
//!
//! In: neighbouring layers, and those below them. Out: one layer that gives the same tree on the same layers below. Never: a
//! change to its inputs; files are copied, for a hard link would show in `st_nlink`, which hooks can see.
#![expect(
    clippy::disallowed_methods,
    reason = "a name in a draft of the cache, which no hook has been given yet"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{CStr, CString};
use std::path::{Path, PathBuf};
use std::{fs, io};

use dibber_fs::{Dir, DirEntry, PathContext, file_type, meta, os};
use rustix::fs::{AtFlags, FileType, Mode, Statx, linkat, mkdirat};

use super::{LayerError, copy};

/// What a squash made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SquashSummary {
    /// Entries, whiteouts included.
    pub entries: u64,
    /// Bytes of file content.
    pub bytes: u64,
}

/// Merges `layers` (bottom first) into the new directory `into`. `below` (bottom first) are the layers that it will lie on:
/// a whiteout is kept only where it hides something, because overlayfs shows it as a broken name where it does not.
pub fn squash(layers: &[PathBuf], below: &[PathBuf], into: &Path) -> Result<SquashSummary, LayerError> {
    fs::create_dir(into).with_path("create", into)?;
    let mut work = Squash { done: SquashSummary::default(), names: BTreeMap::new() };
    let level = Level { ours: open_stack(layers)?, below: open_stack(below)?, to: into.to_path_buf() };
    let root = Dir::open(into).with_path("open", into)?;
    work.merge(&level, &root)?;
    copy::dress_as_root_of(layers.last(), into)?;
    Ok(work.done)
}

/// Opens layers (bottom first), top first.
fn open_stack(paths: &[PathBuf]) -> Result<Vec<LayerDir>, LayerError> {
    let open = |(layer, path): (usize, &PathBuf)| {
        Ok(LayerDir { layer, dir: Dir::open(path).with_path("open", path)? })
    };
    paths.iter().enumerate().rev().map(open).collect()
}

/// A directory of one layer.
struct LayerDir {
    /// The layer's number, from the bottom.
    layer: usize,
    dir: Dir,
}

/// One directory of the merged tree: what contributes to it, top first.
struct Level {
    ours: Vec<LayerDir>,
    below: Vec<LayerDir>,
    to: PathBuf,
}

impl Level {
    /// The path of a name in the merged directory, for messages.
    fn path_of(&self, name: &CStr) -> PathBuf {
        self.to.join(os(name))
    }
}

/// A file of one layer, by its inode.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct LayerInode {
    layer: usize,
    inode: u64,
}

/// Where a file was copied to.
struct CopiedName {
    dir: PathBuf,
    name: CString,
}

struct Squash {
    done: SquashSummary,
    /// Where a file with several names in one layer was copied to: hard links stay so.
    names: BTreeMap<LayerInode, CopiedName>,
}

/// What a stack of directories has under a name.
enum StackEntry<'a> {
    Nothing,
    Whiteout,
    Dir(MergedDir),
    Other(LayerFile<'a>),
}

/// A directory that several layers contribute to.
struct MergedDir {
    /// What the topmost of them says of it.
    top: Statx,
    /// What contributes to it, top first.
    dirs: Vec<LayerDir>,
    /// Whether it hides what lies below.
    closed: bool,
}

/// Anything but a directory, of one layer.
struct LayerFile<'a> {
    layer: usize,
    from: DirEntry<'a>,
    found: Statx,
}

impl Squash {
    fn merge(&mut self, level: &Level, to: &Dir) -> Result<(), LayerError> {
        let mut names = BTreeSet::new();
        for LayerDir { dir, .. } in &level.ours {
            names.extend(dir.names().with_path("read", &level.to)?);
        }
        for name in &names {
            let path = level.path_of(name);
            match find(&level.ours, name).with_path("read", &path)? {
                StackEntry::Nothing => {}
                StackEntry::Whiteout => {
                    let below = find(&level.below, name).with_path("read", &path)?;
                    if !matches!(below, StackEntry::Nothing | StackEntry::Whiteout) {
                        copy::whiteout(to.entry(name)).with_path("write", &path)?;
                        self.done.entries += 1;
                    }
                }
                StackEntry::Other(file) => {
                    self.done.entries += 1;
                    self.copy(&file, to, &level.to).with_path("copy", &path)?;
                }
                StackEntry::Dir(merged) => {
                    self.done.entries += 1;
                    let below = find(&level.below, name).with_path("read", &path)?;
                    self.descend(merged, below, &path, to.entry(name))?;
                }
            }
        }
        Ok(())
    }

    /// Merges one sub-directory, then gives it its metadata, which writing into it would have changed.
    fn descend(
        &mut self,
        merged: MergedDir,
        below: StackEntry<'_>,
        path: &Path,
        to: DirEntry<'_>,
    ) -> Result<(), LayerError> {
        let MergedDir { top, dirs, closed } = merged;
        let mut level = Level { ours: dirs, below: Vec::new(), to: path.to_path_buf() };
        mkdirat(to.dir, to.name, Mode::RWXU).with_path("create", path)?;
        // What is not a directory below is hidden by one of the same name anyway.
        match below {
            StackEntry::Dir(MergedDir { dirs, .. }) if !closed => level.below = dirs,
            StackEntry::Nothing => {}
            _ => copy::set_opaque(to).with_path("mark", path)?,
        }
        let dir = to.open_dir().with_path("open", path)?;
        let xattrs =
            level.ours.first().map_or(Ok(Vec::new()), |top| top.dir.xattrs()).with_path("read", path)?;
        self.merge(&level, &dir)?;
        Ok(copy::dress(to, &meta(&top, xattrs), FileType::Directory)
            .with_path("set owner and mode of", path)?)
    }

    /// Copies a file into the directory `to`, whose path is `path`.
    fn copy(&mut self, file: &LayerFile<'_>, to: &Dir, path: &Path) -> io::Result<()> {
        let LayerFile { layer, from, found } = file;
        let key = LayerInode { layer: *layer, inode: found.stx_ino };
        if let Some(CopiedName { dir, name }) = self.names.get(&key) {
            let first = Dir::open(dir)?;
            return Ok(linkat(&first, name.as_c_str(), to, from.name, AtFlags::empty())?);
        }
        copy::copy(*from, found, to.entry(from.name))?;
        if found.stx_nlink > 1 {
            self.names.insert(key, CopiedName { dir: path.to_path_buf(), name: from.name.to_owned() });
        }
        if file_type(found) == FileType::RegularFile {
            self.done.bytes += found.stx_size;
        }
        Ok(())
    }
}

/// What overlayfs would show under a name of these directories, top first.
fn find<'a>(dirs: &'a [LayerDir], name: &'a CStr) -> io::Result<StackEntry<'a>> {
    let mut top: Option<Statx> = None;
    let mut merged = Vec::new();
    let mut closed = false;
    for LayerDir { layer, dir } in dirs {
        let entry = dir.entry(name);
        let Some(found) = entry.statx()? else { continue };
        if file_type(&found) != FileType::Directory {
            if top.is_some() {
                closed = true;
                break;
            }
            return Ok(match copy::is_whiteout(&found) {
                true => StackEntry::Whiteout,
                false => StackEntry::Other(LayerFile { layer: *layer, from: entry, found }),
            });
        }
        let below = entry.open_dir()?;
        closed = copy::is_opaque(&below)?;
        merged.push(LayerDir { layer: *layer, dir: below });
        top.get_or_insert(found);
        if closed {
            break;
        }
    }
    Ok(top.map_or(StackEntry::Nothing, |top| StackEntry::Dir(MergedDir { top, dirs: merged, closed })))
}
