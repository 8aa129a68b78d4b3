//! Selection as data: each folder of `tests/selections` holds a set, nodes and commands, and what `dibber select` says.
//!
//! `set.txt` makes the directory `set`, a line each: `image NAME ARCH PLATFORM|- KINDS [PROPERTY=VALUE ...]`, committed as a
//! build commits it; `file NAME`, of another tool; `change FILE`, `remove FILE`, `describe FILE PROPERTY=VALUE`.
//! `DIBBER_BLESS=1` writes `expected.txt` anew; read the difference before committing it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use dibber_model::{Arch, Target};
use serde_json::{Value, json};

use dibber_tests::program;
use dibber_tests::sets::Sample;
use dibber_tests::workshop::{Told, run};

fn sorted(dir: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(dir).expect("read directory").map(|entry| entry.expect("read entry").path()).collect();
    paths.sort();
    paths
}

/// One member, put in place by what puts a build's files in place.
fn add_image(set: &Path, words: &[&str]) {
    let [name, arch, platform, kinds, rest @ ..] = words else { panic!("image NAME ARCH PLATFORM KINDS") };
    let platform = Some(*platform).filter(|platform| *platform != "-");
    let target = Target {
        arch: arch.parse().expect("an architecture"),
        platform: platform.map(|p| p.parse().expect("a platform")),
    };
    let mut properties = BTreeMap::from([("hw_architecture".to_string(), arch.to_string())]);
    properties.extend(platform.map(|platform| ("tripleo_platform".to_string(), platform.to_string())));
    properties.extend(rest.iter().map(|pair| {
        let (name, value) = pair.split_once('=').expect("property=value");
        (name.to_string(), value.to_string())
    }));
    let kinds: Vec<&str> = kinds.split(',').collect();
    let sample = Sample { name, target, kinds: &kinds, properties, version: "" };
    sample.put(set).expect("a commit");
}

fn describe(sidecar: &Path, pair: &str) {
    let (name, value) = pair.split_once('=').expect("property=value");
    let text = fs::read_to_string(sidecar).expect("a sidecar");
    let mut json: Value = serde_json::from_str(&text).expect("JSON");
    json["properties"][name] = value.into();
    fs::write(sidecar, json.to_string()).expect("write the sidecar");
}

/// Makes the directory that `set.txt` describes.
fn make_set(set: &Path, lines: &str) {
    fs::create_dir(set).expect("make the set");
    for line in lines.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')) {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["image", rest @ ..] => add_image(set, rest),
            ["file", name] => fs::write(set.join(name), "of another tool").expect("write"),
            ["change", name] => {
                let mut bytes = fs::read(set.join(name)).expect("a file of the set");
                bytes[0] ^= 1;
                fs::write(set.join(name), bytes).expect("write");
            }
            ["remove", name] => fs::remove_file(set.join(name)).expect("remove"),
            ["describe", name, pair] => describe(&set.join(format!("{name}.json")), pair),
            _ => panic!("{line}"),
        }
    }
}

fn told(work: &Path, command: &str) -> Told {
    run(Command::new(program()).args(command.split_whitespace()).current_dir(work))
}

fn played(case: &Path) -> String {
    let work = tempfile::tempdir().expect("tempdir");
    make_set(&work.path().join("set"), &fs::read_to_string(case.join("set.txt")).expect("set.txt"));
    for file in sorted(case).iter().filter(|file| file.extension().is_some_and(|e| e == "json")) {
        fs::copy(file, work.path().join(file.file_name().expect("a name"))).expect("copy");
    }
    let mut out = String::new();
    for command in fs::read_to_string(case.join("commands.txt")).expect("commands.txt").lines() {
        let told = told(work.path(), command);
        writeln!(out, "$ dibber {command}\n{}{}exit {}\n", told.out, told.err, told.code.expect("an exit"))
            .expect("write");
    }
    out
}

#[test]
fn every_case_selects_as_expected() {
    let cases = sorted(&Path::new(env!("CARGO_MANIFEST_DIR")).join("selections"));
    assert!(cases.len() >= 6, "{cases:?}");
    for case in cases {
        let made = played(&case);
        assert!(!made.contains("hunter2") && !made.contains("panicked"), "{}\n{made}", case.display());
        let expected = case.join("expected.txt");
        if std::env::var_os("DIBBER_BLESS").is_some() {
            fs::write(&expected, &made).expect("write expected.txt");
        }
        let expected = fs::read_to_string(&expected).expect("read expected.txt");
        assert_eq!(expected, made, "{}", case.display());
    }
}

