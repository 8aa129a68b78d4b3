//! Whole disk or partition, by ironic 39.0.0's own function: over a table of all cases, and over the sidecars of a build.
//!
//! In: the virtual environment that `scripts/test` makes (`DIBBER_IRONIC_VENV`). Out: equal answers. Never: a skip, a network.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use dibber_deploy::structure::{InstanceInfo, Structure, of_instance};
use dibber_imageset::Sidecar;
use dibber_plan::Role;
use serde_json::{Map, Value, json};

use dibber_tests::workshop::{Workshop, run};

/// What a cloud and a node say: instance_info, and the image's properties, `None` if Glance does not tell.
#[derive(Clone, Debug)]
struct Case {
    info: BTreeMap<&'static str, &'static str>,
    properties: Option<BTreeMap<String, String>>,
}

const IMAGE: &str = "0b5ac0f2-6a33-4c4f-8f3e-8e5f6f0a1b2c";

impl Case {
    /// An image in Glance, of which the node says nothing more.
    fn of(properties: &BTreeMap<String, String>) -> Case {
        Case { info: BTreeMap::from([("image_source", IMAGE)]), properties: Some(properties.clone()) }
    }

    fn ours(&self) -> Option<Structure> {
        let said = |key: &str| self.info.get(key).copied();
        let info = InstanceInfo {
            image_source: said("image_source"),
            image_type: said("image_type"),
            kernel: said("kernel"),
            ramdisk: said("ramdisk"),
        };
        of_instance(&info, self.properties.as_ref()).map(|inferred| inferred.structure)
    }
}

/// Calls ironic's function with properties in Glance's place, and answers of a web server that gives no hints.
const SCRIPT: &str = "
import importlib.metadata, json, sys, types
from ironic.common import image_service, images
assert importlib.metadata.version('ironic') == '39.0.0'
properties = None
def in_glance(context, href, properties_='all'):
    if properties is None:
        raise RuntimeError('Glance does not tell')
    return properties
images.get_image_properties = in_glance
image_service.HttpImageService.validate_href = staticmethod(
    lambda href, *more, **named: types.SimpleNamespace(headers={}, url=href))
answers = []
for info, properties in json.load(sys.stdin):
    answers.append(images.is_whole_disk_image(None, info))
print(json.dumps(answers))
";

/// What ironic takes each case for.
fn ironic(cases: &[Case]) -> Vec<Option<Structure>> {
    let venv = std::env::var_os("DIBBER_IRONIC_VENV").expect(
        "DIBBER_IRONIC_VENV must name a virtual environment with ironic 39.0.0; scripts/test makes one",
    );
    let python = Path::new(&venv).join("bin/python");
    let input: Vec<Value> = cases.iter().map(|case| json!([case.info, case.properties])).collect();
    let mut child = Command::new(&python)
        .args(["-c", SCRIPT])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{}: {error}", python.display()));
    let text = Value::from(input).to_string();
    child.stdin.take().expect("piped").write_all(text.as_bytes()).expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{} ended with {}", python.display(), output.status);
    let answers: Vec<Option<bool>> = serde_json::from_slice(&output.stdout).expect("answers");
    assert_eq!(answers.len(), cases.len());
    let structure = |whole| if whole { Structure::WholeDisk } else { Structure::Partition };
    answers.into_iter().map(|answer| answer.map(structure)).collect()
}

const SOURCES: [Option<&str>; 15] = [
    None,
    Some(""),
    Some(IMAGE),
    Some("0B5AC0F2-6A33-4C4F-8F3E-8E5F6F0A1B2C"),
    Some("0b5ac0f26a334c4f8f3e8e5f6f0a1b2c"),
    Some("{0b5ac0f2-6a33-4c4f-8f3e-8e5f6f0a1b2c}"),
    Some("urn:uuid:0b5ac0f2-6a33-4c4f-8f3e-8e5f6f0a1b2c"),
    Some("glance://0b5ac0f2-6a33-4c4f-8f3e-8e5f6f0a1b2c"),
    Some("glance://overcloud-full"),
    Some("oci://registry.example/overcloud-full:1"),
    Some("oci://registry.example/overcloud-full@sha256:0/"),
    Some("http://images.example/overcloud-full.qcow2"),
    Some("https://images.example/overcloud-full.qcow2"),
    Some("https://images.example/tree/"),
    Some("http://0b5ac0f2-6a33-4c4f-8f3e-8e5f6f0a1b2c"),
];

