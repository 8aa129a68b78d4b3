//! A hook's failure as the person is told of it: how it ended, what it printed last, and which limit it met.
//!
//! In: how a hook ended, and the lines that it printed. Out: a [`HookFailure`]. Never: a line of any length; the log has all of it.

use dibber_plan::{Plan, Step};
use dibber_sandbox::HookResult;

use super::limit;
use crate::failure::{HookEnding, HookFailure};

/// How many of a failed hook's last lines are told.
const TAIL: usize = 20;

/// A line of a message is no longer than this, in letters.
const SHOWN: usize = 500;

/// The last lines that a hook printed.
#[derive(Default)]
pub(super) struct LastLines(Vec<String>);

impl LastLines {
    pub(super) fn push(&mut self, line: String) {
        if self.0.len() == TAIL {
            self.0.remove(0);
        }
        self.0.push(line);
    }

    /// The failure of a step's program. Why it had no network, and how much space was free, the caller adds.
    pub(super) fn failure(self, plan: &Plan, step: &Step, end: &HookResult) -> HookFailure {
        let LastLines(tail) = self;
        let origin = plan.elements.iter().find(|element| element.name == step.element);
        HookFailure {
            phase: step.phase,
            name: step.name.clone(),
            element: step.element.clone(),
            origin: origin.map_or_else(|| "dibber".into(), |element| element.origin.clone()),
            end: how_it_ended(end),
            limit: limit::met(end, &tail, &plan.limits),
            tail: tail.into_iter().map(cut).collect(),
            no_network: None,
            free: u64::MAX,
        }
    }
}

fn how_it_ended(end: &HookResult) -> HookEnding {
    let environment_file = end.environment_file.as_ref();
    let environment_file = environment_file.map(|file| file.trim_start_matches("environment.d/").to_string());
    HookEnding { code: end.code, environment_file }
}

/// A line that is told. The log has all of it.
fn cut(line: String) -> String {
    match line.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{} ... ({} more bytes)", &line[..end], line.len() - end),
        None => line,
    }
}
