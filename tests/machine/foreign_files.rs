//! What somebody else prepared in the output directory and the cache: nothing of it is touched, and nothing of it is believed.
//!
//! In: hostile `images.json`s, stages, sidecars, sums, logs, caches. Out: what the program said and left. Never: the network. Needs
//! root, to build as two people.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use dibber_model::Digest;
use serde_json::{Value, json};

use dibber_tests::workshop::{Earlier, USER, Workshop, contents, run};
use dibber_tests::{accepts, sets};

/// Codes of docs/exit-codes.md.
const INPUT: i32 = 3;
const HOOK: i32 = 5;
const OUTPUT: i32 = 6;

/// `images.json` of an image `good` with these files.
fn images(files: &[(&str, &str)]) -> Value {
    let files: Vec<Value> = files
        .iter()
        .map(|(name, sha256)| json!({"name": name, "kind": "raw", "bytes": 9, "sha256": sha256}))
        .collect();
    json!({"version": 1, "images": [{"name": "good", "arch": "x86_64", "id": "0".repeat(64), "files": files}]})
}

fn named(name: &str) -> String {
    images(&[(name, &"0".repeat(64))]).to_string()
}

/// Everything of a workshop that a build must leave alone.
fn around(shop: &Workshop) -> BTreeMap<String, Digest> {
    let mut all = contents(&shop.at("work"));
    all.retain(|name, _| !name.starts_with("cache"));
    all
}

/// Every command that reads a set refuses this one, soon, and changes nothing.
#[track_caller]
fn refused(shop: &Workshop, what: &str) {
    let image = shop.image("good", &[]);
    let out = shop.text("work/out");
    let before = around(shop);
    let start = Instant::now();
    shop.build(&image, &[])
        .refuses(OUTPUT, &["work/out/images.json is not an images.json that dibber wrote"]);
    let upload: &[&str] = &["upload", "--in", &out, "--print"];
    for arguments in [&["select", "good", "--in", &out], upload] {
        let told = shop.run(arguments);
        told.refuses(INPUT, &["images.json"]);
        assert!(!told.err.contains('\u{1b}'), "{what}: {:?}", told.err);
    }
    assert!(start.elapsed() < Duration::from_secs(30), "{what}");
    assert_eq!(around(shop), before, "{what}");
}

#[test]
fn a_set_that_dibber_could_not_have_written() {
    let shop = Workshop::new();
    let precious = shop.at("work/precious");
    fs::write(&precious, "precious").expect("write");
    fs::create_dir(shop.out()).expect("make a directory");
    let twice = json!({"version": 1, "images": [images(&[])["images"][0], images(&[])["images"][0]]});
    let zeros = "0".repeat(64);
    let linked = json!({"version": 1, "images": [{"name": "good", "arch": "x86_64", "id": zeros, "files": [
        {"name": "a.raw", "links": ["../precious"], "kind": "raw", "bytes": 9, "sha256": zeros}]}]});
    let entry = |name: &str, file: &str| {
        images(&[(file, &zeros)])["images"][0].as_object().map(|entry| {
            let mut entry = entry.clone();
            entry["name"] = name.into();
            Value::Object(entry)
        })
    };
    let switch = |coming: &str, placed: &str| {
        let coming = entry("good", coming);
        json!({"version": 1, "images": [], "switch": {"coming": coming, "aside": {}, "placed": {placed: zeros}}}).to_string()
    };
    let texts = [
        named(precious.to_str().expect("UTF-8")),
        named("../precious"),
        named(".."),
        named("a/b"),
        named(".bashrc"),
        named(".former-good.raw"),
        named("images.json"),
        named("SHA256SUMS"),
        named("a\u{0}b"),
        named("a\u{1b}[2Jb\n"),
        named(&"a".repeat(300)),
        images(&[("good.raw", &zeros), ("good.raw", &zeros)]).to_string(),
        images(&[("good.raw", &zeros), ("good.raw.json", &zeros)]).to_string(),
        twice.to_string(),
        linked.to_string(),
        json!({"version": 1, "images": [entry("\u{1b}[2J", "a.raw")]}).to_string(),
        switch("../precious", "../precious"),
        switch("good.raw", "../precious"),
        switch("good.raw", "precious"),
        images(&[]).to_string().replace("\"version\":1", "\"version\":7"),
        "[".repeat(100_000),
        "{\"version\":1".to_string(),
    ];
    for text in texts {
        fs::write(shop.out().join("images.json"), &text).expect("write");
        refused(&shop, &text.chars().take(200).collect::<String>());
    }
}

