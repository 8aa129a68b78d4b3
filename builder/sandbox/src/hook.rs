//! Running a hook, as the driver does it: one at a time, in namespaces that end with it.
//!
//! In: what to run, in which tree, with which variables. Out: its lines, its end, what it asked for. Never: an effect of a
//! hook but on `TMP_BUILD_DIR` and the download cache.
#![expect(clippy::disallowed_methods, reason = "a directory that this program made")]

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use dibber_fs::remove_tree;
use dibber_model::redact::Redact;
use dibber_model::{Limits, Network, Side};
use dibber_shim::{LoaderRequest, MountRequest, Request};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde::{Deserialize, Serialize};

use super::error::{Doing, SandboxError};
use super::ids::Ids;
use super::interpreter::StandInTable;
use super::stage::{Action, Order, Report};
use super::start::answer;
use super::traces::Traces;
use super::wire::Link;
use super::{HOOK, SHIMS, replay};

/// What is to be run.
#[derive(Clone, Copy, Debug)]
pub enum What<'a> {
    /// A script by its path below the hooks directory, such as `install.d/10-ssh`.
    Script(&'a str),
    /// A program and its arguments, found by `PATH`.
    Command(&'a [String]),
}

/// One run.
#[derive(Clone, Copy, Debug)]
pub struct HookCall<'a> {
    /// Outside the tree or inside.
    pub side: Side,
    /// dib's `TMP_BUILD_DIR`: a directory with the tree as `mnt` and the hooks as `hooks`, as the driver sees it.
    pub build_dir: &'a Path,
    /// What.
    pub what: What<'a>,
    /// Its whole environment, but `PATH`, `HOME` and what follows from where things are: `TMP_BUILD_DIR`,
    /// `TMP_HOOKS_PATH`, `TMP_MOUNT_PATH`, `TARGET_ROOT` and `DIB_IMAGE_CACHE` on the host side.
    pub variables: &'a BTreeMap<String, String>,
    /// Files of `environment.d`, relative to the hooks directory, in the order in which bash reads them first.
    pub environment_files: &'a [String],
    /// Mounts to be made beforehand: what the run before left.
    pub mounts: &'a [MountRequest],
    /// Texts that the program finds as files of these names in [`STAGED`](super::STAGED), and nobody after it.
    pub staged: &'a BTreeMap<String, String>,
    /// Native programs that stand in for foreign ones.
    pub native: Option<&'a Native>,
    /// Files of the host that the program may read: paths among the worker's [`Given`](super::Given).
    pub given: &'a [PathBuf],
    /// Whether it sees the building machine's network.
    pub network: Network,
    /// Secrets: a line that is told in pieces is cut within none of them.
    pub redact: &'a Redact,
    /// What it may take. A [`shell`](super::shell) has all the time that it wants.
    pub limits: Limits,
}

/// Native programs, for a tree of another architecture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Native {
    /// The `TMP_BUILD_DIR` of a tree of this machine's architecture, as the driver sees it.
    pub build_dir: PathBuf,
    /// Which of its programs may stand in, and for which files.
    pub table: StandInTable,
}

/// Where a line came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookEnd {
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
pub fn run(call: &HookCall<'_>, line: &mut dyn FnMut(Stream, &[u8])) -> Result<HookEnd, SandboxError> {
    let action = match call.what {
        What::Script(path) => Action::Script(path.to_owned()),
        What::Command(words) => Action::Command(words.to_vec()),
    };
    let report = perform(call, action, line)?;
    Ok(end(call, &report))
}

/// The environment after `environment.d`, without what only the sandbox knows. A file that fails is told as by [`run`].
pub fn environment(
    call: &HookCall<'_>,
    line: &mut dyn FnMut(Stream, &[u8]),
) -> Result<Result<BTreeMap<String, String>, HookEnd>, SandboxError> {
    let report = perform(call, Action::Environment, line)?;
    if report.code != 0 {
        return Ok(Err(end(call, &report)));
    }
    let pairs = report.environment.split_terminator('\0').filter_map(|pair| pair.split_once('='));
    let shell = ["_", "SHLVL", "PWD", "OLDPWD", dibber_shim::RECORD];
    // A name with `%%` is an exported function.
    let pairs = pairs.filter(|(name, _)| !shell.contains(name) && !name.contains('%'));
    Ok(Ok(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()))
}

