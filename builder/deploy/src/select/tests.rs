//! The search by names and the tags.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::*;

fn target(arch: Arch, platform: Option<&str>) -> Target {
    Target { arch, platform: platform.map(|p| p.parse().unwrap()) }
}

fn image(basename: &str, arch: Option<Arch>, platform: Option<&str>) -> Candidate {
    let tags = Tags { arch, platform: platform.map(|p| p.parse().unwrap()), boot_mode: None };
    Candidate { basename: basename.into(), compatibility: Compatibility::Tagged(tags) }
}

fn chosen(requirements: &NodeRequirements, candidates: &[Candidate]) -> Option<String> {
    select(requirements, "a", candidates).chosen.map(|index| candidates[index].basename.clone())
}

#[test]
fn the_closest_name_wins() {
    let set = [
        image("a", None, None),
        image("x86_64-a", Some(Arch::X86_64), None),
        image("ppc64le-a", Some(Arch::Ppc64le), None),
        image("p9-ppc64le-a", Some(Arch::Ppc64le), Some("p9")),
    ];
    let requirements = |arch, platform| NodeRequirements::from(target(arch, platform));
    assert_eq!(chosen(&requirements(Arch::Ppc64le, Some("p9")), &set).as_deref(), Some("p9-ppc64le-a"));
    assert_eq!(chosen(&requirements(Arch::Ppc64le, Some("P9")), &set).as_deref(), Some("ppc64le-a"));
    assert_eq!(chosen(&requirements(Arch::X86_64, Some("SNB")), &set).as_deref(), Some("x86_64-a"));
    assert_eq!(chosen(&requirements(Arch::X86_64, None), &set[..1]).as_deref(), Some("a"));
    assert_eq!(chosen(&requirements(Arch::Aarch64, None), &set), None);
}

#[test]
fn tags_speak_against_names() {
    let requirements = NodeRequirements::from(target(Arch::Ppc64le, Some("p9")));
    assert_eq!(chosen(&requirements, &[image("a", None, None)]), None, "an untagged one is for x86_64");
    assert_eq!(chosen(&requirements, &[image("a", Some(Arch::Ppc64le), None)]).as_deref(), Some("a"));
    assert_eq!(chosen(&requirements, &[image("ppc64le-a", Some(Arch::X86_64), None)]), None);
    assert_eq!(chosen(&requirements, &[image("p9-ppc64le-a", Some(Arch::Ppc64le), Some("p8"))]), None);
    let none = NodeRequirements::from(target(Arch::Ppc64le, None));
    assert_eq!(chosen(&none, &[image("ppc64le-a", Some(Arch::Ppc64le), Some("p9"))]), None);
}

/// The seed's first step: an image named for the architecture, with the platform in its metadata.
#[test]
fn metadata_beats_order_on_one_rung() {
    let set =
        [image("ppc64le-a", Some(Arch::Ppc64le), None), image("ppc64le-a", Some(Arch::Ppc64le), Some("p9"))];
    let found = |platform| select(&NodeRequirements::from(target(Arch::Ppc64le, platform)), "a", &set).chosen;
    assert_eq!((found(Some("p9")), found(Some("p8")), found(None)), (Some(1), Some(0), Some(0)));
}

#[test]
fn layouts_serve_every_machine() {
    let layout =
        |basename: &str| Candidate { basename: basename.into(), compatibility: Compatibility::Every };
    let requirements = NodeRequirements::from(target(Arch::Aarch64, None));
    assert_eq!(chosen(&requirements, &[layout("a"), layout("ppc64le-a")]).as_deref(), Some("a"));
}

#[test]
fn boot_modes_must_meet() {
    let mut uefi = image("x86_64-a", Some(Arch::X86_64), None);
    let Compatibility::Tagged(tags) = &mut uefi.compatibility else { panic!("tagged") };
    tags.boot_mode = Some(BootMode::Uefi);
    let set = [uefi, image("a", Some(Arch::X86_64), None)];
    let requirements = |boot_mode| NodeRequirements { target: target(Arch::X86_64, None), boot_mode };
    assert_eq!(chosen(&requirements(Some(BootMode::Bios)), &set).as_deref(), Some("a"));
    assert_eq!(chosen(&requirements(Some(BootMode::Uefi)), &set).as_deref(), Some("x86_64-a"));
    assert_eq!(chosen(&requirements(None), &set).as_deref(), Some("x86_64-a"));
    let steps: Vec<String> = select(&requirements(Some(BootMode::Bios)), "a", &set)
        .attempts
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        steps,
        ["x86_64-a: starts by uefi only (hw_firmware_type), and the node by bios (boot_mode)", "a: chosen"]
    );
}

#[test]
fn machines_say_what_they_need_and_no_secret() {
    let read = |node: &str| Fleet::read(node).map(|mut fleet| fleet.machines.swap_remove(0));
    let one = read(
        r#"[{"name": "n", "properties": {"cpu_arch": "ppc64le", "capabilities": "boot_mode:uefi,x"},
             "extra": {"tripleo_platform": "p9"}, "pm_password": "hunter2"}]"#,
    )
    .unwrap();
    let requirements = one.requirements.unwrap();
    assert_eq!(requirements.target, target(Arch::Ppc64le, Some("p9")));
    assert_eq!((requirements.boot_mode, one.notes.len()), (Some(BootMode::Uefi), 1));
    let bad = |node: &str| read(node).unwrap().requirements.unwrap_err();
    assert_eq!(
        bad(r#"[{"arch": "amd64", "cpu_arch": "x86_64", "properties": {"cpu_arch": "arm64"}}]"#),
        "arch=amd64 and properties.cpu_arch=arm64 contradict each other"
    );
    assert_eq!(bad(r#"[{"platform": "p9"}]"#), "it names the platform p9 and no architecture; add \"arch\"");
    for (text, said) in [
        (
            "{\"nodes\": [{\"pm_password\": \"hunter2}]}",
            "line 1, column 38: not JSON: EOF while parsing a string",
        ),
        ("{\"nodes\": [\"hunter2\"]}", "nodes[0]: a machine is expected"),
        ("{\"nodes\": {\"a\": \"hunter2\"}}", "nodes: a list of machines is expected"),
        ("{\"nodes\": [{\"arch\": [\"hunter2\"]}]}", "nodes[0].arch: a text is expected"),
        ("[]", "nodes: the list is empty"),
    ] {
        let error = Fleet::read(text).unwrap_err().to_string();
        assert!(error.starts_with(said) && !error.contains("hunter2"), "{error}");
    }
}
