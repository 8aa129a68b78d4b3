//! Which user and group ids a sandbox has: 65,536 of them, never the host's root.
//!
//! In: who runs dibber, /etc/subuid and /etc/subgid, the map of the namespace that it runs in. Out: a map for a child
//! process. Never: a map that has the host's uid 0 in it.
#![expect(
    clippy::disallowed_methods,
    reason = "files of the kernel and of the host, which no hook writes to"
)]

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::process::Command;

use super::error::{Doing, SandboxError};
use super::mend;

/// How many ids a sandbox has: what Debian's policy (section 9.2) gives out, `nobody` (65534) included.
pub const IDS: u32 = 65_536;

/// Where root's ids are when /etc/subuid grants root none: the last 65,536 of the range that systemd keeps for
/// containers (524288 to 1879048191, systemd's docs/UIDS-GIDS.md), which useradd never gives to a person.
pub const ROOT_RANGE: u32 = 1_879_048_192 - IDS;

/// The inode of the first user namespace (`PROC_USER_INIT_INO` in the kernel's `include/linux/proc_ns.h`).
const FIRST_NAMESPACE: u64 = 0xEFFF_FFFD;

/// The uid that unmapped owners are shown with.
const OVERFLOW: u32 = 65_534;

/// Some ids in a row: `count` ids from `inside` on stand for those from `outside` on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extent {
    pub(super) inside: u32,
    pub(super) outside: u32,
    pub(super) count: u32,
}

/// How the map gets into the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Writer {
    /// Root of the first namespace writes /proc/PID/uid_map.
    Root,
    /// Root of some inner namespace does.
    InnerRoot,
    /// An ordinary user asks newuidmap and newgidmap.
    Helpers,
}

/// The ids of a sandbox.
#[derive(Clone, Debug)]
pub(super) struct Ids {
    pub(super) writer: Writer,
    pub(super) users: Vec<Extent>,
    pub(super) groups: Vec<Extent>,
}

impl Ids {
    /// The ids that this process can give to a sandbox.
    pub(super) fn for_sandbox() -> Result<Ids, SandboxError> {
        let first =
            fs::metadata("/proc/self/ns/user").doing("look at the user namespace")?.ino() == FIRST_NAMESPACE;
        match (rustix::process::geteuid().is_root(), first) {
            (true, true) => Ok(Ids {
                writer: Writer::Root,
                users: vec![root_range("/etc/subuid")],
                groups: vec![root_range("/etc/subgid")],
            }),
            (true, false) => inner_root(),
            (false, _) => ordinary_user(),
        }
    }

    /// Every id of this namespace, standing for itself: for a namespace within the sandbox.
    pub(super) fn identity() -> io::Result<Ids> {
        Ok(Ids { writer: Writer::InnerRoot, users: own("uid_map")?, groups: own("gid_map")? })
    }

    /// The host's owner of what root makes inside.
    pub(super) fn root(&self) -> (u32, u32) {
        (self.users[0].outside, self.groups[0].outside)
    }

    /// Writes the maps of a process that has just entered its own user namespace.
    pub(super) fn write(&self, pid: u32) -> Result<(), SandboxError> {
        if self.writer == Writer::Helpers {
            helper("newuidmap", pid, &self.users)?;
            return helper("newgidmap", pid, &self.groups);
        }
        fs::write(format!("/proc/{pid}/uid_map"), lines(&self.users)).doing("write the map of user ids")?;
        fs::write(format!("/proc/{pid}/gid_map"), lines(&self.groups)).doing("write the map of group ids")
    }
}

fn lines(extents: &[Extent]) -> String {
    extents.iter().map(|e| format!("{} {} {}\n", e.inside, e.outside, e.count)).collect()
}

fn helper(program: &str, pid: u32, extents: &[Extent]) -> Result<(), SandboxError> {
    let numbers = extents.iter().flat_map(|e| [e.inside, e.outside, e.count]).map(|n| n.to_string());
    let output = Command::new(program).arg(pid.to_string()).args(numbers).output();
    let output = output.map_err(|e| SandboxError::Missing(mend::helper_missing(program, &e.to_string())))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(SandboxError::Missing(mend::helper_refused(program, &said)))
}

/// The ids of this namespace, as (first, first, count).
fn own(map: &str) -> io::Result<Vec<Extent>> {
    let text = fs::read_to_string(format!("/proc/self/{map}"))?;
    let mut extents = parse_map(&text);
    extents.sort_by_key(|e| e.inside);
    Ok(extents.into_iter().map(|e| Extent { outside: e.inside, ..e }).collect())
}

pub(super) fn parse_map(text: &str) -> Vec<Extent> {
    let numbers = |line: &str| -> Option<Extent> {
        let mut words = line.split_whitespace().map(|word| word.parse().ok());
        Some(Extent { inside: words.next()??, outside: words.next()??, count: words.next()?? })
    };
    text.lines().filter_map(numbers).collect()
}

/// The first grant of at least `least` ids to one of `names` in a file of /etc/subuid's form (subuid(5)).
pub(super) fn granted(text: &str, names: &[&str], least: u32) -> Option<(u32, u32)> {
    text.lines().find_map(|line| {
        let mut fields = line.trim().split(':');
        let name = fields.next()?;
        let (start, count) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
        (names.contains(&name) && count >= least && start > 0).then_some((start, count))
    })
}

