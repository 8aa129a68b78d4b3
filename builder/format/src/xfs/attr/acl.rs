//! POSIX ACLs, from the form that the VFS hands out to that on xfs's disks.
//!
//! In: the value of `system.posix_acl_access` or `_default`. Out: the value to store. Never: any change of meaning.
//!
//! Source: `struct xfs_acl` in `fs/xfs/libxfs/xfs_format.h`.

use alloc::vec::Vec;

use crate::posix_acl;

/// `ACL_UNDEFINED_ID`.
const NOBODY: u32 = u32::MAX;

/// The stored form, or why the value is no ACL.
pub(super) fn to_disk(value: &[u8]) -> Result<Vec<u8>, &'static str> {
    let entries = posix_acl::entries(value)?;
    // acl_cnt
    let mut out = (entries.len() as u32).to_be_bytes().to_vec();
    for entry in entries {
        let entry = entry?;
        out.extend_from_slice(&u32::from(entry.tag).to_be_bytes());
        out.extend_from_slice(&entry.id.unwrap_or(NOBODY).to_be_bytes());
        out.extend_from_slice(&entry.permissions.to_be_bytes());
        // ae_pad
        out.extend_from_slice(&[0, 0]);
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
    }
}
