//! A tree against what the kernel sees of its image.
//!
//! In: a tree and an image. Out: nothing, or the first difference. Never: a write to the image.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Read;
use std::ops::Range;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use dibber_format::ext4::Ext4Params;
use dibber_model::{Content, Inode, InodeId, Kind, Source, Timestamp, Tree};
use rustix::fs::{SeekFrom, lgetxattr, llistxattr, seek};
use rustix::io::Errno;

use dibber_tests::{accepts, run};

/// An image mounted by the kernel, until dropped.
pub(crate) struct Mounted(tempfile::TempDir);

impl Mounted {
    /// Read-only, and without its journal.
    pub(crate) fn new(image: &Path) -> Self {
        Mounted::with(image, "loop,ro,noload")
    }

    pub(crate) fn with(image: &Path, options: &str) -> Self {
        Mounted::of("ext4", image, options)
    }

    /// A filesystem of any kind.
    pub(crate) fn of(kind: &str, image: &Path, options: &str) -> Self {
        let at = tempfile::tempdir().expect("make a directory");
        let path = at.path().to_str().expect("UTF-8");
        accepts("mount", &["-t", kind, "-o", options, super::text(image), path]);
        Mounted(at)
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        run("umount", &[super::text(self.0.path())]);
    }
}

/// What a kind of filesystem has of its own.
pub(crate) struct Ways {
    /// Access and change of everything.
    pub(crate) epoch: Timestamp,
    /// Whether there is a `lost+found` without the tree's doing.
    pub(crate) lost_found: bool,
    /// Most links that a directory counts; with more it says 1.
    pub(crate) most_links: u64,
    /// Attributes that are shown besides those that there are.
    pub(crate) shown_twice: &'static [&'static [u8]],
}

/// Mounts an image and compares everything that the kernel tells about it with the tree.
pub(crate) fn equal(image: &Path, tree: (&Tree, &[PathBuf]), params: &Ext4Params) {
    let ways = Ways { epoch: params.epoch, lost_found: true, most_links: 65_000, shown_twice: &[] };
    equal_below(&Mounted::new(image), tree, &ways);
}

/// Compares everything that the kernel tells about a mounted filesystem with the tree.
pub(crate) fn equal_below(mounted: &Mounted, (tree, files): (&Tree, &[PathBuf]), ways: &Ways) {
    let walk = tree.walk();
    let mut names: BTreeMap<InodeId, u64> = BTreeMap::new();
    for (_, id) in &walk {
        *names.entry(*id).or_default() += 1;
    }
    let mut numbers: BTreeMap<InodeId, u64> = BTreeMap::new();
    for (path, id) in &walk {
        let real = mounted.path().join(OsStr::from_bytes(path));
        let stat = fs::symlink_metadata(&real).unwrap_or_else(|e| panic!("{}: {e}", real.display()));
        let number = *numbers.entry(*id).or_insert(stat.ino());
        assert_eq!(number, stat.ino(), "hard links of {}", real.display());
        metadata(&real, (tree, *id), &stat, (ways, names[id]));
        xattrs(&real, &tree.inode(*id).meta.xattrs, ways);
        kind(&real, (tree, *id), &stat, (files, ways));
    }
    assert_eq!(numbers.values().collect::<BTreeSet<_>>().len(), numbers.len(), "inodes are shared");
}

fn metadata(real: &Path, (tree, id): (&Tree, InodeId), stat: &fs::Metadata, (ways, names): (&Ways, u64)) {
    let Inode { meta, kind } = tree.inode(id);
    let at = real.display();
    assert_eq!(stat.mode() & 0o7777, u32::from(meta.mode), "mode of {at}");
    assert_eq!((stat.uid(), stat.gid()), (meta.uid, meta.gid), "owner of {at}");
    assert_eq!(
        (stat.mtime(), stat.mtime_nsec()),
        (meta.mtime.secs, meta.mtime.nanos.into()),
        "mtime of {at}"
    );
    let epoch = (ways.epoch.secs, ways.epoch.nanos.into());
    assert_eq!((stat.ctime(), stat.ctime_nsec()), epoch, "ctime of {at}");
    assert_eq!((stat.atime(), stat.atime_nsec()), epoch, "atime of {at}");
    let links = match kind {
        Kind::Dir(entries) => {
            let is_dir = |id: &&InodeId| matches!(tree.inode(**id).kind, Kind::Dir(_));
            let own = ways.lost_found && id == InodeId::ROOT && tree.lookup(b"lost+found").is_none();
            let count = 2 + u64::from(own) + entries.values().filter(is_dir).count() as u64;
            if count > ways.most_links { 1 } else { count }
        }
        _ => names,
    };
    assert_eq!(stat.nlink(), links, "links of {at}");
}

