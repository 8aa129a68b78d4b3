//! `dibber boot` before images that ask for more than their own bytes, and under names that QEMU would read as options.
//!
//! In: disks whose boot sector prints what is in their second sector. Out: that text on the console, or a refusal. Never: a guest that
//! needs an operating system.
#![allow(clippy::unwrap_used, reason = "a test without its material fails there")]

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use dibber_tests::{accepts, program};

/// Reads sector 2 of the first disk by the BIOS, and writes it to the first serial port up to a zero byte.
const BOOT: [u8; 52] = [
    0xfa, 0x31, 0xc0, 0x8e, 0xd8, 0x8e, 0xc0, 0x8e, 0xd0, 0xbc, 0x00, 0x7c, 0xfb, // segments and stack
    0xb8, 0x01, 0x02, 0xb9, 0x02, 0x00, 0xba, 0x80, 0x00, 0xbb, 0x00, 0x7e, 0xcd,
    0x13, // read one sector
    0xbe, 0x00, 0x7e, 0xba, 0xfd, 0x03, 0xec, 0xa8, 0x20, 0x74, 0xfb, // wait for the port
    0xac, 0x84, 0xc0, 0x74, 0x06, 0xba, 0xf8, 0x03, 0xee, 0xeb, 0xed, // a byte, until it is zero
    0xf4, 0xeb, 0xfd, // halt
];
const SECRET: &str = "what only this machine knows";

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A raw disk with this boot sector and this text in its second sector; either may be left out.
fn disk(path: &Path, boot: bool, said: &str) {
    let file = File::create(path).unwrap();
    file.set_len(1 << 20).unwrap();
    if boot {
        file.write_all_at(&BOOT, 0).unwrap();
        file.write_all_at(&[0x55, 0xaa], 510).unwrap();
    }
    file.write_all_at(said.as_bytes(), 512).unwrap();
}

fn boot(image: &Path, seconds: &str, more: &[&str]) -> Output {
    let usual =
        ["--arch", "x86_64", "--accel", "tcg", "--memory", "64MiB", "--timeout", seconds, "--expect", SECRET];
    Command::new(program()).arg("boot").arg(image).args(usual).args(more).output().unwrap()
}

