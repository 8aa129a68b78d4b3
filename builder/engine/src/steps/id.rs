//! The ids of steps: digests over everything that a step can see. Two steps with the same id would leave the same, so the second is not run.
//!
//! In: a plan and the id of the step before. Out: the id under which a step's result is kept. Never: the caller's
//! environment, a path of this machine, or, where others may read the id, a secret; nor limits of hooks: what ends within them is
//! the same under any.

use std::borrow::Cow;

use dibber_model::{Digest, Hasher, Identify, Phase, Side, redact};
use dibber_plan::elements::{StepRequest, hooks};
use dibber_plan::{Action, ElementSource, Entry, Plan, Step};

use crate::breakpoints::Breakpoint;
use crate::given::GivenFile;
use crate::worker::job::{BuildJob, HostTool};

/// Raised when steps come to mean something else, so that no older result is taken for theirs.
const GENERATION: &str = "step 6";

/// Variables that carry credentials or the way to the network; what they lead to is the same.
const NOT_SEEN: [&str; 8] = [
    "http_proxy",
    "https_proxy",
    "ftp_proxy",
    "no_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "FTP_PROXY",
    "NO_PROXY",
];

/// Where a step comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// The plan.
    Planned,
    /// A hook put it into the hooks directory.
    AddedByHook,
}

/// The ids of one build's steps, each made of the one before.
pub(super) struct IdChain<'a> {
    ids: Ids<'a>,
    last: Digest,
}

impl<'a> IdChain<'a> {
    pub(super) fn new(ids: Ids<'a>) -> Self {
        IdChain { last: ids.origin, ids }
    }

    /// The id of the last step; before the first step, that of what it starts from.
    pub(super) fn last(&self) -> Digest {
        self.last
    }

    /// The same, if there was a step.
    pub(super) fn last_step(&self) -> Option<Digest> {
        (self.last != self.ids.origin).then_some(self.last)
    }

    /// The id that a step has if it comes next.
    pub(super) fn next(&self, step: &Step, origin: Origin) -> Digest {
        match origin {
            Origin::AddedByHook => self.ids.of_added(self.last, step),
            Origin::Planned => self.ids.of_planned(self.last, step),
        }
    }

    /// Appends a step.
    pub(super) fn advance(&mut self, step: &Step, origin: Origin) {
        self.last = self.next(step, origin);
    }

    /// Appends what has this id.
    pub(super) fn go_on_from(&mut self, id: Digest) {
        self.last = id;
    }
}

/// Digests that the ids of one plan's steps share.
pub(super) struct Ids<'a> {
    job: &'a BuildJob,
    plan: &'a Plan,
    /// Files of the elements that are no hooks, the variables that are not deferred, the time: what every step sees.
    common: Digest,
    /// The archive's Release files and the host's tools: what the first step starts from.
    origin: Digest,
    /// Whether secrets that a step sees are in its id. Results are kept so; what everybody may read tells nothing of them.
    with_secrets: bool,
}

impl<'a> Ids<'a> {
    pub(super) fn new(job: &'a BuildJob) -> Self {
        let BuildJob { plan, releases, tools, epoch, .. } = job;
        let mut origin = Hasher::new("origin 1");
        origin.digest(releases.digest());
        for HostTool { name, version } in tools {
            origin.part(name.as_bytes()).part(version.as_bytes());
        }
        Ids { job, plan, common: common(plan, *epoch), origin: origin.finish(), with_secrets: true }
    }

    /// Ids that everybody may read.
    pub(super) fn public(job: &'a BuildJob) -> Self {
        Ids { with_secrets: false, ..Ids::new(job) }
    }

    /// Ids of the same steps whatever the archive says, the host's tools are, and whenever that is.
    pub(super) fn timeless(job: &'a BuildJob) -> Self {
        let origin = Hasher::new("timeless 1").finish();
        Ids { job, plan: &job.plan, common: common(&job.plan, 0), origin, with_secrets: true }
    }

    /// The id of a step of the plan.
    fn of_planned(&self, parent: Digest, step: &Step) -> Digest {
        // A step without network sees less than one with it, so what the one left is not the other's.
        let mut hasher =
            Hasher::new(if self.plan.cut(step).is_some() { "step without network" } else { "step" });
        hasher
            .digest(parent)
            .digest(self.common)
            .part(step.phase.name().as_bytes())
            .part(step.name.as_bytes());
        step.action.identify(&mut hasher);
        if let Some(secrets) = secrets_seen(self.plan, Some(step)).filter(|_| self.with_secrets) {
            hasher.digest(secrets);
        }
        if step.action == Action::ImagePackages {
            for package in &self.plan.packages {
                hasher.part(package.as_bytes());
            }
        }
        if step.action == Action::Fstab {
            hasher.part(dibber_plan::fstab(&self.plan.disk).as_bytes());
        }
        for file in files_given_to(self.job, step) {
            hasher.part(file.given.at.as_os_str().as_encoded_bytes()).digest(file.digest);
        }
        let deferred: Vec<&str> = self.plan.deferred_past(step).collect();
        for name in self.plan.deferred_variables.keys().filter(|name| !deferred.contains(&name.as_str())) {
            let value = self.plan.variables.get(name).map(|value| public(name, value));
            hasher.part(name.as_bytes()).part(value.as_ref().map_or(b"unset", |value| value.as_bytes()));
            hasher.part(&[u8::from(value.is_some())]);
        }
        for file in hooks::seen_by(&step_request(self.plan), step) {
            let Some(element) = self.plan.elements.iter().find(|element| element.name == file.element) else {
                continue;
            };
            // A phase's directory itself is there in every step.
            let is_seen = is_hook(&file.source) && file.source.contains('/');
            let is_seen = is_seen || element.is_settings_data(&file.source);
            if let Some(entry) = element.entries.get(&file.source).filter(|_| is_seen) {
                hasher.part(file.path.as_bytes());
                add_entry(&mut hasher, entry);
                add_mode(&mut hasher, element, &file.source);
            }
        }
        hasher.finish()
    }

