//! What fails on the way: hooks, space, namespaces, programs, names that are taken, a damaged cache.
//!
//! In: a set that was built well, and a build on a worse machine after it. Out: the message. Never: the network. Needs root, to
//! mount small filesystems and to make namespaces.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use dibber_tests::accepts;
use dibber_tests::meeting::Meeting;
use dibber_tests::workshop::{Earlier, USER, Workshop, path_without, run};

/// Codes of docs/exit-codes.md.
const SPACE: i32 = 4;
const HOOK: i32 = 5;
const OUTPUT: i32 = 6;
const MACHINE: i32 = 7;

fn until(what: &str, holds: impl Fn() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(60), "{what} did not come about in 60 s");
        sleep(Duration::from_millis(10));
    }
}

/// A small filesystem; unmounted at the end.
struct Small(PathBuf);

impl Small {
    fn mount(at: PathBuf, size: &str) -> Small {
        fs::create_dir_all(&at).expect("make a directory");
        accepts(
            "mount",
            &["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs", at.to_str().expect("UTF-8")],
        );
        Small(at)
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").args(["-l"]).arg(&self.0).status();
    }
}

#[test]
fn a_hook_that_fails() {
    let earlier = Earlier::of(Some(USER));
    let shop = &earlier.shop;
    shop.hook(
        "broken/install.d/50-broken",
        "for i in $(seq 30); do echo line $i; done; echo about to fail; exit 7",
    );
    let image = shop.image("bad", &[("elements", "[tiny-os, broken]")]);
    let told = shop.build(&image, &[]);
    let origin = shop.text("elements/broken");
    let log = shop.text("work/out/x86_64-bad.failed.log");
    let hook = format!("the hook is install.d/50-broken of broken ({origin})");
    let words =
        ["install/50-broken of element broken failed with exit code 7", "line 30 about to fail", &hook, &log];
    earlier.refuses(&told, HOOK, &words);
    // Its last lines, not all of them; the log has all.
    assert!(!told.err.contains("line 3\n"), "{}", told.err);
    let log = fs::read_to_string(log).expect("the log is kept");
    assert!(log.contains("line 3\n") && log.contains("about to fail") && log.contains("50-broken"), "{log}");
    // A signal is told as one, and a file of environment.d by its name.
    shop.hook("broken/install.d/50-broken", "kill -SEGV $$");
    earlier.refuses(&shop.build(&image, &[]), HOOK, &["failed with exit code 139 (signal 11)"]);
    shop.write("broken/environment.d/10-wrong", "false || return 9\n");
    earlier.refuses(&shop.build(&image, &[]), HOOK, &["exit code 9, in environment.d/10-wrong"]);
    // Mended, it builds, and the log of the failure goes.
    fs::remove_file(shop.at("elements/broken/environment.d/10-wrong")).expect("mend");
    shop.hook("broken/install.d/50-broken", "true");
    shop.build(&image, &[]).well();
    let names = shop.outputs();
    assert!(
        names.contains_key("bad.raw") && !names.keys().any(|name| name.ends_with(".failed.log")),
        "{names:?}"
    );
}

#[test]
fn no_space_for_outputs() {
    let shop = Workshop::new();
    let image = shop.image("good", &[]);
    let _small = Small::mount(shop.out(), "16M");
    shop.build(&image, &[])
        .refuses(SPACE, &["work/out has 16 MiB free", "needs about 64 MiB", "--output-dir"]);
    assert!(shop.outputs().is_empty(), "{:?}", shop.outputs());
    // Enough at the beginning, not enough for what comes out.
    drop(_small);
    let _small = Small::mount(shop.out(), "72M");
    shop.hook("large/install.d/50-large", "dd if=/dev/urandom of=/large bs=1M count=100");
    let image = shop.image("large", &[("elements", "[tiny-os, large]"), ("size", "160MiB")]);
    shop.build(&image, &[])
        .refuses(SPACE, &["no space left", "x86_64-large.raw", "another output directory"]);
    let names = shop.outputs();
    assert!(names.keys().all(|name| name == "x86_64-large.failed.log"), "{names:?}");
}

#[test]
fn no_space_for_what_is_new() {
    let shop = Workshop::new();
    // For one file of an element, and not for the next; for none.
    for (number, size) in ["8k", "4k"].into_iter().enumerate() {
        let place = shop.at(&format!("tiny-{number}"));
        let _small = Small::mount(place.clone(), size);
        let new = |what: &str| run(shop.dibber().current_dir(&place).args(["new", what, "first"]));
        new("element").refuses(SPACE, &["first/", "No space left on device"]);
        assert_eq!(fs::read_dir(&place).expect("read").count(), 0, "what was half made is gone");
        fs::write(place.join("full"), vec![0; 1 << 20]).expect_err("the filesystem is full");
        new("image").refuses(SPACE, &["first.yaml", "No space left on device"]);
        assert!(!place.join("first.yaml").exists());
    }
}

