//! The commit of a set: whatever ends it, `images.json` names one whole set at once, and after the next command under its names.
//!
//! In: commits that are hit at their system calls, builds that are killed while they put files in place. Out: the directory.
//! Never: a moment that was chosen because it works. Needs strace; builds need root.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use dibber_tests::accepts;
use dibber_tests::blows::Siege;
use dibber_tests::sets;
use dibber_tests::workshop::{USER, Workshop, run};

fn trial() -> PathBuf {
    dibber_tests::program().with_file_name("commit-trial")
}

/// Hits each `step`-th call of these kinds; how many there were.
fn hit_all(siege: &Siege, calls: &[&str], fate: &str, step: usize) -> usize {
    let mut hits = 0;
    for call in calls {
        let numbers = (1..).step_by(step);
        for (number, wound) in numbers.map_while(|number| Some((number, siege.hit(call, fate, number)?))) {
            assert_eq!(wound.at_once, [""; 0], "{call} {number} {fate}, at once");
            assert_eq!(wound.after, [""; 0], "{call} {number} {fate}, after the next command");
            hits += 1;
        }
    }
    hits
}

#[test]
fn killed_at_its_calls() {
    let hits = hit_all(&Siege::new(&trial()), &["renameat", "linkat", "fsync", "unlinkat"], "signal=KILL", 2);
    assert!(hits >= 30, "{hits}");
}

#[test]
fn calls_that_fail() {
    let siege = Siege::new(&trial());
    let hits = hit_all(&siege, &["renameat", "linkat", "unlinkat"], "error=EIO", 2)
        + hit_all(&siege, &["write", "fsync", "openat"], "error=ENOSPC", 3);
    assert!(hits >= 30, "{hits}");
}

/// On a file system without hard links, or where another's file may have none.
#[test]
fn where_files_have_one_name() {
    let siege = Siege::without_links(&trial());
    let hits =
        hit_all(&siege, &["renameat"], "signal=KILL", 2) + hit_all(&siege, &["renameat"], "error=EIO", 3);
    assert!(hits >= 10, "{hits}");
}

/// A set whose commit was killed half-way through its renames; the tenth call is one of them.
fn half_way() -> tempfile::TempDir {
    let base = tempfile::tempdir().expect("tempdir");
    fs::set_permissions(base.path(), PermissionsExt::from_mode(0o755)).expect("open it");
    let set = base.path().join("set");
    let put = |by: &[&str], version: &str| {
        let (program, set) = (trial(), set.to_str().expect("UTF-8"));
        let words = by.iter().copied().chain([program.to_str().expect("UTF-8"), "put", set, "good", version]);
        let words: Vec<&str> = words.chain(["raw,qcow2"]).collect();
        Command::new(words[0]).args(&words[1..]).output().expect("strace")
    };
    assert!(put(&[], "-old").status.success());
    put(&["strace", "-f", "-o", "/dev/null", "-e", "inject=renameat:signal=KILL:when=10"], "-new");
    assert!(sets::images(&set).get("switch").is_some(), "{}", sets::images(&set));
    let mixed = ["good.raw", "x86_64-good.raw"].map(|name| fs::read(set.join(name)).expect("read"));
    assert!(sets::torn(&set).is_empty(), "{mixed:?}");
    base
}

/// What brings an interrupted commit to an end can itself be killed, at each of its renames.
#[test]
fn a_mending_that_is_killed() {
    for first in 1..=12 {
        for second in [1, 2, 4, 6, 9] {
            let base = tempfile::tempdir().expect("tempdir");
            let set = base.path().join("set");
            let put = |kill: Option<usize>, version: &str| {
                let mut command = Command::new("strace");
                command.args(["-f", "-o", "/dev/null", "-e", "trace=renameat"]);
                if let Some(at) = kill {
                    command.args(["-e", &format!("inject=renameat:signal=KILL:when={at}")]);
                }
                command.arg(trial()).arg("put").arg(&set).args(["good", version, "raw,qcow2"]);
                command.output().expect("strace").status.success()
            };
            assert!(put(None, "-old"));
            put(Some(first), "-new");
            put(Some(second), "-newer");
            assert_eq!(sets::torn(&set), [""; 0], "killed at {first}, then at {second}");
            assert!(put(None, "-newest"), "killed at {first}, then at {second}");
            assert_eq!(sets::torn(&set), [""; 0], "killed at {first}, then at {second}, then mended");
            assert!(fs::read_to_string(set.join("good.raw")).expect("read").ends_with("-newest"));
        }
    }
}

