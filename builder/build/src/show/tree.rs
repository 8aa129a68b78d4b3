//! The files of an image as its system would see them.
//!
//! In: its filesystems. Out: names, directories and contents, with every filesystem where the image's own fstab mounts it and
//! symbolic links resolved inside. Never: a path that leaves the image.

use std::io::Write;
use std::rc::Rc;

use super::ShowError;
use super::table::{Disk, Partition, Volumes};
use super::volume::{Entry, Kind, Volume};

/// Links that are followed on one path, as Linux does.
const LINKS_MAX: usize = 40;
/// Deepest directory that is listed, and most names; a damaged filesystem may go in circles.
const DEPTH_MAX: usize = 200;
const NAMES_MAX: u64 = 20_000_000;
/// Longest fstab that is read, in bytes.
const FSTAB_MAX: u64 = 1 << 20;

type Names = Vec<Vec<u8>>;

/// What is called with every path and entry of a walk.
pub type Visit<'a> = &'a mut dyn FnMut(&[u8], &Entry) -> Result<(), ShowError>;

/// The files of an image.
pub struct Tree {
    /// Mount points, the root first.
    mounts: Vec<(Names, Rc<dyn Volume>)>,
    /// Number of the root's partition.
    root: u32,
}

/// What [`Tree::find`] found.
pub struct Located {
    names: Names,
    /// What is there, after every link.
    pub entry: Entry,
}

impl Located {
    /// The path, after every link.
    pub fn path(&self) -> String {
        shown(&self.names)
    }
}

