//! What this machine lacks for a sandbox, and how to get it.
//!
//! In: the kernel's settings, a trial. Out: findings. Never: a change.
#![expect(
    clippy::disallowed_methods,
    reason = "files of the kernel and of the host, and a directory that the trial made"
)]

use std::fs;
use std::os::unix::fs::MetadataExt;

use rustix::mount::MountFlags;

use dibber_model::Arch;

use super::emulator::{self, Instance};
use super::error::SandboxError;
use super::ids::{Ids, Writer};
use super::start::{Grants, start};
use super::{SHIMS, STORE, kernel, mend};

/// Whether something is as the sandbox needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It is.
    Ok,
    /// The sandbox does without, and loses something.
    Degraded,
    /// There is no sandbox without it.
    Missing,
}

/// One finding of `dibber doctor`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What was looked at.
    pub what: &'static str,
    /// How it is.
    pub state: State,
    /// Why that is so, with numbers.
    pub why: String,
    /// What to do, for each place that it differs in. Empty when nothing is.
    pub mend: String,
}

impl Finding {
    /// It is as it should be.
    pub fn ok(what: &'static str, why: impl Into<String>) -> Finding {
        Finding { what, state: State::Ok, why: why.into(), mend: String::new() }
    }

    /// It stops every build.
    pub fn missing(what: &'static str, why: impl Into<String>, mend: impl Into<String>) -> Finding {
        Finding { what, state: State::Missing, why: why.into(), mend: mend.into() }
    }
}

