//! The hash by which directories and attributes are searched.
//!
//! In: a name. Out: 32 bits. Never: a seed: the hash of a name is the same everywhere.
//!
//! Source: `xfs_da_hashname` in `fs/xfs/libxfs/xfs_da_btree.c`.

/// Four bytes at a time, seven bits apart; each group turns what was before it by as many bits as it has.
pub(super) fn hash(name: &[u8]) -> u32 {
    name.chunks(4).fold(0u32, |before, group| {
        let last = group.len() - 1;
        let mixed = group
            .iter()
            .enumerate()
            .fold(0, |mixed, (n, byte)| mixed ^ (u32::from(*byte) << (7 * (last - n))));
        mixed ^ before.rotate_left(7 * group.len() as u32)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_xfs_db() {
        // `xfs_db -c "hash NAME"` of xfsprogs 6.1.
        for (name, is) in [
            (&b"."[..], 0x2e),
            (b"..", 0x172e),
            (b"abc", 0x0018_7163),
            (b"lost+found", 0x021a_a60c),
            (b"SGI_ACL_FILE", 0x275b_19c4),
        ] {
            assert_eq!(hash(name), is, "{}", alloc::string::String::from_utf8_lossy(name));
        }
    }
}
