//! Everything that the worker is told of a build, gathered by the person's process: the worker has no network and no home to look in.
//!
//! In: a plan, settings, what the archive says of itself. Out: a job. Never: a question to the network that the settings forbid.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use dibber_plan::{Body, Entry, Plan};
use dibber_sandbox::STORE;
use dibber_sandbox::interrupts::Interrupts;
use dibber_store::{Store, StoreError};

use crate::archive::{Network, ReleaseError, ReleaseLookup, Releases};
use crate::breakpoints::Breakpoints;
use crate::failure::{Failure, FailureKind, fault};
use crate::given::{self, ClosedPlace, GivenError};
use crate::preflight;
use crate::settings::BuildSettings;
use crate::worker::job::{BuildJob, HostTool};

/// The job of building a plan. Asks the network only for what is not recorded.
pub(crate) fn prepare(
    plan: &Plan,
    settings: &BuildSettings,
    store: &Store,
    stop: &Interrupts,
) -> Result<BuildJob, Failure> {
    let release_files = store.path().join(RELEASE_FILES);
    let lookup = ReleaseLookup { dir: &release_files, network: settings.network, asked: &settings.asked };
    let releases = lookup.releases(plan, stop).map_err(|error| match error {
        ReleaseError::Interrupted => Failure::new(FailureKind::Interrupted, "interrupted"),
        other => Failure::from_error(FailureKind::Machine, other),
    })?;
    let mut job = without_network(plan, releases, store, &settings.output_dir)
        .map_err(|error| Failure::new(FailureKind::Input, error.to_string()))?;
    job.offline = settings.network == Network::Offline;
    job.began = settings.began;
    job.threads = settings.threads;
    job.breakpoints = settings.breakpoints.clone();
    job.native = job.native.filter(|_| settings.accelerate);
    if let Some(native) = &mut job.native {
        native.offline = job.offline;
        hand_over_large_files(&mut native.plan, store).map_err(fault)?;
    }
    hand_over_large_files(&mut job.plan, store).map_err(fault)?;
    Ok(job)
}

/// Where the store keeps what archives said of themselves.
pub(crate) const RELEASE_FILES: &str = "answers";

/// Copies element files that the plan does not carry to where the worker sees them, and names them there.
fn hand_over_large_files(plan: &mut Plan, store: &Store) -> Result<(), StoreError> {
    for entry in plan.elements.iter_mut().flat_map(|element| element.entries.values_mut()) {
        if let Entry::File { digest, body: Body::OnDisk(path), .. } = entry {
            *path = format!("{STORE}/{}", store.keep_source(*digest, Path::new(path))?);
        }
    }
    Ok(())
}

/// A job of what is known without asking anybody.
pub fn without_network(
    plan: &Plan,
    releases: Releases,
    store: &Store,
    output_dir: &Path,
) -> Result<BuildJob, GivenError> {
    let epoch = plan.epoch.or(releases.newest()).unwrap_or(0);
    let native = plan.native.as_ref();
    let native = native.map(|native| without_network(native, releases.clone(), store, output_dir));
    let native = native.transpose()?.map(Box::new);
    let given = given::find(plan, &ClosedPlace::of_build(store.path(), output_dir))?;
    let timings: BTreeMap<String, f64> = store.timings(&plan.basename()).all();
    Ok(BuildJob {
        plan: plan.clone(),
        epoch,
        releases,
        tools: host_tools(plan),
        timings,
        in_place: None,
        offline: false,
        began: i64::MAX,
        threads: 1,
        breakpoints: Breakpoints::default(),
        emulator: None,
        given,
        native,
    })
}

/// Host tools that host-side hooks of an operating system element run, by version: the tree is a function of them.
fn host_tools(plan: &Plan) -> Vec<HostTool> {
    let emulators =
        if preflight::is_foreign(plan) { plan.target.arch.qemu_user().to_vec() } else { Vec::new() };
    let bootstrap = plan.distro().map_or([].as_slice(), |distro| distro.programs);
    let version = |tool: &str| {
        let output = Command::new(tool).arg("--version").output().ok()?;
        String::from_utf8_lossy(&output.stdout).lines().next().map(str::to_string)
    };
    let first = emulators.iter().map(String::as_str).find(|tool| version(tool).is_some());
    bootstrap
        .iter()
        .map(|program| program.name)
        .chain(first)
        .map(|tool| HostTool { name: tool.to_string(), version: version(tool).unwrap_or_default() })
        .collect()
}
