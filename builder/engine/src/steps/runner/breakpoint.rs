//! A breakpoint between phases: a person looks at the tree, and may change it.
//!
//! In: a runner at a phase's beginning or end. Out: the same runner, with what the person did as a layer of its own. Never: such a
//! layer under an id that a later build could meet: it was made by hand.
#![expect(clippy::disallowed_methods, reason = "names of a draft of the cache, while no hook runs")]

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use dibber_model::Phase;
use dibber_plan::elements::hooks::StepPlace;
use dibber_plan::elements::visibility::NEVER;
use dibber_plan::{Action, Step};
use dibber_sandbox::NameServers;

use super::{StepRunner, StepState};
use crate::breakpoints::Breakpoint;
use crate::event::Event;
use crate::steps::error::{StepError, path_error};
use crate::steps::id;
use crate::steps::reach::Reach;
use crate::steps::sandbox::StepSandbox;

impl StepRunner<'_> {
    /// Stops between phases if this breakpoint was asked for.
    pub(super) fn stop_at(&mut self, point: Breakpoint) -> Result<(), StepError> {
        let (Breakpoint::Before(phase) | Breakpoint::After(phase)) = point else { return Ok(()) };
        if !self.job.breakpoints.has(point) {
            return Ok(());
        }
        let steps = self.job.plan.steps.iter().filter(|step| step.phase == phase);
        // As the phase's last hook sees them: all of its hooks; and all else, as a person may look at anything, and no id has what a person did.
        let view = steps.clone().next_back().map(|step| StepPlace { step, at: NEVER });
        let tree = self.mount_tree(view)?;
        let events = self.events;
        let emit = |event| events.emit(event);
        let mut sandbox = StepSandbox::new(&self.job.plan, self.job.epoch, tree.path(), &emit);
        sandbox.mounts = self.state.mounts.clone();
        let action = Action::Script { path: String::new() };
        let step = Step { phase, name: "break".into(), element: "dibber".into(), action };
        // As the hook that it is beside: the next one, or the one before.
        let mut hooks = steps.filter(|step| step.action.may_reach_network());
        let beside = if matches!(point, Breakpoint::Before(_)) { hooks.next() } else { hooks.next_back() };
        sandbox.reach = Reach::of_step(self.job, beside.unwrap_or(&step));
        if point == Breakpoint::Before(Phase::Root) {
            sandbox.name_servers = NameServers::AsCopied;
        }
        if self.job.offline {
            sandbox.variables.say_offline();
        }
        let cache = self.open_cache(&sandbox, None)?;
        let end = sandbox.stop(&self.job.breakpoints, point, &step);
        cache.close()?;
        let end = end?;
        drop(sandbox);
        let (draft, added) = tree.close(is_touched)?;
        if !draft.layer().exists() {
            return Ok(());
        }
        let text = format!("the tree was changed at {point}; no later build will make this image again");
        self.events.emit(Event::Warning { text });
        let state = StepState { mounts: end.mounts, requests: end.requests, added };
        let meta = self.checkpoint_meta(phase, &point.to_string(), state.to_json()?);
        let checkpoint = draft.commit(id::of_break(self.kept_as.last(), point), meta)?;
        self.public.go_on_from(id::of_break(self.public.last(), point));
        self.diverged = Some(format!("the tree was changed at {point}"));
        self.build_on(&checkpoint)
    }
}

/// Whether a layer holds more than directories as they were: the sandbox makes and removes names in some.
fn is_touched(layer: &Path, lowers: &[PathBuf]) -> Result<bool, StepError> {
    let mut left = vec![PathBuf::new()];
    while let Some(path) = left.pop() {
        let ours = layer.join(&path);
        for entry in fs::read_dir(&ours).map_err(path_error(&ours))? {
            let entry = entry.map_err(path_error(&ours))?;
            let child = path.join(entry.file_name());
            let now = entry.metadata().map_err(path_error(entry.path()))?;
            let below = lowers.iter().rev().find_map(|lower| fs::symlink_metadata(lower.join(&child)).ok());
            let same = |then: &fs::Metadata| {
                then.is_dir() && (then.mode(), then.uid(), then.gid()) == (now.mode(), now.uid(), now.gid())
            };
            if !now.is_dir() || !below.as_ref().is_some_and(same) {
                return Ok(true);
            }
            left.push(child);
        }
    }
    Ok(false)
}
