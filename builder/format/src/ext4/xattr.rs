//! Extended attributes: into the inode's tail what fits there, into a block of its own what does not.
//!
//! In: an inode's attributes. Out: bytes for the inode, bytes for a block. Never: values in inodes of their own (`ea_inode`).
//!
//! Source: `fs/ext4/xattr.h`; the hashes are those that `fs/ext4/xattr.c` keeps for sharing blocks.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use dibber_model::Xattr;

use super::field::{put16, put32};
use super::{BLOCK, acl};

/// `EXT4_XATTR_MAGIC`.
const MAGIC: u32 = 0xea02_0000;
/// `EXT4_XATTR_REFCOUNT_MAX`: how many inodes may share a block.
const SHARED_MAX: u32 = 1024;
/// What is left of a 256-byte inode after 128 old bytes, 32 extra ones, and the magic number.
const IN_INODE: usize = 256 - 128 - 32 - 4;
/// `struct ext4_xattr_header`.
const BLOCK_HEADER: usize = 32;
/// `struct ext4_xattr_entry` without the name; the list ends with four zero bytes.
const ENTRY: usize = 16;
const END: usize = 4;

/// `XATTR_NAME_MAX`, prefix included: a longer name could not be asked for.
const NAME_MAX: usize = 255;

/// Namespaces with their numbers (`EXT4_XATTR_INDEX_*`). The two ACLs are whole names.
const NAMESPACES: [(&[u8], u8); 5] = [
    (b"user.", 1),
    (b"system.posix_acl_access", 2),
    (b"system.posix_acl_default", 3),
    (b"trusted.", 4),
    (b"security.", 6),
];

/// An attribute as ext4 names and stores it.
struct Stored<'t> {
    full: &'t [u8],
    index: u8,
    name: &'t [u8],
    value: Cow<'t, [u8]>,
}

impl Stored<'_> {
    fn name_size(&self) -> usize {
        ENTRY + self.name.len().next_multiple_of(4)
    }

    fn size(&self) -> usize {
        self.name_size() + self.value.len().next_multiple_of(4)
    }

    /// `e_hash`: the name by 5 bits, then the value by words of 32.
    fn hash(&self) -> u32 {
        let name = self.name.iter().fold(0u32, |hash, byte| hash.rotate_left(5) ^ u32::from(*byte));
        self.value.chunks(4).fold(name, |hash, chunk| {
            let mut word = [0; 4];
            word[..chunk.len()].copy_from_slice(chunk);
            hash.rotate_left(16) ^ u32::from_le_bytes(word)
        })
    }
}

/// Why attributes cannot be stored; the caller knows the path.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refused<'t> {
    Name(&'t [u8]),
    Acl(&'t [u8], &'static str),
    Size { name: &'t [u8], size: usize, room: usize },
}

/// One block of attributes, without its own number (which is part of its checksum).
#[derive(Clone, Debug)]
pub(super) struct XattrBlock {
    pub(super) bytes: Box<[u8]>,
    pub(super) sharers: u32,
}

/// An inode's attributes, encoded: the tail of the inode (empty if there is nothing), and which block.
#[derive(Clone, Debug, Default)]
pub(super) struct Encoded {
    pub(super) in_inode: Box<[u8]>,
    pub(super) block: Option<u32>,
}

/// All attribute blocks of a filesystem; inodes with equal blocks share one.
#[derive(Debug, Default)]
pub(super) struct XattrBlocks {
    pub(super) list: Vec<XattrBlock>,
    known: BTreeMap<Box<[u8]>, u32>,
}

impl XattrBlocks {
    /// Encodes an inode's attributes. Those of `security.` go first into the inode, being read at every access.
    pub(super) fn encode<'t>(&mut self, xattrs: &'t [Xattr]) -> Result<Encoded, Refused<'t>> {
        if xattrs.is_empty() {
            return Ok(Encoded::default());
        }
        let mut stored = xattrs.iter().map(to_stored).collect::<Result<Vec<_>, _>>()?;
        stored.sort_by_key(|x| (x.index != 6, x.index, x.name.len(), x.name));
        let (mut inside, mut outside) = (Vec::new(), Vec::new());
        let mut room = IN_INODE - END;
        for x in stored {
            if x.size() <= room {
                room -= x.size();
                inside.push(x);
            } else {
                outside.push(x);
            }
        }
        let in_inode = if inside.is_empty() { Box::default() } else { encode_inside(&inside) };
        let block = if outside.is_empty() { None } else { Some(self.share(encode_block(outside)?)) };
        Ok(Encoded { in_inode, block })
    }

    fn share(&mut self, bytes: Box<[u8]>) -> u32 {
        if let Some(at) = self.known.get(&bytes)
            && let Some(block) = self.list.get_mut(*at as usize)
            && block.sharers < SHARED_MAX
        {
            block.sharers += 1;
            return *at;
        }
        let at = self.list.len() as u32;
        self.list.push(XattrBlock { bytes: bytes.clone(), sharers: 1 });
        self.known.insert(bytes, at);
        at
    }
}

