//! The state of an archive that this program knows nothing of. What apt's Release files are for Debian, nobody has for every distribution; but
//! its packages change as well, so its trees must be made anew when somebody asks for that, and files are of some time.
//!
//! In: a plan whose elements make the tree of a distribution without facts. Out: the time at which it was first built here, or last
//! refreshed, in the place of a Release file. Never: a time for a tree that is no distribution's, which is the same at any time.

use dibber_model::Digest;
use dibber_plan::Plan;

use super::Release;

/// What dib's elements of operating systems call the one that they make.
const NAME: &str = "DISTRO_NAME=";

/// Under which name the state of a plan's archive is kept; none where its Release files tell it, or it has no distribution.
pub(super) fn name_of_state(plan: &Plan) -> Option<String> {
    if plan.distro().is_some() {
        return None;
    }
    let names_it = |path: &String| path.starts_with("environment.d/");
    let mut systems = plan.elements.iter().filter(|element| {
        let texts =
            element.entries.keys().filter(|path| names_it(path)).filter_map(|path| element.text(path));
        texts.flat_map(str::lines).any(|line| line.contains(NAME))
    });
    let system = &systems.next()?.name;
    let release = plan.variables.get("DIB_RELEASE").map_or("", String::as_str);
    Some(format!("state of {system} {release}").trim_end().to_string())
}

/// The state as of now.
pub(super) fn now(name: &str) -> Release {
    let now = jiff::Timestamp::now();
    let date = now.strftime("%a, %d %b %Y %H:%M:%S UTC").to_string();
    Release { digest: Digest::of(format!("{name} {now}").as_bytes()), date, seconds: now.as_second() }
}
