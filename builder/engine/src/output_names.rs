//! Names of a build's files in the output directory.
//!
//! In: a plan. Out: names. Never: a path; whoever has the directory opens them in it.

use dibber_plan::Plan;

/// Every name that the set will have.
pub fn set_files(plan: &Plan) -> Vec<String> {
    let mut names = Vec::new();
    for stem in plan.basenames() {
        for kind in &plan.outputs {
            let name = format!("{stem}.{}", kind.extension());
            names.push(format!("{name}.json"));
            names.push(name);
        }
    }
    names.push("SHA256SUMS".into());
    names
}

/// Name of a build's log.
pub(crate) fn log(stem: &str) -> String {
    format!("{stem}.log")
}

/// Name of the log of a build that failed.
pub(crate) fn failed_log(stem: &str) -> String {
    format!("{stem}.failed.log")
}
