//! POSIX ACLs, as the VFS hands them out. Each filesystem stores them in a form of its own.
//!
//! In: the value of `system.posix_acl_access` or `_default`. Out: its entries. Never: any change of meaning.
//!
//! Source: `include/uapi/linux/posix_acl_xattr.h` (version 2).

/// `ACL_USER` and `ACL_GROUP`: the tags whose entries name an id.
const NAMED: [u16; 2] = [0x02, 0x08];
/// `ACL_USER_OBJ`, `ACL_GROUP_OBJ`, `ACL_MASK`, `ACL_OTHER`.
const PLAIN: [u16; 4] = [0x01, 0x04, 0x10, 0x20];

/// One entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AclEntry {
    /// Whose it is, as a kind: `ACL_USER_OBJ` and so on.
    pub(crate) tag: u16,
    /// Read, write and execute.
    pub(crate) permissions: u16,
    /// The user or the group, where the tag names one.
    pub(crate) id: Option<u32>,
}

/// The entries, or why the value is no ACL.
pub(crate) fn entries(
    value: &[u8],
) -> Result<impl ExactSizeIterator<Item = Result<AclEntry, &'static str>> + '_, &'static str> {
    let (head, entries) = value.split_at_checked(4).ok_or("it is shorter than its header of 4 bytes")?;
    if head != 2u32.to_le_bytes() {
        return Err("its version is not 2");
    }
    if entries.len() % 8 != 0 {
        return Err("its entries are not 8 bytes each");
    }
    Ok(entries.chunks_exact(8).map(entry))
}

fn entry(bytes: &[u8]) -> Result<AclEntry, &'static str> {
    let tag = u16::from_le_bytes([bytes[0], bytes[1]]);
    let permissions = u16::from_le_bytes([bytes[2], bytes[3]]);
    let id = match tag {
        _ if NAMED.contains(&tag) => Some(u32::from_le_bytes([bytes[4], bytes[5], bytes[6], bytes[7]])),
        _ if PLAIN.contains(&tag) => None,
        _ => return Err("it has an entry with an unknown tag"),
    };
    Ok(AclEntry { tag, permissions, id })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_acl_is_refused() {
        let all = |value: &[u8]| entries(value)?.collect::<Result<alloc::vec::Vec<_>, _>>();
        let named = AclEntry { tag: 2, permissions: 5, id: Some(1000) };
        assert_eq!(all(&[2, 0, 0, 0, 2, 0, 5, 0, 0xe8, 3, 0, 0]), Ok(alloc::vec![named]));
        assert!(all(&[2, 0]).is_err());
        assert!(all(&[1, 0, 0, 0]).is_err());
        assert!(all(&[2, 0, 0, 0, 1, 0, 7, 0, 0, 0, 0]).is_err());
        assert!(all(&[2, 0, 0, 0, 3, 0, 7, 0, 0, 0, 0, 0]).is_err());
    }
}
