//! Members of a set, built at the same time: that they are, that none harms another, what they share and what they end with.
//!
//! In: platforms of this machine's architecture, of a tiny operating system. Out: steps that ran, files, words, exit codes. Never:
//! a wait that only a fast machine meets; hooks that must run at once meet each other.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{sleep, spawn};
use std::time::{Duration, Instant};

use dibber_imageset::SetFile;
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::Value;

use dibber_tests::meeting::Meeting;
use dibber_tests::workshop::{Told, Workshop, path_without, run};

/// An image for x86_64 and for three platforms of it, with a host-side hook in extra-data and one in finalise.
fn image(shop: &Workshop, extra_data: &str, finalise: &str, more: &[(&str, &str)]) -> String {
    shop.hook("work/extra-data.d/10-work", extra_data);
    shop.hook("work/finalise.d/50-work", finalise);
    let mut keys = vec![
        ("elements", "[tiny-os, work]"),
        ("targets", "[x86_64, p1-x86_64, p2-x86_64, p3-x86_64]"),
        ("outputs", "[raw, tar]"),
    ];
    keys.extend(more);
    shop.image("i", &keys)
}

/// Different from the first step on, so that nothing is shared.
const APART: (&str, &str) = (
    "platforms",
    "{p1: {environment: {WHO: p1, PIP_WHO: p1}}, p2: {environment: {WHO: p2, PIP_WHO: p2}}, p3: {environment: {WHO: p3, PIP_WHO: p3}}}",
);

fn events(told: &Told, kind: &str) -> Vec<Value> {
    let all = told.out.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    all.filter(|event| event["event"] == kind).collect()
}

/// `TARGET PHASE/NAME` of each step that ran.
fn ran(told: &Told) -> Vec<String> {
    let word = |event: &Value, key: &str| event[key].as_str().unwrap_or_default().to_string();
    let line = |e: &Value| format!("{} {}/{}", word(e, "target"), word(e, "phase"), word(e, "name"));
    events(told, "step-started").iter().map(line).collect()
}

#[test]
fn members_are_built_at_the_same_time_and_named_apart() {
    let shop = Workshop::new();
    let image = image(&shop, &Meeting::of(3).come(), "echo $WHO > /etc/who", &[APART]);
    let wanted = ["--target", "p1-x86_64,p2-x86_64,p3-x86_64", "--jobs", "3"];
    let told = shop.build(&image, &wanted).well();
    for sign in ["set of 3: 3 at a time", "[p2-x86_64]", "p3-x86_64-i  built", "set of 3: 3 built in"] {
        assert!(told.err.contains(sign), "no `{sign}` in\n{}", told.err);
    }
    for platform in ["p1", "p2", "p3"] {
        let tar = shop.out().join(format!("{platform}-x86_64-i.tar"));
        let who = dibber_tests::accepts("tar", &["-xOf", tar.to_str().expect("UTF-8"), "./etc/who"]);
        assert_eq!(who, format!("{platform}\n"));
    }
    let kept = shop.build(&image, &wanted).well();
    assert!(kept.err.contains("set of 3: 3 kept in"), "{}", kept.err);
    let set = SetFile::read(&shop.out()).expect("images.json");
    let entries: Vec<_> = set
        .images
        .iter()
        .map(|e| (e.arch.as_str(), e.platform.as_ref().map(dibber_imageset::SetWord::as_str)))
        .collect();
    assert_eq!(entries, [("x86_64", Some("p1")), ("x86_64", Some("p2")), ("x86_64", Some("p3"))]);
    dibber_tests::accepts("sh", &["-c", &format!("cd {} && sha256sum -c SHA256SUMS", shop.text("work/out"))]);
    assert!(!shop.out().join("i.raw").exists(), "the plain name is the architecture's");
}

/// One at a time, the hooks would never meet: the test above can fail.
#[test]
fn jobs_are_a_limit() {
    let shop = Workshop::new();
    let meeting = Meeting::of(1);
    let image = image(&shop, &format!("{}; sleep 0.3", meeting.come()), "true", &[APART]);
    let told = shop.build(&image, &["--target", "p1-x86_64,p2-x86_64,p3-x86_64", "--jobs", "1"]).well();
    assert!(told.err.contains("set of 3: 1 at a time"), "{}", told.err);
    assert_eq!((meeting.came(), meeting.most()), (3, 1));
}