/// Looks at everything that the sandbox needs, and tries nothing.
pub fn probe() -> Vec<Finding> {
    let mut findings = settings();
    match Ids::for_sandbox() {
        Ok(ids) => {
            findings.push(Finding::ok("subordinate ids", format!("root inside is {} outside", ids.root().0)));
            if ids.writer == Writer::Helpers {
                findings.extend(["newuidmap", "newgidmap"].map(helper));
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

/// The settings of a host that allow user namespaces or not. Those that only concern ordinary users do not count for root.
pub(super) fn settings() -> Vec<Finding> {
    let read = |path: &str| fs::read_to_string(path).ok().and_then(|text| text.trim().parse::<u64>().ok());
    let user = !rustix::process::geteuid().is_root();
    let mut findings = Vec::new();
    let most = read("/proc/sys/user/max_user_namespaces");
    findings.push(match most {
        Some(0) => Finding::missing(
            "user namespaces",
            "user.max_user_namespaces is 0",
            "sudo sysctl user.max_user_namespaces=15000, and the same line in /etc/sysctl.d to keep it",
        ),
        Some(most) => Finding::ok("user namespaces", format!("user.max_user_namespaces is {most}")),
        None => Finding::missing(
            "user namespaces",
            "this kernel was built without them",
            "use a kernel with CONFIG_USER_NS",
        ),
    });
    // Our own steps, which need no network, have none: so every build needs these.
    let why = match read("/proc/sys/user/max_net_namespaces") {
        Some(0) => Some("user.max_net_namespaces is 0"),
        Some(_) => None,
        None => Some("this kernel was built without them (CONFIG_NET_NS)"),
    };
    findings.extend(why.map(|why| Finding::missing(mend::NETWORK_NAMESPACES, why, mend::MORE_NETWORKS)));
    if user && read("/proc/sys/kernel/unprivileged_userns_clone") == Some(0) {
        findings.push(Finding::missing(
            "user namespaces of ordinary users",
            "kernel.unprivileged_userns_clone is 0",
            "Debian: sudo sysctl kernel.unprivileged_userns_clone=1, and the same line in /etc/sysctl.d to keep it",
        ));
    }
    if user && read("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == Some(1) {
        findings.push(Finding {
            what: "user namespaces of ordinary users",
            state: State::Degraded,
            why: "kernel.apparmor_restrict_unprivileged_userns is 1: AppArmor allows them only to programs with a profile".into(),
            mend: "Ubuntu: a file /etc/apparmor.d/dibber with `abi <abi/4.0>, profile dibber /PATH/TO/dibber flags=(unconfined) \
                   { userns, }`, then sudo systemctl reload apparmor; or sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0"
                .into(),
        });
    }
    findings
}

/// Whether a helper is there with the rights that it needs.
fn helper(program: &'static str) -> Finding {
    let Some(found) = dibber_fs::path_search::find(program) else {
        return mend::helper_missing(program, "not found in PATH");
    };
    let setuid = fs::metadata(&found).is_ok_and(|file| file.mode() & 0o4000 != 0 && file.uid() == 0);
    let mut room = [0; 64];
    let capable = rustix::fs::getxattr(&found, "security.capability", &mut room[..]).is_ok();
    if setuid || capable {
        Finding::ok(program, format!("{} may map ids", found.display()))
    } else {
        mend::helper_refused(
            program,
            &format!("{} is neither set-user-ID root nor has a capability", found.display()),
        )
    }
}

fn landlock() -> Finding {
    let what = "abstract sockets";
    if kernel::can_scope() {
        return Finding::ok(what, "Landlock keeps hooks from the host's");
    }
    Finding {
        what,
        state: State::Degraded,
        why: "this kernel's Landlock cannot keep hooks from abstract unix sockets of the host, whose network they share".into(),
        mend: "use Linux 6.12 or later with Landlock enabled (lsm=landlock,... on the kernel command line)".into(),
    }
}

/// Exit code of a trial in which overlays work, and binfmt_misc does not.
const NO_INSTANCE: i32 = 2;

/// Starts a worker on these directories whose driver only tries an overlay, and a binfmt_misc of its own.
pub fn attempt(grants: &Grants) -> Vec<Finding> {
    let what = "a sandbox, tried";
    let mut worker = match start(&[], grants) {
        Ok(worker) => worker,
        Err(SandboxError::Missing(finding)) => return vec![finding],
        Err(other) => return vec![Finding::missing(what, other.to_string(), "")],
    };
    match worker.wait().map(|status| status.code()) {
        Ok(Some(code @ (0 | NO_INSTANCE))) => {
            vec![Finding::ok(what, "it stands, and overlays work in it"), emulator::finding(code == 0)]
        }
        _ => vec![Finding::missing(
            what,
            "overlays cannot be mounted in it on the file system of the cache",
            "use Linux 5.11 or later, and put the cache on ext4, xfs, btrfs or tmpfs (DIBBER_CACHE names another place): in a \
             container on a volume, not on its own overlay",
        )],
    }
}

/// What the driver does when it was given no job: an overlay on the store, as layers are mounted. Its exit code.
pub(super) fn try_overlay() -> i32 {
    let dir = |name: &str| format!("{STORE}/{name}");
    let made = ["lower", "upper", "work", "merged"].map(|name| fs::create_dir_all(dir(name)));
    let options = format!(
        "lowerdir={},upperdir={},workdir={},userxattr,volatile",
        dir("lower"),
        dir("upper"),
        dir("work")
    );
    let options = std::ffi::CString::new(options).expect("paths of ours have no NUL");
    let mounted =
        rustix::mount::mount("overlay", dir("merged"), "overlay", MountFlags::empty(), options.as_c_str());
    let written = fs::write(dir("merged/file"), "written");
    // An overlay's work directory belongs to the sandbox's root, so it goes from inside.
    let _ = rustix::mount::unmount(dir("merged"), rustix::mount::UnmountFlags::DETACH);
    let _ = ["lower", "upper", "work", "merged"].map(|name| fs::remove_dir_all(dir(name)));
    if made.iter().any(Result::is_err) || mounted.is_err() || written.is_err() {
        return 1;
    }
    // The program itself stands for an emulator: no program of that architecture is run here.
    let foreign = Arch::all().find(|arch| arch.kernel_name() != std::env::consts::ARCH);
    let own = Instance::open().and_then(|own| match foreign {
        Some(arch) => own.register("trial", arch, &format!("{SHIMS}/dibber")),
        None => Ok(()),
    });
    if own.is_ok() { 0 } else { NO_INSTANCE }
}
