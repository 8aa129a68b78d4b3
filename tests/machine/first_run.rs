//! The first command that anybody runs, on a machine on which dibber never ran: `dibber doctor` and a build agree.
//!
//! In: homes that are empty, closed, full, or none. Out: what both say. Never: the network.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use dibber_tests::accepts;
use dibber_tests::workshop::{Told, USER, Workshop, contents, run};

/// Codes of docs/exit-codes.md.
const MACHINE: i32 = 7;

/// What `dibber doctor` and a build say where a person's environment has these variables; an empty one is not set.
fn both(shop: &Workshop, by: &[&str], variables: &[(&str, &str)]) -> (Told, Told) {
    let image = shop.image("good", &[]);
    let set = |mut command: Command| {
        for (name, value) in variables {
            match value.is_empty() {
                true => command.env_remove(name),
                false => command.env(name, value),
            };
        }
        command
    };
    let doctor = run(set(shop.wrapped(by)).arg("doctor"));
    let build = run(set(shop.wrapped(by)).args(shop.arguments(&image)));
    (doctor, build)
}

/// Fails the test unless both go on.
#[track_caller]
fn both_go_on(shop: &Workshop, variables: &[(&str, &str)]) {
    let (doctor, build) = both(shop, &[], variables);
    assert_eq!(doctor.code, Some(0), "{variables:?}\n{}{}", doctor.out, doctor.err);
    assert_eq!(build.code, Some(0), "{variables:?}\n{}", build.err);
}

/// Fails the test unless both stop, and say these words.
#[track_caller]
fn both_stop(shop: &Workshop, by: &[&str], variables: &[(&str, &str)], words: &[&str]) {
    let (doctor, build) = both(shop, by, variables);
    assert_eq!(doctor.code, Some(MACHINE), "{variables:?}\n{}{}", doctor.out, doctor.err);
    assert!(doctor.out.contains("this machine cannot build yet"), "{}", doctor.out);
    assert!(![None, Some(0)].contains(&build.code), "{variables:?}\n{}", build.err);
    for word in words {
        assert!(doctor.out.contains(word), "no `{word}` in:\n{}", doctor.out);
        assert!(build.err.contains(word), "no `{word}` in:\n{}", build.err);
    }
}

fn names(dir: &Path) -> BTreeSet<String> {
    contents(dir).into_keys().collect()
}

/// A directory of the person's.
fn own(shop: &Workshop, name: &str) -> String {
    let path = shop.at("work").join(name);
    fs::create_dir(&path).expect("make a directory");
    accepts("chown", &["--reference", &shop.text("work"), path.to_str().expect("UTF-8")]);
    path.to_str().expect("UTF-8").to_string()
}

#[test]
fn an_empty_home() {
    for user in [None, Some(USER)] {
        let shop = Workshop::of(user);
        let home = own(&shop, "home");
        let first = [("DIBBER_CACHE", ""), ("HOME", home.as_str())];
        let doctor = || run(shop.dibber().env_remove("DIBBER_CACHE").env("HOME", &home).arg("doctor")).well();
        let told = doctor();
        assert!(
            told.out.contains(&format!("{home}/.cache/dibber is made by the first build, in {home}")),
            "{}",
            told.out
        );
        assert_eq!(names(Path::new(&home)), BTreeSet::new(), "{user:?}: what doctor left");
        both_go_on(&shop, &first);
        for made in [".cache", ".cache/dibber"] {
            let mode =
                fs::metadata(Path::new(&home).join(made)).expect("the build made it").permissions().mode();
            assert_eq!(mode & 0o7777, 0o700, "{user:?}: {made}");
        }
        // In a cache that is there, nothing is left either, and what is there still serves.
        let before = names(Path::new(&home));
        assert!(doctor().out.contains("/.cache/dibber is there"), "{user:?}");
        assert_eq!(names(Path::new(&home)), before, "{user:?}");
        both_go_on(&shop, &first);
    }
}

#[test]
fn odd_environments_that_will_do() {
    let shop = Workshop::of(Some(USER));
    let home = own(&shop, "home");
    for variables in [
        [("DIBBER_CACHE", ""), ("XDG_CACHE_HOME", "relative")],
        [("DIBBER_CACHE", "relative/cache"), ("HOME", "")],
        [("DIBBER_CACHE", ""), ("TMPDIR", "/nowhere/at/all")],
        [("DIBBER_CACHE", ""), ("PATH", "")],
        [("LANG", "xx_YY.UTF-8"), ("LC_ALL", "C")],
    ] {
        both_go_on(&shop, &[&[("HOME", home.as_str())], &variables[..]].concat());
    }
    assert!(Path::new(&home).join(".cache/dibber").is_dir());
    assert!(shop.at("work/relative/cache/VERSION").is_file());
}