#[test]
fn a_set_that_is_no_file_of_a_sensible_length() {
    let shop = Workshop::new();
    fs::create_dir(shop.out()).expect("make a directory");
    let (json, other) = (shop.out().join("images.json"), shop.at("work/other.json"));
    fs::write(&other, images(&[]).to_string()).expect("write");
    symlink("../other.json", &json).expect("link");
    refused(&shop, "a link");
    fs::remove_file(&json).expect("remove");
    accepts("mkfifo", &[json.to_str().expect("UTF-8")]);
    refused(&shop, "a fifo");
    fs::remove_file(&json).expect("remove");
    fs::create_dir(&json).expect("make a directory");
    refused(&shop, "a directory");
    fs::remove_dir(&json).expect("remove");
    fs::File::create(&json).expect("create").set_len(100 << 30).expect("grow");
    let before = Instant::now();
    let image = shop.image("good", &[]);
    shop.build(&image, &[]).refuses(OUTPUT, &["longer than"]);
    assert!(before.elapsed() < Duration::from_secs(30));
}

/// Names that a set may have, of files that are not what it says.
#[test]
fn files_of_somebody_elses_that_a_set_names() {
    let zeros = "0".repeat(64);
    // A former file that the new set has not.
    let shop = Workshop::of(Some(USER));
    let image = shop.image("good", &[]);
    fs::create_dir_all(shop.out().join("holiday.raw")).expect("make a directory");
    fs::write(shop.out().join("holiday.raw/photo"), "photo").expect("write");
    for (name, text) in
        [("precious.raw", "nine byte"), ("precious.raw.json", "{}"), ("p2.raw.json", "{\"a\":1}")]
    {
        fs::write(shop.out().join(name), text).expect("write");
    }
    symlink("precious.raw", shop.out().join("link.raw")).expect("link");
    let set = images(&[
        ("precious.raw", &zeros),
        ("p2.raw", &zeros),
        ("holiday.raw", &zeros),
        ("link.raw", &zeros),
    ]);
    fs::write(shop.out().join("images.json"), set.to_string()).expect("write");
    accepts("chown", &["-R", USER, shop.out().to_str().expect("UTF-8")]);
    let before = shop.outputs();
    shop.build(&image, &[]).well();
    let after = shop.outputs();
    for (name, digest) in before.iter().filter(|(name, _)| *name != "images.json") {
        assert_eq!(after.get(name), Some(digest), "{name}");
    }
    assert!(shop.out().join("link.raw").is_symlink());
    assert!(after.contains_key("good.raw"));
    // A file that has a name of the new set.
    for name in ["good.raw", "x86_64-good.raw"] {
        let shop = Workshop::new();
        let image = shop.image("good", &[]);
        fs::create_dir_all(shop.out()).expect("make a directory");
        fs::write(shop.out().join(name), "nine byte").expect("write");
        fs::write(shop.out().join("images.json"), named(name)).expect("write");
        let before = shop.outputs();
        shop.build(&image, &[]).refuses(OUTPUT, &[name, "dibber did not make it", "move it away"]);
        assert_eq!(shop.outputs(), before);
    }
}

#[test]
fn a_log_of_somebody_elses() {
    for name in ["x86_64-good.log", "x86_64-good.failed.log"] {
        let shop = Workshop::new();
        let image = shop.image("good", &[]);
        fs::create_dir_all(shop.out()).expect("make a directory");
        fs::write(shop.out().join(name), "my notes").expect("write");
        let before = shop.outputs();
        shop.build(&image, &[]).refuses(OUTPUT, &[name, "dibber did not make it"]);
        assert_eq!(shop.outputs(), before);
    }
}

/// Whatever was said first: here a command of the person's, before any hook.
#[test]
fn a_log_of_ones_own_is_replaced() {
    let shop = Workshop::new();
    let image = shop.image("good", &[]);
    shop.build(&image, &[]).well();
    for name in ["x86_64-good.log", "x86_64-good.failed.log"] {
        fs::remove_file(shop.out().join(name)).ok();
    }
    for _ in 0..2 {
        shop.build(&image, &["--break", "before-install", "--break-cmd", "echo said first; touch /there"])
            .well();
        let log = fs::read_to_string(shop.out().join("x86_64-good.log")).expect("the log");
        assert!(log.contains("said first"), "{log}");
    }
    for _ in 0..2 {
        let told = shop.build(&image, &["--break", "before-install", "--break-cmd", "echo said; exit 4"]);
        told.refuses(HOOK, &["exit code 4"]);
    }
}

