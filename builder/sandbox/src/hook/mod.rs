//! Running a hook, as the driver does it: each gets namespaces of its own within the worker's, which end with it, so that what it
//! started, mounted or left running is gone when the next one begins.
//!
//! In: what to run, in which tree, with which variables. Out: its lines, its end, what it asked for. Never: an effect of a
//! hook but on `TMP_BUILD_DIR` and the download cache.

mod exec;
mod home;
pub(crate) mod init;
mod left_mounts;
mod mount_points;
pub(crate) mod name_servers;
pub(crate) mod output;
mod process;
mod pty;
mod records;
mod replay;
pub(crate) mod shell;
mod tree;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use dibber_model::redact::Redact;
use dibber_model::{Limits, Network, Side};
use dibber_shim::{LoaderRequest, MountRequest, Request};

use crate::error::{Context, SandboxError};
use crate::interpreter::NativePrograms;
use crate::messages::{HookAction, HookReport};

pub use exec::{environment_reader, is_read_by_bash};
use name_servers::NameServers;
use output::{HookOutput, OutputStream};
use process::HookProcess;

/// What is to be run.
#[derive(Clone, Copy, Debug)]
pub enum HookCommand<'a> {
    /// A script by its path below the hooks directory, such as `install.d/10-ssh`.
    Script(&'a str),
    /// A program and its arguments, found by `PATH`.
    Command(&'a [String]),
}

/// One run of a hook.
#[derive(Clone, Copy, Debug)]
pub struct HookInvocation<'a> {
    /// Outside the tree or inside.
    pub side: Side,
    /// dib's `TMP_BUILD_DIR`: a directory with the tree as `mnt` and the hooks as `hooks`, as the driver sees it.
    pub build_dir: &'a Path,
    /// What is run.
    pub command: HookCommand<'a>,
    /// Its whole environment, but `PATH`, `HOME` and what follows from where things are: `TMP_BUILD_DIR`, `TMP_HOOKS_PATH`,
    /// `TMP_IMAGE_DIR`, `TMP_MOUNT_PATH`, `DIB_IMAGE_CACHE`, and on the host side `TARGET_ROOT`.
    pub variables: &'a BTreeMap<String, String>,
    /// Files of `environment.d`, relative to the hooks directory, in the order in which bash reads them first.
    pub environment_files: &'a [String],
    /// Mounts to be made beforehand: what the run before left.
    pub mounts: &'a [MountRequest],
    /// Texts that the program finds as files of these names in [`STAGED`](crate::STAGED), and nobody after it.
    pub staged: &'a BTreeMap<String, String>,
    /// Native programs that stand in for foreign ones.
    pub native: Option<&'a NativePrograms>,
    /// Files of the host that the program may read: paths among the worker's [`Given`](crate::Given).
    pub given: &'a [PathBuf],
    /// Whether it sees the building machine's network.
    pub network: Network,
    /// What the tree's `/etc/resolv.conf` is meanwhile.
    pub name_servers: NameServers,
    /// Secrets: a line that is told in pieces is cut within none of them.
    pub redact: &'a Redact,
    /// What it may take. A [`shell`](crate::run_shell) has all the time that it wants.
    pub limits: Limits,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookResult {
    /// Exit code; 128 and the number of a signal that ended it.
    pub code: i32,
    /// The file of `environment.d` that ended it, when it did not come to the hook itself.
    pub environment_file: Option<String>,
    /// Mounts in place at its end, made below `TMP_BUILD_DIR`: for the next run.
    pub mounts: Vec<MountRequest>,
    /// What boot loader programs were asked to do.
    pub requests: Vec<LoaderRequest>,
    /// Whether it was ended because its time was over.
    pub overran: bool,
}

/// Runs a hook; `line` gets what it prints, without line ends, as it is printed.
pub fn run_hook(
    call: &HookInvocation<'_>,
    line: &mut dyn FnMut(OutputStream, &[u8]),
) -> Result<HookResult, SandboxError> {
    let action = match call.command {
        HookCommand::Script(path) => HookAction::Script(path.to_owned()),
        HookCommand::Command(words) => HookAction::Command(words.to_vec()),
    };
    let report = perform(call, action, line)?;
    Ok(result_of(call, &report))
}

/// The environment after `environment.d`, without what only the sandbox knows. A file that fails is told as by [`run_hook`].
pub fn read_environment(
    call: &HookInvocation<'_>,
    line: &mut dyn FnMut(OutputStream, &[u8]),
) -> Result<Result<BTreeMap<String, String>, HookResult>, SandboxError> {
    let report = perform(call, HookAction::Environment, line)?;
    if report.code != 0 {
        return Ok(Err(result_of(call, &report)));
    }
    let pairs = report.environment.split_terminator('\0').filter_map(|pair| pair.split_once('='));
    let shell = ["_", "SHLVL", "PWD", "OLDPWD", dibber_shim::RECORD];
    // A name with `%%` is an exported function.
    let pairs = pairs.filter(|(name, _)| !shell.contains(name) && !name.contains('%'));
    Ok(Ok(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()))
}

fn result_of(call: &HookInvocation<'_>, report: &HookReport) -> HookResult {
    let mut mounts = call.mounts.to_vec();
    let mut requests = Vec::new();
    for request in report.record.lines().filter_map(|line| serde_json::from_str(line).ok()) {
        match request {
            Request::Loader(loader) => requests.push(loader),
            change if call.side == Side::Host => left_mounts::change(&mut mounts, change),
            _ => {}
        }
    }
    // The note is a file that a hook can write to.
    let environment_file =
        call.environment_files.iter().find(|file| report.reading.ends_with(*file)).cloned();
    HookResult { code: report.code, environment_file, mounts, requests, overran: report.overran }
}

fn perform(
    call: &HookInvocation<'_>,
    action: HookAction,
    line: &mut dyn FnMut(OutputStream, &[u8]),
) -> Result<HookReport, SandboxError> {
    process::with_prepared(call, action, |spec| {
        let mut process = HookProcess::launch_with_pipes(spec)?;
        let output = HookOutput::new(&mut process.child, call.redact, line);
        let report = output.follow(&mut process.channel, spec.limits.timeout.map(Duration::from));
        process.child.wait().context("wait for the hook")?;
        report
    })
}
