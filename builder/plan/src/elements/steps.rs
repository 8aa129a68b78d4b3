//! The steps of a build: the hooks of all phases in order, and the native plumbing at its places among them.
//!
//! dib runs `run-parts` for each phase, over a directory into which all elements were copied. The same hooks in the same order are known here as
//! steps beforehand: each can then be shown, timed, cached under an id of its own, and resumed from.
//!
//! In: resolved elements and variables. Out: steps, each one unit of caching. Never: what a step sees (see `hooks`).
//!
//! The native places are those of dib's own plumbing hooks (`elements/package-installs/*.d` and its like), names
//! included, so that an element written around them still falls where its author put it.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use dibber_model::Phase;

use super::error::{ElementError, FileLine};
use super::{hooks, package_installs, phases, repositories, run_parts};
use crate::step::{Action, Step};

pub(crate) mod install_type;
pub(crate) mod request;
pub(crate) mod scripts;

pub use request::StepRequest;
use scripts::scripts;

/// All steps, in the order in which they run.
pub fn steps(request: &StepRequest<'_>) -> Result<Vec<Step>, ElementError> {
    hooks::check_duplicates(request.elements)?;
    let mut steps = Vec::new();
    for phase in Phase::all() {
        let mut here = native_steps(request, phase)?;
        let mut origins: BTreeMap<String, FileLine> = here
            .iter()
            .map(|step| (step.name.clone(), FileLine::new(format!("native {}", step.element), 0)))
            .collect();
        for script in scripts(request, phase) {
            let at = phases::place(script.element, script.path);
            if let Some(first) = origins.insert(script.name.to_string(), at.clone()) {
                let path = format!("{}/{}", phase.directory(), script.name);
                return Err(ElementError::DuplicateHook { path, first, second: at });
            }
            here.push(step(
                phase,
                script.name,
                &script.element.name,
                Action::Script { path: script.path.to_string() },
            ));
        }
        here.sort_by(|a, b| run_parts::compare(&a.name, &b.name));
        steps.extend(here);
        if phase == Phase::Install && request.image_packages {
            steps.push(step(phase, "image-packages", "package-installs", Action::ImagePackages));
        }
    }
    Ok(steps)
}

fn step(phase: Phase, name: &str, element: &str, action: Action) -> Step {
    Step { phase, name: name.to_string(), element: element.to_string(), action }
}

fn native_steps(request: &StepRequest<'_>, phase: Phase) -> Result<Vec<Step>, ElementError> {
    let mut native = package_steps(request, phase)?;
    let mut add = |at: Phase, name: &str, element: &str, action: Action| {
        if at == phase {
            native.push(step(phase, name, element, action));
        }
    };
    // dib writes it when the block device is made, before the hooks that find the final filesystems in place.
    add(Phase::PreFinalise, "00-fstab", "block-device", Action::Fstab);
    // Package scripts call these programs by absolute path: from the first hook in the chroot to the last they are ours.
    if request.has("dpkg") {
        add(Phase::PreInstall, "00-divert-boot-loader-programs", "dpkg", Action::Divert);
        add(Phase::Cleanup, "00-take-back-diversions", "dpkg", Action::TakeBackDiversions);
    }
    if request.has_native("manifests") {
        add(Phase::ExtraData, "20-manifest-dir", "manifests", Action::Manifests);
        add(Phase::Cleanup, "01-copy-manifests-dir", "manifests", Action::Manifests);
    }
    if request.has_native("source-repositories") && request.elements.iter().any(repositories::has_any) {
        add(Phase::ExtraData, "98-source-repositories", "source-repositories", Action::FetchSources);
    }
    if request.has_native("install-bin") && request.any_directory("bin") {
        add(Phase::PreInstall, "01-install-bin", "install-bin", Action::InstallBin);
    }
    if request.has_native("install-static") && request.any_directory("static") {
        add(Phase::Install, "10-install-static-files", "install-static", Action::InstallStatic);
    }
    Ok(native)
}

/// Package steps of a phase, where some element asks for packages in it, whatever its conditions may come to.
fn package_steps(request: &StepRequest<'_>, phase: Phase) -> Result<Vec<Step>, ElementError> {
    let (first, last) = match phase {
        Phase::PreInstall => ("10-package-installs", "99-package-uninstalls"),
        Phase::Install => ("01-package-installs", "99-package-uninstalls"),
        Phase::PostInstall => ("00-package-installs", "95-package-uninstalls"),
        _ => return Ok(Vec::new()),
    };
    let mut native = Vec::new();
    if request.has_native("package-installs") {
        let asked = package_installs::asked_in(request, phase)?;
        if asked.installs {
            native.push(step(phase, first, "package-installs", Action::InstallPackages));
        }
        if asked.uninstalls {
            native.push(step(phase, last, "package-installs", Action::UninstallPackages));
        }
    }
    Ok(native)
}

#[cfg(test)]
#[path = "steps_tests.rs"]
mod tests;