fn to_stored(xattr: &Xattr) -> Result<Stored<'_>, Refused<'_>> {
    let full = &*xattr.name;
    for (prefix, index) in NAMESPACES {
        let Some(name) = full.strip_prefix(prefix) else { continue };
        let is_acl = matches!(index, 2 | 3);
        if name.is_empty() != is_acl || full.len() > NAME_MAX || name.contains(&0) {
            break;
        }
        let value = if is_acl {
            Cow::Owned(acl::to_disk(&xattr.value).map_err(|why| Refused::Acl(full, why))?)
        } else {
            Cow::Borrowed(&*xattr.value)
        };
        return Ok(Stored { full, index, name, value });
    }
    Err(Refused::Name(full))
}

/// The tail of the inode: entries from the front, values from the end. Offsets count from the first entry. Hashes are
/// left zero, as the kernel does there.
fn encode_inside(list: &[Stored<'_>]) -> Box<[u8]> {
    let mut out = alloc::vec![0; 4 + IN_INODE];
    put32(&mut out, 0, MAGIC);
    fill(&mut out[4..], 0, list);
    out.into()
}

/// A block. Entries are sorted by namespace, name length and name, as the kernel searches them.
fn encode_block(mut list: Vec<Stored<'_>>) -> Result<Box<[u8]>, Refused<'_>> {
    let mut room = BLOCK as usize - BLOCK_HEADER - END;
    for x in &list {
        let size = x.size();
        room = room.checked_sub(size).ok_or(Refused::Size { name: x.full, size, room })?;
    }
    list.sort_by_key(|x| (x.index, x.name.len(), x.name));
    let mut out = alloc::vec![0; BLOCK as usize];
    fill(&mut out, BLOCK_HEADER, &list);
    put32(&mut out, 0, MAGIC);
    put32(&mut out, 8, 1);
    let mut at = BLOCK_HEADER;
    let mut hash = 0u32;
    for x in &list {
        put32(&mut out, at + 12, x.hash());
        at += x.name_size();
        hash = hash.rotate_left(16) ^ x.hash();
    }
    // An entry whose hash is zero makes the whole block unshareable to the kernel.
    put32(&mut out, 12, if list.iter().any(|x| x.hash() == 0) { 0 } else { hash });
    Ok(out.into())
}

/// Writes entries from `first` on, and their values downwards from the end.
fn fill(area: &mut [u8], first: usize, list: &[Stored<'_>]) {
    let (mut entry, mut end) = (first, area.len());
    for x in list {
        area[entry] = x.name.len() as u8;
        area[entry + 1] = x.index;
        if !x.value.is_empty() {
            end -= x.value.len().next_multiple_of(4);
            put16(area, entry + 2, end as u16);
            area[end..end + x.value.len()].copy_from_slice(&x.value);
        }
        put32(area, entry + 8, x.value.len() as u32);
        area[entry + ENTRY..entry + ENTRY + x.name.len()].copy_from_slice(x.name);
        entry += x.name_size();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn xattr(name: &str, size: usize) -> Xattr {
        Xattr { name: name.as_bytes().into(), value: alloc::vec![b'v'; size].into() }
    }

    #[test]
    fn the_inode_takes_what_fits_and_security_first() {
        let mut blocks = XattrBlocks::default();
        // 92 bytes, less the end mark of 4, an entry of 16 and a name of 4.
        let fits = blocks.encode(&[xattr("user.abcd", 68)]).unwrap();
        assert_eq!((fits.in_inode.len(), fits.block), (96, None));
        let large = blocks.encode(&[xattr("user.abcd", 69)]).unwrap();
        assert_eq!((large.in_inode.len(), large.block), (0, Some(0)));
        let both = [xattr("security.abcd", 60), xattr("user.abcd", 60)];
        let encoded = blocks.encode(&both).unwrap();
        assert_eq!((encoded.in_inode[5], encoded.block), (6, Some(1)));
    }

    #[test]
    fn equal_blocks_are_shared_up_to_1024_times() {
        let mut blocks = XattrBlocks::default();
        let large = [xattr("user.large", 500)];
        let at: Vec<_> = (0..1025).map(|_| blocks.encode(&large).unwrap().block).collect();
        assert_eq!((at[0], at[1023], at[1024]), (Some(0), Some(0), Some(1)));
        assert_eq!((blocks.list[0].sharers, blocks.list[1].sharers), (1024, 1));
    }
}
