//! The sentences that say what to do when the machine refuses what the sandbox needs: each distribution has its own way to allow it, and
//! each container engine, as `engine` has it.
//!
//! In: what was refused. Out: findings. Never: a guess where the machine can be asked.
#![expect(clippy::disallowed_methods, reason = "paths of the host, which no hook writes to")]

use std::fs;
use std::io;
use std::path::Path;

use dibber_model::Arch;

use crate::confinement::Confinement;
use crate::engine::Engine;
use crate::error::SandboxError;
use crate::finding::{Finding, FindingState};
use crate::isolation::Concessions;
use crate::settings::{MORE_NETWORKS, NETWORK_NAMESPACES, check_settings};
use crate::subordinate_ids::{IDS, free_range};

/// What to tell whoever runs a container that this machine does not know for one.
const CONTAINERS: &str = "in a container its engine has to allow it: docs/containers.md says what to set for Podman, Docker, GitLab, \
Kubernetes and LXC";

/// What the engine of this container is to be told.
fn container_remedy() -> &'static str {
    Confinement::here().engine.map_or(CONTAINERS, Engine::settings)
}

/// What `dibber doctor` says of the container that it runs in.
pub(crate) fn of_this_container() -> Vec<Finding> {
    let here = Confinement::here();
    let mut findings: Vec<Finding> = here
        .engine
        .map(|engine| Finding::ok("a container", format!("its engine is {}", engine.name())))
        .into_iter()
        .collect();
    if here.no_new_privs {
        let mend = here
            .engine
            .map_or("start dibber by something that does not set it", Engine::without_no_new_privs);
        let why =
            "it is set: set-user-ID programs give no rights, so `sudo` and `su` of users in a tree fail";
        findings.push(Finding::degraded("no_new_privs", why, mend));
    }
    findings
}

/// What `dibber doctor` says of a sandbox that stands, but not whole.
pub(crate) fn of_concessions(conceded: Concessions) -> Vec<Finding> {
    let found = |what, why: String| Finding::degraded(what, why, container_remedy());
    let name =
        || found("a host name of its own", format!("refused by {}: hooks see the container's", refuser()));
    let proc = || {
        let why =
            format!("refused, as {}: hooks see the container's, with the names of its processes", covered());
        found("a /proc of its own", why)
    };
    conceded.host_name.then(name).into_iter().chain(conceded.proc.then(proc)).collect()
}

/// What refuses system calls to root in its own user namespace.
fn refuser() -> String {
    Confinement::here().refuser().unwrap_or_else(|| "the kernel".to_owned())
}

/// Why the kernel makes no proc here.
fn covered() -> String {
    match Confinement::here().covered.as_slice() {
        [] => "no /proc is seen here that nothing covers".to_owned(),
        [first, second, third, rest @ ..] if !rest.is_empty() => {
            format!("{first}, {second}, {third} and {} more places in /proc are covered", rest.len())
        }
        few => format!("in /proc there is something over {}", few.join(", ")),
    }
}

/// The same error; where a filter or a security module refused a call that the kernel itself allows root of a user namespace, with that
/// cause and what to tell the engine.
pub(crate) fn explained(error: SandboxError) -> SandboxError {
    let here = Confinement::here();
    let SandboxError::System { action, source } = &error else { return error };
    let by_filter = matches!(source.raw_os_error(), Some(PERM | NOSYS));
    let by_module = here.label.is_some() && source.raw_os_error() == Some(REFUSED);
    match here.refuser().filter(|_| by_filter || by_module) {
        Some(refuser) => {
            let why = format!("cannot {action}: {source}, by {refuser}");
            SandboxError::Missing(Finding::missing("what is allowed here", why, container_remedy()))
        }
        None => error,
    }
}

const PERM: i32 = rustix::io::Errno::PERM.raw_os_error();
const NOSYS: i32 = rustix::io::Errno::NOSYS.raw_os_error();
const REFUSED: i32 = rustix::io::Errno::ACCESS.raw_os_error();

pub(crate) fn no_range(path: &str, name: &str) -> Finding {
    let texts = ["/etc/subuid", "/etc/subgid"].map(|file| fs::read_to_string(file).unwrap_or_default());
    let free = free_range(&texts);
    let (first, last) = (free.start(), free.end());
    Finding::missing(
        "subordinate ids",
        format!("{path} grants {name} no range of at least {} ids", IDS - 1),
        format!("run: sudo usermod --add-subuids {first}-{last} --add-subgids {first}-{last} {name}"),
    )
}

pub(crate) fn too_few_inner_ids() -> Finding {
    Finding::missing(
        "ids of this container",
        format!("its user namespace has fewer than {IDS} ids beside the host's root"),
        "give the container a range of 65536 ids (Docker: userns-remap; Podman: --userns=auto:size=65536; Kubernetes: \
         hostUsers: false), or run as an ordinary user who has subordinate ids in it",
    )
}

pub(crate) fn user_namespace_refused(error: &io::Error) -> Finding {
    let by = Confinement::here().refuser().map_or(String::new(), |by| format!(", by {by}"));
    let why = format!("the kernel refused a new one: {error}{by}");
    Finding::missing("user namespaces", why, format!("{}{}", host_remedy(), container_remedy()))
}

/// What to do on a host where its settings forbid it; else nothing.
fn host_remedy() -> String {
    let missing = check_settings().into_iter().find(|found| found.state == FindingState::Missing);
    missing.map_or(String::new(), |found| format!("{}: {}; ", found.why, found.remedy))
}

pub(crate) fn namespaces_refused(error: &io::Error) -> Finding {
    let by = Confinement::here().refuser().map_or(String::new(), |by| format!(", by {by}"));
    Finding::missing(
        "namespaces",
        format!("mount, pid, ipc and uts namespaces were refused inside a user namespace: {error}{by}"),
        format!(
            "Ubuntu: AppArmor takes capabilities away there: sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0, or a \
             profile for dibber that says `userns,`; {}",
            container_remedy()
        ),
    )
}

pub(crate) fn network_refused(error: &io::Error) -> Finding {
    Finding::missing(
        NETWORK_NAMESPACES,
        format!("the kernel refused a new one, and this step is to have no network: {error}"),
        format!("{MORE_NETWORKS}; {}", container_remedy()),
    )
}

pub(crate) fn proc_refused(error: &SandboxError) -> SandboxError {
    let why = format!("{error}, as {}", covered());
    SandboxError::Missing(Finding::missing("a /proc of its own", why, container_remedy()))
}

/// How to have the host's instance serve.
pub(crate) const REGISTER: &str = "use Linux 6.7 or later, or have the host register static emulators: Debian, Ubuntu: sudo apt install \
qemu-user-static binfmt-support; for containers on such a host: docker run --privileged --rm tonistiigi/binfmt --install all";

pub(crate) fn no_emulator(arch: Arch, dynamic: Option<&Path>) -> Finding {
    let why = match dynamic {
        None => {
            format!("no qemu-{arch}-static in PATH, and this machine cannot run programs of {arch} by itself")
        }
        Some(found) => format!("{} needs libraries, which a chroot of {arch} does not have", found.display()),
    };
    Finding::missing(
        "an emulator",
        why,
        "install a static one; Debian, Ubuntu: apt install qemu-user-static; Fedora: dnf install qemu-user-static",
    )
}

pub(crate) fn no_instance(arch: Arch, error: &SandboxError) -> Finding {
    let why = format!(
        "programs of {arch} cannot be run in the sandbox: {error}; and the host has no emulator registered for them"
    );
    Finding::missing("foreign architectures", why, REGISTER)
}
