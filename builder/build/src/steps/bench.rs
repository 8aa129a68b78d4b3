//! One step on its bench: the tree and the hooks directory mounted, the program run, what it left taken down.
//!
//! In: a walk and its next step. Out: a draft of its checkpoint. Never: a mount that outlives the step.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use dibber_model::{Phase, Side};
use dibber_plan::elements::hooks;
use dibber_plan::{Action, Plan, Step};

use super::error::{HookFailure, StepError, at};
use super::{State, Walk, hooks_directory, native};
use crate::event::Event;
use crate::layers::{Overlay, is_unchanged};
use crate::needs;
use crate::sandbox::{self, HookCall, HookEnd, MountRequest, What};
use crate::store::{Draft, Session};

/// How many of a failed hook's last lines are told.
const TAIL: usize = 20;

/// A mounted tree with a hooks directory, in which programs can be run.
pub(super) struct Bench<'a> {
    pub(super) plan: &'a Plan,
    pub(super) variables: BTreeMap<String, String>,
    environment: Vec<String>,
    dir: PathBuf,
    mounts: Vec<MountRequest>,
    emit: &'a dyn Fn(Event),
}

/// Runs a step. An error leaves nothing behind but the session's scratch, which goes with it.
pub(super) fn run<'a>(walk: &Walk<'a>, step: &Step) -> Result<(Draft<'a>, State), StepError> {
    let base = base(walk.session, &walk.job.plan, Some(step))?;
    let lowers: Vec<PathBuf> =
        std::iter::once(base.clone()).chain(walk.layers.iter().map(|(_, path)| path.clone())).collect();
    let draft = walk.session.draft()?;
    let overlay = Overlay::mount(&lowers, &draft.layer(), &draft.work("layer"), &draft.mount_point()?)?;
    let emit = |event| walk.events.emit(event);
    let mut bench = Bench::new(&walk.job.plan, walk.job.epoch, overlay.path(), &emit);
    bench.mounts = walk.state.mounts.clone();
    let end = bench.step(step).map_err(|error| {
        if walk.job.shell_on_error && matches!(error, StepError::Hook(_)) {
            bench.shell(step);
        }
        error
    })?;
    if step.phase == Phase::Root && is_last_of_root(&walk.job.plan, step) {
        refuse_empty(overlay.path())?;
    }
    overlay.unmount()?;
    if is_unchanged(&draft.layer(), &lowers)? {
        draft.give_up("layer")?;
    }
    let state = State { mounts: end.mounts, requests: end.requests, added: added_hooks(&draft.layer()) };
    fs::remove_dir_all(&base).map_err(at(&base))?;
    Ok((draft, state))
}

/// A fresh bottom layer: the hooks that this step may see.
pub(super) fn base(session: &Session, plan: &Plan, step: Option<&Step>) -> Result<PathBuf, StepError> {
    let base = session.scratch().join("hooks");
    if base.exists() {
        fs::remove_dir_all(&base).map_err(at(&base))?;
    }
    fs::create_dir_all(&base).map_err(at(&base))?;
    hooks_directory::lay_out(&base, plan, step).map_err(at(&base))?;
    Ok(base)
}

impl<'a> Bench<'a> {
    pub(super) fn new(plan: &'a Plan, epoch: i64, dir: &Path, emit: &'a dyn Fn(Event)) -> Self {
        let mut variables = plan.variables.clone();
        variables.insert("SOURCE_DATE_EPOCH".into(), epoch.to_string());
        let environment = hooks::environment(&plan.elements).into_iter().map(|file| file.path).collect();
        Bench { plan, variables, environment, dir: dir.to_path_buf(), mounts: Vec::new(), emit }
    }

    /// A bench for programs that are no hooks: `environment.d` is not read for them.
    pub(super) fn without_environment(mut self) -> Self {
        self.environment.clear();
        self
    }

    /// Where the tree is mounted, for reading what a program left.
    pub(super) fn tree(&self) -> PathBuf {
        self.dir.join("mnt")
    }

    /// Where the hooks directory is.
    pub(super) fn hooks(&self) -> PathBuf {
        self.dir.join("hooks")
    }

    fn step(&self, step: &Step) -> Result<HookEnd, StepError> {
        match &step.action {
            Action::Script { .. } => {
                let script = format!("{}/{}", step.phase.directory(), step.name);
                self.call(step.phase.side(), What::Script(&script), step)
            }
            _ => native::run(self, step),
        }
    }

