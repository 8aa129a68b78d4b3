//! How an inode's bytes are divided between its content and its attributes.
//!
//! In: attributes, and what the content would take of the inode. Out: where one ends and the other begins. Never: a division that
//! depends on where blocks lie.
//!
//! Attributes go into the inode wherever the kernel would take them there, as they are read at every access; content has what is
//! left (`xfs_attr_shortform_bytesfit`).

use super::attr::{AttrFork, Attrs};

/// `di_forkoff` counts in eight bytes.
const UNIT: usize = 8;
/// Least room for content: a map's root with three pointers (`XFS_BMDR_SPACE_CALC(MINDBTPTRS)`, 52 bytes).
const CONTENT_MIN: usize = 56;
/// Room for content where attributes have blocks of their own (`xfs_default_attroffset`, 196 bytes, rounded down).
const CONTENT_DEFAULT: usize = 192;
/// Least room for the map of those blocks: a root with two pointers (`XFS_BMDR_SPACE_CALC(MINABTPTRS)`, 36 bytes).
const ATTRIBUTES_MIN: usize = 40;
/// Room for a device number (`xfs_dinode_verify_forkoff` wants no more and no less).
const DEVICE: usize = 8;

/// Where an inode's attributes are.
#[derive(Debug)]
pub(super) enum AttrPlace<'t> {
    None,
    /// In the inode.
    Short(Attrs<'t>),
    /// In blocks, which lie in one row, so that one record in the inode maps them.
    Fork(AttrFork<'t>),
}

/// Room for content.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    /// What content has that is not in the inode: its map.
    usual: usize,
    /// What content may have that is.
    pub(super) most: usize,
}

/// An inode, divided.
#[derive(Debug)]
pub(super) struct Forks<'t> {
    pub(super) attrs: AttrPlace<'t>,
    /// Bytes for content.
    pub(super) room: usize,
    /// `di_forkoff`: where attributes begin, in eight bytes; 0 without any.
    pub(super) offset: u8,
}

impl<'t> AttrPlace<'t> {
    /// Beside content that is not a device. `literal` is what both have together, in bytes.
    pub(super) fn beside_data(attrs: Attrs<'t>, literal: usize) -> (AttrPlace<'t>, Room) {
        if attrs.is_empty() {
            return (AttrPlace::None, Room { usual: literal, most: literal });
        }
        match attrs.short_size().map(|size| size.next_multiple_of(UNIT)) {
            Some(size) if size + CONTENT_MIN <= literal => {
                let room = literal - size;
                (AttrPlace::Short(attrs), Room { usual: room, most: room })
            }
            _ => {
                let room = Room { usual: CONTENT_DEFAULT, most: literal - ATTRIBUTES_MIN };
                (AttrPlace::Fork(attrs.into_fork()), room)
            }
        }
    }
}

impl<'t> Forks<'t> {
    /// `local` is how much of the content is in the inode, if all of it is.
    pub(super) fn new(attrs: AttrPlace<'t>, room: Room, local: Option<usize>) -> Forks<'t> {
        let room = local.map_or(room.usual, |size| size.next_multiple_of(UNIT).max(room.usual));
        let offset = if matches!(attrs, AttrPlace::None) { 0 } else { (room / UNIT) as u8 };
        Forks { attrs, room, offset }
    }

    /// Beside the number of a device, a fifo or a socket.
    pub(super) fn beside_device(attrs: Attrs<'t>, literal: usize) -> Forks<'t> {
        let attrs = match attrs.short_size() {
            _ if attrs.is_empty() => AttrPlace::None,
            Some(size) if size + DEVICE <= literal => AttrPlace::Short(attrs),
            _ => AttrPlace::Fork(attrs.into_fork()),
        };
        Forks::new(attrs, Room { usual: DEVICE, most: DEVICE }, None)
    }

    /// Blocks of attributes.
    pub(super) fn attr_blocks(&self) -> u64 {
        match &self.attrs {
            AttrPlace::Fork(fork) => fork.len(),
            AttrPlace::None | AttrPlace::Short(_) => 0,
        }
    }
}
