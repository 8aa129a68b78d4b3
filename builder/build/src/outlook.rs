//! What a build would find kept and in place, without building.
//!
//! In: a plan, the store, the output directory. Out: words. Never: a question to the network, a change to anything.

use std::path::Path;

use dibber_plan::Plan;

use crate::answers::{self, Network};
use crate::set::{former, known};
use crate::steps;
use crate::store::Store;

/// What a build would find kept and in place, in words. Asks nobody, changes nothing.
pub fn outlook(plan: &Plan, store: &Path, dir: &Path) -> String {
    let place = match former(plan, dir) {
        Ok(None) => format!("{} has no set of this image", dir.display()),
        Ok(Some((_, true))) => format!("{} has a set of this image, whole", dir.display()),
        Ok(Some((_, false))) => {
            format!("{} has a set of this image, of which files were changed", dir.display())
        }
        Err(failure) => failure.message,
    };
    let store = Store::seen_at(store);
    let releases = answers::releases(plan, &store.path().join("answers"), Network::Offline);
    let Ok(releases) = releases else {
        return format!("no step is kept: the package archive was never asked\n{place}");
    };
    let build = known(plan, releases, &store);
    let kept: Vec<_> = store.list().unwrap_or_default().into_iter().map(|entry| entry.id).collect();
    let ids = steps::ids(plan, &build);
    let first = ids.iter().position(|id| !kept.contains(id));
    let steps = match first.and_then(|at| plan.steps.get(at)) {
        None => format!("all {} steps are kept", ids.len()),
        Some(step) => {
            let at = first.unwrap_or(0);
            let time: f64 = plan.steps[at..]
                .iter()
                .filter_map(|step| build.timings.get(&format!("{}/{}", step.phase, step.name)))
                .sum();
            let time =
                if time > 0.0 { format!("; the rest took {time:.0} s the last time") } else { String::new() };
            format!(
                "{at} of {} steps are kept; the first to run is {}/{}{time}",
                ids.len(),
                step.phase,
                step.name
            )
        }
    };
    format!("{steps}\n{place}")
}
