//! The table at the end of a set: how each member ended.
//!
//! In: plans, and how each member ended. Out: a table of words, and a line that counts. Never: a guess.

use dibber_engine::build_set::EndedMember;
use dibber_engine::event::MemberOutcome;
use dibber_model::columns::padded;
use dibber_plan::Plan;

use crate::progress::duration;

/// How members are counted: those with files first.
const ORDER: [MemberOutcome; 5] = [
    MemberOutcome::Built,
    MemberOutcome::Kept,
    MemberOutcome::Failed,
    MemberOutcome::Unbuildable,
    MemberOutcome::Skipped,
];

/// One line for each member and one for all: built, kept, failed, skipped, unbuildable, and why.
pub(crate) fn table(plans: &[Plan], ended: &[EndedMember], seconds: f64) -> String {
    let width = plans.iter().map(|plan| plan.basename().chars().count()).max().unwrap_or(0);
    let mut lines = Vec::new();
    for (plan, member) in plans.iter().zip(ended) {
        let time = duration(member.seconds);
        let mut line =
            format!("{}  {:<11} {time:>10}", padded(&plan.basename(), width), member.result.outcome().name());
        if let Some(why) = member.result.why() {
            line += &format!("  {why}");
        }
        if let Some(log) = member.result.failure().and_then(|failure| failure.log.as_ref()) {
            line += &format!("; log: {}", log.display());
        }
        lines.push(line);
    }
    let count = |outcome| ended.iter().filter(|member| member.result.outcome() == outcome).count();
    let counted = ORDER
        .into_iter()
        .map(|outcome| (outcome.name(), count(outcome)))
        .filter(|(_, count)| *count > 0)
        .map(|(word, count)| format!("{count} {word}"))
        .collect::<Vec<_>>();
    lines.push(format!("set of {}: {} in {}", plans.len(), counted.join(", "), duration(seconds)));
    lines.join("\n")
}
