//! A change costs the steps that can see it, and no other: random edits of files, variables and packages, with an oracle that knows by
//! hand what each step sees.
//!
//! In: a set of elements, edited at random from a fixed seed. Out: which steps ran, and archives of a kept cache and of an empty one. Never:
//! a question to the planner: what a step sees is written down here.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use dibber_tests::accepts;
use dibber_tests::workshop::{Numbers, Told, Workshop, run};

/// How many edits are made. Each is built twice.
const ROUNDS: usize = 200;

/// How often the archive of an empty cache is made for comparison: every so many rounds.
const COLD_EVERY: usize = 4;

/// A hook of the set, or a step of the program's own.
#[derive(Clone)]
struct Known {
    /// `PHASE/NAME`.
    step: &'static str,
    /// Everything besides what earlier steps see, by the keys of [`Model::values`].
    sees: &'static [&'static str],
}

/// The steps of the whole set in their order. What is named here a step sees first: later ones have it through their parent.
const STEPS: [Known; 13] = [
    Known { step: "root/10-tiny", sees: &[] },
    Known { step: "root/50-a", sees: &["hook a/root.d/50-a", "variable ROOT_WORD"] },
    Known { step: "extra-data/30-a", sees: &["hook a/extra-data.d/30-a", "file a/files/data"] },
    Known { step: "pre-install/01-install-bin", sees: &["bin", "variable DIB_IN_BIN"] },
    Known { step: "pre-install/30-a", sees: &["hook a/pre-install.d/30-a"] },
    Known { step: "install/01-package-installs", sees: &["packages of install", "variable DIB_WANTS"] },
    Known { step: "install/10-install-static-files", sees: &["static"] },
    Known { step: "install/30-b", sees: &["hook b/install.d/30-b", "variable DIB_LATE"] },
    Known { step: "install/image-packages", sees: &["packages of the image"] },
    Known { step: "post-install/00-package-installs", sees: &["packages of post-install"] },
    Known {
        step: "post-install/30-b",
        sees: &["hook b/post-install.d/30-b", "default of DIB_DEFAULTED", "name"],
    },
    Known { step: "post-install/60-c", sees: &["hook c/post-install.d/60-c"] },
    Known { step: "finalise/30-a", sees: &["hook a/finalise.d/30-a", "elements"] },
];

/// What is edited, and which chains of steps were run.
struct Model<'a> {
    shop: &'a Workshop,
    numbers: Numbers,
    /// What the steps see, by name.
    values: BTreeMap<String, String>,
    has_c: bool,
    /// Chains of steps whose results are kept.
    kept: BTreeSet<Vec<String>>,
}

