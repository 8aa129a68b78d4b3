//! The files of an image as its system would see them.
//!
//! In: its filesystems. Out: names, directories and contents, with every filesystem where the image's own fstab mounts it and
//! symbolic links resolved inside. Never: a path that leaves the image.

use std::io::{self, Write};
use std::rc::Rc;

use super::ShowError;
use super::budget::Budget;
use super::disk::{Disk, Holder};
use super::fstab;
use super::table::Volumes;
use super::volume::{Entry, Kind, PathNames, Volume, shown};

/// Links that are followed on one path, as Linux does.
const LINKS_MAX: usize = 40;
/// Longest path that is asked for and longest sum of links that are followed, in bytes: many times what Linux takes.
const PATH_MAX: usize = 1 << 16;
/// Longest fstab that is read, in bytes.
const FSTAB_MAX: u64 = 1 << 18;

pub(super) type Names = Vec<Vec<u8>>;

/// The files of an image.
pub struct Tree {
    /// Mount points, the root first.
    mounts: Vec<(Names, Rc<dyn Volume>)>,
    /// Number of the root's partition, or of the first that its group is on.
    root: u32,
    /// Group and name of the root's logical volume, if it is on one.
    root_volume: Option<String>,
    pub(super) budget: Rc<Budget>,
}

/// What [`Tree::find`] found.
pub struct Located {
    pub(super) names: Names,
    /// What is there, after every link.
    pub entry: Entry,
    /// Which filesystem it is in, by its place among the mount points.
    pub(super) mount: usize,
}

impl Located {
    /// The path, after every link.
    pub fn path(&self) -> String {
        shown(&self.names)
    }
}

/// A place on the way along a path.
#[derive(Clone)]
struct Step {
    mount: usize,
    entry: Entry,
}

impl Tree {
    /// Mounts what the fstab of the root filesystem says, and notes it in `disk`.
    pub(super) fn of(
        disk: &mut Disk,
        volumes: &Volumes,
        budget: &Rc<Budget>,
    ) -> Result<Option<Tree>, ShowError> {
        let alone = |volume: &Rc<dyn Volume>| Tree {
            mounts: vec![(Vec::new(), Rc::clone(volume))],
            root: 0,
            root_volume: None,
            budget: Rc::clone(budget),
        };
        let is_root = |volume: &Rc<dyn Volume>| {
            let tree = alone(volume);
            let system = ["etc/os-release", "usr/lib/os-release", "etc/fstab"];
            system.iter().any(|path| tree.find_without_last_link(path).is_ok())
        };
        let root = volumes.iter().find(|(_, volume)| is_root(volume));
        let Some((root, volume)) = root.or(volumes.first().filter(|_| volumes.len() == 1)) else {
            return Ok(None);
        };
        let mut tree = alone(volume);
        match disk.holders().nth(*root) {
            Some(Holder::Partition(part)) => tree.root = part.number,
            Some(Holder::Volume(group, volume)) => {
                tree.root = group.partitions.first().copied().unwrap_or_default();
                tree.root_volume = Some(format!("{}/{}", group.name, volume.name));
            }
            None => {}
        }
        mounted(disk, *root, "/");
        let Some(text) = tree.text("/etc/fstab", FSTAB_MAX)? else { return Ok(Some(tree)) };
        for mount in fstab::mounts(&text) {
            let found = disk.holders().position(|holder| fstab::means(mount.what, holder));
            let Some(index) = found.filter(|index| index != root) else { continue };
            let names: Names = parts(&mount.place).filter(|name| name != b"..").collect();
            if names.is_empty() {
                continue;
            }
            mounted(disk, index, &shown(&names));
            if let Some((_, volume)) = volumes.iter().find(|(known, _)| *known == index) {
                tree.mounts.push((names, Rc::clone(volume)));
            }
        }
        Ok(Some(tree))
    }

    /// Number of the partition that is mounted at `/`, or that has its volume.
    pub fn root_number(&self) -> u32 {
        self.root
    }

    /// Group and name of the logical volume that is mounted at `/`, if one is.
    pub fn root_volume(&self) -> Option<&str> {
        self.root_volume.as_deref()
    }

    pub(super) fn volume(&self, mount: usize) -> &dyn Volume {
        &*self.mounts[mount].1
    }

    /// Which filesystem is mounted at a path; of several, the last in fstab.
    pub(super) fn mount_at(&self, place: PathNames<'_>) -> Result<Option<usize>, ShowError> {
        // Only paths of as many names are compared name by name, and that takes time where an image has them long.
        let compared = self.mounts.iter().filter(|(mount, _)| mount.len() == place.len()).count();
        self.budget.look_at(compared * place.len())?;
        Ok(self.mounts.iter().rposition(|(mount, _)| mount == place))
    }

    /// Follows a path, every symbolic link included, as if the image were the whole world.
    pub fn find(&self, path: &str) -> Result<Located, ShowError> {
        self.walk_to(path, true)
    }

