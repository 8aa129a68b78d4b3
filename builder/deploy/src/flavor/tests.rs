//! Flavors as people have them, and what is wrong with them.

use super::*;

fn image(structure: Structure) -> ImageRequirements {
    let properties =
        [("hw_architecture", "ppc64le"), ("tripleo_platform", "p9"), ("hw_firmware_type", "uefi")];
    ImageRequirements {
        structure,
        virtual_bytes: (3 << 30) + 1,
        min_disk: 4,
        min_ram: Some(2048),
        properties: properties.map(|(name, value)| (name.to_string(), value.to_string())).into(),
    }
}

fn rules(flavor: &Flavor, structure: Structure) -> Vec<Rule> {
    check(flavor, &image(structure)).into_iter().map(|finding| finding.rule).collect()
}

#[test]
fn a_whole_disk_takes_a_root_only_flavor() {
    let mut flavor = Flavor { root_gb: 4, ..Flavor::default() };
    assert_eq!(rules(&flavor, Structure::WholeDisk), []);
    flavor.ephemeral_gb = 1;
    assert_eq!(rules(&flavor, Structure::WholeDisk), [Rule::RootOnly]);
    flavor.swap_mb = 1;
    assert_eq!(rules(&flavor, Structure::WholeDisk), [Rule::RootOnly, Rule::RootOnly]);
    assert_eq!(rules(&flavor, Structure::Partition), [], "a partition image leaves room for both");
}

#[test]
fn sizes_meet_at_the_limit() {
    let flavor = |root_gb, ram_mb| Flavor { root_gb, ram_mb: Some(ram_mb), ..Flavor::default() };
    assert_eq!(rules(&flavor(3, 2047), Structure::WholeDisk), [Rule::RootSize, Rule::Memory]);
    assert_eq!(rules(&flavor(4, 2048), Structure::WholeDisk), []);
    assert_eq!(rules(&flavor(0, 2048), Structure::WholeDisk), []);
    assert_eq!(rules(&flavor(0, 2048), Structure::Partition), [Rule::RootSize]);
}

#[test]
fn extra_specs_meet_properties() {
    let with = |key: &str, value: &str| {
        let mut flavor = Flavor { root_gb: 9, ..Flavor::default() };
        flavor.properties.insert(key.into(), value.into());
        rules(&flavor, Structure::WholeDisk)
    };
    for (key, good, bad, rule) in [
        ("cpu_arch", "ppc64el", "x86_64", Rule::Architecture),
        ("capabilities:cpu_arch", "<or> x86_64 <or> ppc64le", "<or> x86_64", Rule::Architecture),
        ("capabilities:boot_mode", "s== uefi", "bios", Rule::BootMode),
        ("capabilities:boot_mode", "<in> UEFI", "floppy", Rule::BootMode),
        ("capabilities:platform", "p9", "P9", Rule::Platform),
    ] {
        assert_eq!(with(key, good), [], "{key}={good}");
        assert_eq!(with(key, bad), [rule], "{key}={bad}");
    }
    assert_eq!(with("resources:CUSTOM_BAREMETAL", "1"), []);
}

#[test]
fn flavors_of_several_clients() {
    let new = r#"{"OS-FLV-DISABLED:disabled": false, "OS-FLV-EXT-DATA:ephemeral": 1, "disk": 20, "id": "1",
        "name": "bm", "properties": {"cpu_arch": "x86_64"}, "ram": 4096, "swap": 0, "vcpus": 2}"#;
    let old = r#"{"OS-FLV-EXT-DATA:ephemeral": "1", "disk": "20", "name": "bm",
        "properties": "cpu_arch='x86_64'", "ram": 4096, "swap": "", "vcpus": 2}"#;
    let flavor = Flavor::read(new).unwrap();
    assert_eq!((flavor.root_gb, flavor.ephemeral_gb, flavor.ram_mb), (20, 1, Some(4096)));
    assert_eq!(flavor.properties["cpu_arch"], "x86_64");
    assert_eq!(Flavor::read(old).unwrap(), flavor);
    for (text, said) in [
        ("{\"disk\": 20,}", "line 1, column 13: not JSON: trailing comma"),
        ("{\"ram\": 1}", "`disk`: it is missing"),
        ("{\"disk\": 1}", "`ram`: it is missing"),
        ("{\"disk\": -1, \"ram\": 1}", "`disk`: `-1` is not a whole number"),
        ("{\"disk\": 1, \"ram\": 1, \"swap\": \"x\"}", "`swap`: `\"x\"` is not a whole number"),
        ("{\"disk\": 1, \"ram\": 1, \"properties\": \"x\"}", "the property `x` is not name=value"),
        ("{\"disk\": 1, \"ram\": 1, \"properties\": [1]}", "`properties`: an object or a text"),
        ("[]", "`flavor`: an object is expected"),
    ] {
        let error = Flavor::read(text).unwrap_err().to_string();
        assert!(error.starts_with(said), "{error}");
    }
}
