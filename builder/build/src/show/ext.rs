//! ext2, ext3 and ext4, through the crate `ext4-view`.
//!
//! In: the bytes of a partition. Out: its files, as they are after its journal was replayed in memory. Never: a size that the
//! superblock alone vouches for: what the crate would allocate by it is bounded before.

use std::io::{self, Write};
use std::panic::{self, AssertUnwindSafe};
use std::rc::Rc;
use std::sync::Once;

use ext4_view::{Ext4, Ext4Error, Ext4Read, FileType, Metadata, Path};

use super::ShowError;
use super::field::{le16, le32, text, uuid};
use super::source::Source;
use super::table::FilesystemInfo;
use super::volume::{Entry, Kind, Names, Volume};

/// Longest target of a symbolic link, in bytes: a block of any size that Linux mounts.
const TARGET_MAX: u64 = 1 << 16;
/// Most names in a directory that are listed.
const NAMES_MAX: usize = 4_000_000;

/// Which of the three, as blkid tells them apart by the superblock's feature words.
pub(super) fn kind(superblock: &[u8]) -> &'static str {
    let journal = le32(superblock, 0x5c) & 0x4 != 0;
    // Features that ext3 does not have, for reading (filetype, recover, meta_bg are its own) and for writing.
    let newer = le32(superblock, 0x60) & !0x16 != 0 || le32(superblock, 0x64) & !0x7 != 0;
    match (newer, journal) {
        (true, _) => "ext4",
        (false, true) => "ext3",
        (false, false) => "ext2",
    }
}

/// Label, UUID and use.
pub(super) fn describe(superblock: &[u8], info: &mut FilesystemInfo) {
    info.uuid = uuid(superblock, 0x68).to_string();
    info.label = text(superblock, 0x78, 16);
    if let Some((blocks, block)) = size(superblock) {
        let high = if wide(superblock) { u64::from(le32(superblock, 0x158)) } else { 0 };
        let free = (u64::from(le32(superblock, 0x0c)) | high << 32).min(blocks);
        info.free_bytes = Some(free * block);
        info.used_bytes = Some((blocks - free) * block);
    }
}

fn wide(superblock: &[u8]) -> bool {
    le32(superblock, 0x60) & 0x80 != 0
}

/// Blocks and bytes in a block; `None` if together they are more than 2^64 bytes.
fn size(superblock: &[u8]) -> Option<(u64, u64)> {
    let high = if wide(superblock) { u64::from(le32(superblock, 0x150)) } else { 0 };
    let blocks = u64::from(le32(superblock, 0x04)) | high << 32;
    let block = 1024u64.checked_shl(le32(superblock, 0x18)).filter(|block| (1024..=65536).contains(block))?;
    blocks.checked_mul(block)?;
    Some((blocks, block))
}

/// An open filesystem.
pub(super) struct Ext {
    fs: Ext4,
}

struct Reader(Rc<dyn Source>);

impl Ext4Read for Reader {
    fn read(&mut self, at: u64, bytes: &mut [u8]) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        self.0.read_at(at, bytes).map_err(Into::into)
    }
}

impl Ext {
    pub(super) fn open(source: &Rc<dyn Source>, superblock: &[u8]) -> Result<Ext, ShowError> {
        let kind = kind(superblock);
        let bad = |why: String| Err(ShowError::damaged(format!("{kind} superblock"), why));
        let Some((blocks, block)) = size(superblock) else {
            return bad(format!("blocks of 2^{} KiB", le32(superblock, 0x18)));
        };
        if blocks * block > source.len() {
            return bad(format!("{blocks} blocks of {block} bytes on {} bytes", source.len()));
        }
        // One descriptor each is held in memory; a bitmap of one block has room for eight groups' worth of bits, and mke2fs
        // makes none below 256 blocks.
        let group = le32(superblock, 0x20);
        if u64::from(group) > 8 * block || group < 256 || le16(superblock, 0x58) == 0 {
            return bad(format!("groups of {group} blocks, inodes of {} bytes", le16(superblock, 0x58)));
        }
        let reader = Box::new(Reader(Rc::clone(source)));
        let fs = guarded("superblock", || Ext4::load(reader))?;
        Ok(Ext { fs })
    }

    fn entry(&self, name: &[u8], path: &[u8], meta: &Metadata) -> Result<Entry, ShowError> {
        let kind = match meta.file_type() {
            FileType::Regular => Kind::File,
            FileType::Directory => Kind::Directory,
            FileType::Symlink => Kind::Symlink,
            FileType::CharacterDevice => Kind::CharDevice,
            FileType::BlockDevice => Kind::BlockDevice,
            FileType::Fifo => Kind::Fifo,
            FileType::Socket => Kind::Socket,
        };
        let target = match kind {
            Kind::Symlink if meta.len() > TARGET_MAX => {
                return Err(ShowError::damaged(
                    shown(path),
                    format!("a symbolic link of {} bytes", meta.len()),
                ));
            }
            Kind::Symlink => {
                Some(guarded(&shown(path), || self.fs.read_link(as_path(path)?))?.as_ref().to_vec())
            }
            _ => None,
        };
        Ok(Entry {
            name: name.to_vec(),
            kind,
            mode: u32::from(meta.mode()) & 0o7777,
            uid: meta.uid(),
            gid: meta.gid(),
            size: meta.len(),
            mtime: meta.modified().seconds(),
            target,
        })
    }
}

