//! Devices that hooks made by mknod: in a user namespace files with a mark stand for them.
//!
//! In: a captured tree. Out: the same with devices in their places, owned and closed as the files are. Never: a mark in the image, nor a device that somebody else than root marked.

use dibber_model::{InodeId, Kind, Rdev, Tree};
use dibber_sandbox::{MAJORS, MINORS};

/// Makes them.
pub(super) fn make(tree: &mut Tree) {
    for id in 0..tree.inode_count() as u32 {
        let inode = tree.inode_mut(InodeId(id));
        let Some(at) = inode.meta.xattrs.iter().position(|x| *x.name == *dibber_sandbox::DEVICE.as_bytes())
        else {
            continue;
        };
        let marked = inode.meta.xattrs.remove(at);
        // Only root makes devices, and anybody marks a file of theirs. Whose it is tells which it was.
        let is_roots = matches!(inode.kind, Kind::File(_)) && inode.meta.uid == 0;
        if let Some(device) = device(&marked.value).filter(|_| is_roots) {
            inode.kind = device;
        }
    }
}

/// `c 5 1`. What a hook wrote there itself may be anything.
fn device(mark: &[u8]) -> Option<Kind> {
    let mut words = std::str::from_utf8(mark).ok()?.split(' ');
    let kind = words.next()?;
    let major = words.next()?.parse().ok().filter(|major| *major < MAJORS)?;
    let minor = words.next()?.parse().ok().filter(|minor| *minor < MINORS)?;
    match kind {
        "b" => Some(Kind::BlockDev(Rdev { major, minor })),
        "c" => Some(Kind::CharDev(Rdev { major, minor })),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_names_one_device() {
        assert_eq!(device(b"c 5 1"), Some(Kind::CharDev(Rdev { major: 5, minor: 1 })));
        assert_eq!(device(b"b 8 16"), Some(Kind::BlockDev(Rdev { major: 8, minor: 16 })));
        for mark in [&b"c 5"[..], b"p 1 1", b"c 4096 0", b"c 1 1048576", b"\xff", b""] {
            assert_eq!(device(mark), None);
        }
    }
}