    /// The same, where a link at the end is enough.
    fn find_without_last_link(&self, path: &str) -> Result<Located, ShowError> {
        self.walk_to(path, false)
    }

    fn walk_to(&self, path: &str, follow_last: bool) -> Result<Located, ShowError> {
        let missing =
            |done: PathNames<'_>| ShowError::NotFound { path: path.to_string(), nearest: shown(done) };
        let root = Step { mount: 0, entry: self.volume(0).root()? };
        let (mut done, mut steps, mut links): (Names, Vec<Step>, usize) = (Vec::new(), vec![], 0);
        let mut here = root.clone();
        let mut todo: Vec<Vec<u8>> = parts(path.as_bytes()).rev().collect();
        let mut length = path.len();
        while let Some(name) = todo.pop() {
            if name == b".." {
                done.pop();
                here = steps.pop().unwrap_or_else(|| root.clone());
                continue;
            }
            if here.entry.kind != Kind::Directory {
                return Err(missing(&done));
            }
            done.push(name);
            let Some(found) = self.step(&here, &done)? else {
                done.pop();
                return Err(missing(&done));
            };
            let Some(target) = found.entry.target.as_ref().filter(|_| follow_last || !todo.is_empty()) else {
                steps.push(std::mem::replace(&mut here, found));
                continue;
            };
            (links, length) = (links + 1, length + target.len());
            if links > LINKS_MAX || length > PATH_MAX {
                return Err(ShowError::Links { path: path.to_string(), max: LINKS_MAX });
            }
            done.pop();
            if target.starts_with(b"/") {
                done.clear();
                steps.clear();
                here = root.clone();
            }
            todo.extend(parts(target).rev());
        }
        Ok(Located { names: done, entry: here.entry, mount: here.mount })
    }

    /// What the last of `names` is, in the directory that the others lead to.
    fn step(&self, dir: &Step, names: PathNames<'_>) -> Result<Option<Step>, ShowError> {
        if let Some(mount) = self.mount_at(names)? {
            return Ok(Some(Step { mount, entry: self.volume(mount).root()? }));
        }
        let name = names.last().map_or(&[][..], Vec::as_slice);
        let found = self.volume(dir.mount).child(&dir.entry, name, names)?;
        Ok(found.map(|entry| Step { mount: dir.mount, entry }))
    }

    /// The names of a directory, sorted, without `.` and `..`.
    pub fn list(&self, at: &Located) -> Result<Vec<Entry>, ShowError> {
        self.volume(at.mount).list(&at.entry, &at.names)
    }

    /// Writes the content of a file, piece by piece.
    pub fn read(&self, at: &Located, sink: &mut dyn Write) -> Result<(), ShowError> {
        self.content(at, &mut Printed { sink, budget: &self.budget })
    }

    fn content(&self, at: &Located, sink: &mut dyn Write) -> Result<(), ShowError> {
        if at.entry.kind != Kind::File {
            return Err(ShowError::Special { path: at.path(), kind: at.entry.kind.words() });
        }
        self.volume(at.mount).read(&at.entry, &at.names, sink)
    }

    /// Hands on a regular file of at most `max` bytes; `false` if there is none.
    pub(super) fn small(&self, path: &str, max: u64, sink: &mut dyn Write) -> Result<bool, ShowError> {
        let at = match self.find(path) {
            Ok(at) if at.entry.kind == Kind::File => at,
            Ok(_) | Err(ShowError::NotFound { .. }) => return Ok(false),
            Err(error) => return Err(error),
        };
        if at.entry.size > max {
            return Err(ShowError::damaged(path, format!("{} bytes; at most {max} are read", at.entry.size)));
        }
        self.content(&at, sink)?;
        Ok(true)
    }

    /// A text file of at most `max` bytes; `None` if there is none. Bytes that are not UTF-8 are replaced.
    pub(super) fn text(&self, path: &str, max: u64) -> Result<Option<String>, ShowError> {
        let mut bytes = Vec::new();
        let found = self.small(path, max, &mut bytes)?;
        Ok(found.then(|| String::from_utf8_lossy(&bytes).into_owned()))
    }
}

/// A reader's output: what was printed is no work for nothing.
struct Printed<'a> {
    sink: &'a mut dyn Write,
    budget: &'a Budget,
}

impl Write for Printed<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.sink.write(bytes)?;
        self.budget.printed(written as u64);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }
}

fn mounted(disk: &mut Disk, holder: usize, place: &str) {
    if let Some(fs) = disk.filesystem_mut(holder) {
        fs.mount_point = Some(place.to_string());
    }
}

fn parts(path: &[u8]) -> impl DoubleEndedIterator<Item = Vec<u8>> + '_ {
    path.split(|byte| *byte == b'/').filter(|name| !name.is_empty() && *name != b".").map(<[u8]>::to_vec)
}