#[test]
fn one_that_fails_neither_stops_nor_spoils_the_others() {
    let shop = Workshop::new();
    let good = image(&shop, "true", "echo ${DIB_PLATFORM:-none} > /etc/who", &[]);
    shop.build(&good, &["--all-targets"]).well();
    let before = shop.outputs();
    let refusing = "echo now ${DIB_PLATFORM:-none} > /etc/who\n[ ${DIB_PLATFORM:-none} != p2 ] || { echo \"p2 is not supported\" >&2; exit 1; }";
    let bad = image(&shop, "true", refusing, &[]);
    let told = shop.build(&bad, &["--all-targets", "--jobs", "2"]);
    told.refuses(5, &["p2-x86_64-i: error: finalise/50-work of element work failed", "p2 is not supported"]);
    told.refuses(5, &["p2-x86_64-i failed", "p2-x86_64-i.failed.log", "set of 4: 3 built, 1 failed in"]);
    let now = shop.outputs();
    let changed = |name: &str| now[name] != before[name];
    assert!(changed("i.tar") && changed("p1-x86_64-i.tar") && changed("p3-x86_64-i.tar"));
    assert!(!changed("p2-x86_64-i.tar") && !changed("p2-x86_64-i.raw.json"), "what was there stays");
    let inode = |name: &str| fs::metadata(shop.out().join(name)).expect("a file").ino();
    assert_eq!(inode("x86_64-i.raw"), inode("i.raw"));
    assert_eq!(shop.processes(), [""; 0]);
    let json = shop.build(&bad, &["--all-targets", "--json"]);
    let mut outcomes: Vec<String> =
        events(&json, "member-ended").iter().map(|e| format!("{} {}", e["target"], e["outcome"])).collect();
    outcomes.sort();
    let expected = ["p1-x86_64 kept", "p2-x86_64 failed", "p3-x86_64 kept", "x86_64 kept"];
    assert_eq!(outcomes.iter().map(|o| o.replace('"', "")).collect::<Vec<_>>(), expected);
    let stray: Vec<_> = json.out.lines().filter(|line| !line.contains("\"target\"")).collect();
    assert_eq!(stray, [""; 0], "every event says of which member it is");
}

/// No emulator: the one member cannot be built here, the other is.
#[test]
fn what_this_machine_cannot_build_is_unbuildable() {
    let shop = Workshop::new();
    let image = shop.image("i", &[("targets", "[x86_64, aarch64]")]);
    let path = path_without(&shop, "qemu-aarch64-static");
    let arguments = shop.arguments(&image);
    let told = run(shop.dibber().env("PATH", path).args(arguments).arg("--all-targets"));
    told.refuses(7, &["aarch64-i unbuildable", "qemu-user", "set of 2: 1 built, 1 unbuildable in"]);
    assert!(shop.out().join("i.raw").exists() && !shop.out().join("aarch64-i.raw").exists());
}

/// Ctrl-C ends all that run and begins no other.
#[test]
fn interrupted_all_end() {
    let shop = Workshop::new();
    let meeting = Meeting::of(usize::MAX);
    let image = image(&shop, &format!("{}; sleep 1000", meeting.come()), "true", &[APART]);
    let mut command = shop.dibber();
    command.args(shop.arguments(&image)).args(["--target", "p1-x86_64,p2-x86_64,p3-x86_64", "--jobs", "2"]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).process_group(0);
    let child = command.spawn().expect("start");
    let begin = Instant::now();
    while meeting.came() < 2 {
        assert!(begin.elapsed() < Duration::from_secs(60), "two hooks did not start");
        sleep(Duration::from_millis(10));
    }
    let pid = Pid::from_raw(i32::try_from(child.id()).expect("a pid")).expect("not 0");
    kill_process_group(pid, Signal::INT).expect("signal");
    let output = child.wait_with_output().expect("wait");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{said}");
    assert!(said.contains("set of 3: 3 skipped in") && said.contains("not begun"), "{said}");
    assert_eq!((shop.processes().len(), shop.outputs().len()), (0, 0));
}

