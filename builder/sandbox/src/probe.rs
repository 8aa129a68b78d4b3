//! What this machine lacks for a sandbox, and how to get it: `dibber doctor` prints it before the first build does.
//!
//! In: the kernel's settings, a trial. Out: findings. Never: a change.

use crate::error::SandboxError;
use crate::finding::Finding;
use crate::grants::SandboxGrants;
use crate::ids::{Ids, MapWriter};
use crate::messages::DriverTask;
use crate::settings::check_settings;
use crate::{emulator, id_helpers, kernel, remedy, start, trial};

/// Looks at everything that the sandbox needs, and tries nothing.
pub fn probe() -> Vec<Finding> {
    let mut findings = remedy::of_this_container();
    findings.extend(check_settings());
    match Ids::for_sandbox() {
        Ok(ids) => {
            findings
                .push(Finding::ok("subordinate ids", format!("root inside is {} outside", ids.root().uid)));
            if ids.writer == MapWriter::Helpers {
                findings.extend(["newuidmap", "newgidmap"].map(id_helpers::look));
            }
        }
        Err(SandboxError::Missing(finding)) => findings.push(finding),
        Err(other) => findings.push(Finding::missing("subordinate ids", other.to_string(), "")),
    }
    findings.push(if kernel::has_mount_setattr() {
        Finding::ok("mount_setattr", "the kernel can make mounts read-only recursively")
    } else {
        Finding::missing(
            "mount_setattr",
            "the kernel cannot make mounts read-only recursively",
            "use Linux 5.12 or later",
        )
    });
    findings.push(landlock());
    findings
}

fn landlock() -> Finding {
    let what = "abstract sockets";
    if kernel::can_scope() {
        return Finding::ok(what, "Landlock keeps hooks from the host's");
    }
    Finding::degraded(
        what,
        "this kernel's Landlock cannot keep hooks from abstract unix sockets of the host, whose network they share",
        "use Linux 6.12 or later with Landlock enabled (lsm=landlock,... on the kernel command line)",
    )
}

/// Starts a worker on these directories whose driver only tries an overlay, and a binfmt_misc of its own.
pub fn probe_by_trial(grants: &SandboxGrants) -> Vec<Finding> {
    let what = "a sandbox, tried";
    let mut worker = match start::start(&DriverTask::Trial, grants) {
        Ok(worker) => worker,
        Err(SandboxError::Missing(finding)) => return vec![finding],
        Err(other) => return vec![Finding::missing(what, other.to_string(), "")],
    };
    match worker.wait().map(|status| status.code()) {
        Ok(Some(code @ (trial::WORKS | trial::NO_BINFMT_MISC))) => {
            let mut findings = vec![Finding::ok(what, "it stands, and overlays work in it")];
            findings.extend(remedy::of_concessions(worker.conceded));
            findings.push(emulator::finding(code == trial::WORKS));
            findings
        }
        _ => vec![Finding::missing(
            what,
            "overlays cannot be mounted in it on the file system of the cache",
            "use Linux 5.11 or later, and put the cache on ext4, xfs, btrfs or tmpfs (DIBBER_CACHE names another place): in a \
             container on a volume, not on its own overlay",
        )],
    }
}
