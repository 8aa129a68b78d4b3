//! The person at the terminal: what is printed, what is touched, what a wrong word is answered with.
//!
//! In: commands. Out: text, JSON, files. Never: the network, or a cache of somebody else.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::Value;

use dibber_tests::workshop::{Workshop, contents, run};

const MACHINE: i32 = 7;

#[test]
fn planning_touches_nothing() {
    let shop = Workshop::new();
    let image = shop.image("good", &[("outputs", "[qcow2, raw]")]);
    let plan = |shop: &Workshop| {
        let mut words = shop.arguments(&image);
        words[0] = "plan".to_string();
        run(shop.dibber().args(words)).well()
    };
    let before = contents(&shop.at(""));
    let told = plan(&shop);
    assert_eq!(contents(&shop.at("")), before, "without a cache and an output directory");
    for sign in [
        "10-tiny",
        "00-fstab",
        "tiny-os",
        "x86_64-good.qcow2",
        "good.raw",
        "no set of this image",
        "0 of 2 steps are kept",
    ] {
        assert!(told.out.contains(sign), "no `{sign}` in:\n{}", told.out);
    }
    shop.build(&image, &[]).well();
    let before = contents(&shop.at(""));
    let told = plan(&shop);
    assert_eq!(contents(&shop.at("")), before, "with both");
    assert!(told.out.contains("all 2 steps are kept") && told.out.contains("whole"), "{}", told.out);
    shop.hook("tiny-os/install.d/50-more", "true");
    let told = plan(&shop);
    assert!(told.out.contains("1 of 3 steps are kept; the first to run is install/50-more"), "{}", told.out);
}

/// Columns that a help text may take.
const COLUMNS: usize = 100;

#[test]
fn help_of_every_command() {
    let shop = Workshop::new();
    let first = shop.run(&["--help"]).well().out;
    let listed = first
        .split("Commands:")
        .nth(1)
        .expect("a list of commands")
        .split("Options:")
        .next()
        .expect("before the options");
    let indented =
        listed.lines().filter_map(|line| line.strip_prefix("  ")).filter(|line| !line.starts_with(' '));
    let commands: Vec<&str> = indented.filter_map(|line| line.split_whitespace().next()).collect();
    assert!(commands.contains(&"build") && commands.contains(&"plan") && commands.len() >= 8, "{commands:?}");
    for command in commands {
        for flag in ["--help", "-h"] {
            let told =
                if command == "help" { shop.run(&["help"]) } else { shop.run(&[command, flag]) }.well();
            // dib's own are called by their own names.
            let own = format!("Usage: {command}");
            assert!(told.out.contains("Usage: dibber") || told.out.starts_with(&own), "{}", told.out);
            let wide: Vec<&str> = told.out.lines().filter(|line| line.chars().count() > COLUMNS).collect();
            assert!(wide.is_empty(), "dibber {command} {flag}:\n{}", wide.join("\n"));
        }
    }
}

#[test]
fn completions_parse() {
    let shop = Workshop::new();
    let script = shop.run(&["completions", "bash"]).well().out;
    let mut bash = Command::new("bash").arg("-n").stdin(Stdio::piped()).spawn().expect("bash");
    bash.stdin.take().expect("a pipe").write_all(script.as_bytes()).expect("write");
    assert!(bash.wait().expect("wait").success());
    assert!(script.contains("overcloud") || script.contains("--elements-path"), "no options in it");
    for shell in ["zsh", "fish"] {
        assert!(shop.run(&["completions", shell]).well().out.contains("elements-path"), "{shell}");
    }
}

#[test]
fn new_things_plan() {
    let shop = Workshop::new();
    for what in ["element", "image"] {
        let told = shop.run(&["new", what, "my-first"]).well();
        assert!(told.out.contains("dibber plan"), "{}", told.out);
        // What it says to do next is done, word by word.
        for line in told.out.lines().filter_map(|line| line.trim().strip_prefix("dibber plan")) {
            let words: Vec<&str> = line.split_whitespace().collect();
            let told = run(shop.dibber().arg("plan").args(&words)).well();
            assert!(
                told.out.contains("my-first") && !told.err.contains("warning"),
                "{}\n{}",
                told.out,
                told.err
            );
        }
        let before = contents(&shop.at("work"));
        shop.run(&["new", what, "my-first"]).refuses(3, &["my-first", "exists", "choose another name"]);
        shop.run(&["new", what, "../Odd"]).refuses(3, &["`../Odd` cannot be a name", "lower-case"]);
        assert_eq!(contents(&shop.at("work")), before);
    }
    // In an image, the element does what its hook says. The tiny system has no package manager, which base wants.
    fs::write(shop.at("work/my-first/element-deps"), "package-installs\n").expect("edit");
    let image = shop.image("good", &[("elements", "[tiny-os, my-first]"), ("outputs", "[tar]")]);
    let mut command = shop.dibber();
    run(command.args(shop.arguments(&image)).args(["--elements-path", &shop.text("work")])).well();
    let tar = shop.out().join("good.tar");
    let text = dibber_tests::accepts("tar", &["-xOf", tar.to_str().expect("UTF-8"), "./etc/my-first"]);
    assert_eq!(text, "hello\n");
}