/// The list of files for a cloud of two architectures, as it was first proposed for TripleO.
const SEED: [&str; 10] = [
    "{,x86_64-}ironic-python-agent.kernel",
    "{,x86_64-}ironic-python-agent.initramfs",
    "{,x86_64-}overcloud-full.vmlinuz",
    "{,x86_64-}overcloud-full.initrd",
    "{,x86_64-}overcloud-full.qcow2",
    "ppc64le-ironic-python-agent.kernel",
    "ppc64le-ironic-python-agent.initramfs",
    "ppc64le-overcloud-full.vmlinuz",
    "ppc64le-overcloud-full.initrd",
    "ppc64le-overcloud-full.qcow2",
];

#[test]
fn the_set_of_two_architectures_is_the_seed_s_list() {
    let work = tempfile::tempdir().expect("tempdir");
    let set = work.path().join("set");
    make_set(&set, include_str!("../selections/seed/set.txt"));
    let mut expected: Vec<String> = Vec::new();
    for line in SEED {
        match line.strip_prefix("{,x86_64-}") {
            Some(rest) => expected.extend([rest.to_string(), format!("x86_64-{rest}")]),
            None => expected.push(line.to_string()),
        }
    }
    expected.sort();
    let names = sorted(&set).into_iter().map(|path| path.file_name().expect("a name").display().to_string());
    let found: Vec<String> = names
        .filter(|name| !name.ends_with(".json") && name != "SHA256SUMS" && !name.starts_with('.'))
        .collect();
    assert_eq!(found, expected);
}

/// Of every set that can be made of four images, every node gets one that its tags allow, and the closest there is.
#[test]
fn no_node_ever_gets_an_image_that_contradicts_it() {
    let images = [("x86_64", "-"), ("ppc64le", "-"), ("ppc64le", "p9"), ("aarch64", "-")];
    let nodes = [
        ("x86_64", None),
        ("ppc64le", None),
        ("ppc64le", Some("p8")),
        ("ppc64le", Some("p9")),
        ("aarch64", None),
    ];
    for chosen in 1..16u32 {
        let there = |index: usize| chosen & (1 << index) != 0;
        let work = tempfile::tempdir().expect("tempdir");
        let lines: String = images
            .iter()
            .enumerate()
            .filter(|(index, _)| there(*index))
            .map(|(_, (arch, platform))| format!("image a {arch} {platform} qcow2\n"))
            .collect();
        make_set(&work.path().join("set"), &lines);
        for (arch, platform) in nodes {
            let option = platform.map_or(String::new(), |platform| format!(" --platform {platform}"));
            let told = told(work.path(), &format!("select a --arch {arch}{option} --in set --json"));
            let said: Value = serde_json::from_str(&told.out).expect("JSON");
            // What the facts say, written out and not computed.
            let expected = match (arch, platform) {
                ("ppc64le", Some("p9")) if there(2) => Some("p9-ppc64le-a"),
                ("ppc64le", _) if there(1) => Some("ppc64le-a"),
                ("x86_64", _) if there(0) => Some("x86_64-a"),
                ("aarch64", _) if there(3) => Some("aarch64-a"),
                _ => None,
            };
            assert_eq!(said["chosen"].as_str(), expected, "{lines}{arch} {platform:?}");
            assert_eq!(told.code, Some(if expected.is_some() { 0 } else { 10 }));
        }
    }
}

/// Adding an architecture to the table is all it takes for it to be selected.
#[test]
fn every_architecture_is_selected() {
    let work = tempfile::tempdir().expect("tempdir");
    let arches: Vec<String> = Arch::all().map(|arch| arch.to_string()).collect();
    let lines: String = arches.iter().map(|arch| format!("image a {arch} - raw\n")).collect();
    make_set(&work.path().join("set"), &lines);
    for arch in arches {
        let told = told(work.path(), &format!("select a --arch {arch} --in set")).well();
        assert_eq!(told.out, format!("disk     set/{arch}-a.raw\n{arch}-a: chosen\n"));
    }
}