    /// Runs a program, and fails if it does.
    pub(super) fn call(&self, side: Side, what: What<'_>, step: &Step) -> Result<HookEnd, StepError> {
        let call = self.hook_call(side, what);
        let mut tail = Vec::new();
        let end = sandbox::run(&call, &mut |_, line| {
            let line = String::from_utf8_lossy(line).into_owned();
            if tail.len() == TAIL {
                tail.remove(0);
            }
            tail.push(line.clone());
            (self.emit)(Event::Output { line });
        })?;
        if end.code == 0 { Ok(end) } else { Err(self.failure(step, &end, tail)) }
    }

    fn hook_call<'b>(&'b self, side: Side, what: What<'b>) -> HookCall<'b> {
        HookCall {
            side,
            build_dir: &self.dir,
            what,
            variables: &self.variables,
            environment_files: &self.environment,
            mounts: &self.mounts,
        }
    }

    /// Variables as they are after `environment.d`.
    pub(super) fn environment(&self, side: Side, step: &Step) -> Result<BTreeMap<String, String>, StepError> {
        let mut tail = Vec::new();
        let call = self.hook_call(side, What::Command(&[]));
        let found = sandbox::environment(&call, &mut |_, line| {
            tail.push(String::from_utf8_lossy(line).into_owned())
        })?;
        found.map_err(|end| self.failure(step, &end, tail))
    }

    /// What a native step ends with: the mounts stay as they were.
    pub(super) fn unchanged(&self) -> HookEnd {
        HookEnd { code: 0, environment_file: None, mounts: self.mounts.clone(), requests: Vec::new() }
    }

    fn failure(&self, step: &Step, end: &HookEnd, tail: Vec<String>) -> StepError {
        let origin = self.plan.elements.iter().find(|element| element.name == step.element);
        StepError::Hook(Box::new(HookFailure {
            phase: step.phase.name().into(),
            name: step.name.clone(),
            element: step.element.clone(),
            origin: origin.map_or_else(|| "dibber".into(), |element| element.origin.clone()),
            end: how_it_ended(end),
            tail,
            // The tree's free space is that of its uppermost layer. Where it cannot be told, nothing is made of it.
            free: needs::free(&self.dir).map_or(u64::MAX, |free| free.0),
        }))
    }

    fn shell(&self, step: &Step) {
        let call = self.hook_call(step.phase.side(), What::Command(&[]));
        if let Err(error) = sandbox::shell(&call) {
            (self.emit)(Event::Warning { text: format!("no shell: {error}") });
        }
    }
}

fn how_it_ended(end: &HookEnd) -> String {
    let how = match end.code {
        code @ 129.. => format!("signal {}", code - 128),
        code => format!("exit code {code}"),
    };
    match &end.environment_file {
        Some(file) => format!("{how}, in environment.d/{}", file.trim_start_matches("environment.d/")),
        None => how,
    }
}

fn is_last_of_root(plan: &Plan, step: &Step) -> bool {
    plan.steps.iter().rfind(|s| s.phase == Phase::Root).is_some_and(|last| last.name == step.name)
}

/// dib's test that root.d made something.
fn refuse_empty(build_dir: &Path) -> Result<(), StepError> {
    let tree = build_dir.join("mnt");
    let names = fs::read_dir(&tree).map_err(at(&tree))?.filter_map(Result::ok).map(|entry| entry.file_name());
    match names.filter(|name| name != "lost+found" && name != "tmp").count() {
        0 => Err(StepError::NoTree),
        _ => Ok(()),
    }
}

/// Hooks that a step put into the hooks directory.
fn added_hooks(layer: &Path) -> Vec<(Phase, String)> {
    let mut added = Vec::new();
    for phase in Phase::all() {
        let Ok(entries) = fs::read_dir(layer.join("hooks").join(phase.directory())) else { continue };
        for entry in entries.filter_map(Result::ok) {
            let name = entry.file_name().to_string_lossy().into_owned();
            let runs = fs::metadata(entry.path()).is_ok_and(|meta| {
                meta.is_file() && std::os::unix::fs::PermissionsExt::mode(&meta.permissions()) & 0o111 != 0
            });
            if runs && dibber_plan::elements::run_parts::is_hook_name(&name) {
                added.push((phase, name));
            }
        }
    }
    added.sort();
    added
}