#[test]
fn machines_read_it() {
    let shop = Workshop::new();
    let schema: Value = serde_json::from_str(&shop.run(&["schema"]).well().out).expect("the schema is JSON");
    assert!(schema["properties"]["disk_images"].is_object(), "{schema}");
    shop.hook("talk/install.d/50-talk", "echo 'a \"quoted\" line'; printf '\\xff\\n'; echo error >&2");
    let image = shop.image("good", &[("elements", "[tiny-os, talk]")]);
    let told = shop.build(&image, &["--json"]).well();
    let events: Vec<Value> =
        told.out.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect();
    let kinds: Vec<&str> = events.iter().filter_map(|event| event["event"].as_str()).collect();
    assert_eq!(kinds.len(), events.len(), "every event has its kind");
    assert_eq!((kinds.first(), kinds.last()), (Some(&"image-started"), Some(&"member-ended")));
    assert!(events.iter().any(|event| event["line"] == "a \"quoted\" line"), "{}", told.out);
    // Without it, standard output is the files' and standard error the person's; no escape reaches a pipe.
    let told = shop.build(&image, &[]).well();
    assert!(!told.err.contains('\u{1b}') && told.err.contains("nothing changed"), "{}", told.err);
}

#[test]
fn the_cache() {
    let shop = Workshop::new();
    let told = shop.run(&["cache", "ls"]).well();
    assert!(told.out.contains("0 checkpoints"), "{}", told.out);
    let image = shop.image("good", &[]);
    shop.build(&image, &[]).well();
    let told = shop.run(&["cache", "ls"]).well();
    for sign in ["x86_64-good", "root/10-tiny tiny-os", "pre-finalise/00-fstab", "2 checkpoints"] {
        assert!(told.out.contains(sign), "no `{sign}` in:\n{}", told.out);
    }
    assert!(shop.run(&["cache", "prune"]).well().out.contains("removed 0 checkpoints"));
    assert!(shop.run(&["cache", "prune", "--limit", "1KiB"]).well().out.contains("removed 2 checkpoints"));
    shop.build(&image, &["--env", "A=1"]).well();
    assert!(shop.run(&["cache", "prune", "--all"]).well().out.contains("removed 2 checkpoints"));
    assert!(shop.run(&["cache", "ls"]).well().out.contains("0 checkpoints"));
    // A directory of somebody else is not taken for a cache.
    fs::create_dir(shop.at("papers")).expect("make a directory");
    fs::write(shop.at("papers/letter"), "dear").expect("write");
    let told = shop.build(&image, &["--cache-dir", &shop.text("papers")]);
    told.refuses(1, &["papers is not a cache of dibber", "empty directory"]);
    assert_eq!(contents(&shop.at("papers")).len(), 1);
}

#[test]
fn offline_with_nothing_recorded() {
    let shop = Workshop::new();
    let told = run(shop.dibber().args(["build", "overcloud-full", "--offline"]));
    told.refuses(
        MACHINE,
        &[
            "nothing is recorded of http",
            "InRelease",
            "--offline forbids asking",
            "build once without --offline",
        ],
    );
    assert!(fs::read_dir(shop.at("work")).expect("read").flatten().all(|entry| entry.file_name() == "cache"));
}

#[test]
fn typing_errors() {
    let shop = Workshop::new();
    let cases: [(&[&str], i32, &str); 5] = [
        (&["biuld"], 2, "similar subcommands exist: 'upload', 'build'"),
        (&["build", "overcloud-fulll"], 3, "did you mean overcloud-full?"),
        (
            &["plan", "overcloud-full", "-e", "enable-serial-consol"],
            3,
            "did you mean `enable-serial-console`?",
        ),
        (&["plan", "overcloud-full", "--layout", "gtp"], 3, "did you mean `gpt`?"),
        (
            &["plan", "overcloud-full", "--elements-path", "/nowhere"],
            3,
            "there is no /nowhere, which the path of elements names",
        ),
    ];
    for (words, code, answer) in cases {
        shop.run(words).refuses(code, &[answer]);
    }
}
