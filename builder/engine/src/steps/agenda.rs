//! Which step comes next.
//!
//! In: a plan's steps, hooks that hooks added, and what ran. Out: the next step of a phase. Never: a step twice.

use dibber_model::Phase;
use dibber_plan::elements::run_parts;
use dibber_plan::{Action, Plan, Step};

use super::id::Origin;
use super::tree::AddedHook;

/// A step that is to be run now.
pub(super) struct NextStep {
    pub(super) step: Step,
    pub(super) origin: Origin,
}

/// The first step of the phase, by run-parts' order, that has not run: planned, or added by an earlier hook.
pub(super) fn next_step(plan: &Plan, added: &[AddedHook], phase: Phase, ran: &[String]) -> Option<NextStep> {
    let planned = plan.steps.iter().filter(|step| step.phase == phase).cloned();
    let added = added.iter().filter(|hook| {
        hook.phase == phase && !plan.steps.iter().any(|step| step.phase == phase && step.name == hook.name)
    });
    let added = added.map(|AddedHook { name, .. }| Step {
        phase,
        name: name.clone(),
        element: "added by a hook".into(),
        action: Action::Script { path: format!("{}/{name}", phase.directory()) },
    });
    let planned = planned.map(|step| NextStep { step, origin: Origin::Planned });
    let added = added.map(|step| NextStep { step, origin: Origin::AddedByHook });
    let left = planned.chain(added).filter(|next| !ran.contains(&next.step.name));
    left.min_by(|NextStep { step: a, .. }, NextStep { step: b, .. }| {
        let last = |step: &Step| step.action == Action::ImagePackages;
        last(a).cmp(&last(b)).then_with(|| run_parts::compare(&a.name, &b.name))
    })
}
