//! A mounted tree with a hooks directory, and everything that programs of one step may see there. dib runs a hook by chroot(8) with its own
//! environment; here each program gets namespaces, variables, mounts and limits that are said beforehand.
//!
//! In: a plan, a mounted directory, what the step may use. Out: how programs ended, and what they asked for. Never: a variable of the
//! person's own environment; a mount that outlives the program.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use dibber_fs::Dir;
use dibber_model::redact::Redact;
use dibber_model::{Limits, Network, Phase, Side};
use dibber_plan::elements::visibility::NEVER;
use dibber_plan::elements::{hooks, manifests};
use dibber_plan::{Plan, Step, contract};
use dibber_sandbox::{
    HookCommand, HookInvocation, HookResult, IN_TARGET, MountRequest, NameServers, NativePrograms,
};

use super::TREE;
use super::downloads::Downloads;
use super::error::StepError;
use super::hook_failure::LastLines;
use super::reach::Reach;
use super::variables::HookVariables;
use crate::breakpoints::{Breakpoint, Breakpoints};
use crate::event::Event;
use crate::failure::HookFailure;
use crate::preflight;

/// Most calls hand nothing over.
static NOTHING: BTreeMap<String, String> = BTreeMap::new();

/// A mounted tree with a hooks directory, in which programs can be run.
pub(super) struct StepSandbox<'a> {
    pub(super) plan: &'a Plan,
    pub(super) variables: HookVariables,
    /// Files of `environment.d`, in their order.
    environment: Vec<String>,
    dir: PathBuf,
    pub(super) mounts: Vec<MountRequest>,
    /// When this run began, in seconds since 1970: what was fetched since is not asked for again.
    pub(super) began: i64,
    /// Programs that stand in for foreign ones.
    pub(super) native: Option<NativePrograms>,
    pub(super) downloads: Option<&'a Downloads<'a>>,
    /// Files of this machine that hooks may read.
    pub(super) given: Vec<PathBuf>,
    /// What the tree's `/etc/resolv.conf` is while they run.
    pub(super) name_servers: NameServers,
    /// What the programs of its step reach. Nothing, until it is said.
    pub(super) reach: Reach,
    redact: Redact,
    emit: &'a dyn Fn(Event),
}

/// What a program of ours has that runs apart from the elements.
pub(super) struct OwnProgram<'b> {
    pub(super) variables: &'b BTreeMap<String, String>,
    /// Files in [`STAGED`](dibber_sandbox::STAGED).
    pub(super) texts: &'b BTreeMap<String, String>,
    /// Whether it has the network of its step.
    pub(super) is_networked: bool,
}

/// Who may read a file that is placed in the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Readers {
    Everybody,
    /// Only root: mode 0600.
    Root,
}

/// Paths of the files of `environment.d` that the step at a place is given, in their order.
fn environment_files(plan: &Plan, at: usize) -> Vec<String> {
    let files = hooks::environment(&plan.elements, &plan.visibility, at);
    files.into_iter().map(|file| file.path).collect()
}

impl<'a> StepSandbox<'a> {
    pub(super) fn new(plan: &'a Plan, epoch: i64, dir: &Path, emit: &'a dyn Fn(Event)) -> Self {
        let environment = environment_files(plan, NEVER);
        let redact = plan.redact();
        StepSandbox {
            plan,
            variables: HookVariables::new(plan, epoch),
            environment,
            dir: dir.to_path_buf(),
            mounts: Vec::new(),
            began: i64::MAX,
            native: None,
            downloads: None,
            given: Vec::new(),
            name_servers: NameServers::Lent,
            reach: Reach::NotNeeded,
            redact,
            emit,
        }
    }

    /// Leaves it what a step is given of variables and files of `environment.d`.
    pub(super) fn limit_to(&mut self, step: &Step) {
        let at = self.plan.place_of(step).at;
        self.plan.visibility.withheld(at).for_each(|name| self.variables.withhold(name));
        self.environment = environment_files(self.plan, at);
    }

