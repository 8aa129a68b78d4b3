//! One step, run: the tree and the hooks directory mounted, the program run, what it left taken down.
//!
//! In: a runner and its next step. Out: a draft of its checkpoint. Never: a mount that outlives the step.

use dibber_fs::Dir;
use dibber_model::Phase;
use dibber_plan::{Action, Plan, Step};
use dibber_sandbox::{HookCommand, HookResult, MountRequest, NameServers};
use dibber_store::Draft;
use dibber_store::layers::is_unchanged;

use super::{StepRunner, StepState};
use crate::breakpoints::Breakpoint;
use crate::event::Event;
use crate::steps::downloads::{self, Cache};
use crate::steps::error::{StepError, path_error};
use crate::steps::reach::Reach;
use crate::steps::sandbox::StepSandbox;
use crate::steps::{TREE, id, native, resolv_conf};

impl<'a> StepRunner<'a> {
    /// Runs a step. An error leaves nothing behind but the session's scratch, which goes with it.
    pub(super) fn run_step(&self, step: &Step) -> Result<(Draft<'a>, StepState), StepError> {
        let tree = self.mount_tree(Some(self.job.plan.place_of(step)))?;
        if step.phase != Phase::Root && !self.is_past_root {
            resolv_conf::save(&tree.dir()?).map_err(path_error(tree.path()))?;
        }
        let emit = |event| self.events.emit(event);
        let mut sandbox = StepSandbox::new(&self.job.plan, self.job.epoch, tree.path(), &emit);
        self.prepare(&mut sandbox, step)?;
        let cache = match step.action {
            // What fetches sources has a cache of its own for each, and none of what hooks mounted of theirs.
            Action::FetchSources => {
                sandbox.mounts.retain(|mount| downloads::in_cache(mount).is_none());
                None
            }
            _ => Some(self.open_cache(&sandbox, Some(self.lineage.last()))?),
        };
        let end = run_action(&sandbox, step).inspect_err(|error| {
            if self.job.breakpoints.has(Breakpoint::AfterError) && matches!(error, StepError::Hook(_)) {
                // The tree of the failed step is mounted until this ends.
                if let Err(error) = sandbox.stop(&self.job.breakpoints, Breakpoint::AfterError, step) {
                    emit(Event::Warning { text: format!("at after-error: {error}") });
                }
            }
        });
        let cached = cache.is_some();
        // Also when it failed: what it downloaded need not be downloaded again.
        let closed = cache.map_or(Ok(()), Cache::close);
        let end = end?;
        closed?;
        if step.phase == Phase::Root && is_last_of_root(&self.job.plan, step) {
            refuse_empty_tree(&tree.dir()?)?;
        }
        let (draft, added) = tree.close(|layer, lowers| Ok(!is_unchanged(layer, lowers)?))?;
        refuse_endless_growth(step, &end, self.state.added.len() + added.len())?;
        let mounts = if cached { end.mounts } else { self.state.mounts.clone() };
        Ok((draft, StepState { mounts, requests: end.requests, added }))
    }

    /// Gives the sandbox what this step may see and use.
    fn prepare(&self, sandbox: &mut StepSandbox<'a>, step: &Step) -> Result<(), StepError> {
        sandbox.mounts = self.state.mounts.clone();
        sandbox.began = self.job.began;
        sandbox.reach = Reach::of_step(self.job, step);
        if step.phase == Phase::Root {
            sandbox.name_servers = NameServers::AsCopied;
        }
        sandbox.limit_to(step);
        sandbox.given = id::files_given_to(self.job, step).map(|file| file.given.at.clone()).collect();
        let native = self.stand_ins.map(|stand_ins| stand_ins.within(&sandbox.tree()?)).transpose();
        sandbox.native = native.map_err(path_error(sandbox.path()))?;
        if self.job.offline {
            sandbox.variables.say_offline();
        }
        if sandbox.tree().is_ok_and(|tree| has_utf8(&tree)) {
            sandbox.variables.say_utf8();
        }
        sandbox.downloads = Some(self.downloads);
        Ok(())
    }
}

/// Whether a tree's C library has the locale C.UTF-8, by the directory in which it is.
fn has_utf8(tree: &Dir) -> bool {
    let places = ["usr/lib/locale/C.utf8", "usr/lib/locale/C.UTF-8"];
    places.iter().any(|place| matches!(tree.stat(place), Ok(Some(_))))
}

fn run_action(sandbox: &StepSandbox<'_>, step: &Step) -> Result<HookResult, StepError> {
    match &step.action {
        Action::Script { .. } => {
            let script = format!("{}/{}", step.phase.directory(), step.name);
            sandbox.call(step.phase.side(), HookCommand::Script(&script), step)
        }
        _ => native::run_native_step(sandbox, step),
    }
}

fn is_last_of_root(plan: &Plan, step: &Step) -> bool {
    plan.steps.iter().rfind(|s| s.phase == Phase::Root).is_some_and(|last| last.name == step.name)
}

/// dib's test that root.d made something.
fn refuse_empty_tree(build_dir: &Dir) -> Result<(), StepError> {
    // What is there instead of a tree is none.
    let names = build_dir.below(TREE).and_then(|tree| tree.names()).unwrap_or_default();
    match names.iter().all(|name| matches!(name.to_bytes(), b"lost+found" | b"tmp")) {
        true => Err(StepError::NoTree),
        false => Ok(()),
    }
}

/// What later steps take along, at most: mounts, bytes of their descriptions, hooks that hooks added. dib's own elements leave a few.
const MOUNTS: usize = 200;
const MOUNTS_BYTES: usize = 256 << 10;
const ADDED: usize = 500;

fn refuse_endless_growth(step: &Step, end: &HookResult, added: usize) -> Result<(), StepError> {
    let mounts = &end.mounts;
    let asked = end.requests.iter().flat_map(|request| request.arguments.iter().map(|word| word.len() + 1));
    let bytes: usize = mounts.iter().map(MountRequest::size).chain(asked).sum();
    let what = match (mounts.len() > MOUNTS, bytes > MOUNTS_BYTES, added > ADDED) {
        (true, ..) => format!("more than {MOUNTS} mounts"),
        (_, true, _) => {
            format!("mounts and calls of loader programs of more than {} KiB of words", MOUNTS_BYTES >> 10)
        }
        (.., true) => format!("more than {ADDED} hooks"),
        _ => return Ok(()),
    };
    Err(StepError::TooMuch { step: format!("{}/{}", step.phase, step.name), what })
}
