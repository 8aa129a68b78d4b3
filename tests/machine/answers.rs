//! What an archive says of itself counts only when somebody who is trusted has signed it, and is kept only by a build that
//! succeeded.
//!
//! In: archives on loopback, signed well, badly and not at all. Out: exit codes, records. Never: a time that nobody vouches for.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on may say so by a panic")]

use std::fs;

use dibber_tests::archive::{Archive, Key};
use dibber_tests::workshop::{Told, Workshop, run};
use dibber_tests::{accepts, flip_bit};

/// Exit code of docs/exit-codes.md: the machine, or the archive, cannot give what is needed.
const MACHINE: i32 = 7;
/// The `Date:` of the archive, in seconds since 1970.
const DATE: i64 = 1_757_156_439;

/// A shop whose `debian-minimal` takes nothing from the archive, so that builds end well.
fn shop(archive: &Archive) -> (Workshop, String) {
    let shop = Workshop::new();
    accepts("cp", &["-r", &shop.text("elements/tiny-os"), &shop.text("elements/debian-minimal")]);
    shop.hook("fails/cleanup.d/90-fails", "[ -z \"${FAIL:-}\" ]");
    let keys = [
        ("distro", "debian-minimal"),
        ("elements", "[fails]"),
        ("release", "trial"),
        ("mirror", &archive.url()),
        ("security", "false"),
        ("outputs", "[tar]"),
    ];
    let image = shop.image("good", &keys);
    (shop, image)
}

fn build(shop: &Workshop, image: &str, more: &[&str]) -> Told {
    let out = shop.text("work/out");
    let elements = shop.text("elements");
    let words = ["build", image, "-o", &out, "--elements-path", &elements, "--env", "DIB_DEBIAN_UPDATES=0"];
    run(shop.dibber().args(words).args(more))
}

fn trusting(key: &Key) -> [String; 2] {
    ["--env".into(), format!("DIB_APT_KEYRING={}", key.public().display())]
}

fn records(shop: &Workshop) -> Vec<std::path::PathBuf> {
    let all = fs::read_dir(shop.cache().join("answers")).into_iter().flatten().flatten();
    all.map(|entry| entry.path()).collect()
}

fn epoch(shop: &Workshop) -> i64 {
    let sidecar = fs::read(shop.out().join("good.tar.json")).unwrap();
    serde_json::from_slice::<serde_json::Value>(&sidecar).unwrap()["source_date_epoch"].as_i64().unwrap()
}

#[test]
fn answers_that_nobody_vouches_for_are_refused() {
    let archive = Archive::new();
    let (key, other) = (Key::new(), Key::new());
    let (shop, image) = shop(&archive);
    let plain = archive.release_text("trial");
    let signed = key.signed(&plain);
    let later = |text: &str| text.replace("06 Sep 2025", "06 Oct 2025");
    let cases = [
        ("unsigned", plain.clone(), "not signed"),
        ("a line alone", "Date: Sat, 06 Sep 2025 11:00:39 UTC\n".into(), "not signed"),
        ("another key", other.signed(&plain), "NO_PUBKEY"),
        ("changed", later(&signed), "BADSIG"),
        ("a date before", format!("Date: Mon, 06 Oct 2025 11:00:39 UTC\n{signed}"), "not signed"),
        ("a date behind", format!("{signed}\nDate: Mon, 06 Oct 2025 11:00:39 UTC\n"), "not signed"),
    ];
    let trust = trusting(&key);
    let trust: Vec<&str> = trust.iter().map(String::as_str).collect();
    for (what, text, why) in cases {
        archive.release("trial", &text);
        let told = build(&shop, &image, &trust);
        assert_eq!(told.code, Some(MACHINE), "{what}: {}", told.err);
        told.refuses(
            MACHINE,
            &["/dists/trial/InRelease is not signed by a key that this machine trusts", why],
        );
        assert!(records(&shop).is_empty(), "{what}");
        assert!(!shop.out().join("good.tar").exists(), "{what}");
    }
    archive.release("trial", &key.signed(&format!("Valid-Until: Sun, 07 Sep 2025 11:00:39 UTC\n{plain}")));
    let words = [
        "/dists/trial/InRelease has expired (invalid since ",
        "another mirror",
        "DIB_APT_CHECK_VALID_UNTIL=0",
    ];
    build(&shop, &image, &trust).refuses(MACHINE, &words);
    assert!(records(&shop).is_empty());
    // The machine's own keys do not know this one.
    archive.release("trial", &signed);
    build(&shop, &image, &[]).refuses(MACHINE, &["NO_PUBKEY", "debian-archive-keyring", "DIB_APT_KEYRING"]);
    build(&shop, &image, &trust).well();
    assert_eq!(epoch(&shop), DATE);
}

#[test]
fn a_failed_build_records_nothing() {
    let archive = Archive::new();
    let key = Key::new();
    let (shop, image) = shop(&archive);
    archive.release("trial", &key.signed(&archive.release_text("trial")));
    let trust = trusting(&key);
    let with = |more: &[&str]| {
        let words: Vec<&str> = trust.iter().map(String::as_str).chain(more.iter().copied()).collect();
        build(&shop, &image, &words)
    };
    with(&["--env", "FAIL=1"]).refuses(5, &["cleanup/90-fails of element fails failed"]);
    assert!(records(&shop).is_empty());
    with(&["--offline"]).refuses(MACHINE, &["nothing is recorded", "--offline"]);
    with(&[]).well();
    assert_eq!((records(&shop).len(), epoch(&shop)), (1, DATE));
    let asked = archive.asked("InRelease");
    with(&["--offline", "--env", "AGAIN=1"]).well();
    assert_eq!(archive.asked("InRelease"), asked);
    // A record that a disk has changed is none, wherever the bit is.
    let record = records(&shop).remove(0);
    let text = fs::read_to_string(&record).unwrap();
    for at in
        [text.find("2025").unwrap() + 3, text.find("1757156439").unwrap() + 2, text.find("seal").unwrap() + 9]
    {
        fs::write(&record, &text).unwrap();
        flip_bit(&record, at as u64);
        with(&["--offline"]).refuses(MACHINE, &["nothing is recorded"]);
    }
    with(&[]).well();
    assert_eq!(fs::read_to_string(&record).unwrap(), text);
}

/// What an image says that it trusts needs no key.
#[test]
fn an_archive_that_the_image_trusts() {
    let archive = Archive::new();
    let (shop, image) = shop(&archive);
    archive.release("trial", &archive.release_text("trial"));
    let conf = |line: &str| format!("DIB_APT_SOURCES_CONF=a:deb {line} main");
    build(&shop, &image, &["--env", &conf("[trusted=yes] http://127.0.0.1:1 trial")])
        .refuses(MACHINE, &["not signed"]);
    let line = format!("[arch=amd64 trusted=yes] {} trial", archive.url());
    build(&shop, &image, &["--env", &conf(&line)]).well();
    assert_eq!((epoch(&shop), records(&shop).len()), (DATE, 1));
}
