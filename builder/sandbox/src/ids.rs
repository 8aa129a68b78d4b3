//! Which user and group ids a sandbox has: 65,536 of them and as many more as the system gives, never the host's root.
//!
//! In: who runs dibber, /etc/subuid and /etc/subgid, the map of the namespace that it runs in. Out: a map for a child
//! process. Never: a map that has the host's uid 0 in it.
#![expect(
    clippy::disallowed_methods,
    reason = "files of the kernel and of the host, which no hook writes to"
)]

use std::fs;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::process::Command;

use rustix::process::{Pid, PidfdFlags, pidfd_open};

use crate::error::{Context, SandboxError};
use crate::subordinate_ids::{GrantedIds, IDS, ROOT_MORE, ROOT_RANGE, all_granted, find_granted};
use crate::{id_helpers, remedy};

/// The inode of the first user namespace (`PROC_USER_INIT_INO` in the kernel's `include/linux/proc_ns.h`).
const FIRST_NAMESPACE: u64 = 0xEFFF_FFFD;

/// The uid that unmapped owners are shown with.
const OVERFLOW: u32 = 65_534;

/// Some ids in a row, a line of user_namespaces(7)'s uid_map: `count` ids from `inside` on stand for those from `outside` on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct IdExtent {
    pub(crate) inside: u32,
    pub(crate) outside: u32,
    pub(crate) count: u32,
}

/// How the map gets into the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MapWriter {
    /// Root of the first namespace writes /proc/PID/uid_map.
    Root,
    /// Root of some inner namespace does.
    InnerRoot,
    /// An ordinary user asks newuidmap and newgidmap.
    Helpers,
}

/// User and group that own, on the host, what the sandbox's root makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Owner {
    /// The user.
    pub(crate) uid: u32,
    /// The group.
    pub(crate) gid: u32,
}

/// The ids of a sandbox.
#[derive(Clone, Debug)]
pub(crate) struct Ids {
    pub(crate) writer: MapWriter,
    pub(crate) users: Vec<IdExtent>,
    pub(crate) groups: Vec<IdExtent>,
}

impl Ids {
    /// The ids that this process can give to a sandbox.
    pub(crate) fn for_sandbox() -> Result<Ids, SandboxError> {
        let first = fs::metadata("/proc/self/ns/user").context("look at the user namespace")?.ino()
            == FIRST_NAMESPACE;
        match (rustix::process::geteuid().is_root(), first) {
            (true, true) => Ok(Ids {
                writer: MapWriter::Root,
                users: root_ranges("/etc/subuid"),
                groups: root_ranges("/etc/subgid"),
            }),
            (true, false) => inner_root(),
            (false, _) => ordinary_user(),
        }
    }

    /// Every id of this namespace, standing for itself: for a namespace within the sandbox.
    pub(crate) fn identity() -> io::Result<Ids> {
        Ok(Ids { writer: MapWriter::InnerRoot, users: own_map("uid_map")?, groups: own_map("gid_map")? })
    }

    /// The host's owner of what root makes inside.
    pub(crate) fn root(&self) -> Owner {
        Owner { uid: self.users[0].outside, gid: self.groups[0].outside }
    }

    /// Writes the maps of a child that has just entered its own user namespace.
    pub(crate) fn write(&self, child: u32) -> Result<(), SandboxError> {
        let pid = number_in_proc(child).context("find a process of the sandbox in /proc")?;
        if self.writer == MapWriter::Helpers {
            run_helper("newuidmap", pid, &self.users)?;
            return run_helper("newgidmap", pid, &self.groups);
        }
        fs::write(format!("/proc/{pid}/uid_map"), map_text(&self.users))
            .context("write the map of user ids")?;
        fs::write(format!("/proc/{pid}/gid_map"), map_text(&self.groups))
            .context("write the map of group ids")
    }
}

/// The number of a child in /proc, which is that of the pid namespace that this proc was made in: a container's, where the sandbox has none
/// of its own (`Pid` of a pidfd's fdinfo, pidfd_open(2)).
fn number_in_proc(child: u32) -> io::Result<u32> {
    let id = i32::try_from(child).ok().and_then(Pid::from_raw).ok_or(io::ErrorKind::InvalidInput)?;
    let process = pidfd_open(id, PidfdFlags::empty())?;
    let info = fs::read_to_string(format!("/proc/self/fdinfo/{}", process.as_raw_fd()))?;
    let number = info.lines().find_map(|line| line.strip_prefix("Pid:")).map(str::trim);
    number.and_then(|number| number.parse().ok()).ok_or_else(|| io::ErrorKind::NotFound.into())
}

fn map_text(extents: &[IdExtent]) -> String {
    extents.iter().map(|e| format!("{} {} {}\n", e.inside, e.outside, e.count)).collect()
}

fn run_helper(program: &str, pid: u32, extents: &[IdExtent]) -> Result<(), SandboxError> {
    let numbers = extents.iter().flat_map(|e| [e.inside, e.outside, e.count]).map(|n| n.to_string());
    let output = Command::new(program).arg(pid.to_string()).args(numbers).output();
    let output = output.map_err(|e| SandboxError::Missing(id_helpers::absent(program, &e.to_string())))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(SandboxError::Missing(id_helpers::refused(program, &said)))
}

/// The ids of this namespace, each standing for itself.
fn own_map(map: &str) -> io::Result<Vec<IdExtent>> {
    let text = fs::read_to_string(format!("/proc/self/{map}"))?;
    let mut extents = parse_map(&text);
    extents.sort_by_key(|e| e.inside);
    Ok(extents.into_iter().map(|e| IdExtent { outside: e.inside, ..e }).collect())
}

