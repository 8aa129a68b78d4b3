//! One image, from its plan to the files in the stage: the whole flow of a build, to be read from top to bottom.
//!
//! In: a plan, inside the sandbox. Out: the files of its set, described. Never: a name in the output directory; the
//! person's process commits.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use dibber_imageset::BuiltSet;
use dibber_layout::Measured;
use dibber_model::{Bytes, Digest, DiskSpec, Hasher, Loader, Timestamp, Tree};
use dibber_plan::Plan;
use dibber_store::Session;

use crate::bootloader::{self, GrubCores};
use crate::capture::{CaptureOptions, capture, rules};
use crate::error::BuildError;
use crate::event::{BuildStage, Event, Events};
use crate::kernel;
use crate::outputs::{self, ComposedDisk, HookFile, OutputWriter, SetFacts};
use crate::partitions::{self, FilesystemSettings};
use crate::stand_ins::NativeTree;
use crate::steps::{self, Finished, ScratchTree, StandIns};
use crate::worker::job::BuildJob;

/// How the building of an image ended well.
pub(crate) enum ImageOutcome {
    /// The set that is in place is this one.
    UpToDate,
    /// The files are in the stage.
    Made(BuiltSet),
}

/// Builds. A checkpoint whose files do not hold what was written is dropped when that is found, and the build begins again
/// without it: as often as one is found, for those that it makes itself are right.
pub(crate) fn build(
    build: &BuildJob,
    session: &Session,
    stage: &Path,
    events: &dyn Events,
) -> Result<ImageOutcome, BuildError> {
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
    build: &BuildJob,
    session: &Session,
    stage: &Path,
    events: &dyn Events,
) -> Result<ImageOutcome, BuildError> {
    let native_tree = NativeTree::prepare(build, session, events)?;
    let stand_ins = native_tree.as_ref().map(|tree| tree as &dyn StandIns);
    let finished = steps::run(build, stand_ins, session, events)?;
    let id = set_id(build, &finished);
    if build.in_place == Some(id) {
        return Ok(ImageOutcome::UpToDate);
    }
    let epoch = Timestamp::from_secs(build.epoch);
    let settings = FilesystemSettings { seed: build.plan.seed, epoch, arch: build.plan.target.arch };

    let scratch = ScratchTree::open(&finished, session, build)?;
    let (tree, files) = run_stage(BuildStage::Capture, events, || {
        let options = CaptureOptions { epoch, sanitize: &rules::volatile(), nodes: &build.plan.nodes };
        let root = scratch.tree().map_err(|source| steps::StepError::TreeGone { source })?;
        Ok(capture(&root, &options)?)
    })?;
    if build.plan.has_disk() {
        bootloader::check_efi(&build.plan.disk, &finished.requests, &tree)?;
    }
    let asked = asks_for_boot_loader(&build.plan, &finished);
    if let Some(text) = build.plan.empty_loader_place().filter(|_| !asked)
        && !build.plan.warnings.contains(&text)
    {
        events.emit(Event::Warning { text });
    }
    let cores = run_stage(BuildStage::BootLoader, events, || match asked {
        true => Ok(bootloader::grub_cores(&build.plan, &scratch)?),
        false => Ok(GrubCores::default()),
    })?;
    let (kernel, packages) =
        (kernel::wanted(&tree, &build.plan.variables), outputs::packages(&tree, &files)?);
    let facts = SetFacts { build, id, kernel, packages, hook_files: files_of_hooks(build, &scratch, events) };
    let boot_files = outputs::boot_files(&facts, &tree)?;
    let whole = outputs::wants_tree(&build.plan.outputs).then(|| tree.clone());

    let disk = match build.plan.has_disk() {
        true => {
            // A place that nobody fills is as empty as any other partition.
            let spec = if asked { build.plan.disk.clone() } else { build.plan.disk.without_loaders() };
            Some(run_stage(BuildStage::Disk, events, || disk(&spec, tree, &cores, &settings))?)
        }
        false => None,
    };
    for caution in disk.iter().flat_map(|disk| dibber_layout::warnings(&disk.layout)) {
        events.emit(Event::Warning { text: caution.to_string() });
    }
    let writer = OutputWriter { facts: &facts, files: &files, stage, threads: build.threads, events };
    run_stage(BuildStage::Pour, events, || writer.pour(disk.as_ref(), boot_files, whole))
        .map(ImageOutcome::Made)
}

/// What hooks left beside the image. A directory that a hook removed has nothing; of one that cannot be read the person is told.
fn files_of_hooks(build: &BuildJob, scratch: &ScratchTree<'_>, events: &dyn Events) -> Vec<HookFile> {
    let found = match scratch.work().and_then(|work| outputs::left_by_hooks(&work, &build.plan.image)) {
        Ok(found) => found,
        Err(error) => {
            if error.kind() != std::io::ErrorKind::NotFound {
                let text = format!(
                    "files that hooks left in the directory that they work in are not taken along: {error}"
                );
                events.emit(Event::Warning { text });
            }
            return Vec::new();
        }
    };
    if !found.passed_over.is_empty() {
        let text = format!(
            "hooks left files in the directory that they work in, which come to nothing: {}",
            found.passed_over.join(", ")
        );
        events.emit(Event::Warning { text });
    }
    found.files
}

/// Trees, cut at the mount points, become filesystems; filesystems and tables become a disk.
fn disk(
    spec: &DiskSpec,
    tree: Tree,
    cores: &GrubCores,
    settings: &FilesystemSettings,
) -> Result<ComposedDisk, BuildError> {
    let trees = partitions::split(tree, spec)?;
    let content = partitions::measure(&trees, spec, settings)?;
    let loaders: BTreeMap<Loader, Bytes> =
        cores.cores.iter().map(|(place, core)| (*place, Bytes(core.len() as u64))).collect();
    let layout = dibber_layout::solve(spec, &Measured { content }, &loaders)?;
    let filesystems = partitions::write(&trees, &layout, settings)?;
    let content = partitions::with_loaders(filesystems, &layout, cores)?;
    let content = dibber_format::disk::compose(&layout, content)?;
    Ok(ComposedDisk { layout, content })
}

/// Whether an element or a hook asked for a boot loader outside the filesystems: then one that cannot be made is an error.
fn asks_for_boot_loader(plan: &Plan, finished: &Finished) -> bool {
    // A ramdisk has no boot loader, whatever its kernel's package asked for.
    plan.has_disk() && (plan.names.iter().any(|name| name == "bootloader") || !finished.requests.is_empty())
}

/// Digest over everything that the files are a function of.
fn set_id(build: &BuildJob, finished: &Finished) -> Digest {
    let mut hasher = Hasher::new("set 3");
    let plan = &build.plan;
    hasher.part(env!("CARGO_PKG_VERSION").as_bytes()).digest(finished.public);
    plan.identify_outputs(&mut hasher);
    hasher.finish()
}

fn run_stage<T>(
    stage: BuildStage,
    events: &dyn Events,
    work: impl FnOnce() -> Result<T, BuildError>,
) -> Result<T, BuildError> {
    let start = Instant::now();
    events.emit(Event::StageStarted { stage, bytes: None });
    let result = work()?;
    events.emit(Event::StageFinished { stage, seconds: start.elapsed().as_secs_f64() });
    Ok(result)
}
