//! Element directories read from disk.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on may say so by a panic")]

use std::fs::{self, Permissions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use dibber_engine::scan::{Embedded, ScanError, SourcePlaces, scan};
use dibber_model::Digest;
use dibber_plan::{Body, Entry, SourceSet};
use dibber_tests::{accepts, in_namespace};

fn write(path: &Path, text: &[u8], mode: u32) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn read(paths: &[&Path]) -> Result<SourceSet, ScanError> {
    let paths: Vec<_> = paths.iter().map(|path| path.to_path_buf()).collect();
    let embedded =
        [Embedded { path: "elements/base/install.d/10-x", bytes: b"#!/bin/sh\n", executable: true }];
    scan(&SourcePlaces { elements: &paths, embedded: &embedded, ..SourcePlaces::default() })
}

#[test]
fn earlier_elements_win_under_their_real_names() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = |name: &str| scratch.path().join(name);
    write(&dir("one/base/install.d/10-x"), b"#!/bin/sh\nexit 0\n", 0o755);
    write(&dir("one/base/README"), b"text", 0o644);
    write(&dir("one/base/static/.hidden"), b"kept", 0o600);
    write(&dir("one/base/big"), &[5; (1 << 20) + 1], 0o644);
    symlink("/not/followed", dir("one/base/link")).unwrap();
    write(&dir("one/a file, no element"), b"", 0o644);
    write(&dir("one/.git/config"), b"", 0o644);
    write(&dir("two/base/install.d/20-y"), b"", 0o755);
    write(&dir("one/more/real-name/element-deps"), b"base\n", 0o644);
    symlink("../one/more/real-name", dir("two/other-name")).unwrap();
    let set = read(&[&dir("one"), &dir("two"), &dir("one")]).unwrap();
    assert_eq!(set.elements.keys().collect::<Vec<_>>(), ["base", "more", "real-name"]);
    let losers: Vec<_> = set.shadowed.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(losers, ["base", "base"], "the second directory's and the built-in one");
    assert_eq!(set.shadowed[1].1, "built in");
    let base = &set.elements["base"];
    let names: Vec<_> = base.entries.keys().map(String::as_str).collect();
    assert_eq!(names, ["README", "big", "install.d", "install.d/10-x", "link", "static", "static/.hidden"]);
    assert!(matches!(base.entries["install.d/10-x"], Entry::File { executable: true, .. }));
    assert!(matches!(base.entries["README"], Entry::File { executable: false, .. }));
    assert_eq!(base.entries["link"], Entry::Symlink("/not/followed".to_string()));
    let Entry::File { digest, body: Body::OnDisk(path), .. } = &base.entries["big"] else { panic!("large") };
    assert_eq!(*digest, Digest::of(&[5; (1 << 20) + 1]));
    assert!(Path::new(path).ends_with("one/base/big"));
}

#[test]
fn a_link_out_of_the_elements_is_not_read() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = |name: &str| scratch.path().join(name);
    write(&dir("home/.ssh/id_rsa"), b"secret", 0o600);
    fs::create_dir_all(dir("elements")).unwrap();
    symlink(dir("home/.ssh"), dir("elements/keys")).unwrap();
    symlink("/", dir("elements/all")).unwrap();
    let set = read(&[&dir("elements")]).unwrap();
    assert!(set.elements.keys().all(|name| set.elements[name].origin == "built in"));
    let target = dir("home/.ssh").display().to_string();
    assert!([".ssh", "keys"].iter().all(|name| set.outside[*name].1 == target), "{:?}", set.outside);
    assert_eq!(set.outside["all"].1, "/");
    // Nor one to what is hidden in a directory of elements: its checkout's own.
    write(&dir("elements/.git/config"), b"token", 0o600);
    symlink(".git", dir("elements/x")).unwrap();
    let set = read(&[&dir("elements"), &dir("home")]).unwrap();
    assert!(
        set.elements.keys().all(|name| set.elements[name].origin == "built in"),
        "{:?}",
        set.elements.keys()
    );
}

#[test]
fn what_cannot_be_an_element_is_refused_by_name() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = |name: &str| scratch.path().join(name);
    let said = |path: &Path| read(&[path]).unwrap_err().to_string();
    write(&dir("file"), b"", 0o644);
    assert!(said(&dir("file")).contains("file in the path of elements is not a directory"));
    assert!(said(&dir("missing")).contains("missing, which the path of elements names"));
    fs::create_dir_all(dir("pipes/e")).unwrap();
    accepts("mkfifo", &[dir("pipes/e/pipe").to_str().unwrap()]);
    assert!(said(&dir("pipes")).contains("pipes/e/pipe is a named pipe"));
    let odd = dir("odd/e").join(std::ffi::OsStr::from_bytes(b"n\xe4me"));
    write(&odd, b"", 0o644);
    assert!(said(&dir("odd")).contains(r"n\xE4me"), "{}", said(&dir("odd")));
}

#[test]
fn an_unreadable_file_is_named() {
    // Root can read all but what belongs to ids that its namespace has not: the host's.
    let shared = tempfile::tempdir().unwrap();
    let path = std::env::var_os("DIBBER_TEST_PATH").map_or(shared.path().to_path_buf(), Into::into);
    if std::env::var_os("DIBBER_TEST_INSIDE").is_none() {
        write(&path.join("e/install.d/10-secret"), b"", 0o000);
        for dir in [path.clone(), path.join("e"), path.join("e/install.d")] {
            fs::set_permissions(dir, Permissions::from_mode(0o755)).unwrap();
        }
    }
    // As an ordinary user, mode 0 is enough, and the namespace's root would be able to read it.
    if !rustix::process::getuid().is_root() {
        let said = read(&[&path]).unwrap_err().to_string();
        assert!(said.contains("e/install.d/10-secret: Permission denied"), "{said}");
        return;
    }
    if std::env::var_os("DIBBER_TEST_PATH").is_none() {
        accepts(
            "env",
            &[
                &format!("DIBBER_TEST_PATH={}", path.display()),
                std::env::current_exe().unwrap().to_str().unwrap(),
                "--exact",
                "scan::an_unreadable_file_is_named",
            ],
        );
        return;
    }
    if in_namespace("scan::an_unreadable_file_is_named") {
        let said = read(&[&path]).unwrap_err().to_string();
        assert!(said.contains("e/install.d/10-secret: Permission denied"), "{said}");
    }
}