impl Model<'_> {
    fn new(shop: &Workshop) -> Model<'_> {
        let mut model = Model {
            shop,
            numbers: Numbers(0xed17),
            values: BTreeMap::new(),
            has_c: false,
            kept: BTreeSet::new(),
        };
        shop.write("a/element-deps", "install-bin\ninstall-static\npackage-installs\n");
        shop.hook("a/bin/install-packages", ": ${DIB_IN_BIN:-}\necho \"$@\" ${DIB_IN_BIN:-} >> /packages");
        for hook in STEPS.iter().flat_map(|known| known.sees).filter_map(|seen| seen.strip_prefix("hook ")) {
            model.set_hook(hook, 0);
        }
        for (key, _) in FILES {
            model.set_file(key, 0);
        }
        model.values.insert("name".into(), "good".into());
        model.values.insert("packages of the image".into(), "one".into());
        model
    }

    fn set(&mut self, key: &str, word: u64) {
        self.values.insert(key.to_string(), word.to_string());
    }

    /// A hook that writes down all that it sees.
    fn set_hook(&mut self, path: &str, word: u64) {
        let reads = match path {
            "a/root.d/50-a" => "mkdir -p $TARGET_ROOT/made; echo ${ROOT_WORD:-} > $TARGET_ROOT/made/root",
            "a/extra-data.d/30-a" => "cat $TMP_HOOKS_PATH/files/data > $TARGET_ROOT/made/data",
            "b/install.d/30-b" => "echo ${DIB_LATE:-} >> /made/log",
            "b/post-install.d/30-b" => "echo $DIB_DEFAULTED $IMAGE_NAME >> /made/log",
            "a/finalise.d/30-a" => "echo $IMAGE_ELEMENT >> /made/log",
            _ => "echo nothing >> /made/log",
        };
        let log = if path.contains("root.d") || path.contains("extra-data.d") { "$TARGET_ROOT" } else { "" };
        self.shop.hook(path, &format!("{reads}\necho {path} {word} >> {log}/made/log"));
        self.set(&format!("hook {path}"), word);
    }

    fn set_file(&mut self, key: &str, word: u64) {
        let (_, path) = FILES.iter().find(|(known, _)| *known == key).expect("a file of the set");
        let text = match key {
            "bin" => format!("#!/bin/bash\necho {word}\n"),
            "default of DIB_DEFAULTED" => format!("export DIB_DEFAULTED=${{DIB_DEFAULTED:-{word}}}\n"),
            "packages of install" => format!("first-{word}:\n  when: DIB_WANTS = yes\nsecond-{word}:\n"),
            "packages of post-install" => format!("third-{word}:\n  phase: post-install.d\n"),
            _ => format!("{word}\n"),
        };
        self.shop.write(path, &text);
        self.set(key, word);
    }

    fn image(&self) -> String {
        let elements = if self.has_c { "[tiny-os, a, b, c]" } else { "[tiny-os, a, b]" };
        let variable = |name: &str| {
            let value = self.values.get(&format!("variable {name}")).map_or("unset", String::as_str);
            format!("{name}: '{value}'")
        };
        let names = ["ROOT_WORD", "DIB_IN_BIN", "DIB_LATE", "DIB_NOBODY_ASKS"].map(variable).join(", ");
        let wants = self
            .values
            .get("variable DIB_WANTS")
            .is_some_and(|word| word.ends_with(['1', '3', '5', '7', '9']));
        let wants = if wants { "yes" } else { "no" };
        let keys = [
            ("elements", elements),
            ("outputs", "[tar]"),
            ("packages", &format!("[{}]", self.values["packages of the image"])),
            ("environment", &format!("{{{names}, DIB_WANTS: '{wants}'}}")),
        ];
        self.shop.image(&self.values["name"], &keys)
    }

    /// Steps that must run, and from now on are kept.
    fn predicted(&mut self) -> Vec<String> {
        let (mut chain, mut runs) = (Vec::new(), Vec::new());
        let wants = self
            .values
            .get("variable DIB_WANTS")
            .is_some_and(|word| word.ends_with(['1', '3', '5', '7', '9']));
        for known in STEPS.iter().filter(|known| self.has_c || !known.step.ends_with("-c")) {
            let sees = known.sees.iter().map(|key| match *key {
                "elements" => self.has_c.to_string(),
                "variable DIB_WANTS" => wants.to_string(),
                key => self.values.get(key).cloned().unwrap_or_default(),
            });
            chain.push(format!("{} {:?}", known.step, sees.collect::<Vec<_>>()));
            if self.kept.insert(chain.clone()) {
                runs.push(known.step.to_string());
            }
        }
        runs
    }

    /// One edit at random; tells which.
    fn edit(&mut self) -> String {
        let word = self.numbers.below(30);
        let one_of = |numbers: &mut Numbers, count: usize| numbers.below(count as u64) as usize;
        let hooks: Vec<&str> =
            STEPS.iter().flat_map(|known| known.sees).filter_map(|seen| seen.strip_prefix("hook ")).collect();
        match self.numbers.below(7) {
            0 => {
                let hook = hooks[one_of(&mut self.numbers, hooks.len())];
                self.set_hook(hook, word);
                format!("hook {hook}")
            }
            1 | 2 => {
                let (key, _) = FILES[one_of(&mut self.numbers, FILES.len())];
                self.set_file(key, word);
                format!("file {key}")
            }
            3 | 4 => {
                let names = ["ROOT_WORD", "DIB_IN_BIN", "DIB_LATE", "DIB_WANTS", "DIB_NOBODY_ASKS"];
                let name = names[one_of(&mut self.numbers, names.len())];
                self.set(&format!("variable {name}"), word);
                format!("variable {name}")
            }
            5 => {
                self.set("packages of the image", word);
                let packages = format!("package-{word}");
                self.values.insert("packages of the image".into(), packages);
                "packages of the image".into()
            }
            _ if word < 15 => {
                self.has_c = !self.has_c;
                format!("element c: {}", self.has_c)
            }
            _ => {
                let name = if self.values["name"] == "good" { "other" } else { "good" };
                self.values.insert("name".into(), name.into());
                format!("the image is called {name}")
            }
        }
    }
}