/// Owner and mode of a path itself.
fn owned(path: &Path) -> (u32, u32, u32) {
    let meta = fs::symlink_metadata(path).expect("stat");
    (meta.uid(), meta.gid(), meta.mode())
}

#[test]
fn a_stage_that_is_somebody_elses() {
    type Make = fn(&Path);
    let makes: [(&str, Make, &str); 5] = [
        ("a link", |stage| symlink("../home", stage).expect("link"), "it is"),
        ("a file", |stage| fs::write(stage, "x").expect("write"), "it is not a directory"),
        (
            "a fifo",
            |stage| drop(accepts("mkfifo", &[stage.to_str().expect("UTF-8")])),
            "it is not a directory",
        ),
        (
            "another's directory",
            |stage| {
                fs::create_dir(stage).expect("make a directory");
                fs::set_permissions(stage, PermissionsExt::from_mode(0o777)).expect("open it");
                fs::write(stage.join("precious"), "precious").expect("write");
                chown(stage, Some(12345), Some(12345)).expect("give it away");
            },
            "it belongs to somebody else",
        ),
        (
            "a directory with files",
            |stage| {
                fs::create_dir(stage).expect("make a directory");
                fs::write(stage.join("precious"), "precious").expect("write");
                accepts(
                    "chown",
                    &[
                        "-R",
                        "--reference",
                        stage.parent().and_then(Path::to_str).expect("UTF-8"),
                        stage.to_str().expect("UTF-8"),
                    ],
                );
            },
            "it has files of somebody else's",
        ),
    ];
    for user in [None, Some(USER)] {
        for (what, make, why) in makes {
            let shop = Workshop::of(user);
            let image = shop.image("good", &[]);
            let (home, stage) = (shop.at("work/home"), shop.out().join(".dibber-x86_64-good"));
            for dir in [&home, &shop.out()] {
                fs::create_dir(dir).expect("make a directory");
            }
            fs::write(home.join("precious"), "precious").expect("write");
            accepts("chown", &["-R", user.unwrap_or("root"), &shop.text("work")]);
            make(&stage);
            let before = (around(&shop), owned(&home), owned(&stage));
            shop.build(&image, &[]).refuses(OUTPUT, &[".dibber-x86_64-good", why, "move it away"]);
            assert_eq!((around(&shop), owned(&home), owned(&stage)), before, "{what}, {user:?}");
        }
    }
}

/// What a killed build left there is cleared all the same.
#[test]
fn a_stage_that_was_left() {
    let shop = Workshop::new();
    let image = shop.image("good", &[]);
    let stage = shop.out().join(".dibber-x86_64-good");
    fs::create_dir_all(stage.join("below")).expect("make a directory");
    for name in [".dibber-stage", "x86_64-good.raw", "below/file"] {
        fs::write(stage.join(name), "left").expect("write");
    }
    shop.build(&image, &[]).well();
    assert!(!stage.exists());
}

/// What describes the files is part of a set that is right, and is written again without an image being made again.
#[test]
fn sidecars_and_sums_are_mended() {
    let earlier = Earlier::of(Some(USER));
    let shop = &earlier.shop;
    let image = shop.image("good", &[]);
    let at = |name: &str| shop.out().join(name);
    let inode = |name: &str| fs::metadata(at(name)).expect("stat").ino();
    let raw = inode("good.raw");
    let text = |name: &str| fs::read_to_string(at(name)).expect("read");
    let spoil: [(&str, &dyn Fn()); 8] = [
        ("a sidecar gone", &|| fs::remove_file(at("good.raw.json")).expect("remove")),
        ("a sidecar cut", &|| {
            fs::write(at("x86_64-good.raw.json"), &text("good.raw.json")[..99]).expect("cut");
        }),
        ("a sidecar of another file", &|| {
            let other = text("good.raw.json").replace(&text("good.raw.json")[..200], "{");
            fs::write(at("good.raw.json"), other).expect("write");
        }),
        ("a digest changed", &|| {
            let name = "x86_64-good.raw.json";
            fs::write(at(name), text(name).replace("\"sha256\": \"", "\"sha256\": \"0")).expect("write");
        }),
        ("a property changed", &|| {
            fs::write(at("good.raw.json"), text("good.raw.json").replace("x86_64", "ppc64le"))
                .expect("write");
        }),
        ("the sidecar of the other name", &|| {
            fs::copy(at("good.raw.json"), at("x86_64-good.raw.json")).expect("copy");
        }),
        ("no sums", &|| fs::remove_file(at("SHA256SUMS")).expect("remove")),
        ("sums cut", &|| fs::write(at("SHA256SUMS"), &text("SHA256SUMS")[..30]).expect("cut")),
    ];
    for (what, spoil) in spoil {
        spoil();
        let told = shop.build(&image, &[]).well();
        assert!(told.err.contains("written again"), "{what}: {}", told.err);
        earlier.is_untouched();
        assert_eq!(inode("good.raw"), raw, "{what}: the image was made again");
        assert!(!shop.build(&image, &[]).well().err.contains("written again"), "{what}");
    }
    // Where nothing is left to tell from, the files are written anew from kept steps.
    for name in ["good.raw.json", "x86_64-good.raw.json"] {
        fs::remove_file(at(name)).expect("remove");
    }
    let told = shop.build(&image, &["--json"]).well();
    assert_eq!(told.steps("step-started"), [""; 0]);
    earlier.is_untouched();
}

