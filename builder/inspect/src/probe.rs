//! What a partition holds, by its magic numbers.
//!
//! In: the bytes of a partition. Out: kind, label, UUID, use, and the filesystem opened if its files can be read. Never: an error
//! for a damaged filesystem: that is said in its description.

use std::rc::Rc;

use super::ext::{self, Ext};
use super::fat::Fat;
use super::field::{byte, le16, le32, text, uuid};
use super::source::{Source, some};
use super::table::FilesystemInfo;
use super::volume::Volume;
use super::{ShowError, fat};

/// Bytes from the start in which every magic number lies: btrfs has its at 64 KiB + 64.
const HEAD: usize = 0x1_1000;

/// Magic numbers that need no second look: kind, place, bytes.
const MAGIC: [(&str, usize, &[u8]); 14] = [
    ("xfs", 0, b"XFSB"),
    ("btrfs", 0x1_0040, b"_BHRfS_M"),
    ("squashfs", 0, b"hsqs"),
    ("erofs", 1024, &[0xe2, 0xe1, 0xf5, 0xe0]),
    ("f2fs", 1024, &[0x10, 0x20, 0xf5, 0xf2]),
    ("iso9660", 0x8001, b"CD001"),
    ("crypto_LUKS", 0, b"LUKS\xba\xbe"),
    ("LVM2_member", 0x218, b"LVM2 001"),
    ("LVM2_member", 0x18, b"LVM2 001"),
    ("linux_raid_member", 0x1000, &[0xfc, 0x4e, 0x2b, 0xa9]),
    ("ntfs", 3, b"NTFS    "),
    ("exfat", 3, b"EXFAT   "),
    ("swap", 0xff6, b"SWAPSPACE2"),
    ("swap", 0xfff6, b"SWAPSPACE2"),
];

/// The kind, as blkid calls it.
pub(super) fn kind(source: &dyn Source) -> Result<Option<&'static str>, ShowError> {
    Ok(kind_of(&some(source, 0, HEAD)?))
}

fn kind_of(head: &[u8]) -> Option<&'static str> {
    let there = |(_, at, magic): &&(&str, usize, &[u8])| head.get(*at..at + magic.len()) == Some(*magic);
    if let Some((kind, ..)) = MAGIC.iter().find(there) {
        return Some(kind);
    }
    if le16(head, 1024 + 0x38) == 0xef53 {
        return Some(ext::kind(&head[1024..]));
    }
    fat::is_boot_sector(head).then_some("vfat")
}

/// What a partition holds, and its files if they can be read.
pub(super) type Looked = (Option<FilesystemInfo>, Option<Rc<dyn Volume>>);

/// Everything about a partition, and its files.
pub(super) fn look(source: &Rc<dyn Source>) -> Result<Looked, ShowError> {
    let head = some(&**source, 0, HEAD)?;
    let Some(kind) = kind_of(&head) else { return Ok((None, None)) };
    let mut info = FilesystemInfo { kind: kind.to_string(), ..FilesystemInfo::default() };
    let opened: Result<Option<Rc<dyn Volume>>, ShowError> = match kind {
        "ext2" | "ext3" | "ext4" => {
            ext::describe(&head[1024..], &mut info);
            Ext::open(source, &head[1024..]).map(|ext| Some(Rc::new(ext) as Rc<dyn Volume>))
        }
        "vfat" => Fat::open(source, &head).and_then(|fat| {
            fat.describe(&mut info)?;
            Ok(Some(Rc::new(fat) as Rc<dyn Volume>))
        }),
        _ => {
            describe(kind, &head, &mut info);
            Ok(None)
        }
    };
    match opened {
        Ok(volume) => Ok((Some(info), volume)),
        Err(error) => {
            info.damaged = !matches!(error, ShowError::UnknownFilesystem(_));
            info.problem = Some(error.to_string());
            Ok((Some(info), None))
        }
    }
}

/// Label and UUID of the kinds that are only recognised.
fn describe(kind: &str, head: &[u8], info: &mut FilesystemInfo) {
    match kind {
        // Every page size has the same header, at 1024: version, last page, bad pages, UUID, label.
        "swap" => {
            info.uuid = uuid(head, 1036).to_string();
            info.label = text(head, 1052, 16);
            info.problem = le32(head, 1024).ne(&1).then(|| format!("swap version {}", le32(head, 1024)));
            return;
        }
        "xfs" => {
            info.uuid = uuid(head, 32).to_string();
            info.label = text(head, 108, 12);
        }
        "btrfs" => {
            info.uuid = uuid(head, 0x1_0020).to_string();
            info.label = text(head, 0x1_012b, 256);
        }
        "crypto_LUKS" => {
            info.uuid = text(head, 168, 40);
            info.label = if byte(head, 7) == 2 { text(head, 24, 48) } else { String::new() };
        }
        "iso9660" => info.label = text(head, 0x8028, 32),
        _ => {}
    }
    let what = match kind {
        "crypto_LUKS" => "encrypted (LUKS)",
        "LVM2_member" => "a physical volume of LVM",
        "linux_raid_member" => "a member of a RAID",
        other => other,
    };
    info.problem = Some(format!("{what}: dibber does not read its files"));
}