/// Files that are no hooks, by the keys of the model.
const FILES: [(&str, &str); 8] = [
    ("bin", "b/bin/tool"),
    ("static", "a/static/etc/a"),
    ("file a/files/data", "a/files/data"),
    ("default of DIB_DEFAULTED", "b/environment.d/10-b"),
    ("packages of install", "b/package-installs.yaml"),
    ("packages of post-install", "a/package-installs.yaml"),
    // What is for people, and what dib itself reads.
    ("people", "a/README.rst"),
    ("c", "c/README.rst"),
];

fn built(shop: &Workshop, image: &str) -> Told {
    shop.build(image, &["--json"]).well()
}

/// What a build from nothing makes.
fn cold(shop: &Workshop, image: &str, name: &str) -> Vec<u8> {
    let (cache, out) = (shop.text("work/empty"), shop.text("work/cold"));
    let mut words = shop.arguments(image);
    let at = words.iter().position(|word| word == "-o").expect("an output directory");
    words[at + 1] = out.clone();
    run(shop.dibber().args(words).args(["--cache-dir", &cache])).well();
    let tar = fs::read(shop.at(&format!("work/cold/{name}.tar"))).expect("the archive");
    for dir in [cache, out] {
        fs::remove_dir_all(dir).expect("empty the cache");
    }
    tar
}

#[test]
fn a_change_costs_the_steps_that_can_see_it() {
    let shop = Workshop::new();
    let mut model = Model::new(&shop);
    let (mut ran, mut compared) = (BTreeSet::new(), 0);
    let mut what = "the first build".to_string();
    for round in 0..=ROUNDS {
        let image = model.image();
        let told = built(&shop, &image);
        // One of the program's own has nothing that is edited.
        let mut started = told.steps("step-started");
        started.retain(|step| STEPS.iter().any(|known| known.step == step));
        assert_eq!(started, model.predicted(), "round {round}, {what}");
        ran.extend(started);
        if round % COLD_EVERY == 0 {
            let name = model.values["name"].clone();
            let warm = fs::read(shop.out().join(format!("{name}.tar"))).expect("the archive");
            assert!(warm == cold(&shop, &image, &name), "round {round}, {what}: warm is not cold");
            compared += 1;
        }
        what = model.edit();
    }
    assert_eq!((ran.len(), compared), (STEPS.len(), ROUNDS / COLD_EVERY + 1), "{ran:?}");
}

