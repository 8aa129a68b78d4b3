//! The ladder and the tags.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::*;

fn target(arch: Arch, platform: Option<&str>) -> Target {
    Target { arch, platform: platform.map(|p| p.parse().unwrap()) }
}

fn image(stem: &str, arch: Option<Arch>, platform: Option<&str>) -> Candidate {
    let tags = Tags { arch, platform: platform.map(|p| p.parse().unwrap()), boot_mode: None };
    Candidate { stem: stem.into(), serves: Serves::Tagged(tags) }
}

fn chosen(wants: &Wants, candidates: &[Candidate]) -> Option<String> {
    select(wants, "a", candidates).chosen.map(|index| candidates[index].stem.clone())
}

#[test]
fn the_closest_name_wins() {
    let set = [
        image("a", None, None),
        image("x86_64-a", Some(Arch::X86_64), None),
        image("ppc64le-a", Some(Arch::Ppc64le), None),
        image("p9-ppc64le-a", Some(Arch::Ppc64le), Some("p9")),
    ];
    let wants = |arch, platform| Wants::from(target(arch, platform));
    assert_eq!(chosen(&wants(Arch::Ppc64le, Some("p9")), &set).as_deref(), Some("p9-ppc64le-a"));
    assert_eq!(chosen(&wants(Arch::Ppc64le, Some("P9")), &set).as_deref(), Some("ppc64le-a"));
    assert_eq!(chosen(&wants(Arch::X86_64, Some("SNB")), &set).as_deref(), Some("x86_64-a"));
    assert_eq!(chosen(&wants(Arch::X86_64, None), &set[..1]).as_deref(), Some("a"));
    assert_eq!(chosen(&wants(Arch::Aarch64, None), &set), None);
}

#[test]
fn tags_speak_against_names() {
    let wants = Wants::from(target(Arch::Ppc64le, Some("p9")));
    assert_eq!(chosen(&wants, &[image("a", None, None)]), None, "an untagged one is for x86_64");
    assert_eq!(chosen(&wants, &[image("a", Some(Arch::Ppc64le), None)]).as_deref(), Some("a"));
    assert_eq!(chosen(&wants, &[image("ppc64le-a", Some(Arch::X86_64), None)]), None);
    assert_eq!(chosen(&wants, &[image("p9-ppc64le-a", Some(Arch::Ppc64le), Some("p8"))]), None);
    let none = Wants::from(target(Arch::Ppc64le, None));
    assert_eq!(chosen(&none, &[image("ppc64le-a", Some(Arch::Ppc64le), Some("p9"))]), None);
}

/// The seed's first step: an image named for the architecture, with the platform in its metadata.
#[test]
fn metadata_beats_order_on_one_rung() {
    let set =
        [image("ppc64le-a", Some(Arch::Ppc64le), None), image("ppc64le-a", Some(Arch::Ppc64le), Some("p9"))];
    let found = |platform| select(&Wants::from(target(Arch::Ppc64le, platform)), "a", &set).chosen;
    assert_eq!((found(Some("p9")), found(Some("p8")), found(None)), (Some(1), Some(0), Some(0)));
}

#[test]
fn layouts_serve_every_machine() {
    let layout = |stem: &str| Candidate { stem: stem.into(), serves: Serves::Every };
    let wants = Wants::from(target(Arch::Aarch64, None));
    assert_eq!(chosen(&wants, &[layout("a"), layout("ppc64le-a")]).as_deref(), Some("a"));
}

#[test]
fn boot_modes_must_meet() {
    let mut uefi = image("x86_64-a", Some(Arch::X86_64), None);
    let Serves::Tagged(tags) = &mut uefi.serves else { panic!("tagged") };
    tags.boot_mode = Some(BootMode::Uefi);
    let set = [uefi, image("a", Some(Arch::X86_64), None)];
    let wants = |boot_mode| Wants { target: target(Arch::X86_64, None), boot_mode };
    assert_eq!(chosen(&wants(Some(BootMode::Bios)), &set).as_deref(), Some("a"));
    assert_eq!(chosen(&wants(Some(BootMode::Uefi)), &set).as_deref(), Some("x86_64-a"));
    assert_eq!(chosen(&wants(None), &set).as_deref(), Some("x86_64-a"));
    let steps: Vec<String> =
        select(&wants(Some(BootMode::Bios)), "a", &set).tried.iter().map(ToString::to_string).collect();
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
    let wants = one.wants.unwrap();
    assert_eq!(wants.target, target(Arch::Ppc64le, Some("p9")));
    assert_eq!((wants.boot_mode, one.notes.len()), (Some(BootMode::Uefi), 1));
    let bad = |node: &str| read(node).unwrap().wants.unwrap_err();
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