/// POWER8 and POWER9 in small: up to the first hook that reads the platform, a step is run once.
#[test]
fn platforms_share_steps_up_to_the_first_that_reads_them() {
    let shop = Workshop::new();
    shop.hook("work/install.d/40-blind", "\"$(printf 'e%s' nv)\" > /etc/seen");
    let image = image(&shop, "sleep 0.3", "echo ${DIB_PLATFORM:-none} > /etc/who", &[]);
    let eight = shop.build(&image, &["--target", "p1-x86_64", "--json"]).well();
    assert_eq!(
        ran(&eight),
        [
            "root/10-tiny",
            "extra-data/10-work",
            "install/40-blind",
            "pre-finalise/00-fstab",
            "finalise/50-work"
        ]
        .map(|step| format!("p1-x86_64 {step}"))
    );
    let nine = shop.build(&image, &["--target", "p2-x86_64", "--json"]).well();
    // The fstab names filesystems by label, which is the same.
    assert_eq!(ran(&nine), ["p2-x86_64 finalise/50-work"]);
    let read = |target: &str, path: &str| {
        let tar = shop.out().join(format!("{target}-i.tar"));
        dibber_tests::accepts("tar", &["-xOf", tar.to_str().expect("UTF-8"), path])
    };
    let seen = read("p2-x86_64", "./etc/seen");
    assert!(seen.contains("ARCH=amd64") && !seen.contains("DIB_PLATFORM") && !seen.contains("DIB_ROOT_UUID"));
    assert_eq!(
        (read("p1-x86_64", "./etc/who"), read("p2-x86_64", "./etc/who")),
        ("p1\n".into(), "p2\n".into())
    );

    // At the same time: one runs a shared step, the others wait for it.
    let told = shop.build(&image, &["--all-targets", "--jobs", "4", "--json", "--env", "FRESH=1"]).well();
    let mut times: BTreeMap<String, usize> = BTreeMap::new();
    for step in ran(&told) {
        *times.entry(step.split(' ').nth(1).expect("a step").to_string()).or_default() += 1;
    }
    let expected = [("extra-data/10-work", 1), ("finalise/50-work", 4), ("install/40-blind", 1)];
    let expected = expected.into_iter().chain([("pre-finalise/00-fstab", 1), ("root/10-tiny", 1)]);
    assert_eq!(times, expected.map(|(step, count)| (step.to_string(), count)).collect());
    let locks = fs::read_dir(shop.cache().join("locks")).expect("locks").flatten();
    assert!(locks.filter(|e| e.file_name().to_string_lossy().starts_with("step-")).count() == 0);
}

/// A server of one file, which counts.
fn server() -> (u16, &'static AtomicUsize) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
    let port = listener.local_addr().expect("address").port();
    let count: &'static AtomicUsize = Box::leak(Box::default());
    spawn(move || {
        for stream in listener.incoming().flatten() {
            count.fetch_add(1, Ordering::SeqCst);
            spawn(move || {
                let mut lines = BufReader::new(&stream).lines();
                while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
                sleep(Duration::from_millis(300));
                let _ = (&stream).write_all(b"HTTP/1.0 200 OK\r\nContent-Length: 6\r\n\r\nsource");
            });
        }
    });
    (port, count)
}

#[test]
fn a_source_is_fetched_once_for_all() {
    let shop = Workshop::new();
    let (port, count) = server();
    shop.write("work/element-deps", "source-repositories\n");
    shop.write("work/source-repository-x", &format!("x file /opt/x http://127.0.0.1:{port}/x\n"));
    let image = image(&shop, "true", "cat /opt/x > /etc/x", &[APART]);
    let wanted = ["--target", "p1-x86_64,p2-x86_64,p3-x86_64", "--jobs", "3"];
    shop.build(&image, &wanted).well();
    assert_eq!(count.load(Ordering::SeqCst), 1);
    let tar = shop.text("work/out/p3-x86_64-i.tar");
    assert_eq!(dibber_tests::accepts("tar", &["-xOf", &tar, "./etc/x"]), "source");
    // Another run asks again, once.
    sleep(Duration::from_millis(1100));
    shop.build(&image, &[&wanted[..], &["--env", "FRESH=1"]].concat()).well();
    assert_eq!(count.load(Ordering::SeqCst), 2);
}
