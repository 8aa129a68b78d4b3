//! POSIX ACLs, from the form that the VFS hands out to the shorter one on ext4's disks.
//!
//! In: the value of `system.posix_acl_access` or `_default`. Out: the value to store. Never: any change of meaning.
//!
//! Sources: `include/uapi/linux/posix_acl_xattr.h` (version 2), `fs/ext4/acl.h` (version 1).

use alloc::vec::Vec;

use super::field::put32;

/// `ACL_USER` and `ACL_GROUP`: the tags whose entries name an id on disk.
const NAMED: [u16; 2] = [0x02, 0x08];
/// `ACL_USER_OBJ`, `ACL_GROUP_OBJ`, `ACL_MASK`, `ACL_OTHER`.
const PLAIN: [u16; 4] = [0x01, 0x04, 0x10, 0x20];

/// The stored form, or why the value is no ACL.
pub(super) fn to_disk(value: &[u8]) -> Result<Vec<u8>, &'static str> {
    let (head, entries) = value.split_at_checked(4).ok_or("it is shorter than its header of 4 bytes")?;
    if head != 2u32.to_le_bytes() {
        return Err("its version is not 2");
    }
    if entries.len() % 8 != 0 {
        return Err("its entries are not 8 bytes each");
    }
    let mut out = alloc::vec![0; 4];
    put32(&mut out, 0, 1);
    for entry in entries.chunks_exact(8) {
        let tag = u16::from_le_bytes([entry[0], entry[1]]);
        if NAMED.contains(&tag) {
            out.extend_from_slice(entry);
        } else if PLAIN.contains(&tag) {
            out.extend_from_slice(&entry[..4]);
        } else {
            return Err("it has an entry with an unknown tag");
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_kept_only_where_the_tag_names_one() {
        let vfs = [
            &[2, 0, 0, 0][..],
            &[1, 0, 7, 0, 255, 255, 255, 255],
            &[2, 0, 5, 0, 0xe8, 3, 0, 0],
            &[0x20, 0, 4, 0, 255, 255, 255, 255],
        ]
        .concat();
        let disk =
            [&[1, 0, 0, 0][..], &[1, 0, 7, 0], &[2, 0, 5, 0, 0xe8, 3, 0, 0], &[0x20, 0, 4, 0]].concat();
        assert_eq!(to_disk(&vfs), Ok(disk));
        assert!(to_disk(&[2, 0]).is_err());
        assert!(to_disk(&[1, 0, 0, 0]).is_err());
        assert!(to_disk(&vfs[..11]).is_err());
        assert!(to_disk(&[2, 0, 0, 0, 3, 0, 7, 0, 0, 0, 0, 0]).is_err());
    }
}
