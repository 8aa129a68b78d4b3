//! What people install: the wheel and the Debian package, made by `scripts/package` of the program under test.
//!
//! In: the program. Out: both packages, twice; what pip and dpkg make of them. Never: the network, or a package installed on this machine:
//! `scripts/fresh packages` does that in a tree of its own.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use dibber_tests::workshop::{contents, place, run};
use dibber_tests::{accepts, program};

const LINKS: [&str; 3] = ["disk-image-create", "ramdisk-image-create", "diskimage-builder"];

/// Makes both.
fn packages(out: &Path) -> [PathBuf; 2] {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../scripts/package");
    let mut command = Command::new(script);
    command.args(["all", out.to_str().expect("UTF-8")]).env("DIBBER_BINARY", program());
    run(command.env("SOURCE_DATE_EPOCH", "1700000000")).well();
    ["whl", "deb"].map(|end| {
        let files = fs::read_dir(out).expect("a directory").map(|entry| entry.expect("an entry").path());
        files.into_iter().find(|path| path.extension().is_some_and(|found| found == end)).expect("a package")
    })
}

#[test]
fn packages_are_installed_and_are_the_same_twice() {
    let home = place();
    let at = |name: &str| home.path().join(name);
    let text = |path: &Path| path.to_str().expect("UTF-8").to_string();
    let [[wheel, deb], _] = ["one", "two"].map(|name| {
        fs::create_dir(at(name)).expect("make a directory");
        packages(&at(name))
    });
    assert_eq!(contents(&at("one")), contents(&at("two")), "the same bytes");

    accepts("python3", &["-m", "venv", &text(&at("venv"))]);
    let pip = text(&at("venv/bin/pip"));
    accepts(&pip, &["install", "-q", "--no-index", &text(&wheel)]);
    let bin = at("venv/bin");
    let version = run(Command::new(bin.join("dibber")).arg("--version")).well().out;
    assert_eq!(version.trim(), format!("dibber {}", env!("CARGO_PKG_VERSION")));
    for link in LINKS {
        let script = fs::read_to_string(bin.join(link)).expect("a script");
        assert!(script.starts_with("#!/bin/bash\n"), "{script}");
        let told = run(Command::new(bin.join(link)).arg("--help"));
        assert!(!told.out.is_empty() || !told.err.is_empty(), "{link} says something");
        // As pipx does it.
        let beside = at(link);
        std::os::unix::fs::symlink(bin.join(link), &beside).expect("link");
        assert_eq!(run(Command::new(&beside).arg("--help")).out, told.out);
    }
    assert!(at("venv/share/man/man1/dibber-build.1").is_file());
    accepts(&pip, &["check"]);
    accepts(&pip, &["uninstall", "-q", "-y", "dibber"]);
    assert!(!bin.join("dibber").exists() && !bin.join(LINKS[0]).exists());

    accepts("dpkg-deb", &["-x", &text(&deb), &text(&at("root"))]);
    let installed = at("root/usr/bin");
    let version = run(Command::new(installed.join("dibber")).arg("--version")).well().out;
    assert!(version.starts_with("dibber "));
    for link in LINKS {
        assert_eq!(fs::read_link(installed.join(link)).expect("a link"), Path::new("dibber"));
    }
    let mode = fs::metadata(installed.join("dibber")).expect("a file").permissions().mode();
    assert_eq!(mode & 0o7777, 0o755);
    let fields = accepts("dpkg-deb", &["-f", &text(&deb)]);
    assert!(
        fields.contains("Depends: bash, mmdebstrap, uidmap") && fields.contains("Version: 0.1.0"),
        "{fields}"
    );
    let listed = accepts("dpkg-deb", &["-c", &text(&deb)]);
    assert!(listed.lines().all(|line| line.contains(" root/root ")), "{listed}");
}