const TYPES: [Option<&str>; 6] =
    [None, Some(""), Some("partition"), Some("whole-disk"), Some("Partition"), Some("raw")];

const IDS: [Option<&str>; 3] = [None, Some(""), Some("7d2f2d6e-5b0f-4d5a-9d0c-3a0f4f5e6d7c")];

/// Every source with every image_type, img_type, kernel and ramdisk, in Glance and on the node.
fn table() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut each = |source: usize, rest: [Option<&'static str>; 6], glance: bool| {
        let [image_type, kernel, ramdisk, img_type, kernel_id, ramdisk_id] = rest;
        let given = |pairs: [(&'static str, Option<&'static str>); 4]| {
            pairs.into_iter().filter_map(|(name, value)| Some((name, value?))).collect::<BTreeMap<_, _>>()
        };
        let info = given([
            ("image_source", SOURCES[source]),
            ("image_type", image_type),
            ("kernel", kernel),
            ("ramdisk", ramdisk),
        ]);
        let properties =
            given([("img_type", img_type), ("kernel_id", kernel_id), ("ramdisk_id", ramdisk_id), ("", None)]);
        let texts = properties.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        cases.push(Case { info, properties: glance.then_some(texts) });
    };
    for source in 0..SOURCES.len() {
        for image_type in TYPES {
            for (kernel, ramdisk) in IDS.iter().flat_map(|k| IDS.map(|r| (*k, r))) {
                for (kernel_id, ramdisk_id) in IDS.iter().flat_map(|k| IDS.map(|r| (*k, r))) {
                    for img_type in TYPES {
                        each(source, [image_type, kernel, ramdisk, img_type, kernel_id, ramdisk_id], true);
                    }
                }
                each(source, [image_type, kernel, ramdisk, None, None, None], false);
            }
        }
    }
    cases
}

#[test]
fn the_rule_is_ironic_s() {
    let cases = table();
    let theirs = ironic(&cases);
    for (case, theirs) in cases.iter().zip(&theirs) {
        assert_eq!(case.ours(), *theirs, "{case:?}");
    }
    // All answers are among them, and not one of them alone would pass.
    for answer in [None, Some(Structure::WholeDisk), Some(Structure::Partition)] {
        let count = theirs.iter().filter(|theirs| **theirs == answer).count();
        assert!(count > cases.len() / 20, "{answer:?}: {count} of {}", cases.len());
    }
}

/// The judge objects: with one property flipped, our answer is another one than ironic's for the true ones.
#[test]
fn a_flipped_property_is_another_answer() {
    let with = |pairs: &[(&str, &str)]| {
        Case::of(&pairs.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect())
    };
    let twins = [
        (with(&[("img_type", "partition")]), with(&[("img_type", "whole-disk")])),
        (with(&[("img_type", "partition")]), with(&[])),
        (with(&[]), with(&[("kernel_id", IMAGE)])),
        (with(&[("ramdisk_id", IMAGE)]), with(&[("ramdisk_id", "")])),
        (with(&[("kernel_id", IMAGE)]), with(&[("kernel_id", IMAGE), ("img_type", "raw")])),
    ];
    let cases: Vec<Case> = twins.iter().flat_map(|(right, broken)| [right.clone(), broken.clone()]).collect();
    for ((right, broken), theirs) in twins.iter().zip(ironic(&cases).chunks(2)) {
        assert_eq!(theirs, [right.ours(), broken.ours()]);
        assert_ne!(broken.ours(), theirs[0], "{right:?} {broken:?}");
    }
}

