//! Targets: what an image is built for, what is asked for among them, and what its file says for one of them only.

use std::path::Path;

use dibber_engine::{build_job, output_names};
use dibber_model::{Arch, Bytes};
use dibber_plan::{Plan, PlanError, Request, SourceSet, TextSource, image, plan};

/// Built-in elements, and these images.
fn sources(images: &[&str]) -> SourceSet {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tree");
    let places = dibber_engine::scan::SourcePlaces {
        elements: &[root.join("elements"), root.join("tests/elements")],
        images: &[],
        layouts: &[],
        embedded: &[],
        builtin_first: false,
    };
    let mut sources = dibber_engine::scan::scan(&places).expect("elements");
    sources.images = images
        .iter()
        .enumerate()
        .map(|(n, text)| TextSource { origin: format!("{n}.yaml"), text: (*text).into() })
        .collect();
    sources
}

fn on(arch: Arch, change: impl Fn(&mut Request)) -> Request {
    let mut request = Request::on(arch);
    change(&mut request);
    request
}

pub(crate) fn plans(images: &[&str], change: impl Fn(&mut Request)) -> Result<Vec<Plan>, PlanError> {
    plan(&sources(images), &on(Arch::X86_64, change))
}

fn targets(plans: &[Plan]) -> Vec<String> {
    plans.iter().map(|plan| plan.target.to_string()).collect()
}

pub(crate) fn built_in(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../images/{name}.yaml"));
    std::fs::read_to_string(path).expect("a built-in image file")
}

fn overcloud() -> String {
    built_in("overcloud-full")
}

const MATRIX: &str = "
disk_images:
  - imagename: i
    distro: tiny-os
    skip_base: true
    arch: x86_64
    targets: [x86_64, aarch64, ppc64le, p8-ppc64le, {arch: ppc64el, platform: p9}]
    outputs: [qcow2, tar]
    packages: [all]
    kernel_args: quiet
    environment: {A: image, B: image}
    properties: {a: image}
    arches:
      ppc64el:
        packages: [power]
        environment: {B: power, C: power}
        kernel_args: [hvc]
    platforms:
      p8: {packages: [eight], environment: {C: eight}, properties: {a: eight}, size: 3GiB}
      p9:
        kernel_args: radix
        outputs: [raw]
        files: [{path: /etc/nine, content: nine}]
      p9-ppc64le: {packages: [nine]}
";

/// The list of the seed `multi-arch-image-support`: every name that a set has, links included.
#[test]
fn the_set_has_the_names_of_the_seed() {
    let names = |image: &str| {
        let found = plans(&[image], |r| r.all_targets = true).expect("plans");
        let mut names: Vec<String> = found.iter().flat_map(output_names::set_files).collect();
        names.retain(|name| !name.ends_with(".json") && name != "SHA256SUMS");
        names
    };
    let mut expected = Vec::new();
    for stem in ["x86_64-", "", "aarch64-", "ppc64le-", "p8-ppc64le-", "p9-ppc64le-"] {
        expected.extend(["qcow2", "vmlinuz", "initrd"].map(|kind| format!("{stem}overcloud-full.{kind}")));
    }
    assert_eq!(names(&overcloud()), expected);
    let mut expected = Vec::new();
    for stem in ["x86_64-", "", "aarch64-", "ppc64le-"] {
        expected.extend(["kernel", "initramfs"].map(|kind| format!("{stem}ironic-python-agent.{kind}")));
    }
    assert_eq!(names(&built_in("ironic-python-agent")), expected);
}

