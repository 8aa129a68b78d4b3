//! Images of another architecture, as an ordinary user: built under an emulator, sped up by native programs, booted.
//!
//! In: the program, the network, qemu-user-static. Out: verdicts of QEMU's firmware, tar, cmp. Never: a registration that is
//! left on the host.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use dibber_tests::accepts;
use dibber_tests::workshop::{Told, USER, Workshop, path_without, run};

const MACHINE: i32 = 7;

/// One workshop with one cache, as long as a test has it: the native programs are made once, and nothing is left.
fn shop() -> Arc<Workshop> {
    static SHOP: Mutex<Weak<Workshop>> = Mutex::new(Weak::new());
    let mut shared = SHOP.lock().unwrap_or_else(PoisonError::into_inner);
    shared.upgrade().unwrap_or_else(|| {
        let shop = Arc::new(Workshop::of(Some(USER)));
        *shared = Arc::downgrade(&shop);
        shop
    })
}

/// What a small system says of itself, what its programs make of much input, and what it is run by: that stays out of the tree.
const TELL: &str = r#"
          { uname -m; arch; dpkg --print-architecture; bash -c 'echo $MACHTYPE'; perl -MConfig -e 'print "$Config{archname}\n"'; } > /told
          find /usr/share -name '*.gz' | sort | xargs cat | gzip -dc | sha256sum >> /told
          cp -a /usr/share/doc /told.d
          tar --sort=name -C /etc -cf - . | gzip -9n | sha256sum >> /told
          find /usr/bin -type f | sort | head -n 200 | xargs md5sum >> /told
          grep -rhoE '[a-z]{12,}' /usr/share/doc | sort -u | sed 's/a/b/g' | awk '{print length}' | uniq -c >> /told
          echo "stood in: $(grep -c /run/dibber/native/root /proc/self/maps || true)"
"#;

/// The smallest Debian for POWER, of the release before today's, with a hook of these lines at its end. The security suite of some
/// mirrors lags behind for it.
fn small(shop: &Workshop, name: &str, lines: &str) -> String {
    let text = format!(
        "disk_images:\n  - imagename: {name}\n    distro: debian-minimal\n    release: bookworm\n    security: false\n    arch: ppc64le\n    \
         skip_base: true\n    layout: partition\n    outputs: [tar]\n    hooks:\n      - phase: post-install\n        name: 50-tell\n        \
         script: |\n          #!/bin/dash\n          set -eu\n{lines}"
    );
    shop.file(&format!("{name}.yaml"), &text)
}

/// Builds into a directory of that name: tests run side by side.
fn build(shop: &Workshop, (image, out): (&str, &str), more: &[&str]) -> Told {
    let out = shop.text(&format!("work/{out}"));
    run(shop.dibber().args(["build", image, "-o", &out, "--source-date-epoch", "1700000000"]).args(more))
}

/// What the hook of a small system printed.
fn stood_in(shop: &Workshop, out: &str) -> u32 {
    let log = shop.at(&format!("work/{out}/ppc64le-small.log"));
    let log = fs::read_to_string(log).expect("a build's log");
    let line = log.lines().find_map(|line| line.strip_prefix("stood in: ")).expect("the hook's line");
    line.parse().expect("a number")
}

fn digest(file: &Path) -> String {
    accepts("sha256sum", &["--", file.to_str().expect("UTF-8")])[..64].to_string()
}

/// Of one system, the last step with native programs and without. `scripts/compare-emulated` compares whole builds, for half an hour.
#[test]
fn native_programs_change_no_byte() {
    let shop = &*shop();
    build(shop, (&small(shop, "small", "          true\n"), "before"), &[]).well();
    let cache = shop.text("work/emulated-cache");
    accepts("cp", &["-a", "--reflink=auto", shop.cache().to_str().expect("UTF-8"), &cache]);
    let image = small(shop, "small", TELL.trim_start_matches('\n'));
    build(shop, (&image, "accelerated"), &[]).well();
    assert!(stood_in(shop, "accelerated") > 0, "no native program stood in");
    let tar = shop.at("work/accelerated/ppc64le-small.tar");
    let told = accepts("tar", &["-xOf", tar.to_str().expect("UTF-8"), "./told"]);
    let words: Vec<&str> = told.lines().take(5).collect();
    let answers = [
        "ppc64le",
        "ppc64le",
        "ppc64el",
        "powerpc64le-unknown-linux-gnu",
        "powerpc64le-linux-gnu-thread-multi",
    ];
    assert_eq!(words, answers, "programs that report the architecture answer for the target");
    build(shop, (&image, "emulated"), &["--no-accelerate", "--cache-dir", &cache]).well();
    assert_eq!(stood_in(shop, "emulated"), 0, "something stood in that must not");
    let accelerated = digest(&tar);
    let emulated = digest(&shop.at("work/emulated/ppc64le-small.tar"));
    assert_eq!(emulated, accelerated, "emulated and accelerated builds differ");
    // The broken twin: one byte more is another digest.
    accepts("sh", &["-c", &format!("printf x >> {}", tar.display())]);
    assert_ne!(digest(&tar), accelerated);
}

