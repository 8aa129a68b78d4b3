//! A break point between phases: a person looks at the tree, and may change it.
//!
//! In: a walk at a phase's beginning or end. Out: the same walk, with what the person did as a layer of its own. Never: such a
//! layer under an id that a later build could meet: it was made by hand.
#![expect(clippy::disallowed_methods, reason = "names of a draft of the cache, while no hook runs")]

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use dibber_plan::{Action, Step};
use dibber_store::Meta;

use super::bench::{Bench, Opened};
use super::error::{StepError, at};
use super::reach::Reach;
use super::{State, Walk, id, now};
use crate::breakpoints::Point;
use crate::event::Event;

/// Stops if this point was asked for.
pub(super) fn pause(walk: &mut Walk<'_>, point: Point) -> Result<(), StepError> {
    let (Point::Before(phase) | Point::After(phase)) = point else { return Ok(()) };
    if !walk.job.breaks.has(point) {
        return Ok(());
    }
    let steps = walk.job.plan.steps.iter().filter(|step| step.phase == phase);
    // As the phase's last hook sees them: all of its hooks.
    let view = steps.clone().next_back();
    let opened = Opened::open(walk, view)?;
    let events = walk.events;
    let emit = |event| events.emit(event);
    let mut bench = Bench::new(&walk.job.plan, walk.job.epoch, opened.path(), &emit);
    bench.mounts = walk.state.mounts.clone();
    let action = Action::Script { path: String::new() };
    let step = Step { phase, name: "break".into(), element: "dibber".into(), action };
    // As the hook that it is beside: the next one, or the one before.
    let mut hooks = steps.filter(|step| step.action.may_reach_network());
    let beside = if matches!(point, Point::Before(_)) { hooks.next() } else { hooks.next_back() };
    bench.reach = Reach::of(walk.job, beside.unwrap_or(&step));
    if walk.job.offline {
        bench.say_offline();
    }
    let cache = bench.throwaway_cache(walk)?;
    let end = bench.stop(&walk.job.breaks, point, &step);
    cache.close()?;
    let end = end?;
    drop(bench);
    let (draft, added) = opened.close(is_touched)?;
    if !draft.layer().exists() {
        return Ok(());
    }
    let text = format!("the tree was changed at {point}; no later build will make this image again");
    walk.events.emit(Event::Warning { text });
    let state = State { mounts: end.mounts, requests: end.requests, added };
    let meta = Meta {
        parent: walk.parent_step(),
        image: walk.job.plan.basename(),
        phase: phase.name().into(),
        name: point.to_string(),
        element: String::new(),
        seconds: 0.0,
        made: now(),
        state: serde_json::to_value(&state).map_err(|e| StepError::State(e.to_string()))?,
        squashes: Vec::new(),
    };
    let checkpoint = draft.commit(id::of_break(walk.parent, point), meta)?;
    walk.public = id::of_break(walk.public, point);
    walk.diverged = Some(format!("the tree was changed at {point}"));
    walk.take(&checkpoint)
}

/// Whether a layer holds more than directories as they were: the sandbox makes and removes names in some.
fn is_touched(layer: &Path, lowers: &[PathBuf]) -> Result<bool, StepError> {
    let mut left = vec![PathBuf::new()];
    while let Some(path) = left.pop() {
        let ours = layer.join(&path);
        for entry in fs::read_dir(&ours).map_err(at(&ours))? {
            let entry = entry.map_err(at(&ours))?;
            let child = path.join(entry.file_name());
            let now = entry.metadata().map_err(at(entry.path()))?;
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
