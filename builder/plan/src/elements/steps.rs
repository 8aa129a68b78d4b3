//! The steps of a build: the hooks of all phases in order, and the native plumbing at its places among them.
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

use super::error::{ElementError, Place};
use super::{hooks, package_installs, phases, repositories, run_parts};
use crate::plan::{Action, Step};
use crate::source::ElementSource;

/// What the steps are made from.
#[derive(Clone, Copy, Debug)]
pub struct StepRequest<'a> {
    /// Element directories in resolved order, any generated one last.
    pub elements: &'a [ElementSource],
    /// All resolved names, native ones among them.
    pub names: &'a [String],
    /// Variables known at plan time; `DIB_INSTALLTYPE_*` and `DIB_DEFAULT_INSTALLTYPE` are read.
    pub variables: &'a BTreeMap<String, String>,
    /// Whether the image file itself asks for packages.
    pub image_packages: bool,
}

impl StepRequest<'_> {
    pub(crate) fn has(&self, native: &str) -> bool {
        self.names.iter().any(|name| name == native)
    }

    fn any_directory(&self, directory: &str) -> bool {
        self.elements.iter().any(|element| phases::children(element, directory).next().is_some())
    }
}

/// A hook of a spliced install-type directory, or one directly in its phase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found<'a> {
    pub(crate) name: &'a str,
    pub(crate) path: &'a str,
    pub(crate) element: &'a ElementSource,
}

/// All steps, in the order in which they run.
pub fn steps(request: &StepRequest<'_>) -> Result<Vec<Step>, ElementError> {
    hooks::check_duplicates(request.elements)?;
    let mut steps = Vec::new();
    for phase in Phase::all() {
        let mut here = native_steps(request, phase)?;
        let mut origins: BTreeMap<String, Place> = here
            .iter()
            .map(|step| (step.name.clone(), Place::new(format!("native {}", step.element), 0)))
            .collect();
        for found in scripts(request, phase) {
            let at = phases::place(found.element, found.path);
            if let Some(first) = origins.insert(found.name.to_string(), at.clone()) {
                let path = format!("{}/{}", phase.directory(), found.name);
                return Err(ElementError::DuplicateHook { path, first, second: at });
            }
            here.push(step(
                phase,
                found.name,
                &found.element.name,
                Action::Script { path: found.path.to_string() },
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

/// The scripts of a phase, those of chosen install types among them, in no particular order.
pub(crate) fn scripts<'a>(request: &StepRequest<'a>, phase: Phase) -> Vec<Found<'a>> {
    let mut found = Vec::new();
    for element in request.elements {
        let directory = phase.directory();
        let direct: Vec<_> =
            phases::children(element, &directory).map(|(name, path)| (name.len(), path)).collect();
        for (length, path) in direct {
            // Borrowed again from the element, because `directory` does not live as long.
            let Some((path, _)) = element.entries.get_key_value(path) else { continue };
            let name = &path[path.len() - length..];
            match phases::verdict(element, path) {
                phases::Verdict::Runs => found.push(Found { name, path, element }),
                phases::Verdict::Directory if phase == Phase::Install && spliced(request, name) => {
                    found.extend(phases::hooks(element, path).map(|(name, path)| Found {
                        name,
                        path,
                        element,
                    }));
                }
                _ => {}
            }
        }
    }
    found
}

/// Whether a directory `<prefix>-<type>-install` of `install.d` is the chosen install type of its prefix: the type that
/// `DIB_INSTALLTYPE_<prefix>` names, or else the default (dib's `99-enable-install-types`).
pub(crate) fn spliced(request: &StepRequest<'_>, directory: &str) -> bool {
    let Some(stem) = directory.strip_suffix("-install") else { return false };
    if !request.has("install-types") {
        return false;
    }
    let default = request.variables.get("DIB_DEFAULT_INSTALLTYPE").map_or("source", String::as_str);
    stem.match_indices('-').any(|(at, _)| {
        let (prefix, kind) = (&stem[..at], &stem[at + 1..]);
        let variable = format!("DIB_INSTALLTYPE_{}", prefix.replace('-', "_"));
        kind == request.variables.get(&variable).map_or(default, String::as_str)
    })
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
    if request.has("manifests") {
        add(Phase::ExtraData, "20-manifest-dir", "manifests", Action::Manifests);
        add(Phase::Cleanup, "01-copy-manifests-dir", "manifests", Action::Manifests);
    }
    if request.has("source-repositories") && request.elements.iter().any(repositories::has_any) {
        add(Phase::ExtraData, "98-source-repositories", "source-repositories", Action::FetchSources);
    }
    if request.has("install-bin") && request.any_directory("bin") {
        add(Phase::PreInstall, "01-install-bin", "install-bin", Action::InstallBin);
    }
    if request.has("install-static") && request.any_directory("static") {
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
    if request.has("package-installs") {
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