fn root_range(path: &str) -> Extent {
    let text = fs::read_to_string(path).unwrap_or_default();
    let start = granted(&text, &["root", "0"], IDS).map_or(ROOT_RANGE, |(start, _)| start);
    Extent { inside: 0, outside: start, count: IDS }
}

/// Root in a container: the ids that it has, if they are enough and the host's root is not among them.
fn inner_root() -> Result<Ids, SandboxError> {
    // Files of /proc/sys belong to the host's root; an owner that is not mapped shows as the overflow id.
    let host_root = fs::metadata("/proc/sys/kernel/core_pattern").doing("look at /proc/sys")?.uid();
    let avoid = (host_root != OVERFLOW).then_some(host_root);
    let read = |map| own(map).doing(format_args!("read /proc/self/{map}"));
    let pick = |extents: Vec<Extent>| match avoid {
        None => renumber(&extents),
        Some(root) => beside(&extents, root),
    };
    let (users, groups) = (pick(read("uid_map")?), pick(read("gid_map")?));
    match (users, groups) {
        (Some(users), Some(groups)) => Ok(Ids { writer: Writer::InnerRoot, users, groups }),
        _ => Err(SandboxError::Missing(mend::too_few_inner_ids())),
    }
}

/// The first 65,536 ids of some extents, numbered from 0.
pub(super) fn renumber(extents: &[Extent]) -> Option<Vec<Extent>> {
    let mut taken = Vec::new();
    let mut inside = 0;
    for extent in extents {
        let count = extent.count.min(IDS - inside);
        if count > 0 {
            taken.push(Extent { inside, outside: extent.outside, count });
        }
        inside += count;
    }
    (inside == IDS).then_some(taken)
}

/// 65,536 ids in a row that lie behind the host's root.
pub(super) fn beside(extents: &[Extent], root: u32) -> Option<Vec<Extent>> {
    extents.iter().find_map(|e| {
        let start = if e.outside <= root {
            root.checked_add(1)?.max(e.outside).next_multiple_of(IDS)
        } else {
            e.outside
        };
        let end = u64::from(e.outside) + u64::from(e.count);
        (u64::from(start) + u64::from(IDS) <= end)
            .then(|| vec![Extent { inside: 0, outside: start, count: IDS }])
    })
}

/// An ordinary user: itself as root inside, and its own range of subordinate ids for all others.
fn ordinary_user() -> Result<Ids, SandboxError> {
    let (uid, gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    let name = dibber_fs::passwd::name(uid);
    let extents = |path: &str, own: u32| -> Result<Vec<Extent>, SandboxError> {
        let text = fs::read_to_string(path).unwrap_or_default();
        let id = uid.to_string();
        let (start, _) = granted(&text, &[&name, &id], IDS - 1)
            .ok_or_else(|| SandboxError::Missing(mend::no_range(path, &name)))?;
        Ok(vec![
            Extent { inside: 0, outside: own, count: 1 },
            Extent { inside: 1, outside: start, count: IDS - 1 },
        ])
    };
    Ok(Ids {
        writer: Writer::Helpers,
        users: extents("/etc/subuid", uid)?,
        groups: extents("/etc/subgid", gid)?,
    })
}

/// A range of 65,536 ids behind all that /etc/subuid and /etc/subgid grant to anybody, and its last one.
pub(super) fn free_range(texts: &[String]) -> (u64, u64) {
    let end = |line: &str| {
        let mut numbers = line.split(':').skip(1).map(|field| field.trim().parse::<u64>().ok());
        numbers.next()??.checked_add(numbers.next()??)
    };
    // Where useradd begins (SUB_UID_MIN of login.defs(5)).
    let start = texts.iter().flat_map(|text| text.lines()).filter_map(end).fold(100_000, u64::max);
    (start, start + u64::from(IDS) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn extent(inside: u32, outside: u32, count: u32) -> Extent {
        Extent { inside, outside, count }
    }

    #[test]
    fn a_grant_must_be_large_enough_and_not_start_at_root() {
        let text = "ann:0:65536\nann:100000:1000\nann:200000:65536\n1000:300000:65536\n";
        assert_eq!(granted(text, &["ann"], IDS), Some((200_000, 65_536)));
        assert_eq!(granted(text, &["bob", "1000"], IDS), Some((300_000, 65_536)));
        assert_eq!(granted(text, &["bob"], IDS), None);
    }

    #[test]
    fn ids_of_a_container_are_numbered_from_0_or_taken_beside_the_hosts_root() {
        let rootless = [extent(0, 0, 1), extent(1, 1, 65_536)];
        assert_eq!(renumber(&rootless), Some(vec![extent(0, 0, 1), extent(1, 1, 65_535)]));
        assert_eq!(renumber(&[extent(0, 0, 1000)]), None);
        assert_eq!(beside(&[extent(0, 0, 200_000)], 0), Some(vec![extent(0, 65_536, 65_536)]));
        assert_eq!(beside(&[extent(0, 0, 65_536)], 0), None);
    }

    #[test]
    fn a_free_range_lies_behind_all_grants() {
        let texts = ["ann:100000:65536\nbob:300000:65536\n".to_owned(), "bad line\neve:x:7\n".to_owned()];
        assert_eq!(free_range(&texts), (365_536, 431_071));
        assert_eq!(free_range(&[]), (100_000, 165_535));
    }

    #[test]
    fn maps_are_read_as_the_kernel_prints_them() {
        assert_eq!(parse_map("         0     100000      65536\n"), [extent(0, 100_000, 65_536)]);
    }
}
