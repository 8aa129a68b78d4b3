//! What a step sees: all files that lie before it, variables and packages that the step before it did not have, and for the first one the
//! archive's state and the host's tools. A step's id is the digest of its parent's and of these, and `dibber plan --explain` tells from them why a step runs.
//!
//! In: a job and a step's place in the plan. Out: the inputs, in an order of their own. Never: a limit of hooks, the caller's environment,
//! a path of this machine that no step is given; a secret as it is.

use std::borrow::Cow;
use std::fmt;

use dibber_model::{Digest, Phase, redact};
use dibber_plan::elements::{hooks, package_installs, repositories};
use dibber_plan::{Action, Entry, Plan};
use serde::{Deserialize, Serialize};

use dibber_plan::elements::hooks::StepPlace;
use dibber_plan::elements::visibility::{NEVER, OWN_DIRECTORIES};

use super::id::{files_given_to, secrets_seen, step_request};
use crate::worker::job::{BuildJob, HostTool};

/// Raised when steps come to mean something else, so that no older result is taken for theirs.
const GENERATION: &str = "step 8";

/// What kind of thing an input is. The names are those that a person reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum InputKind {
    /// The program's own way of running steps.
    Program,
    /// The architecture of the tree.
    Architecture,
    /// The time that stands in for now.
    Time,
    /// A Release file of the package archive.
    Index,
    /// A program of the building machine, by version.
    Tool,
    /// The step itself: what it does.
    Step,
    /// Whether it has the network.
    Network,
    /// A variable.
    Variable,
    /// Secrets, all together.
    Secrets,
    /// A file of an element.
    File,
    /// The names of all elements.
    Elements,
    /// A package that is asked for.
    Package,
    /// A file of the building machine.
    HostFile,
}

/// One thing that a step sees.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct StepInput {
    /// What it is.
    pub kind: InputKind,
    /// Which one.
    pub name: String,
    /// What it holds: a text, or the digest of a file.
    pub value: String,
}

impl StepInput {
    fn new(kind: InputKind, name: impl Into<String>, value: impl Into<String>) -> StepInput {
        StepInput { kind, name: name.into(), value: value.into() }
    }
}

impl fmt::Display for InputKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            InputKind::Program => "the program",
            InputKind::Architecture => "the architecture",
            InputKind::Time => "the time",
            InputKind::Index => "package index",
            InputKind::Tool => "tool",
            InputKind::Step => "step",
            InputKind::Network => "the network",
            InputKind::Variable => "variable",
            InputKind::Secrets => "the secrets",
            InputKind::File => "file",
            InputKind::Elements => "the list of elements",
            InputKind::Package => "package",
            InputKind::HostFile => "file of this machine",
        })
    }
}

/// Variables that carry credentials or the way to the network; what they lead to is the same.
const NOT_SEEN: [&str; 10] = [
    "http_proxy",
    "https_proxy",
    "ftp_proxy",
    "no_proxy",
    "all_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "FTP_PROXY",
    "NO_PROXY",
    "ALL_PROXY",
];

/// What the first step starts from.
pub(super) fn start(job: &BuildJob) -> Vec<StepInput> {
    let BuildJob { plan, releases, tools, epoch, .. } = job;
    let mut inputs = timeless_start(plan);
    inputs.push(StepInput::new(InputKind::Time, "", epoch.to_string()));
    for (url, release) in &releases.files {
        let value = format!("{} {}", release.date, release.digest);
        inputs.push(StepInput::new(InputKind::Index, url, value));
    }
    for HostTool { name, version } in tools {
        inputs.push(StepInput::new(InputKind::Tool, name, version));
    }
    inputs
}

/// The same whatever the archive says, the host's tools are, and whenever that is. The platform is a variable.
pub(super) fn timeless_start(plan: &Plan) -> Vec<StepInput> {
    vec![
        StepInput::new(InputKind::Program, "", GENERATION),
        StepInput::new(InputKind::Architecture, "", plan.target.arch.kernel_name()),
    ]
}

/// Whether secrets are among inputs. Results are kept so; what everybody may read tells nothing of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Secrets {
    Included,
    LeftOut,
}