/// Neither the outputs' directory nor the cache has to have a name that is text.
#[test]
fn names_that_are_no_text() {
    use std::os::unix::ffi::OsStrExt;
    let shop = Workshop::of(Some(USER));
    let image = shop.image("good", &[]);
    let odd = |name: &[u8]| shop.at("work").join(std::ffi::OsStr::from_bytes(name));
    let (out, cache) = (odd(b"out\xff\xfe"), odd(b"cache\xff"));
    let mut command = shop.dibber();
    command.args(["build", &image, "--elements-path", &shop.text("elements"), "-o"]).arg(&out);
    run(command.arg("--cache-dir").arg(&cache)).well();
    assert!(out.join("good.raw").is_file() && cache.is_dir());
    run(shop.dibber().args(["select", "good", "--in"]).arg(&out)).well();
}

#[test]
fn no_space_for_the_cache() {
    let earlier = Earlier::of(None);
    let shop = &earlier.shop;
    let good = shop.image("another", &[]);
    let place = shop.at("small");
    let small = Small::mount(place.clone(), "16M");
    let cache = shop.text("small/cache");
    earlier.refuses(
        &shop.build(&good, &["--cache-dir", &cache]),
        SPACE,
        &["has 16 MiB free", "needs about 64 MiB", "--cache-dir"],
    );
    drop(small);
    let _small = Small::mount(place, "72M");
    shop.hook("large/install.d/50-large", "dd if=/dev/zero of=/large bs=1M count=100");
    let image = shop.image("large", &[("elements", "[tiny-os, large]")]);
    let words =
        ["install/50-large", "No space left on device", "small/cache had", "--cache-dir names another place"];
    earlier.refuses(&shop.build(&image, &["--cache-dir", &cache]), SPACE, &words);
}

/// As in a container whose cache is not on a volume. What `doctor` says of it, `build` says too.
#[test]
fn a_cache_on_an_overlay() {
    let earlier = Earlier::of(None);
    let shop = &earlier.shop;
    let _lower = Small::mount(shop.at("lower"), "96M");
    for name in ["tree", "upper", "work"] {
        fs::create_dir(shop.at("lower").join(name)).expect("make a directory");
    }
    let at = |name: &str| shop.text(&format!("lower/{name}"));
    let options = format!("lowerdir={},upperdir={},workdir={}", at("tree"), at("upper"), at("work"));
    accepts("mount", &["-t", "overlay", "overlay", "-o", &options, &at("tree")]);
    let _overlay = Small(shop.at("lower/tree"));
    let cache = shop.text("lower/tree/cache");
    let words = ["the cache must lie on a file system that overlayfs can write to", "DIBBER_CACHE"];
    earlier.refuses(&shop.build(&shop.image("another", &[]), &["--cache-dir", &cache]), MACHINE, &words);
    run(shop.dibber().args(["doctor", "--cache-dir", &cache])).refuses(MACHINE, &[]);
}

/// A user namespace with many ids, held open, in which no further one may be made.
struct Closed(Child);

impl Closed {
    fn new() -> Closed {
        let child =
            Command::new("unshare").args(["-U", "-m", "sleep", "600"]).spawn().expect("unshare (util-linux)");
        let id = child.id().to_string();
        let closed = Closed(child);
        let space = |pid: &str| fs::read_link(format!("/proc/{pid}/ns/mnt")).ok();
        until("a namespace", || space(&id).is_some_and(|found| Some(found) != space("self")));
        for map in ["uid_map", "gid_map"] {
            fs::write(format!("/proc/{id}/{map}"), "0 200000 200000").expect("map ids");
        }
        let close = "echo 0 > /proc/sys/user/max_user_namespaces";
        accepts("nsenter", &[&closed.enter()[1..], &["sh", "-c", close]].concat());
        closed
    }

    /// The command that enters it.
    fn enter(&self) -> Vec<&'static str> {
        let id: &str = self.0.id().to_string().leak();
        vec!["nsenter", "-t", id, "-U", "-m", "-S", "0", "-G", "0", "--"]
    }
}

impl Drop for Closed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn no_user_namespaces() {
    let earlier = Earlier::of(None);
    let shop = &earlier.shop;
    let image = shop.image("another", &[]);
    accepts("chown", &["-R", "200000:200000", &shop.text("work")]);
    let closed = Closed::new();
    let mut command = shop.wrapped(&closed.enter());
    command.args(shop.arguments(&image)).arg("--cache-dir").arg(shop.at("work/other"));
    let words = ["no sandbox on this machine", "user namespaces", "max_user_namespaces", "sysctl"];
    earlier.refuses(&run(&mut command), MACHINE, &words);
}