    /// A sandbox for programs that are no hooks: `environment.d` is not read for them.
    pub(super) fn without_environment(mut self) -> Self {
        self.environment.clear();
        self
    }

    /// Where `TMP_BUILD_DIR` is.
    pub(super) fn path(&self) -> &Path {
        &self.dir
    }

    /// `TMP_BUILD_DIR`.
    pub(super) fn build_dir(&self) -> io::Result<Dir> {
        Dir::open(&self.dir)
    }

    /// The tree, for reading what programs left.
    pub(super) fn tree(&self) -> io::Result<Dir> {
        self.build_dir()?.below(TREE)
    }

    /// Where manifests are in the tree.
    pub(super) fn manifests_directory(&self) -> &'a str {
        let declared = self.plan.variables.get(manifests::IMAGE_DIR).map(String::as_str);
        declared.or(contract::default_text(manifests::IMAGE_DIR)).unwrap_or("/etc/dib-manifests")
    }

    /// Runs a program, and fails if it does.
    pub(super) fn call(
        &self,
        side: Side,
        what: HookCommand<'_>,
        step: &Step,
    ) -> Result<HookResult, StepError> {
        self.carry_out(&self.hook_call(side, what), step)
    }

    /// The same for a program of ours, which asks nothing of `environment.d`, nor that the tree have a shell to read it, nor a
    /// network.
    pub(super) fn call_plainly(
        &self,
        side: Side,
        what: HookCommand<'_>,
        step: &Step,
    ) -> Result<HookResult, StepError> {
        let call = self.hook_call(side, what);
        self.carry_out(&HookInvocation { environment_files: &[], network: Network::None, ..call }, step)
    }

    /// The same as [`call`](Self::call) for a program inside the tree that finds texts in [`STAGED`](dibber_sandbox::STAGED).
    pub(super) fn call_with_texts(
        &self,
        what: HookCommand<'_>,
        texts: &BTreeMap<String, String>,
        step: &Step,
    ) -> Result<HookResult, StepError> {
        self.carry_out(&HookInvocation { staged: texts, ..self.hook_call(Side::Chroot, what) }, step)
    }

    /// Runs a program of ours outside the tree, which has this and nothing of the elements'.
    pub(super) fn call_alone(
        &self,
        own: &OwnProgram<'_>,
        what: HookCommand<'_>,
        step: &Step,
    ) -> Result<HookResult, StepError> {
        let call = self.hook_call(Side::Host, what);
        let network = if own.is_networked { call.network } else { Network::None };
        let OwnProgram { variables, texts: staged, .. } = own;
        // Not over mounts of hooks either: what it fetches is kept for other images too.
        let alone =
            HookInvocation { variables, staged, environment_files: &[], mounts: &[], network, ..call };
        self.carry_out(&alone, step)
    }

    /// Copies texts into a directory of the tree, as files owned by root.
    pub(super) fn place_texts(
        &self,
        texts: &BTreeMap<String, String>,
        to: &str,
        readers: Readers,
        step: &Step,
    ) -> Result<HookResult, StepError> {
        let mut argv: Vec<String> = ["dibber-place", dibber_sandbox::STAGED, to].map(String::from).into();
        argv.extend((readers == Readers::Root).then(|| "private".to_string()));
        let call = self.hook_call(Side::Chroot, HookCommand::Command(&argv));
        let network = Network::None;
        self.carry_out(&HookInvocation { environment_files: &[], staged: texts, network, ..call }, step)
    }

    /// Copies a directory of the hooks directory into one of the tree, as files owned by root.
    pub(super) fn place_hooks_dir(
        &self,
        from: &str,
        to: &str,
        readers: Readers,
        step: &Step,
    ) -> Result<HookResult, StepError> {
        let mut argv = vec!["dibber-place".to_string(), format!("{IN_TARGET}/{from}"), to.to_string()];
        argv.extend((readers == Readers::Root).then(|| "private".to_string()));
        self.call_plainly(Side::Chroot, HookCommand::Command(&argv), step)
    }

    fn carry_out(&self, call: &HookInvocation<'_>, step: &Step) -> Result<HookResult, StepError> {
        let mut last = LastLines::default();
        let end = dibber_sandbox::run_hook(call, &mut |_, line| {
            let event = Event::output(self.redact.public_bytes(line));
            if let Event::Output { line, .. } = &event {
                last.push(line.clone());
            }
            (self.emit)(event);
        })?;
        if end.code != 0 {
            return Err(StepError::Hook(Box::new(self.failure(step, &end, last))));
        }
        // dib then runs none of the phase's hooks, and says nothing.
        if let Some(file) = &end.environment_file {
            let text = format!("{}/{} was not run: {file} ended with exit code 0", step.phase, step.name);
            (self.emit)(Event::Warning { text });
        }
        Ok(end)
    }

    fn hook_call<'b>(&'b self, side: Side, what: HookCommand<'b>) -> HookInvocation<'b> {
        HookInvocation {
            side,
            build_dir: &self.dir,
            command: what,
            variables: self.variables.on(side),
            environment_files: &self.environment,
            mounts: &self.mounts,
            staged: &NOTHING,
            native: self.native.as_ref(),
            given: &self.given,
            network: self.reach.network(),
            name_servers: self.name_servers,
            redact: &self.redact,
            limits: self.plan.limits,
        }
    }

    /// Variables as they are after `environment.d`, which has no network where we read it ourselves.
    pub(super) fn environment(&self, side: Side, step: &Step) -> Result<BTreeMap<String, String>, StepError> {
        let mut last = LastLines::default();
        let call =
            HookInvocation { network: Network::None, ..self.hook_call(side, HookCommand::Command(&[])) };
        let found = dibber_sandbox::read_environment(&call, &mut |_, line| {
            last.push(self.redact.public(String::from_utf8_lossy(line).into_owned()));
        })?;
        found.map_err(|end| {
            let mut failure = self.failure(step, &end, last);
            failure.no_network.get_or_insert_with(|| "dibber reads environment.d without".into());
            StepError::Hook(Box::new(failure))
        })
    }

    /// What a native step ends with: the mounts stay as they were.
    pub(super) fn unchanged(&self) -> HookResult {
        let mounts = self.mounts.clone();
        HookResult { code: 0, environment_file: None, mounts, requests: Vec::new(), overran: false }
    }

    fn failure(&self, step: &Step, end: &HookResult, last: LastLines) -> HookFailure {
        HookFailure {
            no_network: self.reach.denied().map(str::to_string),
            // The tree's free space is that of its uppermost layer. Where it cannot be told, nothing is made of it.
            free: preflight::free(&self.dir).map_or(u64::MAX, |free| free.0),
            ..last.failure(self.plan, step, end)
        }
    }

    /// Stops at a breakpoint, on the side of the step's phase: a shell for the person, or the command instead.
    pub(super) fn stop(
        &self,
        breakpoints: &Breakpoints,
        point: Breakpoint,
        step: &Step,
    ) -> Result<HookResult, StepError> {
        let outside = breakpoints.outside || point == Breakpoint::Before(Phase::Root);
        let side = if outside { Side::Host } else { step.phase.side() };
        if let Some(command) = &breakpoints.command {
            let argv = ["sh", "-c", command].map(String::from);
            let call = self.hook_call(side, HookCommand::Command(&argv));
            // It may wait for a person.
            let limits = Limits { timeout: None, ..call.limits };
            return self.carry_out(&HookInvocation { limits, ..call }, step);
        }
        // Who hears this lends the person's terminal, or warns that there is none.
        (self.emit)(Event::ShellOpened { point });
        let ended = dibber_sandbox::run_shell(&self.hook_call(side, HookCommand::Command(&[])));
        if !matches!(ended, Ok(false)) {
            (self.emit)(Event::ShellClosed);
        }
        ended?;
        Ok(self.unchanged())
    }
}
