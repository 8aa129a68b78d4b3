//! A hook's first process: what it needs on disks while it runs, and how it is brought up.
//!
//! In: an invocation. Out: a process whose root stands, over whose channel its end is reported. Never: what was put on disks for it
//! left there after its end.
#![expect(clippy::disallowed_methods, reason = "a directory that this program made")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use dibber_fs::remove_tree;
use dibber_model::Side;

use crate::channel::Channel;
use crate::error::{Context, SandboxError};
use crate::hook::HookInvocation;
use crate::hook::mount_points::MountPoints;
use crate::hook::name_servers::Loan;
use crate::ids::Ids;
use crate::isolation;
use crate::messages::{HookAction, HookReport, HookSpec, await_stage, report_mapped};
use crate::{HOOK, SHIMS};

fn spec_of(call: &HookInvocation<'_>, action: HookAction, tmp: &Path) -> HookSpec {
    HookSpec {
        chroot: call.side == Side::Chroot,
        build_dir: call.build_dir.to_path_buf(),
        tmp: tmp.to_path_buf(),
        action,
        variables: call.variables.clone(),
        environment_files: call.environment_files.to_vec(),
        mounts: call.mounts.to_vec(),
        staged: call.staged.clone(),
        native: call.native.cloned(),
        given: if call.side == Side::Host { call.given.to_vec() } else { Vec::new() },
        network: call.network,
        limits: call.limits,
        shares_proc: isolation::conceded().proc,
        terminal: std::env::var("TERM").unwrap_or_else(|_| "dumb".to_owned()),
    }
}

/// Does a run with what it needs on disks in place, and takes that away afterwards.
pub(crate) fn with_prepared(
    call: &HookInvocation<'_>,
    action: HookAction,
    run: impl FnOnce(&HookSpec) -> Result<HookReport, SandboxError>,
) -> Result<HookReport, SandboxError> {
    let tmp = tempfile::tempdir_in("/tmp").context("make a directory for the hook's temporary files")?;
    fs::set_permissions(tmp.path(), PermissionsExt::from_mode(0o1777))
        .context("open the hook's /tmp to everyone")?;
    let mount_points = if call.side == Side::Chroot { Some(MountPoints::add(call.build_dir)?) } else { None };
    let report = Loan::begin(call.build_dir, call.name_servers).and_then(|loan| {
        let report = run(&spec_of(call, action, tmp.path()))?;
        loan.end().map(|()| report)
    });
    if let Some(mount_points) = mount_points {
        mount_points.remove();
    }
    // However deep it is; what cannot be removed goes with the worker.
    let _ = remove_tree(&tmp.keep());
    report
}

/// A hook's first process, whose root stands.
pub(crate) struct HookProcess {
    pub(crate) child: Child,
    /// Over which it reports.
    pub(crate) channel: Channel,
}

impl HookProcess {
    /// Starts one whose output the driver reads.
    pub(crate) fn launch_with_pipes(spec: &HookSpec) -> Result<HookProcess, SandboxError> {
        HookProcess::launch(spec, Stdio::piped)
    }

    /// Starts one that has a terminal.
    pub(crate) fn launch_with_terminal(spec: &HookSpec) -> Result<HookProcess, SandboxError> {
        HookProcess::launch(spec, Stdio::null)
    }

    fn launch(spec: &HookSpec, stdio: fn() -> Stdio) -> Result<HookProcess, SandboxError> {
        let (mut channel, theirs) = Channel::pair().context("make a socket pair")?;
        let mut child = Command::new(format!("{SHIMS}/dibber"))
            .arg0(HOOK)
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .stdin(theirs)
            .stdout(stdio())
            .stderr(stdio())
            .spawn()
            .context("start the hook's first process")?;
        let stands = bring_up(spec, &mut channel, child.id());
        if stands.is_err() {
            // It may be gone already.
            let _ = child.kill();
            let _ = child.wait();
        }
        stands.map(|()| HookProcess { child, channel })
    }
}

/// Speaks with a hook's first process until its root stands.
fn bring_up(spec: &HookSpec, channel: &mut Channel, pid: u32) -> Result<(), SandboxError> {
    channel.send(spec).context("tell the hook's first process what to run")?;
    let () = await_stage(channel)?;
    Ids::identity().context("read the ids of the sandbox")?.write(pid)?;
    report_mapped(channel)?;
    await_stage(channel)
}