pub(crate) fn parse_map(text: &str) -> Vec<IdExtent> {
    let numbers = |line: &str| -> Option<IdExtent> {
        let mut words = line.split_whitespace().map(|word| word.parse().ok());
        Some(IdExtent { inside: words.next()??, outside: words.next()??, count: words.next()?? })
    };
    text.lines().filter_map(numbers).collect()
}

/// What root is granted, or else its usual range; then more of it.
fn root_ranges(path: &str) -> Vec<IdExtent> {
    let text = fs::read_to_string(path).unwrap_or_default();
    let mut granted = find_granted(&text, &["root", "0"], IDS);
    if granted.is_empty() {
        granted = vec![GrantedIds { start: ROOT_RANGE, count: IDS }];
    }
    // What anybody else was granted is theirs.
    if all_granted(&text).iter().all(|grant| grant.is_apart_from(&ROOT_MORE)) {
        granted.push(ROOT_MORE);
    }
    numbered_from(0, &granted)
}

/// Ids in a row inside, whatever lies between them outside.
fn numbered_from(mut inside: u32, granted: &[GrantedIds]) -> Vec<IdExtent> {
    let mut extents = Vec::new();
    for GrantedIds { start, count } in granted {
        // The last id of all is none (user_namespaces(7)).
        let count = (*count).min(u32::MAX - inside);
        if count > 0 {
            extents.push(IdExtent { inside, outside: *start, count });
        }
        inside += count;
    }
    extents
}

/// Root in a container: the ids that it has, if they are enough and the host's root is not among them.
fn inner_root() -> Result<Ids, SandboxError> {
    // Files of /proc/sys belong to the host's root; an owner that is not mapped shows as the overflow id.
    let host_root = fs::metadata("/proc/sys/kernel/core_pattern").context("look at /proc/sys")?.uid();
    let avoid = (host_root != OVERFLOW).then_some(host_root);
    let read = |map| own_map(map).context(format_args!("read /proc/self/{map}"));
    let pick = |extents: Vec<IdExtent>| match avoid {
        None => renumber(&extents),
        Some(root) => beside(&extents, root),
    };
    let (users, groups) = (pick(read("uid_map")?), pick(read("gid_map")?));
    match (users, groups) {
        (Some(users), Some(groups)) => Ok(Ids { writer: MapWriter::InnerRoot, users, groups }),
        _ => Err(SandboxError::Missing(remedy::too_few_inner_ids())),
    }
}

/// The ids of some extents, numbered from 0, if there are 65,536.
pub(crate) fn renumber(extents: &[IdExtent]) -> Option<Vec<IdExtent>> {
    let granted: Vec<GrantedIds> =
        extents.iter().map(|extent| GrantedIds { start: extent.outside, count: extent.count }).collect();
    let taken = numbered_from(0, &granted);
    let all: u64 = taken.iter().map(|extent| u64::from(extent.count)).sum();
    (all >= u64::from(IDS)).then_some(taken)
}

/// 65,536 ids in a row that lie behind the host's root; what is behind them is people's.
pub(crate) fn beside(extents: &[IdExtent], root: u32) -> Option<Vec<IdExtent>> {
    extents.iter().find_map(|e| {
        let start = if e.outside <= root {
            root.checked_add(1)?.max(e.outside).next_multiple_of(IDS)
        } else {
            e.outside
        };
        let end = u64::from(e.outside) + u64::from(e.count);
        (u64::from(start) + u64::from(IDS) <= end)
            .then(|| vec![IdExtent { inside: 0, outside: start, count: IDS }])
    })
}

/// An ordinary user: itself as root inside, and its own range of subordinate ids for all others.
fn ordinary_user() -> Result<Ids, SandboxError> {
    let (uid, gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    let name = dibber_fs::passwd::user_name(uid);
    let extents = |path: &str, own: u32| -> Result<Vec<IdExtent>, SandboxError> {
        let text = fs::read_to_string(path).unwrap_or_default();
        let id = uid.to_string();
        let granted = find_granted(&text, &[&name, &id], IDS - 1);
        if granted.is_empty() {
            return Err(SandboxError::Missing(remedy::no_range(path, &name)));
        }
        let own = IdExtent { inside: 0, outside: own, count: 1 };
        Ok([own].into_iter().chain(numbered_from(1, &granted)).collect())
    };
    Ok(Ids {
        writer: MapWriter::Helpers,
        users: extents("/etc/subuid", uid)?,
        groups: extents("/etc/subgid", gid)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn extent(inside: u32, outside: u32, count: u32) -> IdExtent {
        IdExtent { inside, outside, count }
    }

    #[test]
    fn ids_of_a_container_are_numbered_from_0_or_taken_beside_the_hosts_root() {
        let rootless = [extent(0, 0, 1), extent(1, 1, 65_536)];
        assert_eq!(renumber(&rootless), Some(vec![extent(0, 0, 1), extent(1, 1, 65_536)]));
        assert_eq!(renumber(&[extent(0, 0, 1000)]), None);
        assert_eq!(beside(&[extent(0, 0, 200_000)], 0), Some(vec![extent(0, 65_536, 65_536)]));
        assert_eq!(beside(&[extent(0, 0, 65_536)], 0), None);
    }

    #[test]
    fn maps_are_read_as_the_kernel_prints_them() {
        assert_eq!(parse_map("         0     100000      65536\n"), [extent(0, 100_000, 65_536)]);
    }
}
