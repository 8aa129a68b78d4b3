//! dib's plumbing elements (package-installs, install-static, source-repositories, manifests and their like), done by this program: no
//! Python in the tree, and errors that name the file and line.
//!
//! In: such a step in its sandbox. Out: packages installed, files placed. Never: a file written into the tree from outside:
//! links in it are its own, so what writes runs inside.

use std::collections::{BTreeMap, BTreeSet};

use dibber_fs::read_in_root;
use dibber_model::{Phase, Side};
use dibber_packages::{DATABASES, Database, DatabaseKind, Package};
use dibber_plan::elements::{manifests, package_installs, pkg_map};
use dibber_plan::{Action, Step};
use dibber_sandbox::{HookCommand, HookResult};

use super::error::StepError;
use super::sandbox::{Readers, StepSandbox};
use super::{id, sources};

/// Does the work of a step that is no hook.
pub(super) fn run_native_step(sandbox: &StepSandbox<'_>, step: &Step) -> Result<HookResult, StepError> {
    match &step.action {
        Action::InstallPackages => packages(sandbox, step, false),
        Action::UninstallPackages => packages(sandbox, step, true),
        Action::ImagePackages => install(sandbox, step, &[], &sandbox.plan.packages),
        Action::InstallStatic => sandbox.place_hooks_dir("static", "/", Readers::Everybody, step),
        Action::InstallBin => sandbox.place_hooks_dir("bin", "/usr/local/bin", Readers::Everybody, step),
        Action::FetchSources => sources::fetch(sandbox, step),
        Action::Manifests => write_manifests(sandbox, step),
        Action::Fstab => fstab(sandbox, step),
        Action::Divert => divert(sandbox, step, "add"),
        Action::TakeBackDiversions => divert(sandbox, step, "take-back"),
        Action::Script { .. } => Ok(sandbox.unchanged()),
    }
}

fn packages(sandbox: &StepSandbox<'_>, step: &Step, uninstall: bool) -> Result<HookResult, StepError> {
    let environment = sandbox.environment(Side::Chroot, step)?;
    let lists = package_installs::packages(&id::step_request(sandbox.plan), step.phase, &environment)?;
    let list = if uninstall { lists.uninstall } else { lists.install };
    let maps = pkg_map::read(&sandbox.plan.elements)?;
    let variable = |name: &str| environment.get(name).map_or("", String::as_str);
    let names = pkg_map::translate(&maps, &list, variable("DISTRO_NAME"), variable("DIB_RELEASE"));
    install(sandbox, step, if uninstall { &["-e"] } else { &[] }, &names)
}

/// `install-packages` is the operating system's own, from an element's `bin/`.
fn install(
    sandbox: &StepSandbox<'_>,
    step: &Step,
    options: &[&str],
    names: &[String],
) -> Result<HookResult, StepError> {
    if names.is_empty() {
        return Ok(sandbox.unchanged());
    }
    let argv =
        ["install-packages"].iter().chain(options).map(ToString::to_string).chain(names.iter().cloned());
    sandbox.call(Side::Chroot, HookCommand::Command(&argv.collect::<Vec<_>>()), step)
}

/// Our stand-ins at the places of boot loader programs, or those programs again.
fn divert(sandbox: &StepSandbox<'_>, step: &Step, what: &str) -> Result<HookResult, StepError> {
    let argv = ["dibber-divert", what].map(String::from);
    sandbox.call_plainly(Side::Chroot, HookCommand::Command(&argv), step)
}

/// dib's `/etc/dib-manifests`: elements, variables, arguments, packages.
fn write_manifests(sandbox: &StepSandbox<'_>, step: &Step) -> Result<HookResult, StepError> {
    if step.phase != Phase::Cleanup {
        // Hooks put manifests of their own there.
        return sandbox.place_texts(&BTreeMap::new(), sandbox.manifests_directory(), Readers::Root, step);
    }
    let mut files = manifests::files(&sandbox.plan.names, &sandbox.plan.variables);
    let managers: BTreeSet<&str> = DATABASES.iter().map(|database| database.kind.manager()).collect();
    for manager in managers {
        let name = format!("dib-manifest-{manager}-{}", sandbox.plan.image);
        if let Some(text) = packages_manifest(sandbox, manager, &name) {
            files.insert(name, text);
        }
    }
    sandbox.place_texts(&files, sandbox.manifests_directory(), Readers::Root, step)
}

/// The manifest of a package manager's packages: a hook's own, as dib's dpkg writes one, or the same of the databases; none where there are
/// none. What is wrong with those the image's own list of packages tells.
fn packages_manifest(sandbox: &StepSandbox<'_>, manager: &str, name: &str) -> Option<String> {
    let tree = sandbox.tree().ok()?;
    let place = format!("{}/{name}", sandbox.manifests_directory().trim_start_matches('/'));
    if let Ok(text) = read_in_root(&tree, place, DatabaseKind::DpkgStatus.longest()) {
        return Some(String::from_utf8_lossy(&text).into_owned());
    }
    let read = |database: &Database| {
        let bytes = read_in_root(&tree, database.path, database.longest()).ok()?;
        database.packages(&bytes).ok()
    };
    let of_it = DATABASES.iter().filter(|database| database.kind.manager() == manager);
    let found: Vec<Vec<Package>> = of_it.filter_map(read).collect();
    if found.is_empty() {
        return None;
    }
    let mut packages = found.concat();
    packages.sort();
    // dib's words for dpkg's; rpm has no state but this one.
    let told = packages.iter().map(|Package { name, version, arch }| {
        serde_json::json!({"package": name, "version": version, "arch": arch, "status": "install ok installed"})
    });
    Some(format!("{:#}\n", serde_json::json!({ "packages": told.collect::<Vec<_>>() })))
}

/// `/etc/fstab` and the directories that filesystems are mounted on.
fn fstab(sandbox: &StepSandbox<'_>, step: &Step) -> Result<HookResult, StepError> {
    let text = dibber_plan::fstab(&sandbox.plan.disk);
    let texts = BTreeMap::from([("fstab".to_string(), text)]);
    sandbox.place_texts(&texts, "/etc", Readers::Everybody, step)
}
