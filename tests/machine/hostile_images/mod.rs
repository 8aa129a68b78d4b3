//! `dibber show` before images that were made to keep it busy, to fill memory or to make it fall.
//!
//! In: images made by hand, a kind each. Out: an answer or a refusal within five seconds and 256 MiB, or a failed test. Never: a
//! time of day: what a machine is busy with besides is not counted.
#![allow(clippy::unwrap_used, reason = "a test without its material fails there")]

mod disks;
mod ext;
mod system;

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use dibber_tests::craft::{Ext, FREE};
use dibber_tests::{accepts, program};

const SECONDS_MAX: f64 = 5.0;
const KIB_MAX: u64 = 256 << 10;

/// How a run of the program ended, and what it took.
struct Ended {
    code: i64,
    said: String,
}

/// Runs `dibber show IMAGE ARGS`, and holds its processor time and peak memory against the bounds.
fn show(image: &Path, args: &[&str]) -> Ended {
    // The kernel's own count of the child, which no poll of /proc can give whole.
    const MEASURE: &str = "import json, resource, subprocess, sys
done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=120)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps({'code': done.returncode, 'seconds': used.ru_utime + used.ru_stime, 'kib': used.ru_maxrss,
                  'said': done.stderr.decode(errors='replace')}))";
    let mut command = Command::new("python3");
    command.args(["-c", MEASURE]).arg(program()).arg("show").arg(image).args(args);
    let output = command.output().unwrap();
    let what = format!("show {} {args:?}", image.display());
    assert!(output.status.success(), "{what}: {}", String::from_utf8_lossy(&output.stderr));
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let (code, said) = (told["code"].as_i64().unwrap(), told["said"].as_str().unwrap().to_string());
    assert!(matches!(code, 0 | 3) && !said.contains("panicked"), "{what}: exit {code}, {said}");
    let (seconds, kib) = (told["seconds"].as_f64().unwrap(), told["kib"].as_u64().unwrap());
    assert!(seconds <= SECONDS_MAX, "{what}: {seconds} s");
    assert!(kib <= KIB_MAX, "{what}: {kib} KiB");
    Ended { code, said }
}

/// Every view of the image is bounded.
fn bounded(image: &Path) {
    for args in [&[][..], &["--files"], &["--packages"], &["/boot", "--json"]] {
        show(image, args);
    }
}

/// The two that read most are.
fn bounded_in_two_views(image: &Path) {
    show(image, &["--json"]);
    show(image, &["--files", "--json"]);
}

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Place {
        Place(tempfile::tempdir().unwrap())
    }

    fn put(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    }
}

/// A system: `/etc/os-release` in inode 13, `/etc` in 12, `/boot` in 14.
fn system(blocks: usize) -> Ext {
    let mut ext = Ext::new(blocks, &[(2, "."), (2, ".."), (12, "etc"), (14, "boot")]);
    ext.directory(12, FREE + 1, &[(12, "."), (2, ".."), (13, "os-release")]);
    ext.file(13, FREE + 2, b"PRETTY_NAME=\"Try\"\n");
    ext.directory(14, FREE + 3, &[(14, "."), (2, "..")]);
    ext
}

/// Links whose targets go through one directory thousands of times: `/m/d/d/d ...`.
fn far(up: &str, step: &str, count: usize, down: &str) -> Vec<u8> {
    format!("{up}{}{down}", step.repeat(count)).into_bytes()
}

#[test]
fn what_is_made_by_hand_is_read() {
    let place = Place::new();
    let image = place.put("sound", &system(32).bytes);
    assert_eq!(show(&image, &[]).code, 0);
    assert_eq!(
        accepts(program().to_str().unwrap(), &["show", image.to_str().unwrap(), "/etc/os-release"]),
        "PRETTY_NAME=\"Try\"\n"
    );
}

#[test]
fn only_files_are_images_and_sidecars() {
    let place = Place::new();
    let at = |name: &str| place.0.path().join(name);
    accepts("mkfifo", &[at("fifo").to_str().unwrap()]);
    let _listener = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
    fs::create_dir(at("dir")).unwrap();
    File::create(at("long")).unwrap().set_len(1 << 40).unwrap();
    let image = place.put("image", &system(32).bytes);
    for (other, word) in [
        (at("fifo"), "a fifo"),
        (at("socket"), "a socket"),
        (at("dir"), "a directory"),
        ("/dev/zero".into(), "a character device"),
        ("/dev/tty".into(), "a character device"),
    ] {
        let ended = show(&other, &[]);
        assert!(ended.code == 3 && ended.said.contains(word), "{}", ended.said);
        symlink(&other, at("image.json")).unwrap();
        let ended = show(&image, &[]);
        assert!(ended.code == 3 && ended.said.contains(word), "{}", ended.said);
        fs::remove_file(at("image.json")).unwrap();
    }
    symlink(at("long"), at("image.json")).unwrap();
    assert!(show(&image, &[]).said.contains("longer than"));
}
