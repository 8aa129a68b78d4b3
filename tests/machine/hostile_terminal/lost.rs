//! Standard output and standard error that are full, closed, or read by nobody.

use std::fs::File;
use std::process::{Output, Stdio};

use dibber_tests::workshop::Workshop;

use super::{run, said};

/// A fault that has no code of its own, of docs/exit-codes.md.
const FAULT: i32 = 1;
/// What does not fit, of docs/exit-codes.md.
const SPACE: i32 = 4;

fn full() -> Stdio {
    File::options().write(true).open("/dev/full").expect("/dev/full").into()
}

/// A pipe that nobody reads.
fn gone() -> Stdio {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    writer.into()
}

/// Runs with descriptors as a shell is told to leave them.
fn closed(shop: &Workshop, words: &[String], how: &str) -> Output {
    let mut shell = shop.wrapped(&["sh", "-c", &format!("exec \"$0\" \"$@\" {how}")]);
    run(shell.args(words))
}

/// Commands that answer on standard output.
fn answers(shop: &Workshop) -> Vec<Vec<String>> {
    let image = shop.image("good", &[]);
    shop.build(&image, &[]).well();
    let disk = shop.text("work/out/good.raw");
    let mut all: Vec<Vec<String>> = [
        &["schema"][..],
        &["completions", "bash"],
        &["--help"],
        &["build", "--help"],
        &["--version"],
        &["doctor"],
        &["cache", "ls"],
        &["plan", &image, "--elements-path", &shop.text("elements")],
        &["show", &disk],
        &["show", &disk, "--json"],
        &["show", &disk, "--files"],
        &["show", &disk, "--files", "--json"],
        &["show", &disk, "/etc/passwd"],
        &["show", &disk, "/etc"],
        &["select", "good", "--in", &shop.text("work/out")],
    ]
    .iter()
    .map(|words| words.iter().map(ToString::to_string).collect())
    .collect();
    let mut events = shop.arguments(&image);
    events.push("--json".into());
    all.push(events);
    all
}

#[test]
fn an_answer_that_is_lost_is_no_success_and_a_reader_that_left_is_content() {
    let shop = Workshop::new();
    for words in answers(&shop) {
        let usual = run(shop.dibber().args(&words)).status.code();
        let lost = shop
            .dibber()
            .args(&words)
            .stdout(full())
            .stderr(Stdio::piped())
            .spawn()
            .and_then(|c| c.wait_with_output());
        let lost = lost.expect("start the program");
        let code = lost.status.code();
        assert_eq!(code, if usual == Some(0) { Some(SPACE) } else { usual }, "{words:?}: {}", said(&lost));
        assert!(said(&lost).contains("standard output"), "{words:?}: {}", said(&lost));
        let closed = closed(&shop, &words, ">&-");
        let code = closed.status.code();
        assert_eq!(code, if usual == Some(0) { Some(FAULT) } else { usual }, "{words:?}: {}", said(&closed));
        assert!(said(&closed).contains("standard output"), "{words:?}: {}", said(&closed));
        let left = shop
            .dibber()
            .args(&words)
            .stdout(gone())
            .stderr(Stdio::piped())
            .spawn()
            .and_then(|c| c.wait_with_output());
        let left = left.expect("start the program");
        assert_eq!(left.status.code(), usual, "{words:?}: {}", said(&left));
        assert!(
            !said(&left).contains("standard output") && !said(&left).contains("panicked"),
            "{}",
            said(&left)
        );
    }
}

#[test]
fn who_cannot_be_told_learns_it_from_the_exit_code() {
    let shop = Workshop::new();
    let good = shop.image("good", &[]);
    shop.hook("bad/install.d/50-bad", "echo bad >&2; exit 3");
    let bad = shop.image("bad", &[("elements", "[tiny-os, bad]")]);
    let cases = [
        (shop.arguments(&good), 0),
        (shop.arguments(&bad), 5),
        (vec!["build".into(), "nowhere.yaml".into()], 3),
        (vec!["biuld".into()], 2),
        (vec!["upload".into()], 3),
    ];
    for (round, stderr) in [full as fn() -> Stdio, gone].into_iter().enumerate() {
        for (words, code) in &cases {
            let mut words = words.clone();
            if *code == 0 {
                words.extend(["--env".into(), format!("ROUND={round}"), "-v".into()]);
            }
            let mut command = shop.dibber();
            let status = command
                .args(&words)
                .stdout(Stdio::null())
                .stderr(stderr())
                .status()
                .expect("start the program");
            assert_eq!(status.code(), Some(*code), "{words:?}");
        }
    }
    // Closed from the beginning: what is opened later lands on none of the three.
    let words = [shop.arguments(&good), ["--env", "CLOSED=1", "-v"].map(String::from).into()].concat();
    // Nothing of a build is said on standard output but events.
    assert_eq!(closed(&shop, &words, "<&- >&- 2>&-").status.code(), Some(0));
    dibber_tests::accepts("e2fsck", &["-fn", &shop.text("work/out/good.raw")]);
}
