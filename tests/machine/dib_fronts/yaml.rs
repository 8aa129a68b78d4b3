//! dib's YAML: the same commands as dib's own program prints, and built.

use std::fs;
use std::path::Path;
use std::process::Command;

use dibber_tests::workshop::{Told, run};

use super::Fronts;
use crate::dib_agreement::Dib;

/// Files of dib's format: one after the other is one case; files of a case are separated by `====`.
const CASES: [&str; 6] = [
    "- elements: [ubuntu, vm]\n",
    "- imagename: a\n  arch: amd64\n  types: [qcow2, raw]\n  environment: {DIB_A: '1', DIB_B: it's}\n  debug-trace: 2\n  uncompressed: true\n  clear: true\n  logfile: a.log\n  checksum: true\n  image-size: 4\n  image-extra-size: 5\n  image-cache: /c\n  max-online-resize: 6\n  min-tmpfs: 7\n  mkfs-journal-size: 8\n  mkfs-options: -D -O ^has_journal\n  no-tmpfs: true\n  offline: true\n  qemu-img-options: {size: '10', compat: '1.1'}\n  root-label: r\n  ramdisk-element: dracut\n  install-type: package\n  docker-target: d:t\n  packages: [p, q]\n  skip-base: true\n  elements: [one, two]\n",
    "- imagename: r\n  ramdisk: true\n  elements: [x]\n- imagename: s\n  checksum: false\n  packages: []\n  elements: [y z]\n",
    "- imagename: a\n  elements: [one]\n  environment: {A: x, B: y}\n- elements: [two]\n  environment: {B: z}\n- imagename: b\n  elements: [three]\n- imagename: a\n  image-size: 3\n====\n- imagename: a\n  image-size: 4\n  elements: [four]\n- packages: [p]\n",
    "- environment: {A: ''}\n  root-label: ''\n  elements: [a]\n- types: [tar]\n",
    "- imagename: x\n  qemu-img-options: {a: 'b'}\n====\n- qemu-img-options: {c: 'd e'}\n  debug-trace: 0\n",
];

fn write(fronts: &Fronts, case: usize, text: &str) -> Vec<String> {
    let files = text.split("====\n").enumerate();
    let write = |(at, text): (usize, &str)| fronts.shop.file(&format!("{case}-{at}.yaml"), text);
    files.map(write).collect()
}

/// What dib prints, without its own paths.
fn of_dib(dib: &Dib, files: &[String]) -> Vec<String> {
    let program = dib.python.with_file_name("diskimage-builder");
    let output = Command::new(program).arg("--dry-run").args(files).output().expect("run dib");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lib = format!("bash {}/", dib.package.join("lib").display());
    lines(&String::from_utf8_lossy(&output.stderr).replace(&lib, ""))
}

fn lines(text: &str) -> Vec<String> {
    text.lines().filter(|line| !line.trim().is_empty()).map(String::from).collect()
}

fn dry_run(fronts: &Fronts, files: &[String]) -> Told {
    run(fronts.command("diskimage-builder").arg("--dry-run").args(files))
}

#[test]
fn the_same_commands() {
    let (dib, fronts) = (Dib::find(), Fronts::new());
    for (case, text) in CASES.iter().enumerate() {
        let files = write(&fronts, case, text);
        assert_eq!(lines(&dry_run(&fronts, &files).well().err), of_dib(&dib, &files), "{text}");
    }
    // A key more would be noticed.
    let (ours, theirs) =
        (write(&fronts, 10, CASES[0]), write(&fronts, 11, "- elements: [ubuntu, vm]\n  offline: true\n"));
    assert_ne!(lines(&dry_run(&fronts, &ours).well().err), of_dib(&dib, &theirs));
}

#[test]
fn images_are_built_one_after_the_other() {
    let fronts = Fronts::new();
    fronts.shop.hook("broken/install.d/50-broken", "exit 3");
    let image = |name: &str, elements: &str| {
        format!(
            "- imagename: {name}\n  types: [raw]\n  skip-base: true\n  mkfs-journal-size: 4\n  elements: [{elements}]\n"
        )
    };
    let text = image("bad", "tiny-os, broken") + &image("good", "tiny-os");
    let file = fronts.shop.file("list.yaml", &text);
    let told = run(fronts.command("diskimage-builder").args(["--stop-on-failure", &file]));
    assert_eq!(told.code, Some(1), "{}", told.err);
    assert!(!fronts.at("good.raw").exists());
    let told = run(fronts.command("diskimage-builder").arg(&file));
    assert_eq!(told.code, Some(1), "{}", told.err);
    assert!(fronts.at("good.raw").is_file() && !fronts.at("bad.raw").exists());
    let tripleo = fronts.shop.file("overcloud.yaml", "disk_images: [{imagename: a, elements: [tiny-os]}]\n");
    run(fronts.command("diskimage-builder").arg(&tripleo)).refuses(1, &["dibber build", "overcloud.yaml"]);
}

/// What `convert` prints is built to the same files.
#[test]
fn a_command_and_its_image_file_are_one_image() {
    let fronts = Fronts::new();
    let words = ["-o", "c", "-t", "raw", "-n", "--mkfs-journal-size", "4", "--root-label", "root", "tiny-os"];
    fronts.create(&words).well();
    let mut convert = fronts.shop.dibber();
    convert.args(["convert", "--", "disk-image-create"]).args(words);
    let text = run(&mut convert).well().out;
    let image = fronts.shop.file("converted.yaml", &text);
    fronts.shop.build(&image, &[]).well();
    let read = |path: &Path| fs::read(path).expect("there");
    assert!(read(&fronts.at("c.raw")) == read(&fronts.shop.out().join("c.raw")), "{text}");
}
