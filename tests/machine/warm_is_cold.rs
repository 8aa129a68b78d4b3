//! A build that goes on from checkpoints makes what a build from nothing makes.
//!
//! In: a set of elements, edited at random from a fixed seed. Out: raw images of a kept cache and of an empty one. Never: a check
//! of ids: only bytes, and which steps ran.

use std::collections::BTreeMap;
use std::fs;

use dibber_tests::workshop::{Numbers, Workshop, run};

/// Elements with hooks in every phase, a static file, variables, a hook that adds a hook and one that leaves a mount.
const ELEMENTS: &str = "[tiny-os, one, two, install-static]";

/// Phases with the side that they run on.
const PHASES: [(&str, bool); 9] = [
    ("root", false),
    ("extra-data", false),
    ("pre-install", true),
    ("install", true),
    ("post-install", true),
    ("post-root", false),
    ("pre-finalise", false),
    ("finalise", true),
    ("cleanup", false),
];

/// What is edited: files by path below the elements, with their texts.
struct Edited<'a> {
    shop: &'a Workshop,
    hooks: BTreeMap<String, String>,
    numbers: Numbers,
}

/// A hook that tells that it ran, with which word, and what it saw of variables and of the mount.
fn script(inside: bool, name: &str, word: u64) -> String {
    let tree = if inside { "" } else { "$TMP_MOUNT_PATH" };
    let seen = if inside { "$(cat /seen/word 2>/dev/null || echo none)" } else { "-" };
    format!(
        "mkdir -p {tree}/made; echo {name} {word} ${{WORD:-}} {seen} >> {tree}/made/log\n\
         echo {word} > {tree}/made/{}; [ {} = 0 ] || ln -f {tree}/made/log {tree}/made/log.{word}",
        word % 5,
        word % 2
    )
}

impl Edited<'_> {
    fn new(shop: &Workshop) -> Edited<'_> {
        let mut edited = Edited { shop, hooks: BTreeMap::new(), numbers: Numbers(0xd1bbe5) };
        for (phase, inside) in PHASES {
            // The root phase is begun by the operating system's element.
            edited.set_hook(
                phase,
                inside,
                &format!("{}-{phase}", if phase == "root" { 50 } else { 30 }),
                "one",
            );
        }
        edited.set_words(1);
        edited
    }

    fn set_hook(&mut self, phase: &str, inside: bool, name: &str, element: &str) {
        let word = self.numbers.below(1000);
        let path = format!("{element}/{phase}.d/{name}");
        self.shop.hook(&path, &script(inside, name, word));
        self.hooks.insert(path, format!("{phase}/{name}"));
    }

    /// Files that are no hooks, a hook that adds a hook, and one that leaves a mount.
    fn set_words(&mut self, word: u64) {
        self.shop.write("two/environment.d/10-word", &format!("export WORD=word{word}\n"));
        self.shop.write("two/static/etc/two", &format!("static {word}\n"));
        self.adds_a_hook(word);
        self.leaves_a_mount(word);
    }

    fn adds_a_hook(&self, word: u64) {
        let added = script(true, "60-added", word);
        let lines = format!(
            "mkdir -p $TMP_HOOKS_PATH/install.d\ncat > $TMP_HOOKS_PATH/install.d/60-added <<'END'\n#!/bin/bash\nset -eu\n{added}\nEND\n\
             chmod +x $TMP_HOOKS_PATH/install.d/60-added"
        );
        self.shop.hook("two/extra-data.d/20-adds", &lines);
    }

    fn leaves_a_mount(&self, word: u64) {
        let lines = format!(
            "cd $TMP_MOUNT_PATH; mkdir -p source seen; echo mounted {word} > source/word\nsudo mount --bind $TMP_MOUNT_PATH/source $TMP_MOUNT_PATH/seen"
        );
        self.shop.hook("two/extra-data.d/40-mount", &lines);
    }

    /// One edit at random; tells which.
    fn edit(&mut self) -> String {
        let at = self.numbers.below(PHASES.len() as u64) as usize;
        let (phase, inside) = PHASES[at];
        let word = self.numbers.below(1000);
        match self.numbers.below(8) {
            0 | 1 => {
                let name = format!("{}-{phase}", if phase == "root" { 50 } else { 30 });
                self.set_hook(phase, inside, &name, "one");
                format!("edit {phase}/{name}")
            }
            2 => {
                let name = format!("{}-more", 51 + word % 40);
                self.set_hook(phase, inside, &name, "two");
                format!("add {phase}/{name}")
            }
            3 => {
                let all: Vec<String> =
                    self.hooks.keys().filter(|path| path.ends_with("-more")).cloned().collect();
                let Some(path) = all.first() else { return "nothing to remove".into() };
                fs::remove_file(self.shop.at("elements").join(path)).expect("remove a hook");
                self.hooks.remove(path);
                format!("remove {path}")
            }
            4 => {
                self.shop.write("two/environment.d/10-word", &format!("export WORD=word{word}\n"));
                "edit environment.d".into()
            }
            5 => {
                self.shop.write("two/static/etc/two", &format!("static {word}\n"));
                "edit a static file".into()
            }
            6 => {
                self.adds_a_hook(word);
                "edit the hook that adds a hook".into()
            }
            _ => {
                self.leaves_a_mount(word);
                "edit the hook that leaves a mount".into()
            }
        }
    }
}