#[test]
fn what_is_asked_for_is_chosen_among_the_targets() {
    let asked = |change: &dyn Fn(&mut Request)| targets(&plans(&[MATRIX], change).expect("plans")).join(" ");
    let arch = |word: &str| word.parse::<Arch>().expect("an architecture");
    assert_eq!(asked(&|_| ()), "x86_64");
    assert_eq!(asked(&|r| r.all_targets = true), "x86_64 aarch64 ppc64le p8-ppc64le p9-ppc64le");
    assert_eq!(asked(&|r| r.arches = vec![arch("arm64"), Arch::Ppc64le]), "aarch64 ppc64le");
    let power = |r: &mut Request| {
        r.arches = vec![Arch::Ppc64le];
        r.platforms = ["p9", "p8"].map(|p| p.parse().expect("a platform")).to_vec();
    };
    assert_eq!(asked(&power), "p9-ppc64le p8-ppc64le");
    let named = ["p8-ppc64el", "aarch64", "arm64"].map(|t| image::target(t).expect("a target"));
    assert_eq!(asked(&|r| r.targets = named.to_vec()), "p8-ppc64le aarch64");
    // Without `arch`, the whole list is what is built; without a list, the host's architecture or what is asked for.
    let free = MATRIX.replace("    arch: x86_64\n", "");
    assert_eq!(plans(&[&free], |_| ()).expect("plans").len(), 5);
    let bare = "disk_images: [{imagename: i, distro: tiny-os, skip_base: true}]\n";
    assert_eq!(targets(&plans(&[bare], |_| ()).expect("plans")), ["x86_64"]);
    assert_eq!(targets(&plans(&[bare], power).expect("plans")), ["p9-ppc64le", "p8-ppc64le"]);
}

#[test]
fn sections_add_to_the_image_the_architecture_first() {
    let found = plans(&[MATRIX], |r| r.all_targets = true).expect("plans");
    let [x86_64, _, power, eight, nine] = &found[..] else { panic!("five plans") };
    let packages = |plan: &Plan| plan.packages.join(" ");
    assert_eq!(
        [x86_64, power, eight, nine].map(packages),
        ["all", "all power", "all power eight", "all power nine"]
    );
    let variable = |plan: &Plan, name: &str| plan.variables.get(name).cloned().unwrap_or_default();
    assert_eq!(["A", "B", "C"].map(|name| variable(x86_64, name)), ["image", "image", ""]);
    assert_eq!(["A", "B", "C"].map(|name| variable(power, name)), ["image", "power", "power"]);
    assert_eq!(["A", "B", "C"].map(|name| variable(eight, name)), ["image", "power", "eight"]);
    let line = "DIB_BOOTLOADER_DEFAULT_CMDLINE";
    assert!(variable(x86_64, line).ends_with(" quiet") && variable(eight, line).ends_with(" quiet hvc"));
    assert!(variable(nine, line).ends_with(" quiet hvc radix"), "{}", variable(nine, line));
    assert_eq!([power, nine].map(|plan| variable(plan, "DIB_PLATFORM")), ["", "p9"]);
    assert_eq!([power, eight].map(|plan| plan.properties["a"].as_str()), ["image", "eight"]);
    assert_eq!((power.disk.size, eight.disk.size), (None, Some(Bytes::gib(3))));
    assert_eq!((power.outputs.len(), nine.outputs.len()), (2, 1), "outputs are replaced");
    let own = |plan: &Plan| plan.elements.iter().any(|element| element.name == "i-settings");
    assert!(own(nine) && !own(eight));
    assert_ne!(eight.disk.parts, nine.disk.parts, "identities are a platform's own");
}

/// A platform more is a file more.
#[test]
fn another_file_adds_a_target() {
    let more = "disk_images:\n  - imagename: overcloud-full\n    targets: [p10-ppc64le]\n    platforms:\n      p10: {kernel_args: ten}\n      p9: {kernel_args: more}\n";
    let found = plans(&[&overcloud(), more], |r| r.all_targets = true).expect("plans");
    assert_eq!(targets(&found).last().map(String::as_str), Some("p10-ppc64le"));
    let line = |n: usize| found[n].variables["DIB_BOOTLOADER_DEFAULT_CMDLINE"].as_str();
    assert_eq!((line(4), line(5)), ("default_hugepagesz=2M", "ten"), "the first file's word stays");
}

