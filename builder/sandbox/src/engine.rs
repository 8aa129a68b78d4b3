//! Which container engine this program runs in, and what that engine is to be told so that a sandbox can stand in its container. A
//! person who is told to look at all engines' manuals looks at none.
//!
//! In: the marks that engines leave in their containers. Out: an engine, and its settings. Never: an engine asked for anything.
#![expect(clippy::disallowed_methods, reason = "marks of the container's engine, which no hook writes to")]

use std::fs;
use std::path::Path;

/// What runs the container that this process is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Engine {
    Podman,
    Docker,
    /// A job of GitLab's, in Docker.
    GitLab,
    Kubernetes,
    Nspawn,
    Lxc,
    /// A container of an engine that is not known here.
    Other,
}

/// What engines leave in their containers.
#[derive(Debug, Default)]
struct Marks {
    /// A Kubernetes pod knows where its API is.
    kubernetes: bool,
    gitlab: bool,
    /// `/run/.containerenv`, of Podman and Buildah; CRI-O makes it too.
    containerenv: bool,
    /// `/.dockerenv`
    dockerenv: bool,
    /// The word of systemd's container interface: the variable `container`, or `/run/systemd/container`.
    word: Option<String>,
}

impl Engine {
    /// The engine of this container; none on a machine.
    pub(crate) fn find() -> Option<Engine> {
        let set = |name: &str| std::env::var_os(name).is_some();
        let word = std::env::var("container").ok().or_else(|| first_process_word("/proc/1/environ"));
        Engine::of(&Marks {
            kubernetes: set("KUBERNETES_SERVICE_HOST")
                || Path::new("/var/run/secrets/kubernetes.io/serviceaccount").exists(),
            gitlab: set("GITLAB_CI"),
            containerenv: Path::new("/run/.containerenv").exists(),
            dockerenv: Path::new("/.dockerenv").exists(),
            word: word.or_else(|| fs::read_to_string("/run/systemd/container").ok()),
        })
    }

    fn of(marks: &Marks) -> Option<Engine> {
        // CRI-O leaves Podman's mark and cri-dockerd Docker's, so pods come first.
        match marks.word.as_deref().map(str::trim).filter(|word| !word.is_empty()) {
            _ if marks.kubernetes => Some(Engine::Kubernetes),
            _ if marks.containerenv => Some(Engine::Podman),
            _ if marks.dockerenv && marks.gitlab => Some(Engine::GitLab),
            _ if marks.dockerenv => Some(Engine::Docker),
            Some("podman") => Some(Engine::Podman),
            Some("docker") => Some(Engine::Docker),
            Some("kube" | "kubernetes") => Some(Engine::Kubernetes),
            Some("systemd-nspawn") => Some(Engine::Nspawn),
            Some("lxc" | "lxc-libvirt") => Some(Engine::Lxc),
            Some(_) => Some(Engine::Other),
            None => None,
        }
    }

    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Engine::Podman => "podman",
            Engine::Docker => "docker",
            Engine::GitLab => "docker, in a job of GitLab's",
            Engine::Kubernetes => "kubernetes",
            Engine::Nspawn => "systemd-nspawn",
            Engine::Lxc => "lxc",
            Engine::Other => "an engine that dibber does not know",
        }
    }

    /// All that it is to be told, as `docs/containers.md` argues it.
    pub(crate) fn settings(self) -> &'static str {
        match self {
            Engine::Podman => {
                "podman run --security-opt seccomp=seccomp.json --security-opt 'unmask=/proc/*' (seccomp.json is docs/seccomp.json \
                 of dibber: podman's own profile and one call more), and where SELinux confines it --security-opt label=disable"
            }
            Engine::Docker => {
                "docker run --security-opt seccomp=seccomp.json --security-opt apparmor=unconfined --security-opt \
                 systempaths=unconfined (seccomp.json is docs/seccomp.json of dibber)"
            }
            Engine::GitLab => {
                "under [runners.docker] of the runner's config.toml: security_opt = [\"apparmor=unconfined\", \
                 \"systempaths=unconfined\"], and docs/seccomp.json of dibber as seccomp-profile in the runner's \
                 /etc/docker/daemon.json"
            }
            Engine::Kubernetes => {
                "in the pod's spec hostUsers: false, and in the container's securityContext procMount: Unmasked, appArmorProfile: \
                 {type: Unconfined} and seccompProfile: {type: Localhost, localhostProfile: dibber.json}, which is docs/seccomp.json \
                 of dibber in the kubelet's directory of profiles"
            }
            Engine::Nspawn => {
                "systemd-nspawn has no setting that leaves /proc uncovered: build with --isolation chroot, as is done by itself, or as \
                 an ordinary user of the machine"
            }
            Engine::Lxc => {
                "lxc.include = /usr/share/lxc/config/nesting.conf in the container's configuration; Incus and LXD: \
                 security.nesting=true"
            }
            Engine::Other => {
                "the container needs mount, unshare, pivot_root and sethostname allowed by its seccomp filter, no AppArmor \
                 profile that refuses mounts, and a /proc of which nothing is covered"
            }
        }
    }

    /// How it has this container's processes gain privileges, which no_new_privs keeps them from.
    pub(crate) fn without_no_new_privs(self) -> &'static str {
        match self {
            Engine::Podman | Engine::Docker => "run the container without --security-opt no-new-privileges",
            Engine::GitLab => "take no-new-privileges from security_opt under [runners.docker]",
            Engine::Kubernetes => "set allowPrivilegeEscalation: true in the container's securityContext",
            Engine::Nspawn => "run the container without --no-new-privileges=yes",
            Engine::Lxc => "take lxc.no_new_privs from the container's configuration",
            Engine::Other => "have the container's engine set no no_new_privs",
        }
    }
}

/// The variable `container` of process 1, where this process may read it.
fn first_process_word(environ: &str) -> Option<String> {
    let bytes = fs::read(environ).ok()?;
    let pairs = bytes.split(|byte| *byte == 0);
    let word = pairs.into_iter().find_map(|pair| pair.strip_prefix(b"container="))?;
    Some(String::from_utf8_lossy(word).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn engines_are_known_by_their_marks() {
        let word = |word: &str| Marks { word: Some(word.to_owned()), ..Marks::default() };
        let podman = Marks { containerenv: true, ..Marks::default() };
        let docker = Marks { dockerenv: true, ..Marks::default() };
        for (marks, engine) in [
            (Marks::default(), None),
            (word("\n"), None),
            (word("systemd-nspawn\n"), Some(Engine::Nspawn)),
            (word("lxc"), Some(Engine::Lxc)),
            (word("podman"), Some(Engine::Podman)),
            (word("my-own"), Some(Engine::Other)),
            // What runs in Podman on a machine of Docker's is Podman's.
            (Marks { dockerenv: true, ..podman }, Some(Engine::Podman)),
            (Marks { gitlab: true, ..Marks::default() }, None),
            (Marks { gitlab: true, ..docker }, Some(Engine::GitLab)),
            (Marks { kubernetes: true, containerenv: true, ..Marks::default() }, Some(Engine::Kubernetes)),
        ] {
            assert_eq!(Engine::of(&marks), engine, "{marks:?}");
        }
    }
}