fn end(call: &HookCall<'_>, report: &Report) -> HookEnd {
    let mut mounts = call.mounts.to_vec();
    let mut requests = Vec::new();
    for request in report.record.lines().filter_map(|line| serde_json::from_str(line).ok()) {
        match request {
            Request::Mount(mount) if call.side == Side::Host && replay::is_possible(&mount) => {
                mounts.push(mount);
            }
            Request::Unmount { target } if call.side == Side::Host => {
                if let Some(last) = mounts.iter().rposition(|mount| mount.target == target) {
                    mounts.remove(last);
                }
            }
            Request::Mount(_) | Request::Unmount { .. } => {}
            Request::Loader(loader) => requests.push(loader),
        }
    }
    let environment_file = Some(report.reading.clone()).filter(|file| !file.is_empty());
    HookEnd { code: report.code, environment_file, mounts, requests, overran: report.overran }
}

fn order(call: &HookCall<'_>, action: Action, tmp: &Path) -> Order {
    Order {
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
        terminal: std::env::var("TERM").unwrap_or_else(|_| "dumb".to_owned()),
    }
}

fn perform(
    call: &HookCall<'_>,
    action: Action,
    line: &mut dyn FnMut(Stream, &[u8]),
) -> Result<Report, SandboxError> {
    prepared(call, action, |order| {
        let (mut child, mut link) = launch(order, Stdio::piped)?;
        let time = order.limits.timeout.map(Duration::from);
        let report = listen(&mut child, (&mut link, time), (call.redact, line));
        child.wait().doing("wait for the hook")?;
        report
    })
}

/// Does a run with what it needs on disks in place, and takes that away afterwards.
pub(super) fn prepared(
    call: &HookCall<'_>,
    action: Action,
    run: impl FnOnce(&Order) -> Result<Report, SandboxError>,
) -> Result<Report, SandboxError> {
    let tmp = tempfile::tempdir_in("/tmp").doing("make a directory for the hook's temporary files")?;
    fs::set_permissions(tmp.path(), PermissionsExt::from_mode(0o1777))
        .doing("open the hook's /tmp to everyone")?;
    let traces = if call.side == Side::Chroot { Some(Traces::leave(call.build_dir)?) } else { None };
    let report = run(&order(call, action, tmp.path()));
    if let Some(traces) = traces {
        traces.remove();
    }
    // However deep it is; what cannot be removed goes with the worker.
    let _ = remove_tree(&tmp.keep());
    report
}

/// Starts a hook's first process and waits until the hook's root stands.
pub(super) fn launch(order: &Order, stdio: impl Fn() -> Stdio) -> Result<(Child, Link), SandboxError> {
    let (mut link, theirs) = Link::pair().doing("make a socket pair")?;
    let mut child = Command::new(format!("{SHIMS}/dibber"))
        .arg0(HOOK)
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .stdin(theirs)
        .stdout(stdio())
        .stderr(stdio())
        .spawn()
        .doing("start the hook's first process")?;
    let stands = stand(order, &mut link, child.id());
    if stands.is_err() {
        // It may be gone already.
        let _ = child.kill();
        let _ = child.wait();
    }
    stands.map(|()| (child, link))
}

fn stand(order: &Order, link: &mut Link, pid: u32) -> Result<(), SandboxError> {
    link.tell(order).doing("tell the hook's first process what to run")?;
    answer(link)?;
    Ids::identity().doing("read the ids of the sandbox")?.write(pid)?;
    link.send(b"mapped").doing("tell the hook's first process that its ids are mapped")?;
    answer(link)
}

