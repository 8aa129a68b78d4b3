//! Records over the blocks of a tree.
//!
//! In: records, and how many a block holds. Out: as few parts as hold them, as even as can be. Never: a part less than half full, which
//! the kernel and `xfs_repair` take for damage anywhere but in a root.

/// The parts; none of no records.
pub(super) fn spread<T>(records: &[T], most: usize) -> impl Iterator<Item = &[T]> {
    let parts = records.len().div_ceil(most);
    let (each, longer) =
        (records.len().checked_div(parts).unwrap_or(0), records.len().checked_rem(parts).unwrap_or(0));
    let mut rest = records;
    (0..parts).map(move |n| {
        let (part, behind) = rest.split_at(each + usize::from(n < longer));
        rest = behind;
        part
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn parts_are_few_and_at_least_half_full() {
        let records: Vec<usize> = (0..1000).collect();
        for len in 0..1000 {
            let parts: Vec<&[usize]> = spread(&records[..len], 168).collect();
            assert_eq!(parts.len(), len.div_ceil(168));
            assert_eq!(parts.concat(), records[..len]);
            assert!(parts.iter().all(|part| part.len() <= 168));
            assert!(parts.len() < 2 || parts.iter().all(|part| part.len() >= 84), "{len}");
        }
    }
}