#[test]
fn places_that_will_not_do() {
    let shop = Workshop::of(Some(USER));
    let closed = own(&shop, "closed");
    fs::set_permissions(&closed, PermissionsExt::from_mode(0o555)).expect("close it");
    both_stop(
        &shop,
        &[],
        &[("DIBBER_CACHE", ""), ("HOME", &closed)],
        &["closed", "ermission denied", "DIBBER_CACHE names"],
    );
    let file = shop.file("file", "mine");
    for place in [file.clone(), format!("{file}/below/it")] {
        both_stop(
            &shop,
            &[],
            &[("DIBBER_CACHE", &place)],
            &["cannot use", "/file: not a directory", "names another place"],
        );
    }
    symlink("missing", shop.at("link")).expect("make a link");
    let link = shop.text("link");
    both_stop(&shop, &[], &[("DIBBER_CACHE", &link)], &["is a link to missing, which is not there"]);
    let papers = own(&shop, "papers");
    fs::write(Path::new(&papers).join("letter"), "dear").expect("write");
    both_stop(&shop, &[], &[("DIBBER_CACHE", &papers)], &["papers is not a cache of dibber"]);
    let newer = own(&shop, "newer");
    fs::write(Path::new(&newer).join("VERSION"), "dibber store 99").expect("write");
    accepts("chmod", &["a+r", &format!("{newer}/VERSION")]);
    both_stop(&shop, &[], &[("DIBBER_CACHE", &newer)], &["written by another version", "dibber store 99"]);
    assert_eq!(names(Path::new(&papers)), BTreeSet::from(["letter".to_string()]));
    assert_eq!(fs::read(file).expect("it is there"), b"mine");
}

/// File systems that cannot hold the cache, each mounted in a namespace of the command alone.
#[test]
fn file_systems_that_will_not_do() {
    let shop = Workshop::new();
    let at = own(&shop, "small");
    let cases = [
        ("mount -t tmpfs -o size=8M none .", "has 8 MiB free"),
        ("mount -t tmpfs none .; mount -o remount,ro .", "names another place"),
        (
            "mount -t tmpfs none .; cd \"$PWD\"; mkdir l u w m; mount -t overlay -o lowerdir=l,upperdir=u,workdir=w none .",
            "ext4, xfs, btrfs or tmpfs",
        ),
    ];
    for (mount, words) in cases {
        let script = format!("cd {at}; {mount}; cd /; exec \"$@\"");
        both_stop(
            &shop,
            &["unshare", "--mount", "sh", "-ec", &script, "sh"],
            &[("DIBBER_CACHE", &format!("{at}/cache"))],
            &[words],
        );
    }
    assert_eq!(names(Path::new(&at)), BTreeSet::new());
}

/// Somebody without subordinate ids is told the command that grants them: a range that nobody has.
#[test]
fn no_subordinate_ids() {
    let shop = Workshop::new();
    accepts("chmod", &["777", &shop.text("work")]);
    let somebody = ["setpriv", "--reuid", "64321", "--regid", "64321", "--clear-groups"];
    let granted =
        ["/etc/subuid", "/etc/subgid"].map(|file| fs::read_to_string(file).unwrap_or_default()).concat();
    let ends = granted.lines().filter_map(|line| {
        let numbers: Vec<u64> = line.split(':').skip(1).filter_map(|field| field.parse().ok()).collect();
        Some(numbers.first()? + numbers.get(1)?)
    });
    let first = ends.fold(100_000, u64::max);
    let range = format!("{first}-{}", first + 65_535);
    let mend = format!("sudo usermod --add-subuids {range} --add-subgids {range} 64321");
    both_stop(&shop, &somebody, &[("HOME", &shop.text("work"))], &["grants 64321 no range", &mend]);
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../scripts/subordinate-ids");
    let text = fs::read_to_string(script).expect("the script");
    let told = run(Command::new(somebody[0]).args(&somebody[1..]).args(["bash", "-c", &text]));
    told.refuses(MACHINE, &[&mend]);
    assert_eq!(run(Command::new("bash").arg(script)).code, Some(0), "root needs none");
}