/// Commands that are refused, with the exit code and words of the error.
const BAD: &[(&str, i32, &[&str])] = &[
    ("select overcloud-ful --in set", 3, &["set has no image overcloud-ful", "did you mean overcloud-full?"]),
    ("select agent --in set", 3, &["its images.json does not name them"]),
    ("select a --in empty", 3, &["it has no images at all"]),
    ("select a --in nowhere", 3, &["nowhere", "No such file"]),
    ("select a --in odd", 3, &["odd/images.json", "version 2 is unknown"]),
    ("select overcloud-full --in set --arch sparc", 2, &["unknown architecture `sparc`", "ppc64le"]),
    ("select overcloud-full --in set --arch x86_64 --platform p-9", 2, &["`p-9` cannot name a platform"]),
    ("select overcloud-full --in set --platform p9", 2, &["--arch"]),
    ("select overcloud-full --in set --boot-mode floppy", 2, &["unknown boot mode `floppy`"]),
    ("select overcloud-full --in set --nodes none.json", 3, &["none.json", "No such file"]),
    ("select overcloud-full --in set --nodes broken.json", 3, &["broken.json: line 2, column", "not JSON"]),
    ("select overcloud-full --in set --nodes shape.json", 3, &["nodes[0].arch: a text is expected"]),
    ("select overcloud-full --in set --nodes shape.json --arch x86_64", 2, &["cannot be used with"]),
    ("check-flavor overcloud-full --in set --flavor flavor.json", 3, &["`disk`", "not a whole number"]),
    ("check-flavor overcloud-full --in set", 2, &["--flavor", "required"]),
    ("select overcloud-full --in set --nodes long.json", 3, &["long.json: it is longer than 8 MiB"]),
    ("select overcloud-full --in set --nodes /dev/zero", 3, &["/dev/zero: it is longer than 8 MiB"]),
    ("select overcloud-full --in set --nodes many.json", 3, &["nodes: more than 20000 machines"]),
    ("check-flavor overcloud-full --in set --flavor long.json", 3, &["it is longer than 8 MiB"]),
    ("select overcloud-full --in long", 3, &["long/images.json", "longer than 4194304 bytes"]),
    ("check-flavor overcloud-full --in long --root-gb 9", 3, &["images.json", "longer than"]),
    ("check-flavor overcloud-full --in set --root-gb 9 --property x", 2, &["`x` is not name=value"]),
    ("check-flavor overcloud-full --in set --arch aarch64 --root-gb 9", 10, &["there is none"]),
    ("check-flavor ./none.qcow2 --root-gb 9", 3, &["there is no such file"]),
    ("check-flavor flavor.json --root-gb 9", 3, &["flavor.json"]),
];

#[test]
fn bad_input_is_refused() {
    let work = tempfile::tempdir().expect("tempdir");
    let (at, write) =
        (work.path(), |name: &str, text: &str| fs::write(work.path().join(name), text).expect("write"));
    make_set(&at.join("set"), "image overcloud-full x86_64 - qcow2\nfile agent.kernel\n");
    make_set(&at.join("empty"), "");
    make_set(&at.join("odd"), "");
    fs::write(at.join("odd/images.json"), "{\"version\": 2, \"images\": []}").expect("write");
    write("broken.json", "{\"nodes\": [\n  {\"pm_password\": \"hunter2\",}\n]}");
    write("shape.json", "{\"nodes\": [{\"arch\": 3, \"pm_password\": \"hunter2\"}]}");
    write("flavor.json", "{\"disk\": \"large\", \"ram\": 1}");
    // What is read whole has a length: sparse, as a whole file would be read for its first byte already.
    for long in ["long.json", "long/images.json"] {
        fs::create_dir_all(at.join("long")).expect("make a directory");
        fs::File::create(at.join(long)).expect("create").set_len(60 << 20).expect("make it long");
    }
    write("many.json", &format!("[{}{{}}]", "{},".repeat(1 << 20)));
    for (command, code, words) in BAD {
        let told = told(at, command);
        told.refuses(*code, words);
        assert!(!told.err.contains("hunter2"), "{}", told.err);
    }
}

