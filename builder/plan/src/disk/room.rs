//! Room on the root filesystem beside its content, for what is written when the image runs: dib's `--image-extra-size`.
//!
//! In: a disk, and how much. Out: the disk with a rule for its root's size. Never: a size that somebody gave, overruled.

use dibber_model::{Bytes, DiskSpec, FsSpec, LvSize, MountPoint, PartContents, SizeRule};

/// The disk with as much room as was asked for. A disk of given size has its own.
pub(crate) fn with_room(mut disk: DiskSpec, room: Option<Bytes>) -> DiskSpec {
    let Some(room) = room.filter(|_| disk.size.is_none()) else { return disk };
    let on_root = |fs: &FsSpec| fs.mount.as_ref().is_some_and(MountPoint::is_root);
    for part in &mut disk.parts {
        let is_root = matches!(&part.contents, PartContents::Fs(fs) if on_root(fs));
        if is_root && !matches!(part.size, SizeRule::Exact(_)) {
            part.size = SizeRule::ContentAnd(room);
        }
    }
    for lv in disk.groups.iter_mut().flat_map(|group| &mut group.lvs) {
        // A number of extents and a share of the group are given sizes, too.
        let is_free = matches!(lv.size, LvSize::Rule(SizeRule::Free { .. } | SizeRule::Content { .. }));
        if is_free && lv.fs.as_ref().is_some_and(on_root) {
            lv.size = LvSize::Rule(SizeRule::ContentAnd(room));
        }
    }
    disk
}
