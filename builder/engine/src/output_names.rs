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

/// Whether a file may be one of the set: planned, or left by hooks under the image's name. What other images have, the commit refuses.
pub(crate) fn is_of_set(plan: &Plan, name: &str) -> bool {
    let stem = plan.basename();
    let logs = [log(&stem), failed_log(&stem)];
    let is_own = |stem: &String| name.strip_prefix(stem.as_str()).is_some_and(|rest| rest.starts_with('.'));
    plan.basenames().iter().any(is_own) && !logs.iter().any(|log| log == name)
}

/// Name of a build's log.
pub(crate) fn log(stem: &str) -> String {
    format!("{stem}.log")
}

/// Name of the log of a build that failed.
pub(crate) fn failed_log(stem: &str) -> String {
    format!("{stem}.failed.log")
}