const GPT: &str = "[{local_loop: {name: image0}}, {partitioning: {base: image0, label: gpt, partitions: [
      {name: root, type: '8300', size: 100%}]}}, {mkfs: {base: root, mount: {mount_point: /}}}]";

#[test]
fn sidecars_say_what_ironic_will_do() {
    let shop = Workshop::new();
    let mut built = Vec::new();
    for (name, layout, structure) in
        [("part", "partition", Structure::Partition), ("whole", GPT, Structure::WholeDisk)]
    {
        let keys = [
            ("layout", layout),
            ("outputs", "[qcow2, raw, vhd, tar]"),
            ("size", "32MiB"),
            ("min_ram", "512MiB"),
            ("platform", "SNB"),
            ("properties", "{hw_rng_model: virtio}"),
        ];
        shop.build(&shop.image(name, &keys), &[]).well();
        let sidecar = |kind: &str| -> Sidecar {
            let text =
                fs::read(shop.out().join(format!("SNB-x86_64-{name}.{kind}.json"))).expect("a sidecar");
            serde_json::from_slice(&text).expect("a sidecar")
        };
        for kind in ["qcow2", "raw", "vhd"] {
            let found = sidecar(kind);
            let said = found.structure.as_ref().expect("disks have a structure");
            assert_eq!(said.is, structure);
            built.push((Case::of(&found.properties), structure));
            assert_eq!(said.why, format!("the property img_type={structure} says so"));
            assert_eq!((found.role, found.min_disk, found.min_ram), (Some(Role::Disk), Some(1), Some(512)));
            assert_eq!(found.virtual_bytes, Some(32 << 20), "{kind}");
            let expected = json!({
                "hw_architecture": "x86_64", "tripleo_platform": "SNB", "img_type": structure.word(),
                "hw_machine_type": "q35", "hw_rng_model": "virtio",
            });
            let properties: Map<String, Value> =
                found.properties.into_iter().map(|(name, value)| (name, value.into())).collect();
            assert_eq!(Value::from(properties), expected);
        }
        let tar = sidecar("tar");
        assert_eq!((tar.role, tar.structure, tar.min_disk), (Some(Role::Tree), None, None));
        assert!(!tar.properties.contains_key("img_type"), "an archive is no image to ironic");
    }
    let (cases, structures): (Vec<Case>, Vec<Structure>) = built.into_iter().unzip();
    assert_eq!(ironic(&cases), structures.into_iter().map(Some).collect::<Vec<_>>());
    // The set that was built is one that selection reads.
    let node = ["--arch", "x86_64", "--platform", "SNB"];
    let arguments = |name: &'static str| [&["select", name, "--in", "out"][..], &node].concat();
    let told = shop.run(&arguments("whole")).well();
    assert!(told.out.contains("disk     out/SNB-x86_64-whole.qcow2\n"), "{}", told.out);
    shop.run(&arguments("hole")).refuses(3, &["did you mean whole?"]);
    let told = shop.run(&["select", "whole", "--in", "out"]);
    assert_eq!(told.code, Some(10), "it is for SNB alone: {}", told.out);
}

#[test]
fn properties_that_contradict_the_disk_are_warned_about() {
    let shop = Workshop::new();
    let planned = |layout: &str, properties: &str| {
        let image = shop.image("odd", &[("layout", layout), ("properties", properties)]);
        let mut words = shop.arguments(&image);
        words[0] = "plan".to_string();
        let told = run(shop.dibber().args(words)).well();
        format!("{}{}", told.out, told.err)
    };
    let said = planned(GPT, "{img_type: partition, kernel_id: x}");
    assert!(
        said.contains("ironic will take this for a partition") && said.contains("has no kernel_id"),
        "{said}"
    );
    let said = planned("partition", "{img_type: whole-disk}");
    assert!(said.contains("ironic will take this for a whole-disk"), "{said}");
    assert!(!planned("partition", "{kernel_id: x}").contains("ironic will"));
}
