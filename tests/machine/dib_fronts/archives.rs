//! Container images and aci, judged by who takes them.

use std::fs;

use dibber_tests::{accepts, run};
use serde_json::Value;

use super::Fronts;

#[test]
fn container_images_are_taken_by_engines() {
    let fronts = Fronts::new();
    let words = ["-o", "c", "-t", "docker,oci", "--docker-target", "local/tiny:7", "-n", "tiny-os"];
    fronts.create(&words).well();
    let (docker, oci) = (fronts.text("c.docker.tar"), fronts.text("c.oci.tar"));
    for source in
        [format!("docker-archive:{docker}"), format!("oci-archive:{oci}"), format!("oci-archive:{docker}")]
    {
        let told = accepts("skopeo", &["inspect", "--config", &source]);
        let config: Value = serde_json::from_str(&told).expect("JSON");
        assert_eq!((&config["architecture"], &config["os"]), (&"amd64".into(), &"linux".into()), "{source}");
        assert_eq!(config["created"], "2023-11-14T22:13:20Z");
    }
    let manifest = accepts("tar", &["-xOf", &docker, "manifest.json"]);
    assert!(manifest.contains("\"RepoTags\":[\"local/tiny:7\"]"), "{manifest}");
    assert!(!accepts("tar", &["-tf", &oci]).contains("manifest.json"));
    // The layer is the tree, and its digest is what the documents say.
    let dir = fronts.text("layout");
    accepts(
        "skopeo",
        &["copy", "--insecure-policy", &format!("docker-archive:{docker}"), &format!("dir:{dir}")],
    );
    let text = fs::read_to_string(fronts.at("layout/manifest.json")).expect("a manifest");
    let copied: Value = serde_json::from_str(&text).expect("JSON");
    let digest =
        copied["layers"][0]["digest"].as_str().expect("a digest").trim_start_matches("sha256:").to_string();
    let listed = accepts("tar", &["-tf", &format!("{dir}/{digest}")]);
    assert!(listed.lines().any(|line| line == "./bin/busybox"), "{listed}");
}

/// A byte of the layer that was changed is noticed, or the judge above judges nothing.
#[test]
fn a_damaged_layer_is_refused() {
    let fronts = Fronts::new();
    fronts.create(&["-o", "c", "-t", "oci", "-n", "tiny-os"]).well();
    let path = fronts.at("c.oci.tar");
    let len = fs::metadata(&path).expect("there").len();
    dibber_tests::flip_bit(&path, len / 2);
    let copy = [
        "copy",
        "--insecure-policy",
        &format!("oci-archive:{}", path.display()),
        &format!("dir:{}", fronts.text("x")),
    ];
    assert!(!run("skopeo", &copy).status.success());
}

#[test]
fn an_aci_has_its_manifest() {
    let fronts = Fronts::new();
    fs::write(fronts.at("manifest.json"), "{\"acKind\": \"ImageManifest\"}\n").expect("write a file");
    let mut command = fronts.command("disk-image-create");
    command.args(["-o", "a", "-t", "aci,tar", "-n", "tiny-os"]).env("ACI_MANIFEST", "manifest.json");
    dibber_tests::workshop::run(&mut command).well();
    let (aci, tar) = (fronts.text("a.aci"), fronts.text("a.tar"));
    assert_eq!(accepts("tar", &["-xOf", &aci, "manifest"]), "{\"acKind\": \"ImageManifest\"}\n");
    let (below, plain) = (accepts("tar", &["-tf", &aci]), accepts("tar", &["-tf", &tar]));
    let expected: Vec<String> = plain.lines().map(|line| line.replacen('.', "rootfs", 1)).collect();
    let found: Vec<&str> = below.lines().filter(|line| *line != "manifest").collect();
    assert_eq!(found, expected);
    let told = fronts.create(&["-o", "b", "-t", "aci", "-n", "tiny-os"]).well();
    assert!(told.out.contains("ACI_MANIFEST"), "{}", told.out);
}
