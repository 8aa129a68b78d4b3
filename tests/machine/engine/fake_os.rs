//! The network-free part of dib's own acceptance.

use std::collections::BTreeMap;

use dibber_tests::workshop::{Workshop, place};
use dibber_tests::{accepts, run};

/// dib's own network-free acceptance: an element of its test suite, as its authors wrote it, in every form that both know.
#[test]
fn dibs_fake_os_comes_out_in_every_form() {
    let shop = Workshop::new();
    let elements = dib_test_elements();
    let image = shop.image(
        "fake",
        &[("elements", "[fake-os]"), ("outputs", "[tar, raw, qcow2, squashfs]"), ("size", "200MiB")],
    );
    let mut command = shop.dibber();
    command.args([
        "build",
        &image,
        "--elements-path",
        elements.path().to_str().expect("UTF-8"),
        "-o",
        &shop.text("work/out"),
    ]);
    let output = command.output().expect("run");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let at = |name: &str| shop.out().join(name).to_str().expect("UTF-8").to_string();
    let listed: BTreeMap<String, String> = accepts("tar", &["-tvf", &at("fake.tar")])
        .lines()
        .map(|line| (line.rsplit("./").next().expect("a path").to_string(), line.to_string()))
        .collect();
    for name in ["etc/", "mnt/", "proc/", "dev/", "sys/", "tmp/"] {
        assert!(listed.contains_key(name), "no {name} in {listed:?}");
    }
    accepts("e2fsck", &["-fn", &at("fake.raw")]);
    accepts("qemu-img", &["compare", "-f", "raw", "-F", "qcow2", &at("fake.raw"), &at("fake.qcow2")]);
    assert!(accepts("unsquashfs", &["-l", &at("fake.squash")]).contains("squashfs-root/etc"));
}

/// The elements of dib's own tests, which only its source archive has.
fn dib_test_elements() -> tempfile::TempDir {
    let venv = std::env::var("DIBBER_DIB_VENV")
        .expect("DIBBER_DIB_VENV must name a virtual environment with diskimage-builder 3.43.0; scripts/test makes one");
    let dir = place();
    let at = dir.path().to_str().expect("UTF-8");
    let pip = format!("{venv}/bin/pip");
    accepts(
        &pip,
        &[
            "--quiet",
            "download",
            "--no-deps",
            "--no-binary",
            ":all:",
            "--dest",
            at,
            "diskimage-builder==3.43.0",
        ],
    );
    let archive = dir.path().join("diskimage_builder-3.43.0.tar.gz");
    let archive = archive.to_str().expect("UTF-8");
    let inside = "diskimage_builder-3.43.0/tests/elements/fake-os";
    accepts("tar", &["-C", at, "--strip-components=3", "-xzf", archive, inside]);
    let found = run("ls", &[&format!("{at}/fake-os/root.d/10-fake-os")]);
    assert!(found.status.success(), "the archive has another layout");
    dir
}