/// A qcow2 whose first sector is its own and whose rest is `base`'s.
fn resting_on(base: &Path, place: &Path) -> PathBuf {
    let image = place.join("resting.qcow2");
    accepts(
        "qemu-img",
        &[
            "create",
            "-q",
            "-f",
            "qcow2",
            "-o",
            "cluster_size=512",
            "-F",
            "raw",
            "-b",
            text(base),
            text(&image),
        ],
    );
    let sector = place.join("sector");
    disk(&sector, true, "");
    File::options().write(true).open(&sector).unwrap().set_len(512).unwrap();
    accepts("qemu-io", &["-f", "qcow2", "-c", &format!("write -q -s {} 0 512", text(&sector)), text(&image)]);
    image
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn a_backing_file_is_given_only_where_it_is_allowed() {
    let place = tempfile::tempdir().unwrap();
    let at = |name: &str| place.path().join(name);
    disk(&at("secret"), false, SECRET);
    let image = resting_on(&at("secret"), place.path());
    let refused = boot(&image, "60", &[]);
    assert_eq!(refused.status.code(), Some(3), "{}", said(&refused));
    assert!(said(&refused).contains("--allow-backing") && said(&refused).contains(text(&at("secret"))));
    let allowed = boot(&image, "300", &["--allow-backing"]);
    assert!(allowed.status.success(), "{}", said(&allowed));
    // Under a name that promises raw, its bytes are the disk.
    fs::copy(&image, at("promise.raw")).unwrap();
    let raw = boot(&at("promise.raw"), "10", &[]);
    assert_eq!(raw.status.code(), Some(8), "{}", said(&raw));
    // Without a format in its header, with a protocol for a name, with a file for its data.
    let create = |options: &[&str], name: &str| {
        accepts("qemu-img", &[&["create", "-q", "-f", "qcow2"], options, &[text(&at(name)), "1M"]].concat());
        let output = boot(&at(name), "60", &["--allow-backing"]);
        assert_eq!(output.status.code(), Some(3), "{}", said(&output));
        said(&output)
    };
    let data = format!("data_file={}", text(&at("data")));
    assert!(create(&["-o", &data], "data.qcow2").contains("external file"));
    let protocol = ["-u", "-F", "raw", "-b", "nbd:127.0.0.1:1"];
    assert!(create(&protocol, "protocol.qcow2").contains("protocol"));
    // Extents that are files of this machine.
    fs::write(at("extents"), format!("# Disk DescriptorFile\nRW 2048 FLAT \"{}\" 0\n", text(&at("secret"))))
        .unwrap();
    assert_eq!(boot(&at("extents"), "60", &[]).status.code(), Some(3));
}

/// QEMU's own failure is none of the image's, and no success.
#[test]
fn an_emulator_that_fails() {
    let place = tempfile::tempdir().unwrap();
    let image = place.path().join("disk.raw");
    disk(&image, true, SECRET);
    for more in [&[][..], &["--expect", SECRET]] {
        let usual = ["--arch", "x86_64", "--accel", "tcg", "--memory", "1024TiB"];
        let mut command = Command::new(program());
        let output = command.arg("boot").arg(&image).args(usual).args(more).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{}", said(&output));
        assert!(said(&output).contains("qemu-system-x86_64 failed"), "{}", said(&output));
    }
}

/// What the guest says is the answer of `--expect`.
#[test]
fn a_console_that_cannot_be_written() {
    let place = tempfile::tempdir().unwrap();
    let image = place.path().join("disk.raw");
    disk(&image, true, SECRET);
    for (to, code) in [("> /dev/full", 4), (">&-", 1), ("> /dev/null", 0)] {
        let line = format!(
            "exec {} boot {} --arch x86_64 --accel tcg --memory 64MiB --timeout 300 --expect '{SECRET}' {to}",
            text(&program()),
            text(&image)
        );
        let output = Command::new("sh").args(["-c", &line]).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{to}: {}", said(&output));
    }
}

/// What the guest wrote is where it was asked for, from the beginning; a boot that comes to nothing leaves nothing there.
#[test]
fn an_overlay_that_is_kept() {
    let place = tempfile::tempdir().unwrap();
    let (image, keep) = (place.path().join("disk.raw"), place.path().join("a,b:kept"));
    disk(&image, true, SECRET);
    let failed = boot(&image, "60", &["--keep-overlay", text(&keep), "--memory", "1024TiB"]);
    assert!(!failed.status.success() && !keep.exists(), "{}", said(&failed));
    let kept = boot(&image, "300", &["--keep-overlay", text(&keep)]);
    assert!(kept.status.success(), "{}", said(&kept));
    accepts("qemu-img", &["check", "-q", "-f", "qcow2", text(&place.path().join("a,b:kept"))]);
    let again = boot(&image, "60", &["--keep-overlay", text(&keep)]);
    assert_eq!(again.status.code(), Some(6), "{}", said(&again));
}

/// KVM where it works, emulation where it does not, whatever /dev/kvm looks like.
#[test]
fn the_processor_is_run_one_way_or_another() {
    let place = tempfile::tempdir().unwrap();
    let image = place.path().join("disk.raw");
    disk(&image, true, SECRET);
    let usual = ["--accel", "auto", "--arch", "x86_64", "--timeout", "60", "--expect", SECRET];
    let output = Command::new(program()).arg("boot").arg(&image).args(usual).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
}

/// Whatever is wrong with an image has one exit code.
#[test]
fn what_is_no_image() {
    let place = tempfile::tempdir().unwrap();
    let fifo = place.path().join("fifo");
    accepts("mkfifo", &[text(&fifo)]);
    for image in [fifo, place.path().into(), place.path().join("none.qcow2"), "/dev/zero".into()] {
        let output = boot(&image, "5", &[]);
        assert_eq!(output.status.code(), Some(3), "{}: {}", image.display(), said(&output));
    }
    let small = place.path().join("small.raw");
    disk(&small, true, "");
    let output = Command::new(program()).arg("boot").arg(small).args(["--memory", "1MiB"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(said(&output).contains("less than 16 MiB"), "{}", said(&output));
}

#[test]
fn names_are_names() {
    let place = tempfile::tempdir().unwrap();
    let odd = place.path().join("a,file=b:c,format=qcow2");
    fs::create_dir(&odd).unwrap();
    let image = odd.join("nbd:x,if=none,y");
    disk(&image, true, SECRET);
    let before = fs::read(&image).unwrap();
    let mut command = Command::new(program());
    // The directory for temporary files is a name in QEMU's options, too.
    command.env("TMPDIR", &odd).arg("boot").arg(&image);
    command.args([
        "--arch",
        "x86_64",
        "--accel",
        "tcg",
        "--memory",
        "64MiB",
        "--timeout",
        "300",
        "--expect",
        SECRET,
    ]);
    let output = command.args(["--firmware", "bios"]).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    assert!(fs::read(&image).unwrap() == before);
    accepts("mkfifo", &[text(&place.path().join("fifo"))]);
    for kernel in ["fifo", "."] {
        let output = Command::new(program())
            .args(["boot", "--kernel"])
            .arg(place.path().join(kernel))
            .args(["--expect", "x", "--accel", "tcg"])
            .output()
            .unwrap();
        assert!(said(&output).contains("where a file is wanted"), "{}", said(&output));
    }
}
