//! POSIX ACLs, from the form that the VFS hands out to the shorter one on ext4's disks.
//!
//! In: the value of `system.posix_acl_access` or `_default`. Out: the value to store. Never: any change of meaning.
//!
//! Source: `fs/ext4/acl.h` (version 1).

use alloc::vec::Vec;

use crate::posix_acl;

/// `EXT4_ACL_VERSION`.
const VERSION: u32 = 1;

/// The stored form, or why the value is no ACL.
pub(super) fn to_disk(value: &[u8]) -> Result<Vec<u8>, &'static str> {
    let mut out = VERSION.to_le_bytes().to_vec();
    for entry in posix_acl::entries(value)? {
        let entry = entry?;
        out.extend_from_slice(&entry.tag.to_le_bytes());
        out.extend_from_slice(&entry.permissions.to_le_bytes());
        out.extend(entry.id.into_iter().flat_map(u32::to_le_bytes));
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
    }
}