fn xattrs(real: &Path, expected: &[dibber_model::Xattr], ways: &Ways) {
    let mut list = vec![0; 65_536];
    let len = llistxattr(real, &mut list[..]).expect("list attributes");
    let mut found: Vec<(Vec<u8>, Vec<u8>)> = list[..len]
        .split(|byte| *byte == 0)
        .filter(|name| !name.is_empty() && !ways.shown_twice.contains(name))
        .map(|name| {
            let mut value = vec![0; 65_536];
            let len = lgetxattr(real, name, &mut value[..]).expect("get attribute");
            (name.to_vec(), value[..len].to_vec())
        })
        .collect();
    found.sort();
    let expected: Vec<_> = expected.iter().map(|x| (x.name.to_vec(), x.value.to_vec())).collect();
    assert_eq!(found, expected, "attributes of {}", real.display());
}

fn kind(real: &Path, (tree, id): (&Tree, InodeId), stat: &fs::Metadata, (files, ways): (&[PathBuf], &Ways)) {
    let at = real.display();
    let is = stat.file_type();
    let device = |major: u32, minor: u32| rustix::fs::makedev(major, minor);
    match &tree.inode(id).kind {
        Kind::Dir(entries) => {
            let mut expected: BTreeSet<Vec<u8>> = entries.keys().map(|name| name.to_vec()).collect();
            if id == InodeId::ROOT && ways.lost_found {
                expected.insert(b"lost+found".to_vec());
            }
            let found: Vec<Vec<u8>> = fs::read_dir(real)
                .expect("read directory")
                .map(|entry| entry.expect("entry").file_name().into_vec())
                .collect();
            assert_eq!(found.len(), expected.len(), "names in {at}");
            assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), expected, "names in {at}");
        }
        Kind::File(content) => {
            assert!(is.is_file(), "{at}");
            assert_eq!(stat.len(), content.len, "length of {at}");
            data(real, content, files);
        }
        Kind::Symlink(target) => {
            let found = fs::read_link(real).expect("read link").into_os_string().into_vec();
            assert_eq!(found, target.to_vec(), "{at}");
        }
        Kind::BlockDev(rdev) => {
            assert!(is.is_block_device() && stat.rdev() == device(rdev.major, rdev.minor), "{at}");
        }
        Kind::CharDev(rdev) => {
            assert!(is.is_char_device() && stat.rdev() == device(rdev.major, rdev.minor), "{at}");
        }
        Kind::Fifo => assert!(is.is_fifo(), "{at}"),
        Kind::Socket => assert!(is.is_socket(), "{at}"),
    }
}

/// The ranges that the kernel calls data must be those of the tree, widened to blocks, and hold its bytes and zeros.
fn data(real: &Path, content: &Content, files: &[PathBuf]) {
    let file = File::open(real).expect("open");
    let mut expected: Vec<Range<u64>> = Vec::new();
    for range in &content.data {
        let (start, end) = (range.start / 4096 * 4096, range.end.next_multiple_of(4096).min(content.len));
        match expected.last_mut() {
            Some(last) if last.end >= start => last.end = end,
            _ => expected.push(start..end),
        }
    }
    let found = data_ranges(&file, content.len);
    assert_eq!(found, expected, "holes of {}", real.display());
    for blocks in found {
        let mut wanted = vec![0; (blocks.end - blocks.start) as usize];
        for range in &content.data {
            let (from, to) = (range.start.max(blocks.start), range.end.min(blocks.end));
            if from < to {
                let part = &mut wanted[(from - blocks.start) as usize..(to - blocks.start) as usize];
                read_source(&content.source, files, from, part);
            }
        }
        let mut is = vec![0; wanted.len()];
        file.read_exact_at(&mut is, blocks.start).expect("read");
        assert!(is == wanted, "bytes {blocks:?} of {}", real.display());
    }
}

fn read_source(source: &Source, files: &[PathBuf], from: u64, out: &mut [u8]) {
    match source {
        Source::Inline(bytes) => out.copy_from_slice(&bytes[from as usize..from as usize + out.len()]),
        Source::File(n) => {
            File::open(&files[n.0 as usize]).expect("open").read_exact_at(out, from).expect("read");
        }
    }
}

fn data_ranges(file: &File, len: u64) -> Vec<Range<u64>> {
    let mut ranges = Vec::new();
    let mut at = 0;
    while at < len {
        match seek(file, SeekFrom::Data(at)) {
            Ok(start) => {
                let end = seek(file, SeekFrom::Hole(start)).expect("there is a hole at the end");
                ranges.push(start..end);
                at = end;
            }
            Err(Errno::NXIO) => break,
            Err(e) => panic!("seek: {e}"),
        }
    }
    ranges
}

/// The whole image in memory, for readers that want it so.
pub(crate) fn bytes(image: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    File::open(image).expect("open").read_to_end(&mut bytes).expect("read");
    bytes
}
