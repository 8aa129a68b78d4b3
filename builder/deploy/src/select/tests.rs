//! The search by names and the tags.

use alloc::format;
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
    let read =
        |node: &str| Fleet::read(node, NodesFormat::Json).map(|mut fleet| fleet.machines.swap_remove(0));
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
        let error = Fleet::read(text, NodesFormat::Json).unwrap_err().to_string();
        assert!(error.starts_with(said) && !error.contains("hunter2"), "{error}");
    }
}

/// A machine's name, and its target or why that is not known.
fn fleet(text: &str, format: NodesFormat) -> Vec<String> {
    let machines = Fleet::read(text, format).unwrap().machines.into_iter();
    machines
        .map(|machine| match machine.requirements {
            Ok(found) => {
                let mode = found.boot_mode.map_or(String::new(), |mode| format!(" {mode}"));
                format!("{}: {}{mode}", machine.name, found.target)
            }
            Err(why) => format!("{}: {why}", machine.name),
        })
        .collect()
}

/// What python-tripleoclient's `parse_env_file` reads, by the ending of the file's name.
#[test]
fn files_of_nodes_are_json_yaml_or_csv() {
    let json = "\u{feff}{\"nodes\": [{\"name\": \"n1\", \"arch\": \"ppc64le\"}]}";
    assert_eq!(fleet(json, NodesFormat::of("instackenv.JSON", json)), ["n1: ppc64le"]);
    let yaml = "\u{feff}nodes:\r\n  - name: n1\r\n    arch: ppc64le\r\n    mac: [\"52:54:00:00:00:01\"]\r\n  - name: 17\r\n    arch: x86_64\r\n";
    assert_eq!(fleet(yaml, NodesFormat::of("a.b/nodes.yml", yaml)), ["n1: ppc64le", "17: x86_64"]);
    assert_eq!(NodesFormat::of("/dev/fd/63", " [{}]"), NodesFormat::Json);
    assert_eq!(NodesFormat::of("/dev/fd/63", "- name: n"), NodesFormat::Yaml);
    let csv = "pxe_ipmitool,192.0.2.1,admin,\"hun,ter2\",52:54:00:00:00:01\r\n\r\n";
    assert_eq!(fleet(csv, NodesFormat::of("nodes.csv", csv)), ["52:54:00:00:00:01: x86_64"]);
    let csv = "name,arch,capabilities,mac\nn1,aarch64,boot_mode:uefi,\nn2,,,52:54:00:00:00:02\n";
    let others = "it names no architecture, and others of the file do; add \"arch\"";
    assert_eq!(fleet(csv, NodesFormat::Csv), ["n1: aarch64 uefi".to_string(), format!("n2: {others}")]);
    for (text, format) in [
        ("nodes: [{pm_password: hunter2", NodesFormat::Yaml),
        ("name: a\nname: hunter2\n", NodesFormat::Yaml),
        ("pm_type,hunter2\na,b,hunter2,d\n", NodesFormat::Csv),
        ("a: &x [*x]\nhunter2: [*y]\n", NodesFormat::Yaml),
    ] {
        let error = Fleet::read(text, format).unwrap_err().to_string();
        assert!(!error.contains("hunter2"), "{error}");
    }
}

/// `openstack baremetal node list --fields uuid name properties extra -f FORMAT`, and `node show`.
#[test]
fn ironics_client_prints_nodes_in_other_words() {
    let json = r#"[{"UUID": "u1", "Name": "power-1", "Extra": {"tripleo_platform": "p9"},
                    "Properties": {"cpu_arch": "ppc64le", "capabilities": "boot_mode:bios"}}]"#;
    assert_eq!(fleet(json, NodesFormat::Json), ["power-1: p9-ppc64le bios"]);
    let texts = r#"[{"UUID": "u1", "Name": null, "Properties": "{\"cpu_arch\": \"aarch64\", \"capabilities\": \"{'boot_mode': 'uefi'}\"}"}]"#;
    assert_eq!(fleet(texts, NodesFormat::Json), ["u1: aarch64 uefi"]);
    let yaml = "- Name: power-1\n  Properties:\n    cpu_arch: ppc64le\n  UUID: u1\n";
    assert_eq!(fleet(yaml, NodesFormat::Yaml), ["power-1: ppc64le"]);
    let csv = "\"UUID\",\"Name\",\"Properties\",\"Extra\"\n\
               \"u1\",\"power-1\",\"{'cpu_arch': 'ppc64le', 'cpus': 8, 'vendor': \"\"O'Hara\"\", 'gpu': None, 'capabilities': 'boot_mode:bios'}\",\"{}\"\n";
    assert_eq!(fleet(csv, NodesFormat::Csv), ["power-1: ppc64le bios"]);
    let show = r#"{"uuid": "u1", "name": "arm-1", "properties": {"cpu_arch": "aarch64"}}"#;
    assert_eq!(fleet(show, NodesFormat::Json), ["arm-1: aarch64"]);
}

#[test]
fn a_machine_of_which_nothing_is_known_gets_nothing() {
    let list = r#"[{"UUID": "u1", "Name": "n1", "Power State": "power on"}]"#;
    let told = "n1: it has no properties, where ironic has the architecture; print the nodes with --fields uuid name properties extra";
    assert_eq!(fleet(list, NodesFormat::Json), [told]);
    let odd = r#"[{"Name": "n1", "Properties": "cpu_arch ppc64le"}]"#;
    let told = "n1: its properties are a text that is neither JSON nor a dictionary of Python's";
    assert_eq!(fleet(odd, NodesFormat::Json), [told]);
}
