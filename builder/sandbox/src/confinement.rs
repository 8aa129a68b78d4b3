//! How this process is confined by whoever started it: by a seccomp filter, a bound of capabilities, no_new_privs, a security module, a
//! /proc of which parts are covered. The kernel answers all of them with "Operation not permitted"; here it is told which one it was.
//!
//! In: what /proc says of this process before it has a root of its own. Out: the causes, for findings and errors. Never: a change.
#![expect(clippy::disallowed_methods, reason = "files of the kernel")]

use std::fs;
use std::sync::OnceLock;

use crate::engine::Engine;

/// Numbers of `linux/capability.h`.
pub(crate) const CAP_SETGID: u32 = 6;
pub(crate) const CAP_SETUID: u32 = 7;
pub(crate) const CAP_SYS_ADMIN: u32 = 21;

/// What confines this process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Confinement {
    /// Whose container it is in.
    pub(crate) engine: Option<Engine>,
    /// Whether a filter is asked about its system calls.
    pub(crate) is_filtered: bool,
    pub(crate) no_new_privs: bool,
    /// The capabilities that no process here can have more of.
    pub(crate) bounding: u64,
    /// The profile or label of a security module, where that confines.
    pub(crate) label: Option<String>,
    /// What is covered in /proc.
    pub(crate) covered: Vec<String>,
}

impl Confinement {
    /// This process's. Looked at once: must first be asked for while the root is the one that the process was started in.
    pub(crate) fn here() -> &'static Confinement {
        static HERE: OnceLock<Confinement> = OnceLock::new();
        HERE.get_or_init(|| {
            let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
            let texts = [read("/proc/self/status"), read("/proc/self/mountinfo")];
            Confinement {
                engine: Engine::find(),
                label: confining(&read("/proc/self/attr/current")),
                ..Confinement::of(&texts[0], &texts[1])
            }
        })
    }

    /// Reads `/proc/PID/status` and `/proc/PID/mountinfo`.
    fn of(status: &str, mountinfo: &str) -> Confinement {
        let field = |name: &str| {
            status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map_or("", str::trim)
        };
        Confinement {
            // SECCOMP_MODE_FILTER of linux/seccomp.h.
            is_filtered: field("Seccomp") == "2",
            no_new_privs: field("NoNewPrivs") == "1",
            bounding: u64::from_str_radix(field("CapBnd"), 16).unwrap_or(u64::MAX),
            covered: covered_in_proc(mountinfo),
            ..Confinement::default()
        }
    }

    /// Whether a process here can have this capability at all.
    pub(crate) fn allows(&self, capability: u32) -> bool {
        self.bounding >> capability & 1 == 1
    }

    /// What refuses a call to a process that has every capability in its own user namespace.
    pub(crate) fn refuser(&self) -> Option<String> {
        let here = self
            .engine
            .map_or(String::new(), |engine| format!(" (this is a container of {})", engine.name()));
        match (&self.label, self.is_filtered) {
            (Some(label), true) => {
                Some(format!("its seccomp filter, or the security module that confines it as {label}{here}"))
            }
            (None, true) => Some(format!("its seccomp filter{here}")),
            (Some(label), false) => Some(format!("the security module that confines it as {label}{here}")),
            (None, false) => None,
        }
    }
}

/// A label under which a security module refuses things. AppArmor's `unconfined` and SELinux's unconfined domains refuse nothing.
fn confining(label: &str) -> Option<String> {
    let label = label.trim_end_matches(['\0', '\n']);
    let free = label.is_empty()
        || label.contains("unconfined")
        || label.ends_with("(complain)")
        || label == "kernel";
    (!free).then(|| label.to_owned())
}

/// Mounts below /proc. The kernel makes a proc in a user namespace only where one is visible without any, but for those on directories
/// that are always empty (fs/namespace.c, `mnt_already_visible`).
fn covered_in_proc(mountinfo: &str) -> Vec<String> {
    // Fields 5 of proc_pid_mountinfo(5).
    let points = mountinfo.lines().filter_map(|line| line.split(' ').nth(4));
    let mut covered: Vec<String> = points
        .filter(|point| point.starts_with("/proc/") && !EMPTY.contains(point))
        .map(str::to_owned)
        .collect();
    covered.sort();
    covered.dedup();
    covered
}

/// Directories of /proc that the kernel made to be mounted on (`register_sysctl_mount_point`, `proc_create_mount_point`).
const EMPTY: [&str; 3] = ["/proc/sys/fs/binfmt_misc", "/proc/fs/nfsd", "/proc/openprom"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_words_are_understood() {
        let status =
            "Name:\tx\nCapBnd:\t00000000800405fb\nNoNewPrivs:\t1\nSeccomp:\t2\nSeccomp_filters:\t1\n";
        let mounts = "25 1 0:23 / /proc rw - proc proc rw\n26 25 0:24 / /proc/sys/fs/binfmt_misc rw - autofs x rw\n\
                      27 25 0:23 /sys /proc/sys ro - proc proc rw\n28 25 0:25 / /proc/keys rw - tmpfs x rw\n\
                      29 25 0:25 / /proc/keys rw - tmpfs x rw\n30 1 0:26 / /sys/firmware ro - tmpfs x rw\n";
        let found = Confinement::of(status, mounts);
        assert!(found.is_filtered && found.no_new_privs);
        assert_eq!(found.covered, ["/proc/keys", "/proc/sys"]);
        assert_eq!(
            [CAP_SETUID, CAP_SETGID, CAP_SYS_ADMIN].map(|capability| found.allows(capability)),
            [true, true, false]
        );
        let free = Confinement::of("Seccomp:\t0\nNoNewPrivs:\t0\n", "");
        assert!(!free.is_filtered && !free.no_new_privs && free.allows(CAP_SYS_ADMIN));
        assert_eq!(free.refuser(), None);
    }

    #[test]
    fn labels_that_confine() {
        for free in
            ["", "unconfined\n", "unconfined_u:unconfined_r:unconfined_t:s0-s0:c0.c1023\0", "x (complain)\n"]
        {
            assert_eq!(confining(free), None, "{free}");
        }
        assert_eq!(confining("docker-default (enforce)\n").as_deref(), Some("docker-default (enforce)"));
    }
}
