//! Ctrl-C, SIGTERM and SIGHUP end everything in a moment, whatever does not answer.

use std::fs;
use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::server::Server;
use dibber_tests::accepts;
use dibber_tests::workshop::Workshop;

/// What an interrupt ends with.
const INTERRUPTED: i32 = 130;
/// A second is promised. This machine may be busy with other tests.
const PATIENCE: Duration = Duration::from_secs(3);

const SIGNALS: [Signal; 3] = [Signal::TERM, Signal::INT, Signal::HUP];

/// Sends the signal, to the program alone, and waits for the end of it and of all that it started.
#[track_caller]
fn ends(shop: &Workshop, mut child: Child, signal: Signal) {
    assert_eq!(child.try_wait().expect("wait"), None, "it runs until it is interrupted");
    let start = Instant::now();
    kill_process(Pid::from_child(&child), signal).expect("a signal");
    let status = loop {
        match child.try_wait().expect("wait") {
            Some(status) => break status,
            None if start.elapsed() > PATIENCE => {
                let _ = child.kill();
                panic!("{signal:?}: it goes on");
            }
            None => sleep(Duration::from_millis(10)),
        }
    };
    assert_eq!(status.code(), Some(INTERRUPTED), "{signal:?}");
    while !shop.processes().is_empty() && start.elapsed() < PATIENCE {
        sleep(Duration::from_millis(10));
    }
    assert_eq!(shop.processes(), [""; 0], "{signal:?}");
}

fn start(command: &mut Command) -> Child {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("start the program")
}

/// Waits until a condition holds.
#[track_caller]
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(60), "{what}");
        sleep(Duration::from_millis(20));
    }
}

#[test]
fn while_an_archive_does_not_answer() {
    let shop = Workshop::new();
    for signal in SIGNALS {
        let server = Server::hanging();
        let image = shop.image(
            "deb",
            &[
                ("elements", "[debian-minimal]"),
                ("release", "bookworm"),
                ("mirror", &format!("http://127.0.0.1:{}/debian", server.port)),
                ("security", "false"),
                ("outputs", "[tar]"),
            ],
        );
        let child = start(shop.dibber().args(shop.arguments(&image)));
        until("it asks", || !server.seen().is_empty());
        ends(&shop, child, signal);
        let left: Vec<_> = shop.outputs().into_keys().collect();
        assert_eq!(left, [""; 0], "no stage is left");
    }
}

#[test]
fn while_a_cloud_does_not_answer() {
    let shop = Workshop::new();
    let image = shop.image("good", &[]);
    shop.build(&image, &[]).well();
    for signal in SIGNALS {
        let server = Server::hanging();
        let mut command = shop.dibber();
        command.args(["upload", "--in", &shop.text("work/out")]).env("OS_AUTH_TYPE", "none");
        command.env("OS_ENDPOINT", format!("http://127.0.0.1:{}", server.port));
        let child = start(&mut command);
        until("it asks", || !server.seen().is_empty());
        ends(&shop, child, signal);
    }
}

#[test]
fn while_a_hook_prints_without_end_and_nobody_reads() {
    let shop = Workshop::new();
    shop.hook("flood/install.d/50-flood", "while :; do echo flood; done");
    let image = shop.image("good", &[("elements", "[tiny-os, flood]")]);
    let child = start(shop.dibber().args(shop.arguments(&image)).arg("-v"));
    until("the hook runs", || shop.processes().iter().any(|process| process.contains("50-flood")));
    sleep(Duration::from_millis(500));
    ends(&shop, child, Signal::INT);
    // A pipe that is full: the program waits in the middle of a line.
    let mut command = shop.dibber();
    command
        .args(shop.arguments(&image))
        .arg("--json")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut child = command.spawn().expect("start the program");
    let mut out = child.stdout.take().expect("piped");
    out.read_exact(&mut [0; 4096]).expect("events");
    sleep(Duration::from_secs(1));
    ends(&shop, child, Signal::TERM);
}

