//! How far hooks are kept apart from what the build runs in. On a machine that is all that `docs/sandbox.md` promises. In a container whose
//! engine refuses a name of its own, or a /proc of its own, the build does without those two and says so: what it loses there is the
//! container's own, as the container is what keeps hooks from the machine. Everything else is as ever: the same steps, ids, layers.
//!
//! In: what the person allows, whether this is a container. Out: a host name and a /proc, and what had to be conceded for them. Never: a
//! concession that was not tried for first, or one on a machine unless the person asks for it.

use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::OnceLock;

use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use crate::confinement::Confinement;
use crate::error::{Context, SandboxError};
use crate::{HOSTNAME, mounts, remedy};

/// What the person allows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Isolation {
    /// As `Chroot` in a container, as `Namespaces` on a machine.
    #[default]
    Auto,
    /// Nothing is conceded: where the sandbox cannot be whole there is none.
    Namespaces,
    /// What the engine of a container refuses is conceded. Buildah has this word for the same: hooks have namespaces, and what is
    /// around them has the rest.
    Chroot,
}

impl Isolation {
    fn concedes(self, here: &Confinement) -> bool {
        match self {
            Isolation::Auto => here.engine.is_some(),
            Isolation::Namespaces => false,
            Isolation::Chroot => true,
        }
    }
}

/// What hooks have of the container's, because the sandbox was refused its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Concessions {
    /// The host name.
    pub host_name: bool,
    /// /proc, with the names of the container's processes in it.
    pub proc: bool,
}

impl Concessions {
    /// What a person is told of them before the first hook runs.
    pub fn warnings(self) -> Vec<String> {
        let mend = "`dibber doctor` says why, and what to tell the container's engine";
        let told = |what: &str| format!("{what}; {mend}");
        let name = self
            .host_name
            .then(|| told("hooks see the container's host name, and can write it into the image"));
        let proc = self.proc.then(|| {
            told("hooks see the container's /proc, with the names of its processes, as it can have no other")
        });
        name.into_iter().chain(proc).collect()
    }
}

/// What the worker conceded: each hook's namespaces are made in the same way.
static CONCEDED: OnceLock<Concessions> = OnceLock::new();

/// Makes them known to the driver, before it runs.
pub(crate) fn remember(conceded: Concessions) {
    // There is one worker to a process; a second one would be a fault of its init, and the first holds.
    let _ = CONCEDED.set(conceded);
}

/// What the driver's worker conceded; nothing in a process that is in none.
pub(crate) fn conceded() -> Concessions {
    CONCEDED.get().copied().unwrap_or_default()
}

/// Makes a name and a /proc for a worker.
pub(crate) struct Conceder {
    may: bool,
    pub(crate) made: Concessions,
}

impl Conceder {
    /// Must be asked for before the namespace has a root of its own.
    pub(crate) fn new(isolation: Isolation) -> Conceder {
        Conceder { may: isolation.concedes(Confinement::here()), made: Concessions::default() }
    }

    /// Gives this namespace of names its host name.
    pub(crate) fn name_host(&mut self) -> Result<(), SandboxError> {
        // Somebody may have said `--hostname`, which every engine allows.
        if rustix::system::uname().nodename().to_bytes() == HOSTNAME.as_bytes() {
            return Ok(());
        }
        match rustix::system::sethostname(HOSTNAME.as_bytes()) {
            // Of root in its own user namespace the kernel itself refuses nothing here.
            Err(Errno::PERM | Errno::NOSYS) if self.may => {
                self.made.host_name = true;
                Ok(())
            }
            other => other.context("set the host name"),
        }
    }

    /// A proc of this pid namespace, not yet in place; else the container's, with what is covered in it.
    pub(crate) fn proc(&mut self) -> Result<OwnedFd, SandboxError> {
        match proc_of(false) {
            Err(_) if self.may => {
                self.made.proc = true;
                proc_of(true)
            }
            other => other.map_err(|error| remedy::proc_refused(&error)),
        }
    }
}

/// A proc, not yet in place, while that of the namespace above is still there: the kernel makes a new one only where one is visible whole
/// (fs/namespace.c, `mount_too_revealing`).
pub(crate) fn proc_of(conceded: bool) -> Result<OwnedFd, SandboxError> {
    if !conceded {
        return mounts::make("proc", &[]);
    }
    let above = mounts::copy(Path::new("/proc"))?;
    mounts::restrict(&above, mounts::NO_SUID | mounts::NO_DEV)?;
    Ok(above)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Engine;

    #[test]
    fn only_a_container_or_the_person_concedes() {
        let machine = Confinement::default();
        let container = Confinement { engine: Some(Engine::Podman), ..Confinement::default() };
        for (isolation, on_a_machine, in_a_container) in [
            (Isolation::Auto, false, true),
            (Isolation::Namespaces, false, false),
            (Isolation::Chroot, true, true),
        ] {
            assert_eq!(
                [isolation.concedes(&machine), isolation.concedes(&container)],
                [on_a_machine, in_a_container],
                "{isolation:?}"
            );
        }
    }
}
