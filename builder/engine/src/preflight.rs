//! What a build needs of the machine, asked for before anything is done: programs, and space.
//!
//! In: a plan, the directories of output and cache. Out: a failure with names and numbers, or nothing. Never: a promise: what
//! runs out later is an error of its own.

use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

use dibber_fs::path_search;
use dibber_imageset::SetEntry;
use dibber_model::Bytes;
use dibber_plan::{ElementSource, Plan};
use dibber_sandbox::Emulator;

use crate::failure::{Failure, FailureKind};

/// Less than this is never enough for an image of an operating system and its log.
const LEAST: Bytes = Bytes::mib(64);

/// Less than this is what a filesystem is left with when somebody filled it.
const FULL: Bytes = Bytes::mib(1);

/// A program that a plan needs, with Debian's package of it.
struct NeededProgram {
    name: &'static str,
    package: &'static str,
}

/// Programs that steps and outputs of a plan run.
fn programs(plan: &Plan) -> Vec<NeededProgram> {
    let mut programs = Vec::new();
    let host = plan.distro().map_or([].as_slice(), |distro| distro.programs);
    programs.extend(
        host.iter()
            .filter(|program| program.asked_for)
            .map(|program| NeededProgram { name: program.name, package: program.package }),
    );
    let tools = plan.outputs.iter().filter_map(|kind| kind.origin().tool());
    programs.extend(tools.map(|tool| NeededProgram { name: tool.program, package: tool.package }));
    if plan.packaging.qemu_img_options.is_some() {
        programs.push(NeededProgram { name: "qemu-img", package: "qemu-utils" });
    }
    programs
}

/// Fails if a program that the plan needs is not in `PATH`.
pub(crate) fn check_programs(plan: &Plan) -> Result<(), Failure> {
    match programs(plan).into_iter().find(|program| path_search::find(program.name).is_none()) {
        None => Ok(()),
        Some(NeededProgram { name, package }) => Err(Failure::new(
            FailureKind::Machine,
            format!(
                "{} needs the program {name}, which is not in PATH; on Debian: apt install {package}",
                plan.image
            ),
        )),
    }
}

/// dib's elements whose hooks outside the tree are Python that reads YAML.
const IN_PYTHON: [&str; 2] = ["package-installs", "svc-map"];

/// Where hooks outside the tree find programs.
const HOOKS_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Fails if elements of the path need Python with PyYAML, and this machine has none for them.
pub(crate) fn check_python(plan: &Plan) -> Result<(), Failure> {
    let is_python = |element: &&ElementSource| IN_PYTHON.contains(&element.name.as_str());
    let Some(element) = plan.elements.iter().find(is_python) else { return Ok(()) };
    let words = ["-i", &format!("PATH={HOOKS_PATH}"), "python3", "-c", "import yaml"];
    let ended = Command::new("env").args(words).stderr(Stdio::null()).status();
    if ended.is_ok_and(|status| status.success()) {
        return Ok(());
    }
    let message = format!(
        "{} is built with the element {} of {}, which needs python3 with PyYAML on this machine; on Debian: apt install python3-yaml; or take \
         that directory out of the path of elements: dibber does the same itself",
        plan.image, element.name, element.origin
    );
    Err(Failure::new(FailureKind::Machine, message))
}

/// Whether a plan's programs are not this machine's.
pub(crate) fn is_foreign(plan: &Plan) -> bool {
    plan.target.arch.kernel_name() != host()
}

/// This machine's architecture, as the kernel calls it.
fn host() -> String {
    rustix::system::uname().machine().to_string_lossy().into_owned()
}

/// The emulator that a plan needs; fails if it needs one that this machine lacks.
pub(crate) fn emulator(plan: &Plan) -> Result<Option<Emulator>, Failure> {
    if !is_foreign(plan) {
        return Ok(None);
    }
    Emulator::find(plan.target.arch).map(Some).map_err(|e| Failure::from_error(FailureKind::Machine, e))
}

/// Fails if the output directory has clearly too little space. `previous` is the set that is in place.
pub(crate) fn check_output(plan: &Plan, dir: &Path, previous: Option<&SetEntry>) -> Result<(), Failure> {
    let needs = match previous {
        // The new set is made beside the old one.
        Some(entry) => Bytes(entry.files.iter().map(|file| file.bytes / 2).sum::<u64>().max(LEAST.0)),
        None => plan.disk.size.map_or(LEAST, |size| Bytes((size.0 / 4).max(LEAST.0))),
    };
    check_space(dir, needs, &plan.basename(), "choose another --output-dir")
}

/// Fails if the file system of the cache has clearly too little space for `what`, an image or any.
pub(crate) fn check_cache(what: &str, dir: &Path) -> Result<(), Failure> {
    check_space(
        dir,
        LEAST,
        what,
        "choose another --cache-dir; `dibber cache prune` frees what earlier builds left",
    )
}

fn check_space(dir: &Path, needs: Bytes, what: &str, mend: &str) -> Result<(), Failure> {
    let free = free(dir).map_err(|e| Failure::new(FailureKind::Fault, format!("{}: {e}", dir.display())))?;
    if free >= needs {
        return Ok(());
    }
    let message = format!(
        "{} has {free} free, and {what} needs about {needs}; free some space, or {mend}",
        dir.display()
    );
    Err(Failure::new(FailureKind::Space, message))
}

/// Bytes that this person can still write there.
pub(crate) fn free(dir: &Path) -> io::Result<Bytes> {
    let stat = rustix::fs::statvfs(dir)?;
    Ok(Bytes(stat.f_bavail.saturating_mul(stat.f_frsize)))
}

/// A hook that fails on a full cache fails for want of space, whatever it says itself.
pub(crate) fn as_space_failure(failure: Failure, cache: &Path) -> Failure {
    match failure.hook.as_ref().map(|hook| Bytes(hook.free)) {
        Some(free) if free < FULL => {
            let message = format!(
                "{}, and {} had {free} free then; `dibber cache prune` frees some, and --cache-dir names another place",
                failure.message,
                cache.display()
            );
            Failure { kind: FailureKind::Space, message, ..failure }
        }
        _ => failure,
    }
}