/// What a step sees, but for variables and names that the one before it saw. All that lies in its hooks directory is among it, so that a file
/// can lie there and be in no id by no mistake of ours.
pub(super) fn inputs(job: &BuildJob, place: StepPlace<'_>, secrets: Secrets) -> Vec<StepInput> {
    let (plan, step) = (&job.plan, place.step);
    let action = serde_json::to_string(&step.action).expect("an action has words alone");
    let mut inputs = vec![StepInput::new(InputKind::Step, format!("{}/{}", step.phase, step.name), action)];
    // A step without network sees less than one with it, so what the one left is not the other's.
    if plan.cut(step).is_some() {
        inputs.push(StepInput::new(InputKind::Network, "", "none"));
    }
    let is_new = |from: usize| place.at == NEVER || from == place.at;
    for (name, value) in plan.variables.iter().filter(|(name, _)| !NOT_SEEN.contains(&name.as_str())) {
        if is_new(plan.visibility.variable_from(name)) {
            inputs.push(StepInput::new(InputKind::Variable, name, public(name, value)));
        }
    }
    if let Some(seen) = secrets_seen(plan, Some(step)).filter(|_| secrets == Secrets::Included) {
        inputs.push(StepInput::new(InputKind::Secrets, "", seen.to_string()));
    }
    let request = step_request(plan);
    for file in hooks::laid_out(&request, &plan.visibility, place) {
        inputs.extend(element_file(plan, &file.element, &file.source, &file.path));
    }
    if is_new(plan.visibility.names_from()) {
        inputs.push(names(plan));
    }
    for file in files_given_to(job, step) {
        let path = file.given.at.to_string_lossy().into_owned();
        inputs.push(StepInput::new(InputKind::HostFile, path, file.digest.to_string()));
    }
    inputs.extend(of_action(plan, place));
    inputs
}

/// What a step of our own reads of the plan.
fn of_action(plan: &Plan, place: StepPlace<'_>) -> Vec<StepInput> {
    let step = place.step;
    match step.action {
        Action::ImagePackages => {
            plan.packages.iter().map(|name| StepInput::new(InputKind::Package, name, "")).collect()
        }
        Action::InstallPackages | Action::UninstallPackages => asked_packages(plan, place),
        Action::Fstab => {
            vec![StepInput::new(InputKind::File, "/etc/fstab", dibber_plan::fstab(&plan.disk))]
        }
        Action::FetchSources => {
            let files = plan.elements.iter().flat_map(|element| {
                let paths = element.entries.keys().filter(|path| repositories::is_list(path));
                paths.filter_map(move |path| element_file(plan, &element.name, path, path))
            });
            files.collect()
        }
        Action::Manifests if step.phase == Phase::Cleanup => vec![names(plan)],
        _ => Vec::new(),
    }
}

/// Packages that elements ask for in a step's phase, and the maps that translate their names.
fn asked_packages(plan: &Plan, place: StepPlace<'_>) -> Vec<StepInput> {
    let (request, phase) = (step_request(plan), place.step.phase);
    // What is wrong with a list, planning has said.
    let entries = package_installs::entries(&request, phase).unwrap_or_default();
    let packages = entries.iter().map(|entry| {
        StepInput::new(InputKind::Package, format!("{} of {}", entry.package, entry.element), entry.content())
    });
    let maps = package_installs::maps_used(&request, phase).unwrap_or_default();
    let maps = maps.iter().filter_map(|element| element_file(plan, element, "pkg-map", "pkg-map"));
    packages.chain(maps).collect()
}

fn names(plan: &Plan) -> StepInput {
    StepInput::new(InputKind::Elements, "", plan.names.join(" "))
}

/// A file of an element at a place of the hooks directory.
fn element_file(plan: &Plan, element: &str, source: &str, path: &str) -> Option<StepInput> {
    let element_source = plan.elements.iter().find(|other| other.name == element)?;
    let entry = element_source.entries.get(source)?;
    let name = match path {
        _ if source == path => format!("{element}/{source}"),
        _ if path.starts_with(OWN_DIRECTORIES) => path.to_string(),
        _ => format!("{element}/{source} as {path}"),
    };
    let value = match entry {
        Entry::File { executable: true, digest, .. } => format!("{digest} executable"),
        Entry::File { digest, .. } => digest.to_string(),
        Entry::Symlink(target) => format!("link to {target}"),
        Entry::Dir => "directory".to_string(),
    };
    // Only one that is not the usual one.
    let mode = element_source.modes.get(source).map(|mode| format!(" mode {mode:04o}")).unwrap_or_default();
    let value = value + &mode;
    Some(StepInput::new(InputKind::File, name, value))
}

/// A variable's value as ids have it: a password in them could be guessed by whoever reads them.
fn public<'a>(name: &str, value: &'a str) -> Cow<'a, str> {
    if redact::is_secret(name) { Cow::Borrowed("***") } else { redact::mask_urls(value) }
}

/// Adds inputs to a digest.
pub(super) fn hash(hasher: &mut dibber_model::Hasher, inputs: &[StepInput]) {
    for StepInput { kind, name, value } in inputs {
        let kind = serde_json::to_string(kind).expect("a kind is a word");
        hasher.part(kind.as_bytes()).part(name.as_bytes()).part(value.as_bytes());
    }
}

/// The digest of what a chain starts from.
pub(super) fn start_digest(inputs: &[StepInput]) -> Digest {
    let mut hasher = dibber_model::Hasher::new("origin 2");
    hash(&mut hasher, inputs);
    hasher.finish()
}
