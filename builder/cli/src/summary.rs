//! What came of a set, member by member.
//!
//! In: plans, and how each member ended. Out: a table of words, and a line that counts. Never: a guess.

use dibber_engine::build_set::Member;
use dibber_model::columns::padded;
use dibber_plan::Plan;

use crate::progress::duration;

/// One line for each member and one for all: built, kept, failed, skipped, unbuildable, and why.
pub(crate) fn table(plans: &[Plan], ended: &[Member], seconds: f64) -> String {
    let width = plans.iter().map(|plan| plan.basename().chars().count()).max().unwrap_or(0);
    let mut lines = Vec::new();
    for (plan, member) in plans.iter().zip(ended) {
        let time = duration(member.seconds);
        let mut line = format!("{}  {:<11} {time:>10}", padded(&plan.basename(), width), member.ended.word());
        if let Some(why) = member.ended.why() {
            line += &format!("  {why}");
        }
        if let Some(log) = member.ended.failure().and_then(|failure| failure.log.as_ref()) {
            line += &format!("; log: {}", log.display());
        }
        lines.push(line);
    }
    let count = |word: &str| ended.iter().filter(|member| member.ended.word() == word).count();
    let counted = ["built", "kept", "failed", "unbuildable", "skipped"]
        .into_iter()
        .map(|word| (word, count(word)))
        .filter(|(_, count)| *count > 0)
        .map(|(word, count)| format!("{count} {word}"))
        .collect::<Vec<_>>();
    lines.push(format!("set of {}: {} in {}", plans.len(), counted.join(", "), duration(seconds)));
    lines.join("\n")
}
