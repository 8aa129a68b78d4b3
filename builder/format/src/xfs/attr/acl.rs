//! POSIX ACLs, from the form that the VFS hands out to that on xfs's disks.
//!
//! In: the value of `system.posix_acl_access` or `_default`. Out: the value to store. Never: any change of meaning.
//!
//! Sources: `include/uapi/linux/posix_acl_xattr.h` (version 2), `struct xfs_acl` in `fs/xfs/libxfs/xfs_format.h`.

use alloc::vec::Vec;

/// `ACL_USER` and `ACL_GROUP`: the tags whose entries name an id.
const NAMED: [u16; 2] = [0x02, 0x08];
/// `ACL_USER_OBJ`, `ACL_GROUP_OBJ`, `ACL_MASK`, `ACL_OTHER`.
const PLAIN: [u16; 4] = [0x01, 0x04, 0x10, 0x20];
/// `ACL_UNDEFINED_ID`.
const NOBODY: u32 = u32::MAX;

/// The stored form, or why the value is no ACL.
pub(super) fn to_disk(value: &[u8]) -> Result<Vec<u8>, &'static str> {
    let (head, entries) = value.split_at_checked(4).ok_or("it is shorter than its header of 4 bytes")?;
    if head != 2u32.to_le_bytes() {
        return Err("its version is not 2");
    }
    if entries.len() % 8 != 0 {
        return Err("its entries are not 8 bytes each");
    }
    // acl_cnt
    let mut out = ((entries.len() / 8) as u32).to_be_bytes().to_vec();
    for entry in entries.chunks_exact(8) {
        let tag = u16::from_le_bytes([entry[0], entry[1]]);
        let id = match tag {
            _ if NAMED.contains(&tag) => u32::from_le_bytes([entry[4], entry[5], entry[6], entry[7]]),
            _ if PLAIN.contains(&tag) => NOBODY,
            _ => return Err("it has an entry with an unknown tag"),
        };
        out.extend_from_slice(&u32::from(tag).to_be_bytes());
        out.extend_from_slice(&id.to_be_bytes());
        // Permissions, and two bytes of nothing.
        out.extend_from_slice(&[entry[3], entry[2], 0, 0]);
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_big_endian_and_have_an_id_each() {
        let vfs = [
            &[2, 0, 0, 0][..],
            &[1, 0, 7, 0, 255, 255, 255, 255],
            &[2, 0, 5, 0, 0xe8, 3, 0, 0],
            &[0x20, 0, 4, 0, 0, 0, 0, 0],
        ]
        .concat();
        let disk = [
            &[0, 0, 0, 3][..],
            &[0, 0, 0, 1, 255, 255, 255, 255, 0, 7, 0, 0],
            &[0, 0, 0, 2, 0, 0, 3, 0xe8, 0, 5, 0, 0],
            &[0, 0, 0, 0x20, 255, 255, 255, 255, 0, 4, 0, 0],
        ]
        .concat();
        assert_eq!(to_disk(&vfs), Ok(disk));
        assert!(to_disk(&[2, 0]).is_err());
        assert!(to_disk(&[1, 0, 0, 0]).is_err());
        assert!(to_disk(&vfs[..11]).is_err());
        assert!(to_disk(&[2, 0, 0, 0, 3, 0, 7, 0, 0, 0, 0, 0]).is_err());
    }
}
