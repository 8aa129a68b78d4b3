//! What a partition holds, by its magic numbers.
//!
//! In: the bytes of a partition. Out: kind, label, UUID, use, and the filesystem opened if its files can be read. Never: an error
//! for a damaged filesystem: that is said in its description.

use std::rc::Rc;

use super::disk::FilesystemInfo;
use super::ext::{self, Ext};
use super::fat::Fat;
use super::field::{be32, be64, byte, le16, le32, text, uuid};
use super::source::{Source, read_up_to};
use super::volume::Volume;
use super::{ShowError, fat};

/// Bytes from the start in which every magic number lies: btrfs has its at 64 KiB + 64.
const HEAD: usize = 0x1_1000;

/// A kind of filesystem, as blkid calls it: how it is known, and who reads its files or at least its name.
struct KnownFilesystem {
    name: &'static str,
    known: Signature,
    look: Reader,
}

/// How a kind is known by the first [`HEAD`] bytes.
enum Signature {
    /// By these bytes at that place.
    Magic(usize, &'static [u8]),
    /// By more than that.
    By(fn(&[u8]) -> bool),
}

/// Opens a filesystem, whose first bytes these are, and describes it.
type OpenFiles = fn(&Rc<dyn Source>, &[u8], &mut FilesystemInfo) -> Result<Rc<dyn Volume>, ShowError>;

/// What can be read of one.
enum Reader {
    /// Its files are read.
    Files(OpenFiles),
    /// Label and UUID are.
    Label(fn(&[u8], &mut FilesystemInfo)),
    /// What it is, in words, and no more.
    Words(&'static str),
}

/// A physical volume of LVM, as blkid calls it.
pub(super) const LVM: &str = "LVM2_member";

/// One row for each kind; the first that fits is it.
const KINDS: [KnownFilesystem; 18] = [
    magic("xfs", 0, b"XFSB", Reader::Label(xfs)),
    magic("btrfs", 0x1_0040, b"_BHRfS_M", Reader::Label(btrfs)),
    magic("squashfs", 0, b"hsqs", Reader::Words("squashfs")),
    magic("erofs", 1024, &[0xe2, 0xe1, 0xf5, 0xe0], Reader::Words("erofs")),
    magic("f2fs", 1024, &[0x10, 0x20, 0xf5, 0xf2], Reader::Words("f2fs")),
    magic("iso9660", 0x8001, b"CD001", Reader::Label(|head, info| info.label = text(head, 0x8028, 32))),
    magic("crypto_LUKS", 0, b"LUKS\xba\xbe", Reader::Label(luks)),
    magic(LVM, 0x218, b"LVM2 001", Reader::Words("a physical volume of LVM")),
    magic(LVM, 0x18, b"LVM2 001", Reader::Words("a physical volume of LVM")),
    magic("linux_raid_member", 0x1000, &[0xfc, 0x4e, 0x2b, 0xa9], Reader::Words("a member of a RAID")),
    magic("ntfs", 3, b"NTFS    ", Reader::Words("ntfs")),
    magic("exfat", 3, b"EXFAT   ", Reader::Words("exfat")),
    // Every page size has its magic at the page's end.
    magic("swap", 0xff6, b"SWAPSPACE2", Reader::Label(swap)),
    magic("swap", 0xfff6, b"SWAPSPACE2", Reader::Label(swap)),
    KnownFilesystem {
        name: "ext2",
        known: Signature::By(|head| ext_kind(head) == Some("ext2")),
        look: Reader::Files(ext_files),
    },
    KnownFilesystem {
        name: "ext3",
        known: Signature::By(|head| ext_kind(head) == Some("ext3")),
        look: Reader::Files(ext_files),
    },
    KnownFilesystem {
        name: "ext4",
        known: Signature::By(|head| ext_kind(head) == Some("ext4")),
        look: Reader::Files(ext_files),
    },
    KnownFilesystem {
        name: "vfat",
        known: Signature::By(fat::is_boot_sector),
        look: Reader::Files(fat_files),
    },
];

const fn magic(name: &'static str, at: usize, bytes: &'static [u8], look: Reader) -> KnownFilesystem {
    KnownFilesystem { name, known: Signature::Magic(at, bytes), look }
}

/// The kind, as blkid calls it.
pub(super) fn kind(source: &dyn Source) -> Result<Option<&'static str>, ShowError> {
    Ok(kind_of(&read_up_to(source, 0, HEAD)?).map(|kind| kind.name))
}

fn kind_of(head: &[u8]) -> Option<&'static KnownFilesystem> {
    KINDS.iter().find(|kind| match kind.known {
        Signature::Magic(at, magic) => head.get(at..at + magic.len()) == Some(magic),
        Signature::By(is) => is(head),
    })
}