#[test]
fn a_power_disk_is_built_and_boots() {
    let shop = &*shop();
    let registered =
        || accepts("sh", &["-c", "ls /proc/sys/fs/binfmt_misc 2>/dev/null | grep -i ppc64le || true"]);
    let before = registered();
    // Of the release before today's: some mirrors lag behind with today's for POWER.
    let older =
        shop.file("older.yaml", "disk_images:\n  - imagename: overcloud-full\n    release: bookworm\n");
    let options = ["overcloud-full", "--target", "p9-ppc64le", "--env", "DIB_DEBIAN_SECURITY_MIRROR=none"];
    build(shop, (&older, "power"), &options).well();
    assert_eq!(registered(), before, "a registration was left on the host");
    let disk = shop.text("work/power/p9-ppc64le-overcloud-full.qcow2");
    for file in ["p9-ppc64le-overcloud-full.vmlinuz", "p9-ppc64le-overcloud-full.initrd"] {
        assert!(shop.at("work/power").join(file).is_file(), "{file}");
    }
    accepts("qemu-img", &["check", &disk]);
    let told = shop.run(&["boot", &disk, "--accel", "tcg", "--timeout", "900", "--expect", "login:"]);
    assert_eq!(told.code, Some(0), "no login prompt:\n{}\n{}", told.out, told.err);
}

#[test]
fn without_an_emulator_nothing_is_begun() {
    let shop = Workshop::of(Some(USER));
    let image = small(&shop, "small", "          true\n");
    let path = path_without(&shop, "qemu-ppc64le-static");
    let out = shop.text("work/out");
    let told = run(shop.dibber().env("PATH", &path).args(["build", &image, "-o", &out]));
    told.refuses(MACHINE, &["no qemu-ppc64le-static in PATH", "apt install qemu-user-static"]);
    assert!(shop.outputs().keys().all(|name| name.ends_with(".log")), "{:?}", shop.outputs());
    let told = shop.run(&["build", &image, "-o", &out, "--arch", "ppc64"]);
    told.refuses(2, &["unknown architecture `ppc64`"]);
}

#[test]
fn an_archive_that_is_being_updated() {
    let shop = Workshop::of(Some(USER));
    let image = small(&shop, "small", "          true\n");
    let archive = shop.at("archive");
    let index = archive.join("dists/bookworm/main/binary-ppc64el");
    fs::create_dir_all(&index).expect("make an archive");
    fs::write(index.join("Packages"), "Package: a\nArchitecture: ppc64el\nVersion: 2\n\n").expect("an index");
    let sum = accepts("sh", &["-c", "printf 'another index' | sha256sum"]);
    let release = format!(
        "Origin: trial\nCodename: bookworm\nDate: Fri, 20 Nov 2026 00:00:00 UTC\nArchitectures: ppc64el amd64\nComponents: main\n\
         SHA256:\n {} 13 main/binary-ppc64el/Packages\n",
        &sum[..64]
    );
    for name in ["InRelease", "Release"] {
        fs::write(archive.join("dists/bookworm").join(name), &release).expect("a Release file");
    }
    let mut server = Server::of(&archive);
    let out = shop.text("work/out");
    let mirror = format!("http://127.0.0.1:{}", server.port());
    let sources = format!("DIB_APT_SOURCES_CONF=a:deb [trusted=yes] {mirror} bookworm main");
    let set = [
        "--env",
        &sources,
        "--env",
        "DIB_DEBIAN_ARCHIVE_PAUSES=0",
        "--env",
        "DIB_DEBIAN_UPDATES=0",
        "--no-accelerate",
    ];
    let mirror = format!("DIB_DISTRIBUTION_MIRROR={mirror}");
    let told = run(shop.dibber().args(["build", &image, "-o", &out, "--env", &mirror]).args(set));
    told.refuses(MACHINE, &["the archive is being updated for ppc64el", "try again later", "exit code 75"]);
    let log = fs::read_to_string(shop.out().join("ppc64le-small.failed.log")).expect("a failure's log");
    assert!(log.contains("trying again in 0 seconds"), "{log}");
}

#[test]
fn an_element_that_refuses_the_architecture() {
    let shop = Workshop::of(Some(USER));
    shop.hook(
        "only-amd64/root.d/01-only-amd64",
        "[ \"$ARCH\" = amd64 ] || { echo \"only-amd64 is for amd64, not $ARCH\" >&2; exit 1; }",
    );
    let image = shop.image("picky", &[("arch", "ppc64le"), ("elements", "[tiny-os, only-amd64]")]);
    let told = shop.build(&image, &[]);
    told.refuses(
        5,
        &["root/01-only-amd64 of element only-amd64 failed", "only-amd64 is for amd64, not ppc64el"],
    );
}

/// A web server on loopback that serves a directory.
struct Server(std::process::Child, u16);

impl Server {
    fn of(dir: &Path) -> Server {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        drop(listener);
        let mut command = Command::new("python3");
        command.args(["-m", "http.server", "--bind", "127.0.0.1", &port.to_string(), "--directory"]).arg(dir);
        let child = command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn();
        let server = Server(child.expect("python3 serves"), port);
        for _ in 0..100 {
            if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return server;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        panic!("the server did not start");
    }

    fn port(&mut self) -> u16 {
        self.1
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
