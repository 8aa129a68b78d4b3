//! What the processes of the sandbox say to each other: what a worker or a hook is made of, whether a stage was reached, how a
//! hook ended.
//!
//! In: a channel. Out: values. Never: a message to another version of this program: both ends are the same file.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use dibber_model::{Limits, Network};
use dibber_shim::MountRequest;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::channel::Channel;
use crate::emulator::Emulator;
use crate::error::{Context, SandboxError};
use crate::finding::Finding;
use crate::given::Given;
use crate::grants::GrantedDir;
use crate::host_files::HostFiles;
use crate::interpreter::NativePrograms;
use crate::isolation::Isolation;

/// What the supervisor is told before anything else.
#[derive(Serialize, Deserialize)]
pub(crate) struct SandboxConfig {
    pub(crate) store: GrantedDir,
    pub(crate) stage: GrantedDir,
    /// Whether the host's root, who will not be there inside, must open the grants beforehand.
    pub(crate) as_root: bool,
    pub(crate) host_files: HostFiles,
    pub(crate) given: Vec<Given>,
    pub(crate) emulator: Option<Emulator>,
    /// Names of this program in every hook's `PATH`.
    pub(crate) commands: Vec<String>,
    pub(crate) isolation: Isolation,
}

/// What the driver does.
pub(crate) enum DriverTask {
    /// A job, whose bytes the caller of [`enter`](crate::enter) understands.
    Job(Vec<u8>),
    /// A trial of what every build needs, without a job.
    Trial,
}

impl DriverTask {
    /// Sends it. A job may be long, and goes as it is.
    pub(crate) fn send(&self, channel: &mut Channel) -> io::Result<()> {
        match self {
            DriverTask::Job(bytes) => {
                channel.send(&TaskKind::Job)?;
                channel.send_bytes(bytes)
            }
            DriverTask::Trial => channel.send(&TaskKind::Trial),
        }
    }

    /// Waits for what [`send`](Self::send) sends.
    pub(crate) fn receive(channel: &mut Channel) -> io::Result<DriverTask> {
        match channel.receive()? {
            TaskKind::Job => channel.receive_bytes().map(DriverTask::Job),
            TaskKind::Trial => Ok(DriverTask::Trial),
        }
    }
}

#[derive(Serialize, Deserialize)]
enum TaskKind {
    Job,
    Trial,
}

/// What is to be run as a hook.
#[derive(Serialize, Deserialize)]
pub(crate) enum HookAction {
    /// A file below the hooks directory.
    Script(String),
    /// A program and its arguments.
    Command(Vec<String>),
    /// Only environment.d, and what comes of it.
    Environment,
    /// A shell for a person.
    Shell,
}

/// What the driver tells a hook's first process.
#[derive(Serialize, Deserialize)]
pub(crate) struct HookSpec {
    /// Whether it runs inside the tree.
    pub(crate) chroot: bool,
    pub(crate) build_dir: PathBuf,
    pub(crate) tmp: PathBuf,
    pub(crate) action: HookAction,
    pub(crate) variables: BTreeMap<String, String>,
    pub(crate) environment_files: Vec<String>,
    pub(crate) mounts: Vec<MountRequest>,
    /// Texts for [`STAGED`](crate::STAGED), by file name.
    pub(crate) staged: BTreeMap<String, String>,
    pub(crate) native: Option<NativePrograms>,
    /// Files of the host, at these paths.
    pub(crate) given: Vec<PathBuf>,
    pub(crate) network: Network,
    /// `TERM` of the person.
    pub(crate) terminal: String,
    pub(crate) limits: Limits,
    /// Whether its /proc is the worker's.
    pub(crate) shares_proc: bool,
}

/// What the hook's process 1 answers at the end.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct HookReport {
    pub(crate) code: i32,
    /// The file of environment.d that was being read when the shell ended.
    pub(crate) reading: String,
    pub(crate) record: String,
    /// `NAME=value`, each ended by NUL.
    pub(crate) environment: String,
    /// Whether the driver ended it, as only the driver knows.
    #[serde(skip)]
    pub(crate) overran: bool,
}

/// An error as the process above is told of it.
#[derive(Serialize, Deserialize)]
struct ErrorMessage {
    text: String,
    of_hooks: bool,
    /// What the machine lacks, if that is it.
    missing: Option<Finding>,
}

/// What a process has to say of the stage that it was to reach, or why it did not reach it.
type StageResult<T> = Result<T, ErrorMessage>;

/// Tells the process above that a stage was reached, or why not.
pub(crate) fn report_stage<T: Serialize>(
    channel: &mut Channel,
    reached: Result<T, &SandboxError>,
) -> Result<(), SandboxError> {
    let message: StageResult<T> = reached.map_err(|error| ErrorMessage {
        text: error.to_string(),
        of_hooks: error.is_of_hooks(),
        missing: error.missing().cloned(),
    });
    channel.send(&message).context("tell whether a stage of the sandbox was reached")
}

/// Waits until the process below has reached its next stage; fails with what stopped it there.
pub(crate) fn await_stage<T: DeserializeOwned>(channel: &mut Channel) -> Result<T, SandboxError> {
    let reached: StageResult<T> =
        channel.receive().context("hear from a process of the sandbox, which ended early")?;
    reached.map_err(|error| match error {
        ErrorMessage { missing: Some(finding), .. } => SandboxError::Missing(finding),
        ErrorMessage { text, of_hooks, .. } => SandboxError::Inside { text, of_hooks },
    })
}

/// Tells the process below that its ids are mapped.
pub(crate) fn report_mapped(channel: &mut Channel) -> Result<(), SandboxError> {
    channel.send_bytes(b"mapped").context("tell a process of the sandbox that its ids are mapped")
}