fn ext_kind(head: &[u8]) -> Option<&'static str> {
    (le16(head, 1024 + 0x38) == 0xef53).then(|| ext::kind(&head[1024..]))
}

fn ext_files(
    source: &Rc<dyn Source>,
    head: &[u8],
    info: &mut FilesystemInfo,
) -> Result<Rc<dyn Volume>, ShowError> {
    ext::describe(&head[1024..], info);
    Ok(Rc::new(Ext::open(source, &head[1024..])?))
}

fn fat_files(
    source: &Rc<dyn Source>,
    head: &[u8],
    info: &mut FilesystemInfo,
) -> Result<Rc<dyn Volume>, ShowError> {
    let fat = Fat::open(source, head)?;
    fat.describe(info)?;
    Ok(Rc::new(fat))
}

/// What a partition holds.
#[derive(Default)]
pub(super) struct Probed {
    /// What it is, if that is known.
    pub(super) info: Option<FilesystemInfo>,
    /// Its files, if they can be read.
    pub(super) volume: Option<Rc<dyn Volume>>,
}

/// Everything about a partition, and its files.
pub(super) fn probe(source: &Rc<dyn Source>) -> Result<Probed, ShowError> {
    let head = read_up_to(&**source, 0, HEAD)?;
    let Some(kind) = kind_of(&head) else { return Ok(Probed::default()) };
    let mut info = FilesystemInfo { kind: kind.name.to_string(), ..FilesystemInfo::default() };
    let unread = |words: &str| Some(format!("{words}: dibber does not read its files"));
    match kind.look {
        Reader::Files(open) => match open(source, &head, &mut info) {
            Ok(volume) => return Ok(Probed { info: Some(info), volume: Some(volume) }),
            Err(error) => {
                info.damaged = !matches!(error, ShowError::UnknownFilesystem(_));
                info.problem = Some(error.to_string());
            }
        },
        Reader::Label(read) => {
            info.problem = unread(kind.name);
            read(&head, &mut info);
        }
        Reader::Words(words) => info.problem = unread(words),
    }
    Ok(Probed { info: Some(info), volume: None })
}

/// After `mkswap(8)`, at 1024: version, last page, bad pages, UUID, label. It has no files, so nothing is amiss without them.
fn swap(head: &[u8], info: &mut FilesystemInfo) {
    info.uuid = uuid(head, 1036).to_string();
    info.label = text(head, 1052, 16);
    info.problem = le32(head, 1024).ne(&1).then(|| format!("swap version {}", le32(head, 1024)));
}

fn xfs(head: &[u8], info: &mut FilesystemInfo) {
    info.uuid = uuid(head, 32).to_string();
    info.label = text(head, 108, 12);
    // `sb_dblocks` and `sb_fdblocks`, of `sb_blocksize` each.
    let block = u64::from(be32(head, 4));
    let (blocks, free) = (be64(head, 8), be64(head, 144));
    if let Some(bytes) = blocks.checked_mul(block) {
        let free = free.min(blocks) * block;
        info.free_bytes = Some(free);
        info.used_bytes = Some(bytes - free);
    }
}

fn btrfs(head: &[u8], info: &mut FilesystemInfo) {
    info.uuid = uuid(head, 0x1_0020).to_string();
    info.label = text(head, 0x1_012b, 256);
}

fn luks(head: &[u8], info: &mut FilesystemInfo) {
    info.uuid = text(head, 168, 40);
    info.label = if byte(head, 7) == 2 { text(head, 24, 48) } else { String::new() };
    info.problem = Some("encrypted (LUKS): dibber does not read its files".to_string());
}
