//! Modes of an element's files, as images have them: what somebody closed stays closed, and what a umask did to a checkout is undone.
//!
//! In: a file's mode, and that of its element's own directory. Out: the mode in the image, where it says more than 0644 and 0755. Never:
//! a file that the element closes and the image opens.
//!
//! dib copies an element with rsync, which gives new files the element's mode less root's umask, and so does this. git keeps no bit but
//! that of execution, and everything else of a checkout is made by the umask of whoever made it. The same commit must lead to the same
//! image, so bits that the element's own directory lacks are taken for those that the umask took from all of it. A checkout
//! that is closed throughout says nothing of single files: then modes are those of a checkout under 022, and planning warns.

/// Bits of reading and of entering, for group and others; and the owner's of writing.
const GROUP: u32 = 0o050;
const OTHERS: u32 = 0o005;
const OWNER_WRITES: u32 = 0o200;
/// What rsync takes from new files as root.
const UMASK: u32 = 0o022;
const SET_GID: u32 = 0o2000;
const STICKY: u32 = 0o1000;

/// How an element's directory was made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Checkout {
    mode: u32,
}

impl Checkout {
    /// By the mode of the element's own directory.
    pub(super) fn new(mode: u32) -> Checkout {
        Checkout { mode: mode & 0o7777 }
    }

    /// The directory's mode, where nothing can be told of what is in it.
    pub(super) fn closed(self) -> Option<u32> {
        (self.mode & OTHERS == 0).then_some(self.mode)
    }

    /// The mode in the image, where it is not 0644, or 0755 of what can be executed.
    pub(super) fn in_image(self, mode: u32, is_dir: bool) -> Option<u32> {
        let mut kept = mode & 0o7777;
        // What is set for a whole checkout is no file's own: a read-only store, directories of a shared group.
        if self.mode & OWNER_WRITES == 0 {
            kept |= OWNER_WRITES;
        }
        if is_dir {
            kept &= !(self.mode & SET_GID);
        }
        if self.mode & GROUP == 0 {
            kept = kept & !0o070 | (kept & 0o500) >> 3;
        }
        if self.mode & OTHERS == 0 {
            kept = kept & !0o007 | (kept & 0o050) >> 3;
        }
        // A directory in which everybody writes is meant if it is sticky.
        if !(is_dir && kept & STICKY != 0) {
            kept &= !UMASK;
        }
        let plain = if is_dir || mode & 0o111 != 0 { 0o755 } else { 0o644 };
        (kept != plain).then_some(kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(checkout: u32, mode: u32) -> u32 {
        let plain = if mode & 0o111 != 0 { 0o755 } else { 0o644 };
        Checkout::new(checkout).in_image(mode, false).unwrap_or(plain)
    }

    fn dir(checkout: u32, mode: u32) -> u32 {
        Checkout::new(checkout).in_image(mode, true).unwrap_or(0o755)
    }

    #[test]
    fn what_the_element_closes_stays_closed() {
        for mode in [0o600, 0o400, 0o640, 0o440, 0o700, 0o750, 0o4755, 0o2755, 0o6711] {
            assert_eq!(file(0o755, mode), mode, "{mode:o}");
        }
        for mode in [0o700, 0o750, 0o711, 0o1777, 0o2755, 0o1755] {
            assert_eq!(dir(0o755, mode), mode, "{mode:o}");
        }
        assert_eq!((file(0o755, 0o666), file(0o755, 0o777), dir(0o755, 0o777)), (0o644, 0o755, 0o755));
    }

    /// One commit, checked out under several masks.
    #[test]
    fn a_checkout_leads_to_one_image_under_every_umask() {
        for mask in [0o000, 0o002, 0o022, 0o027, 0o077] {
            let checkout = 0o777 & !mask;
            assert_eq!(file(checkout, 0o666 & !mask), 0o644, "{mask:o}");
            assert_eq!(file(checkout, 0o777 & !mask), 0o755, "{mask:o}");
            assert_eq!(dir(checkout, 0o777 & !mask), 0o755, "{mask:o}");
        }
        // A store that nobody writes to, and one of a group.
        assert_eq!((file(0o555, 0o444), file(0o555, 0o555), dir(0o555, 0o555)), (0o644, 0o755, 0o755));
        assert_eq!((dir(0o2775, 0o2775), file(0o2775, 0o600)), (0o755, 0o600));
        // Closed to others throughout, a file can still be closed to the group.
        assert_eq!((file(0o750, 0o640), file(0o750, 0o600)), (0o644, 0o600));
    }

    #[test]
    fn a_checkout_that_is_closed_throughout_is_known() {
        let closed = [0o700, 0o750, 0o755].map(|mode| Checkout::new(mode).closed());
        assert_eq!(closed, [Some(0o700), Some(0o750), None]);
    }
}