/// Everything that lies before a hook is in its step's id: which of several elements has a file, a directory's mode, what the flat merge
/// leaves out. Each change is built upon a cache, and upon none.
#[test]
fn what_lies_before_a_hook_is_in_its_id() {
    let shop = Workshop::new();
    for element in ["a", "b", "c"] {
        shop.write(&format!("{element}/install.d/sub/data"), &format!("{element}\n"));
        shop.write(&format!("{element}/shared/{element}"), "x\n");
        shop.write(&format!("{element}/element-deps"), "install-types\n");
    }
    shop.write("a/install.d/foo-source-install/spliced.conf", "spliced\n");
    shop.write("b/install.d/spliced.conf", "plain\n");
    shop.write("b/data/.hidden", "one\n");
    shop.write("b/tests/t", "one\n");
    shop.write("b/lib/run", "#!/bin/bash\necho linked >> /made\n");
    for (element, name) in [("a", "10-a"), ("c", "90-c")] {
        shop.hook(&format!("{element}/install.d/{name}"), ":");
    }
    let look = "cd \"${0%/*}\"; cat sub/data spliced.conf > /made; stat -c %a ../shared >> /made\n\
                eval declare -A all=($(get_image_element_array)); cat ${all[b]}/data/.hidden ${all[b]}/tests/t >> /made";
    shop.hook("b/install.d/20-b", look);
    std::os::unix::fs::symlink("../lib/run", shop.at("elements/b/install.d/30-link")).expect("make a link");
    let mode = |element: &str, mode: u32| {
        let permissions = std::os::unix::fs::PermissionsExt::from_mode(mode);
        fs::set_permissions(shop.at(&format!("elements/{element}/shared")), permissions).expect("set a mode");
    };
    mode("a", 0o700);
    let made = |elements: &str| {
        let image = shop.image("good", &[("elements", elements), ("outputs", "[tar]")]);
        built(&shop, &image);
        let warm = fs::read(shop.out().join("good.tar")).expect("the archive");
        assert!(warm == cold(&shop, &image, "good"), "{elements}: warm is not cold");
        accepts("tar", &["-xOf", &shop.text("work/out/good.tar"), "./made"])
    };
    assert_eq!(made("[tiny-os, a, b, c]"), "c\nplain\n755\none\none\nlinked\n");
    assert_eq!(made("[tiny-os, b, a, c]"), "c\nspliced\n755\none\none\nlinked\n");
    assert_eq!(made("[tiny-os, b, c, a]"), "a\nspliced\n700\none\none\nlinked\n");
    shop.write("b/data/.hidden", "two\n");
    assert_eq!(made("[tiny-os, b, c, a]"), "a\nspliced\n700\ntwo\none\nlinked\n");
    shop.write("b/tests/t", "two\n");
    assert_eq!(made("[tiny-os, b, c, a]"), "a\nspliced\n700\ntwo\ntwo\nlinked\n");
}

#[test]
fn a_plan_says_why_a_step_runs() {
    let shop = Workshop::new();
    let mut model = Model::new(&shop);
    let image = model.image();
    let explained = |image: &str, more: &[&str]| {
        let mut words = shop.arguments(image);
        words[0] = "plan".into();
        run(shop.dibber().args(words).arg("--explain").args(more)).well().out
    };
    assert!(explained(&image, &[]).contains("no build of this image has succeeded"));
    built(&shop, &image);
    let kept = explained(&image, &[]);
    assert!(kept.contains("kept  root/10-tiny") && !kept.contains("runs  "), "{kept}");
    let late = explained(&image, &["--env", "DIB_LATE=now"]);
    assert!(late.contains("kept  install/10-install-static-files"), "{late}");
    assert!(late.contains("runs  install/30-b\n        variable DIB_LATE: `unset` -> `now`\n"), "{late}");
    assert!(late.contains("runs  finalise/30-a\n        it comes after pre-finalise/00-fstab\n"), "{late}");
    model.set_file("packages of install", 7);
    model.set_hook("a/finalise.d/30-a", 9);
    let edited = explained(&image, &[]);
    for words in [
        "runs  install/01-package-installs\n        package first-7 of b is new\n",
        "package second-0 of b is gone",
        "file a/finalise.d/30-a changed: ",
    ] {
        assert!(edited.contains(words), "no {words:?} in\n{edited}");
    }
    // Back again, with one more element.
    model.set_file("packages of install", 0);
    model.set_hook("a/finalise.d/30-a", 0);
    model.has_c = true;
    let more = explained(&model.image(), &[]);
    assert!(more.contains("kept  post-install/30-b"), "{more}");
    assert!(more.contains("runs  post-install/60-c\n        the step is new\n"), "{more}");
    assert!(more.contains("variable IMAGE_ELEMENT changed: +c\n"), "{more}");
    // A build says the same when it begins to run steps.
    let told = built(&shop, &model.image());
    assert!(told.out.contains("the step is new"), "{}", told.out);
}
