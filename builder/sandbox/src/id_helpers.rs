//! newuidmap and newgidmap, by which an ordinary user has more than one id in a sandbox: what they need to do that, and what keeps them
//! from it. A container can take it from them in three ways, and the program itself says "Operation not permitted" to all.
//!
//! In: the program's file, how this process is confined. Out: a finding that names the cause. Never: the program run.
#![expect(clippy::disallowed_methods, reason = "programs of the host, which no hook writes to")]

use std::fs;
use std::os::unix::fs::MetadataExt;

use crate::confinement::{CAP_SETGID, CAP_SETUID, CAP_SYS_ADMIN, Confinement};
use crate::finding::Finding;

const WHAT: &str = "newuidmap and newgidmap";

/// The rights of a helper's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rights {
    None,
    SetUserId,
    FileCapability,
}

/// What keeps a helper from writing a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Obstacle {
    PlainFile,
    NoNewPrivs,
    /// A set-user-ID helper is not who made the namespace, so the kernel asks it for CAP_SYS_ADMIN (kernel/user_namespace.c,
    /// `map_write`), which this container's processes cannot have.
    SetUserIdAlone,
    /// CAP_SETUID or CAP_SETGID, without which nobody maps ids of others.
    OutOfBounds,
}

/// Whether a helper is there, and can do its work.
pub(crate) fn look(program: &'static str) -> Finding {
    let Some(found) = dibber_fs::path_search::find(program) else {
        return absent(program, "not found in PATH");
    };
    match obstacle_of(program) {
        None => Finding::ok(program, format!("{} may map ids", found.display())),
        Some(obstacle) => told(program, obstacle),
    }
}

/// A helper that cannot be started.
pub(crate) fn absent(program: &str, why: &str) -> Finding {
    Finding::missing(
        WHAT,
        format!("{program} cannot be run: {why}"),
        "install the package uidmap (Debian, Ubuntu) or shadow-utils (others)",
    )
}

/// A helper that was run, and refused.
pub(crate) fn refused(program: &str, said: &str) -> Finding {
    match obstacle_of(program) {
        Some(obstacle) => told(program, obstacle),
        None => Finding::missing(
            WHAT,
            format!("{program} refused: {said}"),
            "the program must lie on a file system that is not mounted nosuid, and not be traced (strace takes its rights away)",
        ),
    }
}

fn obstacle_of(program: &str) -> Option<Obstacle> {
    let found = dibber_fs::path_search::find(program)?;
    let set_user_id = fs::metadata(&found).is_ok_and(|file| file.mode() & 0o4000 != 0 && file.uid() == 0);
    let mut room = [0; 64];
    let capable = rustix::fs::getxattr(&found, "security.capability", &mut room[..]).is_ok();
    let rights = match (set_user_id, capable) {
        (true, _) => Rights::SetUserId,
        (false, true) => Rights::FileCapability,
        (false, false) => Rights::None,
    };
    let needed = if program == "newgidmap" { CAP_SETGID } else { CAP_SETUID };
    judge(rights, needed, Confinement::here())
}

fn judge(rights: Rights, needed: u32, here: &Confinement) -> Option<Obstacle> {
    match rights {
        Rights::None => Some(Obstacle::PlainFile),
        _ if here.no_new_privs => Some(Obstacle::NoNewPrivs),
        _ if !here.allows(needed) => Some(Obstacle::OutOfBounds),
        Rights::SetUserId if !here.allows(CAP_SYS_ADMIN) => Some(Obstacle::SetUserIdAlone),
        Rights::SetUserId | Rights::FileCapability => None,
    }
}

fn told(program: &str, obstacle: Obstacle) -> Finding {
    let engine = Confinement::here().engine;
    let (why, remedy) = match obstacle {
        Obstacle::PlainFile => (
            "its file is neither set-user-ID root nor has a capability",
            format!("give it back what its package gives it: chmod u+s \"$(command -v {program})\""),
        ),
        Obstacle::NoNewPrivs => (
            "no_new_privs is set for this process and all that it starts, so no program gains rights",
            engine.map_or("start dibber by something that does not set it", |engine| engine.without_no_new_privs()).to_owned(),
        ),
        Obstacle::SetUserIdAlone => (
            "it is set-user-ID root, and such a program maps ids only with CAP_SYS_ADMIN, which no process of this container can have",
            "where the container's image is made, give both a capability in its place: chmod u-s /usr/bin/newuidmap \
             /usr/bin/newgidmap && setcap cap_setuid+ep /usr/bin/newuidmap && setcap cap_setgid+ep /usr/bin/newgidmap (Debian: \
             package libcap2-bin); or build as the container's root"
                .to_owned(),
        ),
        Obstacle::OutOfBounds => (
            "no process of this container can have the capability that it works by (CAP_SETUID, CAP_SETGID)",
            "run the container with the engine's usual capabilities (Podman, Docker: --cap-add SETUID --cap-add SETGID)".to_owned(),
        ),
    };
    Finding::missing(WHAT, format!("{program} cannot map ids: {why}"), remedy)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Docker's and Podman's usual bounding sets have CAP_SETUID and not CAP_SYS_ADMIN.
    #[test]
    fn what_a_container_takes_from_the_helpers() {
        let machine = Confinement { bounding: u64::MAX, ..Confinement::default() };
        let usual = Confinement { bounding: 0x8004_05fb, ..Confinement::default() };
        let bound = Confinement { bounding: 0, ..Confinement::default() };
        let closed = Confinement { no_new_privs: true, ..machine.clone() };
        use Rights::{FileCapability, SetUserId};
        for (rights, here, obstacle) in [
            (SetUserId, &machine, None),
            (FileCapability, &machine, None),
            (Rights::None, &machine, Some(Obstacle::PlainFile)),
            (SetUserId, &usual, Some(Obstacle::SetUserIdAlone)),
            (FileCapability, &usual, None),
            (FileCapability, &bound, Some(Obstacle::OutOfBounds)),
            (SetUserId, &closed, Some(Obstacle::NoNewPrivs)),
            (FileCapability, &closed, Some(Obstacle::NoNewPrivs)),
        ] {
            assert_eq!(judge(rights, CAP_SETUID, here), obstacle, "{rights:?} {here:?}");
        }
    }
}
