//! Several layers merged into one.
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

use dibber_fs::{Dir, Here, file_type, meta, os};
use rustix::fs::{AtFlags, FileType, Mode, Statx, linkat, mkdirat};

use super::{LayerError, copy};

/// What a squash made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Squashed {
    /// Entries, whiteouts included.
    pub entries: u64,
    /// Bytes of file content.
    pub bytes: u64,
}

/// Merges `layers` (bottom first) into the new directory `into`. `below` (bottom first) are the layers that it will lie on:
/// a whiteout is kept only where it hides something, because overlayfs shows it as a broken name where it does not.
pub fn squash(layers: &[PathBuf], below: &[PathBuf], into: &Path) -> Result<Squashed, LayerError> {
    fs::create_dir(into).map_err(super::at("create", into))?;
    let stack = |paths: &[PathBuf]| -> Result<Vec<(usize, Dir)>, LayerError> {
        let open = |(n, path): (usize, &PathBuf)| Ok((n, Dir::open(path).map_err(super::at("open", path))?));
        paths.iter().enumerate().rev().map(open).collect()
    };
    let mut work = Work { done: Squashed::default(), names: BTreeMap::new() };
    let at = Level { ours: stack(layers)?, below: stack(below)?, to: into.to_path_buf() };
    let root = Dir::open(into).map_err(super::at("open", into))?;
    work.merge(&at, &root)?;
    copy::root_of(layers.last(), into)?;
    Ok(work.done)
}

/// One directory of the merged tree: what contributes to it, top first, with the number of each layer.
struct Level {
    ours: Vec<(usize, Dir)>,
    below: Vec<(usize, Dir)>,
    to: PathBuf,
}

struct Work {
    done: Squashed,
    /// Where a file with several names in one layer was copied to: hard links stay so.
    names: BTreeMap<(usize, u64), (PathBuf, CString)>,
}

/// What a stack of directories has under a name.
enum Found<'a> {
    Nothing,
    Whiteout,
    /// A directory, its metadata's layer, what contributes to it, and whether it hides what lies below.
    Dir {
        top: Statx,
        dirs: Vec<(usize, Dir)>,
        closed: bool,
    },
    Other {
        layer: usize,
        from: &'a Dir,
        found: Statx,
    },
}

impl Work {
    fn merge(&mut self, at: &Level, to: &Dir) -> Result<(), LayerError> {
        let fail = |what, name: &CStr| super::at(what, &at.to.join(os(name)));
        let mut names = BTreeSet::new();
        for (_, dir) in &at.ours {
            names.extend(dir.names().map_err(super::at("read", &at.to))?);
        }
        for name in &names {
            let found = find(&at.ours, name).map_err(fail("read", name))?;
            if matches!(found, Found::Nothing) {
                continue;
            }
            self.done.entries += 1;
            match found {
                Found::Nothing => {}
                Found::Whiteout => {
                    let hides = !matches!(
                        find(&at.below, name).map_err(fail("read", name))?,
                        Found::Nothing | Found::Whiteout
                    );
                    if hides {
                        copy::whiteout(to.here(name)).map_err(fail("write", name))?;
                    } else {
                        self.done.entries -= 1;
                    }
                }
                Found::Other { layer, from, found } => {
                    self.copy(layer, from.here(name), &found, (to, &at.to)).map_err(fail("copy", name))?;
                }
                Found::Dir { top, dirs, closed } => {
                    let below = find(&at.below, name).map_err(fail("read", name))?;
                    self.descend(
                        Level { ours: dirs, below: Vec::new(), to: at.to.join(os(name)) },
                        below,
                        (closed, top, to.here(name)),
                    )?;
                }
            }
        }
        Ok(())
    }

    /// Merges one sub-directory, then gives it its metadata, which writing into it would have changed.
    fn descend(
        &mut self,
        mut level: Level,
        below: Found<'_>,
        (closed, top, to): (bool, Statx, Here<'_>),
    ) -> Result<(), LayerError> {
        let path = level.to.clone();
        let fail = |what| super::at::<io::Error>(what, &path);
        mkdirat(to.dir, to.name, Mode::RWXU).map_err(|e| fail("create")(e.into()))?;
        // What is not a directory below is hidden by one of the same name anyway.
        match below {
            Found::Dir { dirs, .. } if !closed => level.below = dirs,
            Found::Nothing => {}
            _ => copy::set_opaque(to).map_err(fail("mark"))?,
        }
        let dir = to.open_dir().map_err(fail("open"))?;
        let xattrs =
            level.ours.first().map_or(Ok(Vec::new()), |(_, top)| top.xattrs()).map_err(fail("read"))?;
        self.merge(&level, &dir)?;
        copy::dress(to, &meta(&top, xattrs), FileType::Directory).map_err(fail("set owner and mode of"))
    }

    fn copy(
        &mut self,
        layer: usize,
        from: Here<'_>,
        found: &Statx,
        (to, path): (&Dir, &Path),
    ) -> io::Result<()> {
        let key = (layer, found.stx_ino);
        if let Some((dir, name)) = self.names.get(&key) {
            let first = Dir::open(dir)?;
            return Ok(linkat(&first, name.as_c_str(), to, from.name, AtFlags::empty())?);
        }
        copy::copy(from, found, to.here(from.name))?;
        if found.stx_nlink > 1 {
            self.names.insert(key, (path.to_path_buf(), from.name.to_owned()));
        }
        if file_type(found) == FileType::RegularFile {
            self.done.bytes += found.stx_size;
        }
        Ok(())
    }
}

/// What overlayfs would show under a name of these directories, top first.
fn find<'a>(dirs: &'a [(usize, Dir)], name: &CStr) -> io::Result<Found<'a>> {
    let mut top: Option<Statx> = None;
    let mut merged = Vec::new();
    let mut closed = false;
    for (layer, dir) in dirs {
        let Some(found) = dir.here(name).statx()? else { continue };
        if file_type(&found) != FileType::Directory {
            if top.is_some() {
                closed = true;
                break;
            }
            let whiteout = copy::is_whiteout(&found);
            return Ok(if whiteout {
                Found::Whiteout
            } else {
                Found::Other { layer: *layer, from: dir, found }
            });
        }
        let below = dir.here(name).open_dir()?;
        closed = copy::is_opaque(&below)?;
        merged.push((*layer, below));
        top.get_or_insert(found);
        if closed {
            break;
        }
    }
    Ok(top.map_or(Found::Nothing, |top| Found::Dir { top, dirs: merged, closed }))
}