/// POWER8 and POWER9 differ from one file; what is POWER's has a PReP partition, what is Arm's an ESP.
#[test]
fn overcloud_full_is_right_for_each_target() {
    let found = plans(&[&overcloud()], |r| r.all_targets = true).expect("plans");
    let shape = |plan: &Plan| {
        let parts = plan.disk.parts.iter().map(|part| format!("{} {:?}", part.name, part.size));
        parts.collect::<Vec<_>>().join(", ")
    };
    assert!(shape(&found[0]).starts_with("ESP Exact(Bytes(134217728)), BSP Exact(Bytes(1048576)), root"));
    assert!(shape(&found[1]).starts_with("ESP Exact(Bytes(134217728)), root"), "{}", shape(&found[1]));
    for power in &found[2..] {
        assert!(shape(power).starts_with("boot Exact(Bytes(8388608)), root"), "{}", shape(power));
        assert_eq!(power.disk.parts.len(), 2);
    }
    let (eight, nine) = (&found[3], &found[4]);
    assert_ne!(eight.packages, nine.packages);
    assert_ne!(eight.properties["power_isa"], nine.properties["power_isa"]);
    assert_eq!(nine.properties["tripleo_platform"], "p9");
    let line = "DIB_BOOTLOADER_DEFAULT_CMDLINE";
    assert_ne!(eight.variables[line], nine.variables[line]);
}

#[test]
fn what_is_not_a_target_is_refused() {
    let refused = |image: &str, change: &dyn Fn(&mut Request)| {
        plans(&[image], change).map(|_| ()).expect_err("a refusal").to_string()
    };
    let p = |r: &mut Request, words: &[&str]| {
        r.platforms = words.iter().map(|word| word.parse().expect("a platform")).collect();
    };
    let all = "there are x86_64, aarch64, ppc64le, p8-ppc64le, p9-ppc64le";
    assert_eq!(
        refused(MATRIX, &|r| p(r, &["p9"])),
        "image `i`: platform `p9` of which architecture? say --arch too, or --target p9-ARCH"
    );
    let ten = |r: &mut Request| {
        r.arches = vec![Arch::Ppc64le];
        p(r, &["p7"]);
    };
    assert_eq!(
        refused(MATRIX, &ten),
        format!("image `i` has no target `p7-ppc64le`; did you mean `p8-ppc64le`? {all}")
    );
    let narrow = MATRIX.replace("x86_64, aarch64, ", "x86_64, ");
    assert!(refused(&narrow, &|r| r.arches = vec![Arch::Aarch64]).contains("no target `aarch64`"));
    // Without a list, sections are what names platforms.
    let bare = "disk_images: [{imagename: i, distro: tiny-os, skip_base: true, platforms: {power9: {}}}]\n";
    let misspelt = |r: &mut Request| p(r, &["powre9"]);
    assert_eq!(
        refused(bare, &misspelt),
        "image `i` has no platform `powre9`; did you mean `power9`? there are power9"
    );
}

/// POWER8 and POWER9 share all steps up to the image's own packages, and so do both with POWER as such.
#[test]
fn platforms_of_overcloud_full_share_what_does_not_read_them() {
    let found = plans(&[&overcloud()], |r| r.all_targets = true).expect("plans");
    let ids = |plan: &Plan| {
        let store = dibber_store::Store::seen_at(Path::new("/nowhere"));
        let job = build_job::without_network(
            plan,
            dibber_engine::archive::Releases::default(),
            &store,
            Path::new("out"),
        )
        .unwrap();
        dibber_engine::steps::ids(plan, &job)
    };
    let shared = |a: &Plan, b: &Plan| {
        let (one, other) = (ids(a), ids(b));
        one.iter().zip(&other).take_while(|(one, other)| one == other).count()
    };
    let [x86_64, _, power, eight, nine] = &found[..] else { panic!("five plans") };
    let packages = eight
        .steps
        .iter()
        .position(|step| step.action == dibber_plan::Action::ImagePackages)
        .expect("packages");
    assert_eq!((shared(eight, nine), shared(power, nine)), (packages, packages), "{:?}", nine.visibility);
    assert_eq!(shared(x86_64, power), 0);
    // Without packages of their own, up to the hook that writes the kernel's arguments down.
    let same = overcloud().replace("packages: [libcxl1]", "packages: [libocxl1]");
    let found = plans(&[&same], |r| r.all_targets = true).expect("plans");
    let first = &found[4].steps[shared(&found[3], &found[4])];
    assert_eq!(
        (first.phase.name(), first.name.as_str()),
        ("finalise", "48-grub-defaults"),
        "{:?}",
        found[4].visibility
    );
}