/// Who may not write there is given the former set, from where it is, and changes nothing.
#[test]
fn a_reader_without_rights_finds_the_former_set() {
    let base = half_way();
    let set = base.path().join("set");
    // As with the usual umask: others may read it.
    accepts("chmod", &["-R", "a+rX", set.to_str().expect("UTF-8")]);
    let before = dibber_tests::workshop::contents(&set);
    let shop = Workshop::of(Some(USER));
    let text = set.to_str().expect("UTF-8");
    let told = shop.run(&["select", "good", "--in", text, "--json"]).well();
    let selected: serde_json::Value = serde_json::from_str(&told.out).expect("JSON");
    assert!(told.out.contains(".former-x86_64-good.raw"), "{selected}");
    let told = shop.run(&["upload", "--in", text, "--print"]).well();
    assert!(told.out.contains(".former-x86_64-good.qcow2"), "{}", told.out);
    assert_eq!(dibber_tests::workshop::contents(&set), before);
    // Its owner's next command puts it back.
    let told = run(Command::new(dibber_tests::program()).args(["select", "good", "--in", text])).well();
    assert!(!told.out.contains("former"), "{}", told.out);
    let _ = fs::remove_dir_all(set.join(".dibber-x86_64-good"));
    assert_eq!(sets::amiss(&set), [""; 0]);
    assert!(fs::read_to_string(set.join("good.raw")).expect("read").ends_with("-old"));
}

/// A file that came under one of the names after the interruption is nobody's to replace.
#[test]
fn what_came_between_stays() {
    let base = half_way();
    let set = base.path().join("set");
    fs::remove_file(set.join("good.raw")).expect("remove");
    fs::write(set.join("good.raw"), "mine").expect("write");
    let settled = Command::new(trial()).arg("settle").arg(&set).output().expect("settle");
    let said = String::from_utf8_lossy(&settled.stderr).into_owned();
    assert!(
        !settled.status.success() && said.contains("good.raw exists, and dibber did not make it"),
        "{said}"
    );
    assert_eq!(fs::read_to_string(set.join("good.raw")).expect("read"), "mine");
    assert_eq!(sets::torn(&set), [""; 0]);
}

fn inode(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |meta| meta.ino())
}

fn start(shop: &Workshop, image: &str, round: &str) -> Child {
    let mut command = shop.dibber();
    command.args(shop.arguments(image)).args(["--env", round]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("start")
}

/// `kill -9` of builds, as soon as a first file of the former set is replaced.
#[test]
fn builds_killed_while_they_replace_files() {
    for user in [None, Some(USER)] {
        let shop = Workshop::of(user);
        shop.hook(
            "one/install.d/50-r",
            "echo $ROUND > /root/round; dd if=/dev/urandom of=/root/big bs=1M count=4",
        );
        let keys = [("elements", "[tiny-os, one]"), ("outputs", "[raw, qcow2]"), ("size", "32MiB")];
        let image = shop.image("good", &keys);
        shop.build(&image, &["--env", "ROUND=0"]).well();
        for round in 1..=3 {
            let first = shop.out().join("x86_64-good.raw");
            let before = inode(&first);
            let mut child = start(&shop, &image, &format!("ROUND={round}"));
            while inode(&first) == before && child.try_wait().expect("wait").is_none() {}
            // It may be done.
            let _ = child.kill();
            child.wait().expect("wait");
            assert_eq!(sets::torn(&shop.out()), [""; 0], "{user:?}, round {round}");
            assert!(!sets::named(&shop.out()).is_empty(), "{user:?}, round {round}: no set is named");
        }
        shop.build(&image, &["--env", "ROUND=4"]).well();
        fs::remove_file(shop.out().join("x86_64-good.log")).expect("the log");
        assert_eq!(sets::amiss(&shop.out()), [""; 0], "{user:?}");
        let names = ["good.raw", "x86_64-good.raw"].map(|name| inode(&shop.out().join(name)));
        assert_eq!(names[0], names[1]);
    }
}

/// A directory of several people's: the former files are another's, and the kernel gives them no further name.
#[test]
fn a_set_of_another_in_a_shared_directory() {
    let shop = Workshop::of(Some(USER));
    let image = shop.image("good", &[]);
    shop.build(&image, &["--env", "ROUND=1"]).well();
    for entry in fs::read_dir(shop.out()).expect("outputs").flatten() {
        // As with the usual umask: whoever builds there must be able to read what is there.
        fs::set_permissions(entry.path(), PermissionsExt::from_mode(0o644)).expect("open it");
        chown(entry.path(), Some(12345), Some(12345)).expect("give it away");
    }
    shop.hook("more/install.d/50-more", "echo more > /root/more");
    let image = shop.image("good", &[("elements", "[tiny-os, more]")]);
    shop.build(&image, &[]).well();
    fs::remove_file(shop.out().join("x86_64-good.log")).expect("the log");
    assert_eq!(sets::amiss(&shop.out()), [""; 0]);
}
