//! What one hook may take of the machine: limits of the kernel's, set before the hook has its user namespace.
//!
//! In: a plan's limits. Out: a process that has them, and whose children have. Never: more than this process was given.
#![expect(clippy::disallowed_methods, reason = "files of the kernel")]

use std::io;

use dibber_model::Limits;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Processes of ours that count beside a hook's: the driver, its threads, the hook's first process.
const OURS: u64 = 1024;

/// dpkg and apt walk every descriptor up to the soft limit, which some hosts set to a billion.
const FILES_AT_FIRST: u64 = 1024;

/// What the kernel counts for each user, and a hook could take all of from the person: its most in a worker's user namespace
/// (`kernel/ucount.c`). Hosts have 128 instances of inotify for a user; a hook needs a few.
const KERNEL_OBJECTS: [(&str, &str); 12] = [
    ("max_user_namespaces", "2048"),
    ("max_pid_namespaces", "2048"),
    ("max_uts_namespaces", "2048"),
    ("max_ipc_namespaces", "2048"),
    ("max_net_namespaces", "2048"),
    ("max_mnt_namespaces", "2048"),
    ("max_time_namespaces", "2048"),
    ("max_inotify_instances", "32"),
    ("max_inotify_watches", "4096"),
    ("max_fanotify_groups", "8"),
    ("max_fanotify_marks", "4096"),
    ("max_cgroup_namespaces", "0"),
];

/// In the worker's user namespace, whose hooks' namespaces are below it, and cannot raise it.
pub(crate) fn bound_kernel_objects() {
    for (what, most) in KERNEL_OBJECTS {
        // A kernel without one of these has nothing to be bounded.
        let _ = std::fs::write(format!("/proc/sys/user/{what}"), most);
    }
}

/// In the hook's first process, before its user namespace is made. Since Linux 5.14 processes are counted for each user of a user
/// namespace, and all of a namespace's on its maker, whose limit then is the namespace's: a hook cannot pass it by becoming many
/// users, or by namespaces of its own.
pub(crate) fn bound_namespace(limits: &Limits) -> io::Result<()> {
    lower(Resource::Nproc, u64::from(limits.processes) + OURS)
}

/// In the process that becomes the hook.
pub(crate) fn bound_hook(limits: &Limits) -> io::Result<()> {
    lower(Resource::Core, 0)?;
    // Both are counted over all that the person runs: a hook has a part of what is there.
    lower(Resource::Msgqueue, 64 << 10)?;
    lower(Resource::Sigpending, 4096)?;
    lower(Resource::Nproc, limits.processes.into())?;
    lower(Resource::Fsize, limits.file_size.0)?;
    lower(Resource::Nofile, limits.open_files.into())?;
    let most = getrlimit(Resource::Nofile).maximum;
    let first = Some(most.map_or(FILES_AT_FIRST, |most| most.min(FILES_AT_FIRST)));
    Ok(setrlimit(Resource::Nofile, Rlimit { current: first, maximum: most })?)
}

/// Lowers both limits to this; what is lower already stays.
fn lower(resource: Resource, to: u64) -> io::Result<()> {
    let least = |limit: Option<u64>| Some(limit.map_or(to, |limit| limit.min(to)));
    let Rlimit { current, maximum } = getrlimit(resource);
    Ok(setrlimit(resource, Rlimit { current: least(current), maximum: least(maximum) })?)
}
