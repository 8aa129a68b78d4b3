//! Builds a set: one image for several targets, or several images, some at the same time.
//!
//! In: plans, settings, how many at a time. Out: for each member how it ended. Never: a member stopped or spoilt because
//! another one failed.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use dibber_plan::Plan;
use dibber_sandbox::interrupts::Interrupts;
use dibber_store::Store;

use crate::build_member::{self, Built};
use crate::event::{Event, Events, MemberOutcome};
use crate::failure::{Failure, FailureKind};
use crate::settings::BuildSettings;
use crate::worker::job::WHOLE_BUILD;

/// How a member ended.
#[derive(Clone, Debug)]
pub enum MemberResult {
    /// Its files are in place.
    Succeeded(Built),
    /// Something in it went wrong.
    Failed(Failure),
    /// This machine, or the archive, cannot give what it needs.
    Unbuildable(Failure),
    /// It was interrupted.
    Interrupted(Failure),
    /// It was not begun, since others were interrupted.
    NotStarted,
}

impl MemberResult {
    fn from_build(result: Result<Built, Failure>) -> Self {
        match result {
            Ok(built) => MemberResult::Succeeded(built),
            Err(failure) => match failure.kind {
                FailureKind::Interrupted => MemberResult::Interrupted(failure),
                FailureKind::Machine => MemberResult::Unbuildable(failure),
                _ => MemberResult::Failed(failure),
            },
        }
    }

    /// One word for it.
    pub fn outcome(&self) -> MemberOutcome {
        match self {
            MemberResult::Succeeded(Built::New(_)) => MemberOutcome::Built,
            MemberResult::Succeeded(Built::Kept(_)) => MemberOutcome::Kept,
            MemberResult::Failed(_) => MemberOutcome::Failed,
            MemberResult::Unbuildable(_) => MemberOutcome::Unbuildable,
            MemberResult::Interrupted(_) | MemberResult::NotStarted => MemberOutcome::Skipped,
        }
    }

    /// What went wrong, if something did.
    pub fn failure(&self) -> Option<&Failure> {
        match self {
            MemberResult::Failed(failure)
            | MemberResult::Unbuildable(failure)
            | MemberResult::Interrupted(failure) => Some(failure),
            MemberResult::Succeeded(_) | MemberResult::NotStarted => None,
        }
    }

    /// Why it was not built, in one line.
    pub fn why(&self) -> Option<String> {
        match self {
            MemberResult::NotStarted => Some("not begun".to_string()),
            other => other.failure().map(|f| f.message.lines().next().unwrap_or_default().to_string()),
        }
    }
}

/// A member at its end.
#[derive(Clone, Debug)]
pub struct EndedMember {
    /// How it ended.
    pub result: MemberResult,
    /// Seconds that it took.
    pub seconds: f64,
}

/// Where the events of each member go, by its place among the plans.
pub trait WatchSet: Sync {
    /// Takes an event of a member.
    fn emit(&self, member: usize, event: Event);
}

/// Builds every plan, some at a time, and returns how each ended, in the order of the plans. Threads are shared out.
pub fn build(
    plans: &[Plan],
    settings: &BuildSettings,
    watch: &dyn WatchSet,
    stop: &Interrupts,
) -> Vec<EndedMember> {
    let jobs = settings.jobs.clamp(1, plans.len().max(1));
    let settings = BuildSettings { threads: (settings.threads / jobs).max(1), ..settings.clone() };
    let queue = Mutex::new(Queue::new(plans));
    let ended: Mutex<BTreeMap<usize, EndedMember>> = Mutex::default();
    thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                while let Some(at) = next(&queue, stop) {
                    let member = build_one(&plans[at], &settings, &|event| watch.emit(at, event), stop);
                    announce(at, &plans[at], &member, watch);
                    ended.lock().unwrap_or_else(PoisonError::into_inner).insert(at, member);
                    queue.lock().unwrap_or_else(PoisonError::into_inner).running.retain(|other| *other != at);
                }
            });
        }
    });
    let mut ended = ended.into_inner().unwrap_or_else(PoisonError::into_inner);
    let left = |(at, plan): (usize, &Plan)| {
        ended.remove(&at).unwrap_or_else(|| {
            let member = EndedMember { result: MemberResult::NotStarted, seconds: 0.0 };
            announce(at, plan, &member, watch);
            member
        })
    };
    plans.iter().enumerate().map(left).collect()
}

/// Seconds that the set will take, if each member was built before: the longest one, or an even share of them all.
pub fn estimate(plans: &[Plan], store: &Store, jobs: usize) -> Option<f64> {
    let each: Option<Vec<f64>> =
        plans.iter().map(|plan| store.timings(&plan.basename()).all().get(WHOLE_BUILD).copied()).collect();
    let each = each?;
    let longest = each.iter().copied().fold(0.0, f64::max);
    Some(longest.max(each.iter().sum::<f64>() / jobs.clamp(1, plans.len().max(1)) as f64))
}

fn build_one(plan: &Plan, settings: &BuildSettings, events: &dyn Events, stop: &Interrupts) -> EndedMember {
    let start = Instant::now();
    let result = MemberResult::from_build(build_member::build(plan, settings, events, stop));
    EndedMember { result, seconds: start.elapsed().as_secs_f64() }
}

fn announce(at: usize, plan: &Plan, member: &EndedMember, watch: &dyn WatchSet) {
    let event = Event::MemberEnded {
        image: plan.image.clone(),
        target: plan.target.clone(),
        outcome: member.result.outcome(),
        why: member.result.why(),
        seconds: member.seconds,
    };
    watch.emit(at, event);
}

/// Members that wait, and those that run.
struct Queue<'a> {
    plans: &'a [Plan],
    waiting: Vec<usize>,
    running: Vec<usize>,
}

impl<'a> Queue<'a> {
    fn new(plans: &'a [Plan]) -> Self {
        Queue { plans, waiting: (0..plans.len()).collect(), running: Vec::new() }
    }

    /// The first whose steps no running member may share; where there is none, the first: it will wait for some of them.
    fn start_next(&mut self) -> Option<usize> {
        let share_steps = |a: &Plan, b: &Plan| (&a.image, a.target.arch) == (&b.image, b.target.arch);
        let alone =
            |at: &usize| !self.running.iter().any(|other| share_steps(&self.plans[*other], &self.plans[*at]));
        let place = self.waiting.iter().position(alone).or((!self.waiting.is_empty()).then_some(0))?;
        let at = self.waiting.remove(place);
        self.running.push(at);
        Some(at)
    }
}

fn next(queue: &Mutex<Queue<'_>>, stop: &Interrupts) -> Option<usize> {
    if stop.is_interrupted() {
        return None;
    }
    queue.lock().unwrap_or_else(PoisonError::into_inner).start_next()
}
