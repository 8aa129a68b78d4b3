//! dib's plumbing elements, done here: no Python in the tree, and errors that name the file and line.
//!
//! In: a native step on its bench. Out: packages installed, files placed. Never: a file written into the tree from outside:
//! links in it are its own, so what writes runs inside.

use std::collections::BTreeMap;

use dibber_fs::read_in_root;
use dibber_imageset::{LONGEST_DATABASE, dpkg_packages};
use dibber_model::{Phase, Side};
use dibber_plan::elements::{manifests, package_installs, pkg_map};
use dibber_plan::{Action, Step};
use dibber_sandbox::{HookCommand, HookResult, IN_TARGET};

use super::bench::Bench;
use super::error::StepError;
use super::{id, sources};

pub(super) fn run(bench: &Bench<'_>, step: &Step) -> Result<HookResult, StepError> {
    match &step.action {
        Action::InstallPackages => packages(bench, step, false),
        Action::UninstallPackages => packages(bench, step, true),
        Action::ImagePackages => install(bench, step, &[], &bench.plan.packages),
        Action::InstallStatic => copy(bench, step, "static", &["/"]),
        Action::InstallBin => copy(bench, step, "bin", &["/usr/local/bin"]),
        Action::FetchSources => sources::fetch(bench, step),
        Action::Manifests => write_manifests(bench, step),
        Action::Fstab => fstab(bench, step),
        Action::Divert => divert(bench, step, "add"),
        Action::TakeBackDiversions => divert(bench, step, "take-back"),
        Action::Script { .. } => Ok(bench.unchanged()),
    }
}

fn packages(bench: &Bench<'_>, step: &Step, uninstall: bool) -> Result<HookResult, StepError> {
    let environment = bench.environment(Side::Chroot, step)?;
    let lists = package_installs::packages(&id::request(bench.plan), step.phase, &environment)?;
    let list = if uninstall { lists.uninstall } else { lists.install };
    let maps = pkg_map::read(&bench.plan.elements)?;
    let variable = |name: &str| environment.get(name).map_or("", String::as_str);
    let names = pkg_map::translate(&maps, &list, variable("DISTRO_NAME"), variable("DIB_RELEASE"));
    install(bench, step, if uninstall { &["-e"] } else { &[] }, &names)
}

/// `install-packages` is the operating system's own, from an element's `bin/`.
fn install(
    bench: &Bench<'_>,
    step: &Step,
    options: &[&str],
    names: &[String],
) -> Result<HookResult, StepError> {
    if names.is_empty() {
        return Ok(bench.unchanged());
    }
    let argv =
        ["install-packages"].iter().chain(options).map(ToString::to_string).chain(names.iter().cloned());
    bench.call(Side::Chroot, HookCommand::Command(&argv.collect::<Vec<_>>()), step)
}

/// Our stand-ins at the places of boot loader programs, or those programs again.
fn divert(bench: &Bench<'_>, step: &Step, what: &str) -> Result<HookResult, StepError> {
    let argv = ["dibber-divert", what].map(String::from);
    bench.call_plainly(Side::Chroot, HookCommand::Command(&argv), step)
}

/// Copies a directory of the hooks directory into the tree, owned by root.
pub(super) fn copy(bench: &Bench<'_>, step: &Step, from: &str, to: &[&str]) -> Result<HookResult, StepError> {
    let from = format!("{IN_TARGET}/{from}");
    let argv: Vec<String> = ["dibber-place", &from].iter().chain(to).map(ToString::to_string).collect();
    bench.call_plainly(Side::Chroot, HookCommand::Command(&argv), step)
}

/// dib's `/etc/dib-manifests`: elements, variables, arguments, packages.
fn write_manifests(bench: &Bench<'_>, step: &Step) -> Result<HookResult, StepError> {
    if step.phase != Phase::Cleanup {
        return Ok(bench.unchanged());
    }
    let mut files = BTreeMap::from([
        ("dib-element-manifest".to_string(), manifests::element_manifest(&bench.plan.names)),
        ("dib_environment".to_string(), manifests::environment(&bench.plan.variables)),
    ]);
    // What is wrong with a database the image's own list of packages tells.
    let packages = bench
        .tree()
        .and_then(|tree| read_in_root(&tree, "var/lib/dpkg/status", LONGEST_DATABASE))
        .and_then(|status| dpkg_packages(&String::from_utf8_lossy(&status)));
    if let Ok(packages) = packages {
        let packages: Vec<_> = packages
            .into_iter()
            .map(|p| serde_json::json!({"package": p.name, "version": p.version, "arch": p.arch, "status": "install ok installed"}))
            .collect();
        let json = serde_json::json!({ "packages": packages });
        files.insert(format!("dib-manifest-dpkg-{}", bench.plan.image), format!("{json:#}\n"));
    }
    bench.place(&files, (manifests_directory(bench), true), step)
}

/// Where manifests are in the tree.
pub(super) fn manifests_directory<'a>(bench: &Bench<'a>) -> &'a str {
    bench.plan.variables.get(manifests::IMAGE_DIR.0).map_or(manifests::IMAGE_DIR.1, String::as_str)
}

/// `/etc/fstab` and the directories that filesystems are mounted on.
fn fstab(bench: &Bench<'_>, step: &Step) -> Result<HookResult, StepError> {
    let text = dibber_plan::fstab(&bench.plan.disk);
    bench.place(&BTreeMap::from([("fstab".to_string(), text)]), ("/etc", false), step)
}