#[test]
fn a_missing_program() {
    let earlier = Earlier::of(None);
    let shop = &earlier.shop;
    let image = shop.image("bad", &[("elements", "[debian-minimal]"), ("release", "bookworm")]);
    let mut command = shop.dibber();
    command.args(shop.arguments(&image)).env("PATH", path_without(shop, "mmdebstrap"));
    earlier.refuses(&run(&mut command), MACHINE, &["mmdebstrap", "not in PATH", "apt install mmdebstrap"]);
    let image = shop.image("bad", &[("outputs", "[squashfs]")]);
    let mut command = shop.dibber();
    command.args(shop.arguments(&image)).env("PATH", path_without(shop, "mksquashfs"));
    earlier.refuses(
        &run(&mut command),
        MACHINE,
        &["mksquashfs", "not in PATH", "apt install squashfs-tools"],
    );
}

/// A file that dibber did not make keeps its name, whichever of a set's names it has.
#[test]
fn a_foreign_file_in_the_way() {
    for name in ["good.raw", "x86_64-good.raw", "good.raw.json", "SHA256SUMS", "images.json"] {
        let shop = Workshop::new();
        let image = shop.image("good", &[]);
        fs::create_dir_all(shop.out()).expect("make a directory");
        fs::write(shop.out().join(name), "mine").expect("write a file");
        let before = shop.outputs();
        let place = format!("work/out/{name}");
        shop.build(&image, &[]).refuses(OUTPUT, &[&place, "dibber", "move it away", "another directory"]);
        assert_eq!(shop.outputs(), before, "{name}");
    }
    // A set of its own whose file was changed since is made again, whole.
    let earlier = Earlier::of(None);
    let good = earlier.shop.image("good", &[]);
    dibber_tests::flip_bit(&earlier.shop.out().join("good.raw"), 5000);
    let told = earlier.shop.build(&good, &["--json"]).well();
    assert_eq!(told.steps("output-ready").len(), 1, "{}", told.out);
    earlier.is_untouched();
}

/// The same image twice at once: the second is refused, in the same cache and in another; the first goes on.
#[test]
fn the_same_image_twice_at_once() {
    let shop = Workshop::of(Some(USER));
    // It goes on when somebody else has come.
    let meeting = Meeting::of(2);
    shop.hook("slow/extra-data.d/10-slow", &meeting.come());
    let image = shop.image("good", &[("elements", "[tiny-os, slow]")]);
    let mut first = shop
        .dibber()
        .args(shop.arguments(&image))
        .stderr(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .expect("start");
    let hook = || shop.processes().iter().any(|line| line.contains("10-slow"));
    until("the first build's hook", hook);
    let before = shop.outputs();
    shop.build(&image, &[])
        .refuses(OUTPUT, &["x86_64-good is being built already, by process", "wait for it"]);
    let other = shop.text("work/other");
    let told = shop.build(&image, &["--cache-dir", &other]);
    told.refuses(OUTPUT, &["x86_64-good is being built into", "by another dibber", "wait for it"]);
    let same: Vec<_> = shop.outputs().into_keys().collect();
    assert_eq!(same, before.into_keys().collect::<Vec<_>>());
    meeting.join();
    assert!(first.wait().expect("wait").success());
    assert!(shop.outputs().contains_key("good.raw"), "{:?}", shop.outputs());
}

/// Every regular file below.
fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        match entry.file_type().expect("kind") {
            kind if kind.is_dir() => found.extend(files(&entry.path())),
            kind if kind.is_file() => found.push(entry.path()),
            _ => {}
        }
    }
    found
}

#[test]
fn a_corrupted_checkpoint() {
    let earlier = Earlier::of(Some(USER));
    let shop = &earlier.shop;
    let good = shop.image("good", &[]);
    let largest = || {
        let all = files(&shop.cache().join("checkpoints"));
        all.into_iter()
            .max_by_key(|path| fs::metadata(path).expect("stat").size())
            .expect("layers have files")
    };
    let cut =
        |path: &Path| fs::File::options().write(true).open(path).expect("open").set_len(100).expect("cut");
    cut(&largest());
    // The set in place is right, and is kept: the cut layer is noticed all the same, and made again.
    let told = shop.build(&good, &[]).well();
    assert!(
        told.err.contains("checkpoint") && told.err.contains("root/10-tiny is corrupted"),
        "{}",
        told.err
    );
    assert!(told.err.contains("built again"), "{}", told.err);
    earlier.is_untouched();
    let told = shop.build(&good, &["--json"]).well();
    assert_eq!(told.steps("step-started"), [""; 0]);
    // What describes a checkpoint is checked too.
    let meta = files(&shop.cache().join("checkpoints"))
        .into_iter()
        .find(|path| path.ends_with("meta.json"))
        .expect("one");
    cut(&meta);
    let told = shop.build(&good, &["--json"]).well();
    assert_eq!(told.steps("warning").len(), 1, "{}", told.out);
    assert!(!told.steps("step-started").is_empty(), "{}", told.out);
    earlier.is_untouched();
}
