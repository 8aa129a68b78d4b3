//! Room on the root filesystem beside its content, for what is written when the image runs: dib's `--image-extra-size`.
//!
//! In: a disk, and how much. Out: the disk with a rule for its root's size. Never: a size that somebody gave, overruled.

use dibber_model::{Bytes, DiskSpec, MountPoint, PartContents, PartSpec, SizeRule};

/// The disk with as much room as was asked for. A disk of given size has its own.
pub(crate) fn with_room(mut disk: DiskSpec, room: Option<Bytes>) -> DiskSpec {
    let Some(room) = room.filter(|_| disk.size.is_none()) else { return disk };
    let is_root = |part: &&mut PartSpec| match &part.contents {
        PartContents::Fs(fs) => fs.mount.as_ref().is_some_and(MountPoint::is_root),
        _ => false,
    };
    let root = disk.parts.iter_mut().find(is_root);
    if let Some(part) = root.filter(|part| !matches!(part.size, SizeRule::Exact(_))) {
        part.size = SizeRule::ContentAnd(room);
    }
    disk
}
