//! dib's plumbing elements (package-installs, install-static, source-repositories, manifests and their like), done by this program: no
//! Python in the tree, and errors that name the file and line.
//!
//! In: such a step in its sandbox. Out: packages installed, files placed. Never: a file written into the tree from outside:
//! links in it are its own, so what writes runs inside.

use std::collections::BTreeMap;

use dibber_fs::read_in_root;
use dibber_model::{Phase, Side};
use dibber_packages::{DATABASES, Database, Package};
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
        return Ok(sandbox.unchanged());
    }
    let mut files = BTreeMap::from([
        ("dib-element-manifest".to_string(), manifests::element_manifest(&sandbox.plan.names)),
        ("dib_environment".to_string(), manifests::environment(&sandbox.plan.variables)),
    ]);
    let mut found: BTreeMap<&str, Vec<Package>> = BTreeMap::new();
    for database in &DATABASES {
        // What is wrong with a database the image's own list of packages tells.
        if let Ok(packages) = packages_in(sandbox, database) {
            found.entry(database.kind.manager()).or_default().extend(packages);
        }
    }
    for (manager, mut packages) in found {
        packages.sort();
        // dib's words for dpkg's; rpm has no state but this one.
        let told = packages.iter().map(|Package { name, version, arch }| {
            serde_json::json!({"package": name, "version": version, "arch": arch, "status": "install ok installed"})
        });
        let json = serde_json::json!({ "packages": told.collect::<Vec<_>>() });
        files.insert(format!("dib-manifest-{manager}-{}", sandbox.plan.image), format!("{json:#}\n"));
    }
    sandbox.place_texts(&files, sandbox.manifests_directory(), Readers::Root, step)
}

fn packages_in(sandbox: &StepSandbox<'_>, database: &Database) -> std::io::Result<Vec<Package>> {
    let bytes = read_in_root(&sandbox.tree()?, database.path, database.longest())?;
    Ok(database.packages(&bytes)?)
}

/// `/etc/fstab` and the directories that filesystems are mounted on.
fn fstab(sandbox: &StepSandbox<'_>, step: &Step) -> Result<HookResult, StepError> {
    let text = dibber_plan::fstab(&sandbox.plan.disk);
    let texts = BTreeMap::from([("fstab".to_string(), text)]);
    sandbox.place_texts(&texts, "/etc", Readers::Everybody, step)
}