/// Sums of one's own files are not overwritten, beside a set neither.
#[test]
fn sums_of_somebody_elses() {
    let earlier = Earlier::of(None);
    let shop = &earlier.shop;
    let image = shop.image("good", &[]);
    let sums = shop.out().join("SHA256SUMS");
    let ours = fs::read_to_string(&sums).expect("read");
    for text in
        [format!("{}  holiday.jpg\n", "1".repeat(64)), format!("{ours}{}  holiday.jpg\n", "1".repeat(64))]
    {
        fs::write(&sums, &text).expect("write");
        shop.build(&image, &[]).refuses(OUTPUT, &["SHA256SUMS exists, and dibber did not make it"]);
        assert_eq!(fs::read_to_string(&sums).expect("read"), text);
    }
}

#[test]
fn outputs_are_as_open_as_the_umask_says() {
    for (umask, mode) in [("077", 0o600), ("027", 0o640), ("022", 0o644), ("002", 0o664)] {
        for user in [None, Some(USER)] {
            let shop = Workshop::of(user);
            let image = shop.image("good", &[("outputs", "[raw, qcow2]")]);
            let mut command = shop.wrapped(&["sh", "-c", &format!("umask {umask}; exec \"$@\""), "sh"]);
            run(command.args(shop.arguments(&image))).well();
            for entry in fs::read_dir(shop.out()).expect("outputs").flatten() {
                let meta = entry.metadata().expect("stat");
                assert_eq!(meta.mode() & 0o7777, mode, "{user:?}, {umask}: {}", entry.path().display());
            }
            assert_eq!(sets::named(&shop.out()).len(), 4);
        }
    }
}

/// Owner, group and mode of all that is in a cache.
fn owners(dir: &Path) -> BTreeMap<PathBuf, (u32, u32, u32)> {
    let mut found = BTreeMap::from([(dir.to_path_buf(), owned(dir))]);
    for name in contents(dir).into_keys() {
        found.insert(dir.join(&name), owned(&dir.join(&name)));
    }
    found
}

#[test]
fn a_cache_of_another() {
    let shop = Workshop::of(Some(USER));
    let image = shop.image("good", &[]);
    shop.build(&image, &[]).well();
    // Root with a user's cache, as sudo has it that keeps HOME.
    let before = owners(&shop.cache());
    let root = Workshop::new();
    let image_of_root = root.image("good", &[]);
    let cache = shop.text("work/cache");
    let words = ["work/cache belongs to dibber-trial", "DIBBER_CACHE", "sudo -H"];
    root.build(&image_of_root, &["--cache-dir", &cache]).refuses(1, &words);
    root.run(&["cache", "--cache-dir", &cache, "prune", "--all"]).refuses(1, &words[..2]);
    assert_eq!(owners(&shop.cache()), before);
    shop.hook("more/install.d/50-more", "true");
    let image = shop.image("good", &[("elements", "[tiny-os, more]")]);
    shop.build(&image, &[]).well();
    // A user with root's: from its first use on it belongs to the sandbox's root.
    root.build(&image_of_root, &[]).well();
    let (cache, before) = (root.text("work/cache"), owners(&root.cache()));
    shop.build(&image, &["--cache-dir", &cache]).refuses(1, &["work/cache belongs to", "DIBBER_CACHE"]);
    assert_eq!(owners(&root.cache()), before);
    root.build(&image_of_root, &[]).well();
}
