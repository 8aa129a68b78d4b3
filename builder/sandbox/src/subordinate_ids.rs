//! Subordinate ids: the ranges that /etc/subuid and /etc/subgid grant to a user (subuid(5)).
//!
//! In: the text of such a file. Out: a range. Never: a file read, or one changed.

use std::ops::RangeInclusive;

/// How many ids a sandbox has: what Debian's policy (section 9.2) gives out, `nobody` (65534) included.
pub(crate) const IDS: u32 = 65_536;

/// Where root's ids are when /etc/subuid grants root none: the last 65,536 of the range that systemd keeps for
/// containers (524288 to 1879048191, systemd's docs/UIDS-GIDS.md), which useradd never gives to a person.
pub(crate) const ROOT_RANGE: u32 = 1_879_048_192 - IDS;

/// The first id of the first grant of at least `least` ids to one of `names` in a file of /etc/subuid's form (subuid(5)).
pub(crate) fn find_granted(text: &str, names: &[&str], least: u32) -> Option<u32> {
    text.lines().find_map(|line| {
        let mut fields = line.trim().split(':');
        let name = fields.next()?;
        let (start, count): (u32, u32) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
        (names.contains(&name) && count >= least && start > 0).then_some(start)
    })
}

/// A range of 65,536 ids behind all that /etc/subuid and /etc/subgid grant to anybody.
pub(crate) fn free_range(texts: &[String]) -> RangeInclusive<u64> {
    let end = |line: &str| {
        let mut numbers = line.split(':').skip(1).map(|field| field.trim().parse::<u64>().ok());
        numbers.next()??.checked_add(numbers.next()??)
    };
    // Where useradd begins (SUB_UID_MIN of login.defs(5)).
    let start = texts.iter().flat_map(|text| text.lines()).filter_map(end).fold(100_000, u64::max);
    start..=start + u64::from(IDS) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grant_must_be_large_enough_and_not_start_at_root() {
        let text = "ann:0:65536\nann:100000:1000\nann:200000:65536\n1000:300000:65536\n";
        assert_eq!(find_granted(text, &["ann"], IDS), Some(200_000));
        assert_eq!(find_granted(text, &["bob", "1000"], IDS), Some(300_000));
        assert_eq!(find_granted(text, &["bob"], IDS), None);
    }

    #[test]
    fn a_free_range_lies_behind_all_grants() {
        let texts = ["ann:100000:65536\nbob:300000:65536\n".to_owned(), "bad line\neve:x:7\n".to_owned()];
        assert_eq!(free_range(&texts), 365_536..=431_071);
        assert_eq!(free_range(&[]), 100_000..=165_535);
    }
}
