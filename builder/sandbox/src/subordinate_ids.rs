//! Subordinate ids: the ranges that /etc/subuid and /etc/subgid grant to a user (subuid(5)).
//!
//! In: the text of such a file. Out: a range. Never: a file read, or one changed.

use std::ops::RangeInclusive;

/// How many ids a sandbox has at least: what Debian's policy (section 9.2) gives out, `nobody` (65534) included.
pub(crate) const IDS: u32 = 65_536;

/// Where root's ids are when /etc/subuid grants root none: the last 65,536 of the range that systemd keeps for
/// containers (524288 to 1879048191, systemd's docs/UIDS-GIDS.md), which useradd never gives to a person.
pub(crate) const ROOT_RANGE: u32 = 1_879_048_192 - IDS;

/// Further ids of root's, for owners beyond 65535: directories of companies number their people so. They lie before [`ROOT_RANGE`], in the
/// range that systemd keeps for containers. They are left out where anybody was granted one of them.
pub(crate) const ROOT_MORE: GrantedIds = GrantedIds { start: ROOT_RANGE - (1 << 28), count: 1 << 28 };

/// Ids in a row that somebody may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct GrantedIds {
    pub(crate) start: u32,
    pub(crate) count: u32,
}

impl GrantedIds {
    /// Whether no id is in both.
    pub(crate) fn is_apart_from(&self, other: &GrantedIds) -> bool {
        self.start + self.count <= other.start || other.start + other.count <= self.start
    }
}

/// A line of a file of /etc/subuid's form: whose ids, and which.
fn read(line: &str) -> Option<(&str, GrantedIds)> {
    let mut fields = line.trim().split(':');
    let name = fields.next()?;
    let (start, count): (u32, u32) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    let is_fit = start > 0 && count > 0 && start.checked_add(count).is_some();
    is_fit.then_some((name, GrantedIds { start, count }))
}

/// What such a file grants to anybody.
pub(crate) fn all_granted(text: &str) -> Vec<GrantedIds> {
    text.lines().filter_map(read).map(|(_, granted)| granted).collect()
}

/// What a file of /etc/subuid's form (subuid(5)) grants to one of `names`: first the first grant of at least `least` ids, without which
/// there is nothing, then all others in their order.
pub(crate) fn find_granted(text: &str, names: &[&str], least: u32) -> Vec<GrantedIds> {
    let own = text.lines().filter_map(read).filter(|(name, _)| names.contains(name));
    let mut all: Vec<GrantedIds> = own.map(|(_, granted)| granted).collect();
    let Some(first) = all.iter().position(|grant| grant.count >= least) else { return Vec::new() };
    all[..=first].rotate_right(1);
    let mut kept: Vec<GrantedIds> = Vec::new();
    for grant in all {
        // The kernel takes no map in which an id stands twice, and few lines of older ones.
        if kept.len() < MOST_GRANTS && kept.iter().all(|known| grant.is_apart_from(known)) {
            kept.push(grant);
        }
    }
    kept
}

/// user_namespaces(7): five lines before Linux 4.15, of which one is the person's own id.
const MOST_GRANTS: usize = 4;

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
        let granted = |names: &[&str]| {
            let told = find_granted(text, names, IDS).into_iter().map(|grant| (grant.start, grant.count));
            told.collect::<Vec<_>>()
        };
        assert_eq!(granted(&["ann"]), [(200_000, 65_536), (100_000, 1000)]);
        assert_eq!(granted(&["bob", "1000"]), [(300_000, 65_536)]);
        assert_eq!(granted(&["bob"]), []);
    }

    #[test]
    fn what_others_were_granted_is_seen() {
        let all = all_granted("alice:1700000000:65536\nbob:bad:1\n");
        assert_eq!(all, [GrantedIds { start: 1_700_000_000, count: 65_536 }]);
        assert!(
            !all[0].is_apart_from(&ROOT_MORE)
                && ROOT_MORE.is_apart_from(&GrantedIds { start: ROOT_RANGE, count: IDS })
        );
    }

    #[test]
    fn no_id_is_taken_twice() {
        let text = "ann:100000:65536\nann:150000:65536\nann:4294967290:10\nann:300000:200000\n";
        let told: Vec<_> = find_granted(text, &["ann"], IDS).iter().map(|grant| grant.start).collect();
        assert_eq!(told, [100_000, 300_000]);
    }

    #[test]
    fn a_free_range_lies_behind_all_grants() {
        let texts = ["ann:100000:65536\nbob:300000:65536\n".to_owned(), "bad line\neve:x:7\n".to_owned()];
        assert_eq!(free_range(&texts), 365_536..=431_071);
        assert_eq!(free_range(&[]), 100_000..=165_535);
    }
}