/// Who is told the lines.
type Told<'a> = dyn FnMut(Stream, &[u8]) + 'a;

/// Hears lines and the report until the hook's last process is gone: by itself, or because its time is over.
fn listen(
    child: &mut Child,
    (link, time): (&mut Link, Option<Duration>),
    (redact, line): (&Redact, &mut Told<'_>),
) -> Result<Report, SandboxError> {
    let mut out = Lines::new(Stream::Out, child.stdout.take().expect("launch was asked for pipes"));
    let mut err = Lines::new(Stream::Err, child.stderr.take().expect("launch was asked for pipes"));
    let (begun, mut overran) = (Instant::now(), false);
    let mut report: Option<Report> = None;
    while out.open || err.open || report.is_none() {
        // One that has reported, or is being ended, takes no time of its own any more.
        let left =
            time.filter(|_| !overran && report.is_none()).map(|time| time.saturating_sub(begun.elapsed()));
        if left == Some(Duration::ZERO) {
            overran = true;
            link.fall_silent().doing("end the hook")?;
            continue;
        }
        let (a, b, c) = wait(&out, &err, report.is_none().then_some(&*link), left)?;
        if a {
            out.take(redact, line).doing("read the hook's output")?;
        }
        if b {
            err.take(redact, line).doing("read the hook's errors")?;
        }
        if c {
            report = Some(link.hear().unwrap_or(Report { code: 128 + 9, ..Report::default() }));
        }
    }
    let report = report.expect("the loop ends with a report");
    Ok(Report { overran, ..report })
}

type Source = Box<dyn ReadAsFd>;

trait ReadAsFd: Read + AsFd {}
impl<T: Read + AsFd> ReadAsFd for T {}

fn wait(
    out: &Lines,
    err: &Lines,
    link: Option<&Link>,
    most: Option<Duration>,
) -> Result<(bool, bool, bool), SandboxError> {
    let mut fds = Vec::with_capacity(3);
    let mut whose = Vec::with_capacity(3);
    let sources =
        [out.open.then(|| out.source.as_fd()), err.open.then(|| err.source.as_fd()), link.map(AsFd::as_fd)];
    for (number, fd) in sources.into_iter().enumerate() {
        if let Some(fd) = fd {
            fds.push(PollFd::from_borrowed_fd(fd, PollFlags::IN));
            whose.push(number);
        }
    }
    // More than a kernel's clock can count is for ever.
    let most = most.and_then(|time| Timespec::try_from(time).ok());
    match poll(&mut fds, most.as_ref()) {
        Err(rustix::io::Errno::INTR) => return Ok((false, false, false)),
        other => other.doing("wait for the hook")?,
    };
    let ready = |number| whose.iter().zip(&fds).any(|(w, fd)| *w == number && !fd.revents().is_empty());
    Ok((ready(0), ready(1), ready(2)))
}

/// A pipe cut into lines.
struct Lines {
    stream: Stream,
    source: Source,
    open: bool,
    rest: Vec<u8>,
}

/// A line longer than this is told in pieces.
const LONGEST_LINE: usize = 64 << 10;

impl Lines {
    fn new(stream: Stream, source: impl Read + AsFd + 'static) -> Lines {
        Lines { stream, source: Box::new(source), open: true, rest: Vec::new() }
    }

    fn take(&mut self, redact: &Redact, line: &mut dyn FnMut(Stream, &[u8])) -> std::io::Result<()> {
        let mut bytes = [0; 8192];
        let got = self.source.read(&mut bytes)?;
        self.open = got > 0;
        self.rest.extend_from_slice(&bytes[..got]);
        while let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
            line(self.stream, &self.rest[..end]);
            self.rest.drain(..=end);
        }
        if !self.rest.is_empty() && (!self.open || self.rest.len() > LONGEST_LINE) {
            let cut = if self.open { redact.cut(&self.rest) } else { self.rest.len() };
            line(self.stream, &self.rest[..cut]);
            self.rest.drain(..cut);
        }
        Ok(())
    }
}