/// A name that is wider than any column is cut in the table, and whole below it.
#[test]
fn a_name_of_any_length_is_told() {
    let work = tempfile::tempdir().expect("tempdir");
    make_set(&work.path().join("set"), "image overcloud-full x86_64 - qcow2\n");
    let long = "n".repeat(70_000);
    let nodes =
        json!({ "nodes": [{ "name": long, "arch": "x86_64" }, { "name": "short", "arch": "x86_64" }] });
    fs::write(work.path().join("nodes.json"), nodes.to_string()).expect("write");
    let page = told(work.path(), "select overcloud-full --in set --nodes nodes.json").well().out;
    let widest = page.lines().take(3).map(str::len).max().unwrap_or(0);
    assert!(widest < 400 && page.contains(&format!("\n{long}\n")), "{widest}");
}

/// What a flavor is told, by image and flavor.
#[test]
fn flavors_are_held_against_images() {
    let work = tempfile::tempdir().expect("tempdir");
    let at = work.path();
    let lines = "image whole x86_64 - qcow2,vmlinuz img_type=whole-disk hw_firmware_type=uefi\n\
                 image part x86_64 - qcow2 img_type=partition\n";
    make_set(&at.join("set"), lines);
    fs::write(
        at.join("old.json"),
        r#"{"name": "bm", "disk": 2, "ram": 512, "swap": 64, "OS-FLV-EXT-DATA:ephemeral": 1, "vcpus": 1,
            "properties": "capabilities:boot_mode='bios', cpu_arch='aarch64'"}"#,
    )
    .expect("write");
    let said = |command: &str| told(at, command);
    let all = said("check-flavor whole --in set --flavor old.json");
    let reasons = [
        "root disk only",
        "an ephemeral disk of 1 GiB",
        "swap of 64 MiB",
        "root disk is 2 GiB, and the image's disk is 2147483649 bytes long, which needs 3 GiB",
        "capabilities:boot_mode=bios, and the image has hw_firmware_type=uefi",
        "cpu_arch=aarch64, and the image has hw_architecture=x86_64",
    ];
    assert_eq!((all.code, all.err.matches("warning: ").count()), (Some(0), 5), "{}", all.err);
    assert!(reasons.iter().all(|reason| all.err.contains(reason)), "{}", all.err);
    assert!(
        all.out.contains("whole-disk of 2 GiB (the property img_type=whole-disk says so)"),
        "{}",
        all.out
    );
    said("check-flavor whole --in set --flavor old.json --strict")
        .refuses(10, &["error: ", "root disk only"]);
    let fits = said("check-flavor whole --in set --root-gb 3 --strict").well();
    assert!(fits.out.ends_with("the flavor fits\n") && fits.err.is_empty(), "{}{}", fits.out, fits.err);
    said("check-flavor part --in set --root-gb 3 --ephemeral-gb 1 --swap-mb 1 --strict").well();
    said("check-flavor part --in set --root-gb 0 --strict").refuses(10, &["ironic needs the size"]);
    said("check-flavor set/whole.vmlinuz --root-gb 3").refuses(3, &["this is a vmlinuz"]);
    let json: Value = serde_json::from_str(
        &said("check-flavor set/x86_64-whole.qcow2 --flavor old.json --json").well().out,
    )
    .expect("JSON");
    assert_eq!((&json["structure"], &json["fits"]), (&json!("whole-disk"), &json!(false)));
    assert_eq!(json["findings"][0]["rule"], "root-only");
    // Without a sidecar the bytes tell: here a disk with a table, and one without.
    for (table, structure) in [(true, "whole-disk"), (false, "partition")] {
        let path = at.join("disk.raw");
        fs::File::create(&path).and_then(|file| file.set_len(8 << 20)).expect("a disk");
        let path = path.display().to_string();
        if table {
            dibber_tests::accepts("sgdisk", &["-n", "1:2048:0", &path]);
        } else {
            dibber_tests::accepts("mke2fs", &["-q", "-t", "ext4", &path]);
        }
        let told = said("check-flavor ./disk.raw --root-gb 1 --strict").well();
        assert!(told.out.contains(&format!("{structure} of 8 MiB (it has no sidecar")), "{}", told.out);
    }
}