    /// The id of a hook that an earlier hook put into the hooks directory: what it contains, its parent decides.
    fn of_added(&self, parent: Digest, step: &Step) -> Digest {
        let mut hasher = Hasher::new("added step");
        hasher.digest(self.of_planned(parent, step));
        hasher.finish()
    }
}

/// Files of the host that a step is given. One that is not of the plan, because a hook added it, is given all.
pub(super) fn files_given_to<'a>(job: &'a BuildJob, step: &Step) -> impl Iterator<Item = &'a GivenFile> {
    let at = job.plan.steps.iter().position(|other| other == step);
    let is_host = step.phase.side() == Side::Host || step.action == Action::FetchSources;
    job.given.iter().filter(move |file| is_host && at.is_none_or(|at| at >= file.from))
}

/// What every step sees.
fn common(plan: &Plan, epoch: i64) -> Digest {
    let mut common = Hasher::new(GENERATION);
    // The platform is a variable, and may be a deferred one.
    common.part(plan.target.arch.kernel_name().as_bytes()).part(&epoch.to_le_bytes());
    let seen = |name: &str| !NOT_SEEN.contains(&name) && !plan.deferred_variables.contains_key(name);
    for (name, value) in plan.variables.iter().filter(|(name, _)| seen(name)) {
        common.part(name.as_bytes()).part(public(name, value).as_bytes());
    }
    for element in &plan.elements {
        let always =
            |path: &str| !is_hook(path) && !hooks::is_declaration(path) && !element.is_settings_data(path);
        for (path, entry) in element.entries.iter().filter(|(path, _)| always(path)) {
            common.part(element.name.as_bytes()).part(path.as_bytes());
            add_entry(&mut common, entry);
            add_mode(&mut common, element, path);
        }
    }
    common.finish()
}

/// A variable's value as ids have it: a password in them could be guessed by whoever reads them.
fn public<'a>(name: &str, value: &'a str) -> Cow<'a, str> {
    if redact::is_secret(name) { Cow::Borrowed("***") } else { redact::mask_urls(value) }
}

/// A digest of the secrets that a step can see, or that all steps together can: values of secret variables, and users and passwords
/// that URLs carry. No id that others may read has it. The cache keeps results by it, so that what a hook wrote of one's password
/// gets into no image of another's, nor into the next one's after it was changed.
pub(crate) fn secrets_seen(plan: &Plan, step: Option<&Step>) -> Option<Digest> {
    let deferred: Vec<&str> = step.into_iter().flat_map(|step| plan.deferred_past(step)).collect();
    let secrets = plan.secrets_seen(&deferred);
    let mut hasher = Hasher::new("secrets seen 1");
    secrets.iter().for_each(|secret| {
        hasher.part(secret.as_bytes());
    });
    (!secrets.is_empty()).then(|| hasher.finish())
}

/// A digest of the secrets and the person's files that the steps of a job are given, if they are given any.
pub(super) fn private_inputs_digest(job: &BuildJob) -> Option<Digest> {
    let secrets = secrets_seen(&job.plan, None);
    let mut hasher = Hasher::new("confided 1");
    secrets.iter().for_each(|secrets| {
        hasher.digest(*secrets);
    });
    job.given.iter().for_each(|file| {
        hasher.digest(file.digest);
    });
    (secrets.is_some() || !job.given.is_empty()).then(|| hasher.finish())
}

/// Whether a step is given any of them.
pub(super) fn sees_private_inputs(job: &BuildJob, step: &Step) -> bool {
    secrets_seen(&job.plan, Some(step)).is_some() || files_given_to(job, step).next().is_some()
}

/// The id of what a person did at a breakpoint: never met again, so that no later build takes it for a step's.
pub(super) fn of_break(parent: Digest, point: Breakpoint) -> Digest {
    let mut hasher = Hasher::new("break");
    let now = jiff::Timestamp::now().as_nanosecond();
    hasher.digest(parent).part(point.to_string().as_bytes()).part(&now.to_le_bytes());
    hasher.finish()
}

/// The elements engine's view of a plan.
pub(super) fn step_request(plan: &Plan) -> StepRequest<'_> {
    StepRequest {
        elements: &plan.elements,
        names: &plan.names,
        variables: &plan.variables,
        image_packages: !plan.packages.is_empty(),
    }
}

/// Whether a path is a phase's directory, which every step has whoever brings it, or in one.
fn is_hook(path: &str) -> bool {
    path.split('/').next().is_some_and(|top| Phase::of_directory(top).is_some())
}

/// A mode that is not the usual one.
fn add_mode(hasher: &mut Hasher, element: &ElementSource, path: &str) {
    if let Some(mode) = element.modes.get(path) {
        hasher.part(b"mode").part(&mode.to_le_bytes());
    }
}

fn add_entry(hasher: &mut Hasher, entry: &Entry) {
    match entry {
        Entry::File { executable, digest, .. } => hasher.part(&[u8::from(*executable)]).digest(*digest),
        Entry::Symlink(target) => hasher.part(b"link").part(target.as_bytes()),
        Entry::Dir => hasher.part(b"dir"),
    };
}