#[test]
fn while_a_file_is_no_file() {
    let shop = Workshop::new();
    fs::create_dir(shop.at("set")).expect("make a directory");
    for name in ["set/images.json", "x.raw", "x.yaml"] {
        accepts("mkfifo", &[&shop.text(name)]);
    }
    let set = shop.text("set");
    for words in [
        &["show", &shop.text("x.raw")][..],
        &["plan", &shop.text("x.yaml")],
        &["select", "x", "--in", &set],
        &["upload", "--in", &set],
    ] {
        let mut child = start(shop.dibber().args(words));
        sleep(Duration::from_millis(300));
        // It may refuse what is no file; it does not hang on it.
        match child.try_wait().expect("wait") {
            Some(status) => assert_ne!(status.code(), Some(0), "{words:?}"),
            None => ends(&shop, child, Signal::TERM),
        }
    }
}

#[test]
fn while_a_guest_runs() {
    let shop = Workshop::new();
    fs::write(shop.at("empty.raw"), vec![0; 1 << 20]).expect("write");
    let temporary = shop.at("work/tmp");
    fs::create_dir(&temporary).expect("make a directory");
    let disk = shop.text("empty.raw");
    for words in
        [&["boot", &disk, "--accel", "tcg", "--expect", "never"][..], &["boot", &disk, "--accel", "tcg"]]
    {
        let child = start(shop.dibber().args(words).env("TMPDIR", &temporary));
        until("QEMU runs", || shop.processes().iter().any(|process| process.contains("qemu-system")));
        ends(&shop, child, Signal::TERM);
        assert_eq!(fs::read_dir(&temporary).expect("read").count(), 0, "{words:?}");
    }
}

/// A guest that prints without end, to a reader that does not read: what holds up one is no matter to the other.
#[test]
fn while_a_guest_prints_and_nobody_reads() {
    let shop = Workshop::new();
    // Sends `A` to the first serial port, for ever.
    let mut disk = vec![0xba, 0xf8, 0x03, 0xb0, 0x41, 0xee, 0xeb, 0xfd];
    disk.resize(1 << 20, 0);
    disk[510..512].copy_from_slice(&[0x55, 0xaa]);
    fs::write(shop.at("flood.raw"), disk).expect("write");
    let temporary = shop.at("work/tmp");
    fs::create_dir(&temporary).expect("make a directory");
    let boot = |signal: Signal| {
        let mut command = shop.dibber();
        command.args(["boot", &shop.text("flood.raw"), "--arch", "x86_64", "--accel", "tcg"]);
        command.args(["--expect", "never", "--timeout", "300"]).env("TMPDIR", &temporary);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("start the program");
        let mut out = child.stdout.take().expect("piped");
        until("it prints", || out.read_exact(&mut [0; 4096]).is_ok());
        // More than the pipes hold.
        sleep(Duration::from_secs(1));
        if signal != Signal::KILL {
            ends(&shop, child, signal);
            assert_eq!(fs::read_dir(&temporary).expect("read").count(), 0, "{signal:?}");
            return;
        }
        child.kill().expect("a signal");
        child.wait().expect("wait");
        until("its guest ends with it", || shop.processes().is_empty());
        let left = accepts("find", &[temporary.to_str().expect("UTF-8"), "-type", "f"]);
        assert_eq!(left, "", "no file of the guest's or with its password");
    };
    boot(Signal::KILL);
    // The next one sweeps the directory away, too.
    SIGNALS.into_iter().for_each(boot);
}

/// nohup has SIGHUP ignored, and a parent may have blocked what ends programs.
#[test]
fn what_was_ignored_stays_so_and_what_was_blocked_is_heard() {
    let shop = Workshop::new();
    let image = shop.image("good", &[]);
    shop.build(&image, &[]).well();
    let start_by = |by: &[&str]| {
        let server = Server::hanging();
        let mut command = shop.wrapped(by);
        command.args(["upload", "--in", &shop.text("work/out")]).env("OS_AUTH_TYPE", "none");
        command.env("OS_ENDPOINT", format!("http://127.0.0.1:{}", server.port));
        let child = start(&mut command);
        until("it asks", || !server.seen().is_empty());
        (child, server)
    };
    for (signal, name) in SIGNALS.into_iter().zip(["TERM", "INT", "HUP"]) {
        let (child, _server) = start_by(&["env", &format!("--block-signal={name}")]);
        ends(&shop, child, signal);
        let (child, _server) = start_by(&["env", &format!("--ignore-signal={name}")]);
        kill_process(Pid::from_child(&child), signal).expect("a signal");
        sleep(Duration::from_millis(300));
        ends(&shop, child, if signal == Signal::TERM { Signal::INT } else { Signal::TERM });
    }
}