/// What a build from nothing makes.
fn cold(shop: &Workshop, image: &str) -> Vec<u8> {
    let (cache, out) = (shop.text("work/empty"), shop.text("work/cold"));
    let mut words = shop.arguments(image);
    let at = words.iter().position(|word| word == "-o").expect("an output directory");
    words[at + 1] = out.clone();
    run(shop.dibber().args(words).args(["--cache-dir", &cache])).well();
    let raw = fs::read(shop.at("work/cold/good.raw")).expect("the image");
    for dir in [cache, out] {
        fs::remove_dir_all(dir).expect("empty the cache");
    }
    raw
}

fn raw(shop: &Workshop) -> Vec<u8> {
    fs::read(shop.out().join("good.raw")).expect("the image")
}

#[test]
fn over_random_edits() {
    let shop = Workshop::new();
    let image = shop.image("good", &[("elements", ELEMENTS)]);
    let mut edited = Edited::new(&shop);
    shop.build(&image, &[]).well();
    let first = raw(&shop);
    assert!(first == cold(&shop, &image), "the first image");
    let mut kept = 0;
    let mut different = 0;
    for round in 0..12 {
        let before = raw(&shop);
        let what = edited.edit();
        let told = shop.build(&image, &["--json"]).well();
        kept += told.steps("step-cached").len();
        different += usize::from(raw(&shop) != before);
        assert!(raw(&shop) == cold(&shop, &image), "round {round}, {what}: warm is not cold\n{}", told.out);
    }
    assert!(kept > 0, "no step was ever taken from the cache: nothing was compared");
    assert!(different > 6, "only {different} of 12 edits changed a byte: nothing was compared");
}

#[test]
fn only_what_follows_an_edit_runs() {
    let shop = Workshop::new();
    let image = shop.image("good", &[("elements", ELEMENTS)]);
    let mut edited = Edited::new(&shop);
    let told = shop.build(&image, &["--json"]).well();
    let all = told.steps("step-started");
    assert_eq!(told.steps("step-cached"), [""; 0]);
    assert!(all.contains(&"install/60-added".to_string()) && all.len() > 12, "{all:?}");
    // Nothing is changed.
    let told = shop.build(&image, &["--json"]).well();
    assert_eq!((told.steps("step-started"), told.steps("step-cached")), (vec![], all.clone()));
    // A hook is.
    for (phase, inside) in [("post-install", true), ("cleanup", false), ("pre-install", true)] {
        let name = format!("30-{phase}");
        edited.set_hook(phase, inside, &name, "one");
        let at = all.iter().position(|step| *step == format!("{phase}/{name}")).expect("a step");
        let told = shop.build(&image, &["--json"]).well();
        assert_eq!(told.steps("step-cached"), all[..at], "{phase}");
        assert_eq!(told.steps("step-started"), all[at..], "{phase}");
    }
    // Back to an earlier text: all is found again.
    let path = shop.at("elements/one/install.d/30-install");
    let text = fs::read_to_string(&path).expect("a hook");
    fs::write(&path, format!("{text}\n: another\n")).expect("edit");
    assert!(!shop.build(&image, &["--json"]).well().steps("step-started").is_empty());
    fs::write(&path, text).expect("edit");
    assert_eq!(shop.build(&image, &["--json"]).well().steps("step-started"), [""; 0]);
    // A package list that no step before it reads changes none of them; an output kind changes no step at all.
    let told = shop.build(&image, &["--json", "-t", "raw,qcow2"]).well();
    assert_eq!(told.steps("step-started"), [""; 0]);
    assert!(shop.out().join("good.qcow2").exists());
}
