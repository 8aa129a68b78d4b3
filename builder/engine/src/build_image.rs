//! One image, from its plan to the files in the stage.
//!
//! In: a plan, inside the sandbox. Out: the files of its set, described. Never: a name in the output directory; the
//! person's process commits.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use dibber_imageset::Made;
use dibber_layout::Measured;
use dibber_model::{Bytes, Digest, DiskLayout, Extents, Hasher, Loader, Timestamp};
use dibber_plan::Plan;
use dibber_store::Session;

use crate::bootloader::{self, Cores};
use crate::capture::{CaptureOptions, capture, rules};
use crate::error::BuildError;
use crate::event::{Event, Events};
use crate::kernel;
use crate::outputs::{self, Artifacts};
use crate::partitions::{self, Common};
use crate::stand_ins::Twin;
use crate::steps::{self, Finished, ScratchTree, StandIns};
use crate::worker::job::Build;

/// What came of it.
pub(crate) enum Outcome {
    /// The set that is in place is this one.
    UpToDate,
    /// The files are in the stage.
    Made(Made),
}

/// Builds. A checkpoint whose files do not hold what was written is dropped when that is found, and the build begins again
/// without it: as often as one is found, for those that it makes itself are right.
pub(crate) fn image(
    build: &Build,
    session: &Session,
    stage: &Path,
    events: &dyn Events,
) -> Result<Outcome, BuildError> {
    loop {
        match attempt(build, session, stage, events) {
            Err(error) if error.is_of_corrupted_checkpoint() => {
                events.emit(Event::Warning { text: error.to_string() });
            }
            other => return other,
        }
    }
}

/// Hooks make a tree, the tree becomes data, the data a disk, the disk files.
fn attempt(
    build: &Build,
    session: &Session,
    stage: &Path,
    events: &dyn Events,
) -> Result<Outcome, BuildError> {
    let twin = Twin::of(build, session, events)?;
    let stand_ins = twin.as_ref().map(|twin| twin as &dyn StandIns);
    let finished = steps::run(build, stand_ins, session, events)?;
    let id = set_id(build, &finished);
    if build.in_place == Some(id) {
        return Ok(Outcome::UpToDate);
    }
    let epoch = Timestamp::from_secs(build.epoch);
    let common = Common { seed: build.plan.seed, epoch, arch: build.plan.target.arch };

    let scratch = ScratchTree::open(&finished, session, (&build.plan, build.epoch))?;
    let (tree, files) = stage_of("capture", events, || {
        let options = CaptureOptions { epoch, scrub: &rules::volatile(), nodes: &build.plan.nodes };
        let root = scratch.tree().map_err(|source| steps::StepError::TreeGone { source })?;
        Ok(capture(&root, &options)?)
    })?;
    let cores = stage_of("boot loader", events, || boot_loader(&build.plan, &finished, &scratch))?;
    let facts = outputs::Facts {
        build,
        id,
        kernel: kernel::newest(&tree),
        packages: outputs::packages(&tree, &files)?,
    };
    let single = outputs::kernel_files(&facts, &tree)?;
    let whole = outputs::wants_tree(&build.plan.outputs).then(|| tree.clone());

    let disk = match build.plan.has_disk() {
        true => Some(stage_of("disk", events, || disk(&build.plan, tree, &cores, &common))?),
        false => None,
    };
    for warning in disk.iter().flat_map(|(layout, _)| dibber_layout::warnings(layout)) {
        events.emit(Event::Warning { text: warning.to_string() });
    }
    let artifacts = Artifacts { facts: &facts, files: &files, stage, threads: build.threads, events };
    stage_of("pour", events, || artifacts.pour(disk.as_ref(), single, whole)).map(Outcome::Made)
}

/// Trees, cut at the mount points, become filesystems; filesystems and tables become a disk.
fn disk(
    plan: &Plan,
    tree: dibber_model::Tree,
    cores: &Cores,
    common: &Common,
) -> Result<(DiskLayout, Extents), BuildError> {
    let trees = partitions::split(tree, &plan.disk)?;
    let content = partitions::measure(&trees, &plan.disk, common)?;
    let loaders: BTreeMap<Loader, Bytes> =
        cores.cores.iter().map(|(place, core)| (*place, Bytes(core.len() as u64))).collect();
    let layout = dibber_layout::solve(&plan.disk, &Measured { content }, &loaders)?;
    let filesystems = partitions::write(&trees, &layout, common)?;
    let content = partitions::with_loaders(filesystems, &layout, cores)?;
    let disk = dibber_format::disk::compose(&layout, content)?;
    Ok((layout, disk))
}

/// GRUB's cores, where an element or a hook asked for a boot loader.
fn boot_loader(plan: &Plan, finished: &Finished, scratch: &ScratchTree<'_>) -> Result<Cores, BuildError> {
    // A ramdisk has no boot loader, whatever its kernel's package asked for.
    let asked = plan.has_disk()
        && (plan.names.iter().any(|name| name == "bootloader") || !finished.requests.is_empty());
    if asked { Ok(bootloader::cores(plan, scratch)?) } else { Ok(Cores::default()) }
}

/// Digest over everything that the files are a function of.
fn set_id(build: &Build, finished: &Finished) -> Digest {
    let mut hasher = Hasher::new("set 3");
    let plan = &build.plan;
    hasher.part(env!("CARGO_PKG_VERSION").as_bytes()).digest(finished.public);
    plan.identify_outputs(&mut hasher);
    hasher.finish()
}

fn stage_of<T>(
    name: &str,
    events: &dyn Events,
    work: impl FnOnce() -> Result<T, BuildError>,
) -> Result<T, BuildError> {
    let start = Instant::now();
    events.emit(Event::StageStarted { stage: name.into(), bytes: None });
    let result = work()?;
    events.emit(Event::StageFinished { stage: name.into(), seconds: start.elapsed().as_secs_f64() });
    Ok(result)
}