impl Tree {
    /// Mounts what the fstab of the root filesystem says, and notes it in `disk`.
    pub(super) fn of(disk: &mut Disk, volumes: &Volumes) -> Result<Option<Tree>, ShowError> {
        let mut root = None;
        for (index, volume) in volumes {
            let system = ["etc/os-release", "usr/lib/os-release", "etc/fstab"];
            let has = |path: &&str| volume.look(&split(path.as_bytes())).is_ok_and(|found| found.is_some());
            if system.iter().any(has) {
                root = Some(*index);
                break;
            }
        }
        let Some(root) =
            root.or_else(|| volumes.first().filter(|_| volumes.len() == 1).map(|(index, _)| *index))
        else {
            return Ok(None);
        };
        let Some((_, volume)) = volumes.iter().find(|(index, _)| *index == root) else { return Ok(None) };
        let mut tree =
            Tree { mounts: vec![(Vec::new(), Rc::clone(volume))], root: disk.partitions[root].number };
        mounted(&mut disk.partitions[root], "/");
        let Some(fstab) = tree.text("/etc/fstab", FSTAB_MAX)? else { return Ok(Some(tree)) };
        for line in fstab.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
            let mut fields = line.split_whitespace();
            let (Some(what), Some(place)) = (fields.next(), fields.next()) else { continue };
            let names = split(&unescaped(place));
            let found = disk.partitions.iter().position(|part| is(part, what));
            let Some(index) =
                found.filter(|index| *index != root && place.starts_with('/') && !names.is_empty())
            else {
                continue;
            };
            mounted(&mut disk.partitions[index], &shown(&names));
            if let Some((_, volume)) = volumes.iter().find(|(known, _)| *known == index) {
                tree.mounts.push((names, Rc::clone(volume)));
            }
        }
        // The longest mount point that fits is looked for from the end.
        tree.mounts.sort_by_key(|(names, _)| names.len());
        Ok(Some(tree))
    }

    /// Number of the partition that is mounted at `/`.
    pub fn root_number(&self) -> u32 {
        self.root
    }

    fn volume<'a>(&self, names: &'a [Vec<u8>]) -> (&dyn Volume, &'a [Vec<u8>]) {
        let fits = self.mounts.iter().rev().find(|(mount, _)| names.starts_with(mount));
        // The root's mount point, which has no names, fits every path.
        fits.map_or((&*self.mounts[0].1, names), |(mount, volume)| (&**volume, &names[mount.len()..]))
    }

    /// Follows a path, every symbolic link included, as if the image were the whole world.
    pub fn find(&self, path: &str) -> Result<Located, ShowError> {
        let missing = |done: &[Vec<u8>]| ShowError::NotFound { path: path.to_string(), nearest: shown(done) };
        let (mut done, mut links): (Names, usize) = (Vec::new(), 0);
        let mut todo: Vec<Vec<u8>> = parts(path.as_bytes()).rev().collect();
        let mut entry = self.look(&done)?.ok_or_else(|| missing(&[]))?;
        while let Some(name) = todo.pop() {
            if name == b".." {
                done.pop();
                entry = self.look(&done)?.ok_or_else(|| missing(&done))?;
                continue;
            }
            if entry.kind != Kind::Directory {
                return Err(missing(&done));
            }
            done.push(name);
            let Some(found) = self.look(&done)? else {
                done.pop();
                return Err(missing(&done));
            };
            entry = found;
            if let Some(target) = &entry.target {
                links += 1;
                if links > LINKS_MAX {
                    return Err(ShowError::Links { path: path.to_string(), max: LINKS_MAX });
                }
                done.pop();
                if target.starts_with(b"/") {
                    done.clear();
                }
                todo.extend(parts(target).rev());
                entry = self.look(&done)?.ok_or_else(|| missing(&done))?;
            }
        }
        Ok(Located { names: done, entry })
    }

    fn look(&self, names: &[Vec<u8>]) -> Result<Option<Entry>, ShowError> {
        let (volume, rest) = self.volume(names);
        volume.look(rest)
    }

    /// The names of a directory, sorted, without `.` and `..`.
    pub fn list(&self, at: &Located) -> Result<Vec<Entry>, ShowError> {
        let (volume, rest) = self.volume(&at.names);
        volume.list(rest)
    }

    /// Writes the content of a file.
    pub fn read(&self, at: &Located, sink: &mut dyn Write) -> Result<(), ShowError> {
        if at.entry.kind != Kind::File {
            return Err(ShowError::Special { path: at.path(), kind: at.entry.kind.words() });
        }
        let (volume, rest) = self.volume(&at.names);
        volume.read(rest, sink)
    }

    /// Everything below a directory, across filesystems, with its path: a directory before what is in it.
    pub fn walk(&self, from: &Located, visit: Visit<'_>) -> Result<(), ShowError> {
        let mut seen = 0;
        let mut todo = vec![from.names.clone()];
        while let Some(names) = todo.pop() {
            let (volume, rest) = self.volume(&names);
            let mut below = Vec::new();
            for mut entry in volume.list(rest)? {
                seen += 1;
                let mut child = names.clone();
                child.push(entry.name.clone());
                if child.len() > DEPTH_MAX || seen > NAMES_MAX {
                    return Err(ShowError::damaged(
                        shown(&child),
                        "directories without end: they go in circles",
                    ));
                }
                // Where something is mounted, its root is seen.
                if let Some(found) =
                    self.mounts.iter().any(|(mount, _)| *mount == child).then(|| self.look(&child))
                {
                    let name = std::mem::take(&mut entry.name);
                    entry = found?.map_or(entry, |root| Entry { name, ..root });
                }
                visit(&joined(&child), &entry)?;
                if entry.kind == Kind::Directory {
                    below.push(child);
                }
            }
            todo.extend(below.into_iter().rev());
        }
        Ok(())
    }

    /// A text file of at most `max` bytes; `None` if there is none. Bytes that are not UTF-8 are replaced.
    pub(super) fn text(&self, path: &str, max: u64) -> Result<Option<String>, ShowError> {
        let at = match self.find(path) {
            Ok(at) => at,
            Err(ShowError::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        if at.entry.kind != Kind::File {
            return Ok(None);
        }
        if at.entry.size > max {
            return Err(ShowError::damaged(path, format!("{} bytes; at most {max} are read", at.entry.size)));
        }
        let mut bytes = Vec::new();
        self.read(&at, &mut bytes)?;
        Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
    }
}

fn mounted(part: &mut Partition, place: &str) {
    if let Some(fs) = &mut part.filesystem {
        fs.mount_point = Some(place.to_string());
    }
}

/// Whether fstab's first field means this partition. A device's name is known by its number only.
fn is(part: &Partition, what: &str) -> bool {
    let Some(fs) = &part.filesystem else { return false };
    let same =
        |ours: &str, theirs: &str| !ours.is_empty() && ours.eq_ignore_ascii_case(theirs.trim_matches('"'));
    match what.split_once('=') {
        Some(("LABEL", label)) => fs.label == label.trim_matches('"') && !fs.label.is_empty(),
        Some(("UUID", uuid)) => same(&fs.uuid, uuid),
        Some(("PARTLABEL", label)) => part.name == label.trim_matches('"') && !part.name.is_empty(),
        Some(("PARTUUID", guid)) => part.guid.as_deref().is_some_and(|ours| same(ours, guid)),
        _ => {
            let disks = ["/dev/sda", "/dev/vda", "/dev/xvda", "/dev/nvme0n1p", "/dev/mmcblk0p"];
            disks
                .iter()
                .any(|disk| what.strip_prefix(disk).is_some_and(|rest| rest == part.number.to_string()))
        }
    }
}

/// fstab writes a space as `\040`.
fn unescaped(text: &str) -> Vec<u8> {
    let (mut out, bytes) = (Vec::new(), text.as_bytes());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let digits = bytes.get(at + 1..at + 4).and_then(|digits| std::str::from_utf8(digits).ok());
        let octal = digits.filter(|_| *byte == b'\\').and_then(|digits| u8::from_str_radix(digits, 8).ok());
        out.push(octal.unwrap_or(*byte));
        at += if octal.is_some() { 4 } else { 1 };
    }
    out
}

fn parts(path: &[u8]) -> impl DoubleEndedIterator<Item = Vec<u8>> + '_ {
    path.split(|byte| *byte == b'/').filter(|name| !name.is_empty() && *name != b".").map(<[u8]>::to_vec)
}

fn split(path: &[u8]) -> Names {
    parts(path).filter(|name| name != b"..").collect()
}

fn joined(names: &[Vec<u8>]) -> Vec<u8> {
    let mut path = Vec::new();
    for name in names {
        path.push(b'/');
        path.extend_from_slice(name);
    }
    if path.is_empty() { b"/".to_vec() } else { path }
}

fn shown(names: &[Vec<u8>]) -> String {
    String::from_utf8_lossy(&joined(names)).into_owned()
}
