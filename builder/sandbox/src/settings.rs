//! The kernel's settings that allow user and network namespaces, or forbid them.
//!
//! In: files below /proc/sys. Out: findings. Never: a change, or a namespace made to see whether it can be.
#![expect(clippy::disallowed_methods, reason = "files of the kernel")]

use std::fs;

use crate::finding::Finding;

/// What a step without network needs.
pub(crate) const NETWORK_NAMESPACES: &str = "network namespaces";

/// How to have them.
pub(crate) const MORE_NETWORKS: &str =
    "sudo sysctl user.max_net_namespaces=15000, and the same line in /etc/sysctl.d to keep it";

/// A setting that is a number; none where this kernel does not have it.
fn read_number(path: &str) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// The settings of a host that allow user namespaces or not. Those that only concern ordinary users do not count for root.
pub(crate) fn check_settings() -> Vec<Finding> {
    let mut findings = vec![user_namespaces()];
    // Our own steps, which need no network, have none: so every build needs these.
    let why = match read_number("/proc/sys/user/max_net_namespaces") {
        Some(0) => Some("user.max_net_namespaces is 0"),
        Some(_) => None,
        None => Some("this kernel was built without them (CONFIG_NET_NS)"),
    };
    findings.extend(why.map(|why| Finding::missing(NETWORK_NAMESPACES, why, MORE_NETWORKS)));
    if !rustix::process::geteuid().is_root() {
        findings.extend(ordinary_users());
    }
    findings
}

fn user_namespaces() -> Finding {
    let what = "user namespaces";
    match read_number("/proc/sys/user/max_user_namespaces") {
        Some(0) => Finding::missing(
            what,
            "user.max_user_namespaces is 0",
            "sudo sysctl user.max_user_namespaces=15000, and the same line in /etc/sysctl.d to keep it",
        ),
        Some(most) => Finding::ok(what, format!("user.max_user_namespaces is {most}")),
        None => {
            Finding::missing(what, "this kernel was built without them", "use a kernel with CONFIG_USER_NS")
        }
    }
}

fn ordinary_users() -> Vec<Finding> {
    let what = "user namespaces of ordinary users";
    let mut findings = Vec::new();
    if read_number("/proc/sys/kernel/unprivileged_userns_clone") == Some(0) {
        findings.push(Finding::missing(
            what,
            "kernel.unprivileged_userns_clone is 0",
            "Debian: sudo sysctl kernel.unprivileged_userns_clone=1, and the same line in /etc/sysctl.d to keep it",
        ));
    }
    if read_number("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == Some(1) {
        findings.push(Finding::degraded(
            what,
            "kernel.apparmor_restrict_unprivileged_userns is 1: AppArmor allows them only to programs with a profile",
            "Ubuntu: a file /etc/apparmor.d/dibber with `abi <abi/4.0>, profile dibber /PATH/TO/dibber flags=(unconfined) \
             { userns, }`, then sudo systemctl reload apparmor; or sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0",
        ));
    }
    findings
}
