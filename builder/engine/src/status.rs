//! What a build would find kept and in place, without building: the last lines of `dibber plan`.
//!
//! In: a plan, the store, the output directory. Out: words. Never: a question to the network, a change to anything.

use std::collections::BTreeMap;
use std::path::Path;

use dibber_imageset::{Seen, sidecar_of};
use dibber_layout::{Loaders, Measured};
use dibber_model::{Bytes, DiskSpec, Loader, LvSize, SizeRule};
use dibber_plan::Plan;
use dibber_store::Store;

use crate::build_job::{self, RELEASE_FILES};
use crate::given::ClosedPlace;
use crate::previous_set::PreviousSet;
use crate::steps::StepForecast;
use crate::worker::job::BuildJob;
use crate::{archive, given, steps};

/// How much is said of the steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// How many are kept.
    Count,
    /// For each whether it is kept, or why it runs.
    Explained,
}

/// What a build would find kept and in place, in words. Asks nobody, changes nothing.
pub fn status(plan: &Plan, store: &Path, dir: &Path, detail: Detail) -> String {
    let place = match PreviousSet::find(plan, dir, &Seen::default()) {
        Ok(None) => format!("{} has no set of this image", dir.display()),
        Ok(Some(previous)) if previous.is_whole() => {
            format!("{} has a set of this image, whole", dir.display())
        }
        Ok(Some(_)) => {
            format!("{} has a set of this image, of which files were changed", dir.display())
        }
        Err(failure) => failure.message,
    };
    let store = Store::seen_at(store);
    let closed = ClosedPlace::of_build(store.path(), dir);
    let given = match given::find(plan, &closed) {
        Ok(files) => given::described(&files) + &given::not_given(plan, &closed),
        Err(error) => return format!("error: {error}\n{place}"),
    };
    let releases = archive::recorded(plan, &store.path().join(RELEASE_FILES));
    let Ok(releases) = releases else {
        return format!("{given}no step is kept: the package archive was never asked\n{place}");
    };
    let build = match build_job::without_network(plan, releases, &store, dir) {
        Ok(build) => build,
        Err(error) => return format!("error: {error}\n{place}"),
    };
    let forecast = steps::forecast(&build, &store);
    let explained = if detail == Detail::Explained { explained(&forecast) + "\n" } else { String::new() };
    format!("{explained}{given}{}\n{place}", counted(&forecast, &build))
}

/// A line for each step, and one for each reason.
fn explained(forecast: &[StepForecast]) -> String {
    let mut text = String::new();
    for StepForecast { step, is_kept, why } in forecast {
        let fate = if *is_kept { "kept" } else { "runs" };
        text += &format!("{fate}  {}/{}\n", step.phase, step.name);
        for reason in why {
            text += &format!("        {reason}\n");
        }
    }
    text
}

fn counted(forecast: &[StepForecast], build: &BuildJob) -> String {
    let count = forecast.len();
    let Some(at) = forecast.iter().position(|step| !step.is_kept) else {
        return format!("all {count} steps are kept");
    };
    let seconds = forecast[at..]
        .iter()
        .filter_map(|StepForecast { step, .. }| build.timings.get(&format!("{}/{}", step.phase, step.name)));
    let time: f64 = seconds.sum();
    let time = if time > 0.0 { format!("; the rest took {time:.0} s the last time") } else { String::new() };
    let first = &forecast[at].step;
    format!("{at} of {count} steps are kept; the first to run is {}/{}{time}", first.phase, first.name)
}

/// Content that is drawn for a filesystem that was never measured.
const ASSUMED: Bytes = Bytes::gib(1);

/// The disk drawn to scale: as the set in place came out, or else with an assumed content.
pub fn drawing(plan: &Plan, dir: &Path) -> String {
    let sizes = sizes_in_place(plan, dir);
    let how = match sizes.is_empty() {
        true => format!("drawn as if each filesystem had {ASSUMED} of content; the build measures it"),
        false => "drawn as the set in place came out".to_string(),
    };
    let mut spec = plan.disk.clone();
    for part in &mut spec.parts {
        if let Some(bytes) = sizes.get(&part.name) {
            part.size = SizeRule::Exact(Bytes(*bytes));
        }
    }
    for lv in spec.groups.iter_mut().flat_map(|group| &mut group.lvs) {
        if let Some(bytes) = sizes.get(&lv.name) {
            lv.size = LvSize::Rule(SizeRule::Exact(Bytes(*bytes)));
        }
    }
    let content = spec.held_filesystems().map(|(holder, _)| {
        let size = if is_given(&spec, holder) { Bytes(0) } else { ASSUMED };
        (holder.to_string(), size)
    });
    let content = content.collect();
    // Their places have sizes of their own; how large the cores are shows nowhere.
    let loaders = Loaders::from([(Loader::Bios, Bytes(1)), (Loader::Prep, Bytes(1))]);
    match dibber_layout::solve(&spec, &Measured { content }, &loaders) {
        Ok(layout) => format!("{}  ({how})", dibber_layout::render(&layout)),
        Err(error) => format!("the disk cannot be drawn: {error}"),
    }
}

/// Whether a partition, or a logical volume or a partition below it, has a size of its own, whatever it will hold.
fn is_given(spec: &DiskSpec, holder: &str) -> bool {
    let exact = |name: &str| {
        spec.parts.iter().any(|part| part.name == name && matches!(part.size, SizeRule::Exact(_)))
    };
    exact(holder)
        || spec.groups.iter().any(|group| {
            let own = group.lvs.iter().find(|lv| lv.name == holder);
            own.is_some_and(|lv| {
                matches!(lv.size, LvSize::Rule(SizeRule::Exact(_)) | LvSize::Extents(_))
                    || group.pvs.iter().any(|pv| exact(&pv.part))
            })
        })
}

/// Sizes of the partitions and the logical volumes of the set in place, by name; none where there is no set, or it has no disk.
fn sizes_in_place(plan: &Plan, dir: &Path) -> BTreeMap<String, u64> {
    let Ok(Some(previous)) = PreviousSet::find(plan, dir, &Seen::default()) else { return BTreeMap::new() };
    let sidecar = |name: &str| sidecar_of(&dir.join(name)).ok().flatten();
    let disk = previous.entry.files.iter().find_map(|file| sidecar(&file.name)?.disk);
    let Some(disk) = disk else { return BTreeMap::new() };
    let volumes = disk.volume_groups.into_iter().flat_map(|group| group.volumes);
    let partitions = disk.partitions.into_iter().map(|part| (part.name, part.bytes));
    partitions.chain(volumes.map(|volume| (volume.name, volume.bytes))).collect()
}
