//! Builds that are ended from outside: what is left of them, and whether the next one succeeds.
//!
//! In: builds with slow hooks, as root and as an ordinary user; signals at moments drawn from a fixed seed. Out: processes, mounts
//! and files afterwards. Never: a moment that was chosen because it works.

use std::fs;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use dibber_model::Digest;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use dibber_tests::workshop::{Numbers, USER, Workshop};

/// What Ctrl-C ends with, and SIGTERM, which the program takes for the same wish.
const INTERRUPTED: i32 = 130;

/// A second is promised. This machine may be busy with other tests.
const PATIENCE: Duration = Duration::from_secs(3);

/// Hooks on both sides of the chroot, each of which takes a while, and some of which deafen themselves.
fn slow(shop: &Workshop) -> String {
    shop.hook("slow/extra-data.d/10-data", "mkdir -p $TMP_MOUNT_PATH/data; for i in $(seq 200); do echo $i > $TMP_MOUNT_PATH/data/$i; done; sleep 0.1");
    shop.hook(
        "slow/pre-install.d/10-deaf",
        "trap '' INT TERM HUP; sleep 0.1; setsid sleep 30 >/dev/null 2>&1 &\n sleep 0.05",
    );
    shop.hook(
        "slow/install.d/50-write",
        "dd if=/dev/zero of=/data/zero bs=64k count=64 2>/dev/null; rm /data/7; sleep 0.1",
    );
    shop.hook("slow/cleanup.d/90-clean", "rm -f $TMP_MOUNT_PATH/data/9; sleep 0.1");
    shop.image("good", &[("elements", "[tiny-os, slow]"), ("outputs", "[raw, qcow2]")])
}

/// Starts a build that finds none of the steps of others: a variable that hooks see is new.
fn start(shop: &Workshop, image: &str, round: usize) -> Child {
    let mut command = shop.dibber();
    command.args(shop.arguments(image)).args(["--env", &format!("ROUND={round}")]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
    command.spawn().expect("start the program")
}

fn pid(child: &Child) -> Pid {
    Pid::from_raw(i32::try_from(child.id()).expect("a process id")).expect("not 0")
}

fn raw(shop: &Workshop) -> Digest {
    Digest::of(&fs::read(shop.out().join("good.raw")).expect("the raw image"))
}

/// Nothing runs and nothing is mounted; what the kernel still takes down may need a moment.
#[track_caller]
fn nothing_left(shop: &Workshop) {
    let start = Instant::now();
    while !shop.processes().is_empty() && start.elapsed() < PATIENCE {
        sleep(Duration::from_millis(10));
    }
    assert_eq!(shop.processes(), [""; 0]);
    let mounts = fs::read_to_string("/proc/self/mountinfo").expect("read mounts");
    let place = shop.text("");
    assert!(!mounts.contains(place.trim_end_matches('/')), "{mounts}");
}

/// A build from start to end; how long it took, and its raw image.
fn whole(shop: &Workshop, image: &str) -> (Duration, Digest) {
    let begin = Instant::now();
    shop.build(image, &["--env", "ROUND=0"]).well();
    (begin.elapsed(), raw(shop))
}

/// `kill -9` at 20 moments, drawn over the length of a build and a bit more.
#[test]
fn killed_at_any_moment() {
    let mut numbers = Numbers(0x5eed);
    for user in [None, Some(USER)] {
        let shop = Workshop::of(user);
        let image = slow(&shop);
        let (took, wanted) = whole(&shop, &image);
        for round in 1..=10 {
            let mut child = start(&shop, &image, round);
            sleep(took * u32::try_from(numbers.below(1000)).expect("small") / 950);
            child.kill().expect("kill");
            child.wait().expect("wait");
            nothing_left(&shop);
            assert_eq!(raw(&shop), wanted, "{user:?}, round {round}: the image in place");
            let told = shop.build(&image, &["--env", &format!("ROUND={round}")]).well();
            assert_eq!(raw(&shop), wanted, "{user:?}, round {round}: the next image\n{}", told.err);
            let stages: Vec<_> = shop.outputs().into_keys().filter(|name| name.starts_with('.')).collect();
            assert_eq!(stages, [""; 0], "{user:?}, round {round}");
        }
        shop.run(&["cache", "prune", "--all"]).well();
        assert_eq!(fs::read_dir(shop.cache().join("scratch")).expect("scratch").count(), 0, "{user:?}");
    }
}

/// Waits for the end, for so long as is promised.
#[track_caller]
fn ends(mut child: Child, shop: &Workshop) -> ExitStatus {
    let begin = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().expect("wait") {
            break status;
        }
        assert!(begin.elapsed() < PATIENCE, "it runs still: {:?}", shop.processes());
        sleep(Duration::from_millis(5));
    };
    nothing_left(shop);
    let left: Vec<_> = shop
        .outputs()
        .into_keys()
        .filter(|name| name.starts_with('.') || name.ends_with(".failed.log"))
        .collect();
    assert_eq!(left, [""; 0]);
    status
}

/// Ctrl-C, which a terminal sends to the whole process group, and SIGTERM to the program alone, while a hook runs that is deaf.
#[test]
fn interrupted_in_a_hook() {
    for user in [None, Some(USER)] {
        for (phase, signal) in
            [("extra-data", Signal::INT), ("install", Signal::INT), ("install", Signal::TERM)]
        {
            let shop = Workshop::of(user);
            shop.hook(&format!("deaf/{phase}.d/10-deaf"), "trap '' INT TERM HUP; while :; do sleep 1; done");
            let image = shop.image("good", &[("elements", "[tiny-os, deaf]")]);
            let child = start(&shop, &image, 0);
            let begin = Instant::now();
            while !shop.processes().iter().any(|line| line.contains("10-deaf")) {
                assert!(begin.elapsed() < Duration::from_secs(60), "the hook did not start");
                sleep(Duration::from_millis(10));
            }
            match signal {
                Signal::INT => kill_process_group(pid(&child), signal).expect("signal"),
                _ => kill_process(pid(&child), signal).expect("signal"),
            }
            assert_eq!(ends(child, &shop).code(), Some(INTERRUPTED), "{user:?}, {phase}, {signal:?}");
            assert_eq!(shop.outputs().len(), 0, "{:?}", shop.outputs());
        }
    }
}

/// Ctrl-C at ten moments of a build: it ends as interrupted, or was done, or had not begun to listen.
#[test]
fn interrupted_at_any_moment() {
    let mut numbers = Numbers(0xc7c);
    let shop = Workshop::of(Some(USER));
    let image = slow(&shop);
    let (took, wanted) = whole(&shop, &image);
    let mut interrupted = 0;
    for round in 1..=10 {
        let child = start(&shop, &image, round);
        sleep(took * u32::try_from(numbers.below(1000)).expect("small") / 1000);
        // The build may be done.
        let _ = kill_process_group(pid(&child), Signal::INT);
        let status = ends(child, &shop);
        let unheard = status.signal() == Some(Signal::INT.as_raw());
        assert!(unheard || [Some(INTERRUPTED), Some(0)].contains(&status.code()), "round {round}: {status}");
        interrupted += u32::from(status.code() == Some(INTERRUPTED));
        assert_eq!(raw(&shop), wanted, "round {round}");
    }
    assert!(interrupted >= 3, "only {interrupted} of 10 builds were interrupted: the moments are ill drawn");
    shop.build(&image, &["--env", "ROUND=11"]).well();
    assert_eq!(raw(&shop), wanted);
}
