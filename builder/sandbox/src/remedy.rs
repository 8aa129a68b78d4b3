//! The sentences that say what to do when the machine refuses what the sandbox needs: each distribution and each container
//! engine has its own way to allow it.
//!
//! In: what was refused. Out: findings. Never: a guess where the machine can be asked.
#![expect(clippy::disallowed_methods, reason = "paths of the host, which no hook writes to")]

use std::fs;
use std::io;
use std::path::Path;

use dibber_model::Arch;

use crate::error::SandboxError;
use crate::finding::{Finding, FindingState};
use crate::settings::{MORE_NETWORKS, NETWORK_NAMESPACES, check_settings};
use crate::subordinate_ids::{IDS, free_range};

const CONTAINERS: &str = "Docker: run with --security-opt seccomp=unconfined --security-opt apparmor=unconfined \
--security-opt systempaths=unconfined; Podman: --security-opt seccomp=unconfined --security-opt unmask=ALL; GitLab: \
security_opt = [\"seccomp=unconfined\", \"apparmor=unconfined\", \"systempaths=unconfined\"] under [runners.docker]; \
Kubernetes: hostUsers: false, and in securityContext seccompProfile and appArmorProfile of type Unconfined and procMount: \
Unmasked";

pub(crate) fn helper_missing(program: &str, why: &str) -> Finding {
    Finding::missing(
        "newuidmap and newgidmap",
        format!("{program} cannot be run: {why}"),
        "install the package uidmap (Debian, Ubuntu) or shadow-utils (others)",
    )
}

pub(crate) fn helper_refused(program: &str, said: &str) -> Finding {
    Finding::missing(
        "newuidmap and newgidmap",
        format!("{program} refused: {said}"),
        "the program must be set-user-ID root (chmod u+s) or have its file capability, and lie on a file system that is not \
         mounted nosuid; no_new_privs and strace take that away; in Kubernetes allowPrivilegeEscalation must be true",
    )
}

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
    Finding::missing(
        "user namespaces",
        format!("the kernel refused a new one: {error}"),
        format!("{}; {CONTAINERS}", host_remedy()),
    )
}

/// What to do on a host, as its settings say.
fn host_remedy() -> String {
    check_settings().into_iter().find(|found| found.state == FindingState::Missing).map_or_else(
        || {
            "on a host every setting allows them, so a container's seccomp or AppArmor profile is in the way"
                .to_owned()
        },
        |found| format!("{}: {}", found.why, found.remedy),
    )
}

pub(crate) fn namespaces_refused(error: &io::Error) -> Finding {
    Finding::missing(
        "namespaces",
        format!("mount, pid, ipc and uts namespaces were refused inside a user namespace: {error}"),
        format!(
            "Ubuntu: AppArmor takes capabilities away there: sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0, or a \
             profile for dibber that says `userns,`; {CONTAINERS}"
        ),
    )
}

pub(crate) fn network_refused(error: &io::Error) -> Finding {
    Finding::missing(
        NETWORK_NAMESPACES,
        format!("the kernel refused a new one, and this step is to have no network: {error}"),
        format!("{MORE_NETWORKS}; {CONTAINERS}"),
    )
}

pub(crate) fn proc_refused(error: &SandboxError) -> SandboxError {
    let why = format!(
        "{error}: the kernel allows it only where the /proc outside is whole, and containers cover parts of it"
    );
    SandboxError::Missing(Finding::missing("a /proc of its own", why, CONTAINERS))
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