impl Volume for Ext {
    fn look(&self, path: &Names) -> Result<Option<Entry>, ShowError> {
        let whole = joined(path);
        match guarded_found(&shown(&whole), || self.fs.symlink_metadata(as_path(&whole)?))? {
            Some(meta) => {
                let name = path.last().map_or(&[][..], Vec::as_slice);
                self.entry(name, &whole, &meta).map(Some)
            }
            None => Ok(None),
        }
    }

    fn list(&self, path: &Names) -> Result<Vec<Entry>, ShowError> {
        let whole = joined(path);
        let place = shown(&whole);
        let mut names = guarded(&place, || self.fs.read_dir(as_path(&whole)?))?;
        let mut entries = Vec::new();
        while let Some(found) = guarded(&place, || names.next().transpose())? {
            let name = found.file_name();
            let name: &[u8] = name.as_ref();
            if name == b"." || name == b".." {
                continue;
            }
            if entries.len() == NAMES_MAX {
                return Err(ShowError::damaged(place, format!("more than {NAMES_MAX} names")));
            }
            let mut child = whole.clone();
            if child.last() != Some(&b'/') {
                child.push(b'/');
            }
            child.extend_from_slice(name);
            let meta = guarded(&shown(&child), || found.metadata())?;
            entries.push(self.entry(name, &child, &meta)?);
        }
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    fn read(&self, path: &Names, sink: &mut dyn Write) -> Result<(), ShowError> {
        let whole = joined(path);
        let place = shown(&whole);
        let mut file = guarded(&place, || self.fs.open(as_path(&whole)?))?;
        let mut bytes = vec![0; 1 << 16];
        loop {
            let read = guarded(&place, || file.read_bytes(&mut bytes))
                .map_err(|error| unread_hole(error, &place))?;
            if read == 0 {
                return Ok(());
            }
            sink.write_all(&bytes[..read])?;
        }
    }
}

/// `ext4-view` 1.0.0 takes an absent indirect block of ext2 or ext3, a hole, for block 0, which it then refuses.
fn unread_hole(error: ShowError, place: &str) -> ShowError {
    match &error {
        ShowError::Damaged { why, .. } if why.contains("from block 0 (originally 0)") => {
            let why = "a sparse file with block maps (ext2, ext3), whose long holes are not read";
            ShowError::UnknownFilesystem(format!("{place} is {why}"))
        }
        _ => error,
    }
}

fn joined(path: &Names) -> Vec<u8> {
    let mut whole = Vec::new();
    for name in path {
        whole.push(b'/');
        whole.extend_from_slice(name);
    }
    if whole.is_empty() { b"/".to_vec() } else { whole }
}

fn shown(path: &[u8]) -> String {
    String::from_utf8_lossy(path).into_owned()
}

fn as_path(path: &[u8]) -> Result<Path<'_>, Ext4Error> {
    Path::try_from(path).map_err(|_| Ext4Error::MalformedPath)
}

fn guarded<T>(place: &str, call: impl FnOnce() -> Result<T, Ext4Error>) -> Result<T, ShowError> {
    let missing = || ShowError::damaged(place, "it was there a moment ago");
    guarded_found(place, call)?.ok_or_else(missing)
}

/// Calls the crate, which forbids unsafe code and means to answer every damage by an error; where it panics instead, that is
/// told as damage too.
fn guarded_found<T>(
    place: &str,
    call: impl FnOnce() -> Result<T, Ext4Error>,
) -> Result<Option<T>, ShowError> {
    static QUIET: Once = Once::new();
    QUIET.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !info.location().is_some_and(|at| at.file().contains("/ext4-view-")) {
                usual(info);
            }
        }));
    });
    match panic::catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(value)) => Ok(Some(value)),
        Ok(Err(Ext4Error::NotFound | Ext4Error::NotADirectory)) => Ok(None),
        Ok(Err(Ext4Error::Incompatible(why))) => {
            Err(ShowError::UnknownFilesystem(format!("the filesystem has features that are not read: {why}")))
        }
        Ok(Err(Ext4Error::Io(error))) => Err(io::Error::other(error.to_string()).into()),
        Ok(Err(error)) => Err(ShowError::damaged(place, error.to_string())),
        Err(_) => Err(ShowError::damaged(place, "its blocks contradict each other")),
    }
}
