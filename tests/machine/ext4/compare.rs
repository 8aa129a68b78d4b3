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
use dibber_model::{Content, Inode, InodeId, Kind, Source, Tree};
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
        let at = tempfile::tempdir().expect("make a directory");
        let path = at.path().to_str().expect("UTF-8");
        accepts("mount", &["-t", "ext4", "-o", options, super::text(image), path]);
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

/// Mounts an image and compares everything that the kernel tells about it with the tree.
pub(crate) fn equal(image: &Path, (tree, files): (&Tree, &[PathBuf]), params: &Ext4Params) {
    let mounted = Mounted::new(image);
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
        metadata(&real, (tree, *id), &stat, (params, names[id]));
        xattrs(&real, &tree.inode(*id).meta.xattrs);
        kind(&real, (tree, *id), &stat, files);
    }
    assert_eq!(numbers.values().collect::<BTreeSet<_>>().len(), numbers.len(), "inodes are shared");
}

fn metadata(
    real: &Path,
    (tree, id): (&Tree, InodeId),
    stat: &fs::Metadata,
    (params, names): (&Ext4Params, u64),
) {
    let Inode { meta, kind } = tree.inode(id);
    let at = real.display();
    assert_eq!(stat.mode() & 0o7777, u32::from(meta.mode), "mode of {at}");
    assert_eq!((stat.uid(), stat.gid()), (meta.uid, meta.gid), "owner of {at}");
    assert_eq!(
        (stat.mtime(), stat.mtime_nsec()),
        (meta.mtime.secs, meta.mtime.nanos.into()),
        "mtime of {at}"
    );
    let epoch = (params.epoch.secs, params.epoch.nanos.into());
    assert_eq!((stat.ctime(), stat.ctime_nsec()), epoch, "ctime of {at}");
    assert_eq!((stat.atime(), stat.atime_nsec()), epoch, "atime of {at}");
    let links = match kind {
        Kind::Dir(entries) => {
            let is_dir = |id: &&InodeId| matches!(tree.inode(**id).kind, Kind::Dir(_));
            let own = u64::from(id == InodeId::ROOT && tree.lookup(b"lost+found").is_none());
            let count = 2 + own + entries.values().filter(is_dir).count() as u64;
            if count > 65_000 { 1 } else { count }
        }
        _ => names,
    };
    assert_eq!(stat.nlink(), links, "links of {at}");
}

fn xattrs(real: &Path, expected: &[dibber_model::Xattr]) {
    let mut list = vec![0; 65_536];
    let len = llistxattr(real, &mut list[..]).expect("list attributes");
    let mut found: Vec<(Vec<u8>, Vec<u8>)> = list[..len]
        .split(|byte| *byte == 0)
        .filter(|name| !name.is_empty())
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

fn kind(real: &Path, (tree, id): (&Tree, InodeId), stat: &fs::Metadata, files: &[PathBuf]) {
    let at = real.display();
    let is = stat.file_type();
    let device = |major: u32, minor: u32| rustix::fs::makedev(major, minor);
    match &tree.inode(id).kind {
        Kind::Dir(entries) => {
            let mut expected: BTreeSet<Vec<u8>> = entries.keys().map(|name| name.to_vec()).collect();
            if id == InodeId::ROOT {
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
