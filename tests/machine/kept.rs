//! What is kept between builds, after a disk has forgotten a bit of it: found, said, built again, the same image.
//!
//! In: a store with one thing in it changed, names, sizes and times as they were. Out: the image of an untouched store, and a
//! warning. Never: a store that could not have been written: each harm leaves what `stat` tells as it was, where it can.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on may say so by a panic")]

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, utimensat};

use dibber_tests::workshop::{Told, Workshop};
use dibber_tests::{accepts, flip_bit};

/// A tree with something of each kind, and a step after it.
fn shop() -> (Workshop, String) {
    let shop = Workshop::new();
    let lines = "cd $TARGET_ROOT/root\nseq 1 90000 > large\necho small > small\nseq 1 30 > one\nln one other\n\
                 ln -s to-there link\ntruncate -s 3M sparse\necho end >> sparse\nsetfattr -n user.note -v first small";
    shop.hook("one/root.d/60-files", lines);
    shop.hook("one/install.d/50-late", "cat /root/small /root/one > /root/derived");
    let image = shop.image("good", &[("elements", "[tiny-os, one]"), ("outputs", "[raw, tar]")]);
    (shop, image)
}

fn outputs(shop: &Workshop) -> Vec<Vec<u8>> {
    ["good.raw", "good.tar"].map(|name| fs::read(shop.out().join(name)).expect("an output")).into()
}

/// The directory of the checkpoint of which this holds.
fn checkpoint(shop: &Workshop, is_it: impl Fn(&Path, &str) -> bool) -> PathBuf {
    let all = fs::read_dir(shop.cache().join("checkpoints")).unwrap().map(|entry| entry.unwrap().path());
    let meta = |dir: &Path| fs::read_to_string(dir.join("meta.json")).unwrap();
    all.into_iter().find(|dir| is_it(dir, &meta(dir))).expect("a checkpoint")
}

fn of_step(shop: &Workshop, name: &str) -> PathBuf {
    checkpoint(shop, |_, meta| meta.contains(&format!("\"name\": \"{name}\"")))
}

/// Changes something in a layer, and sets the times of it and its directory back.
fn harm(path: &Path, change: impl FnOnce(&Path)) {
    let both = [path, path.parent().unwrap()];
    let time = |path: &Path| {
        let stat = rustix::fs::lstat(path).unwrap();
        Timespec { tv_sec: stat.st_mtime, tv_nsec: stat.st_mtime_nsec as _ }
    };
    let times = both.map(time);
    change(path);
    for (path, time) in both.iter().zip(times) {
        let times = Timestamps { last_access: time, last_modification: time };
        utimensat(CWD, *path, &times, AtFlags::SYMLINK_NOFOLLOW).unwrap();
    }
}

/// One harm to the files of `root/60-files`, by what is said of it.
type Harm = (&'static str, fn(&Path), &'static str);

const HARMS: [Harm; 7] = [
    ("a large file", |root| harm(&root.join("large"), |path| flip_bit(path, 400_000)), "/root/large"),
    ("a small file", |root| harm(&root.join("small"), |path| flip_bit(path, 2)), "/root/small"),
    ("a file with two names", |root| harm(&root.join("other"), |path| flip_bit(path, 5)), "/root/o"),
    ("a hole", |root| harm(&root.join("sparse"), |path| flip_bit(path, 1 << 20)), "/root/sparse"),
    (
        "a link's target",
        |root| {
            harm(&root.join("link"), |path| {
                let owner = fs::symlink_metadata(path).unwrap();
                fs::remove_file(path).unwrap();
                std::os::unix::fs::symlink("to-where", path).unwrap();
                std::os::unix::fs::lchown(path, Some(owner.uid()), Some(owner.gid())).unwrap();
            });
        },
        "/root/link",
    ),
    (
        "an attribute",
        |root| {
            let path = root.join("small");
            accepts("setfattr", &["-n", "user.note", "-v", "fIrst", path.to_str().unwrap()]);
        },
        "/root/small",
    ),
    (
        "an owner",
        |root| harm(&root.join("small"), |path| std::os::unix::fs::chown(path, Some(7), None).unwrap()),
        "another size, mode, owner or time",
    ),
];

/// What was told of a harm: the step, the place, and that it is built again; and nothing else is amiss.
#[track_caller]
fn is_found(told: &Told, what: &str, words: &[&str]) {
    let said = told.err.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("corrupted") && said.contains("built again"), "{what} is not told:\n{said}");
    for word in words {
        assert!(said.contains(word), "{what}: no `{word}` in:\n{said}");
    }
}

/// A step that removes files of a step before leaves whiteouts, which are links to one that goes when the step is done.
#[test]
fn a_step_that_removes_files_is_kept() {
    for removed in ["one", "one two"] {
        let shop = Workshop::new();
        shop.hook("e/root.d/50-makes", "cd $TARGET_ROOT/root; touch one two");
        shop.hook("e/root.d/60-removes", &format!("cd $TARGET_ROOT/root; rm {removed}; touch three"));
        let image = shop.image("good", &[("elements", "[tiny-os, e]"), ("outputs", "[tar]")]);
        shop.build(&image, &[]).well();
        let told = shop.build(&image, &["--json"]).well();
        assert_eq!(told.steps("step-started"), [""; 0], "{removed}: {}", told.out);
    }
}

#[test]
fn what_a_layer_holds_is_compared_before_it_is_poured() {
    let (shop, image) = shop();
    shop.build(&image, &[]).well();
    let right = outputs(&shop);
    for (what, change, place) in HARMS {
        change(&of_step(&shop, "60-files").join("layer/mnt/root"));
        fs::remove_dir_all(shop.out()).unwrap();
        let told = shop.build(&image, &[]).well();
        is_found(&told, what, &["root/60-files", place]);
        assert!(outputs(&shop) == right, "{what}: other bytes");
        // It is mended: the next build has nothing to say.
        fs::remove_dir_all(shop.out()).unwrap();
        let told = shop.build(&image, &[]).well();
        assert!(!told.err.contains("corrupted"), "{what}:\n{}", told.err);
    }
}

#[test]
fn what_a_layer_holds_is_compared_before_a_step_runs_on_it() {
    let (shop, image) = shop();
    shop.build(&image, &[]).well();
    let right = outputs(&shop);
    let edit = |more: &str| {
        let lines = format!("cat /root/small /root/one > /root/derived{more}");
        shop.hook("one/install.d/50-late", &lines);
    };
    harm(&of_step(&shop, "60-files").join("layer/mnt/root/one"), |path| flip_bit(path, 5));
    edit("\n: edited");
    let told = shop.build(&image, &["--json"]).well();
    assert!(told.out.contains("corrupted") && told.out.contains("/root/one"), "{}", told.out);
    let ran = told.steps("step-started");
    assert!(ran.contains(&"root/60-files".into()) && ran.contains(&"install/50-late".into()), "{ran:?}");
    assert!(outputs(&shop) == right, "what was made of a flipped bit was kept");
    edit("");
    fs::remove_dir_all(shop.out()).unwrap();
    shop.build(&image, &[]).well();
    assert!(outputs(&shop) == right, "what was made of a flipped bit was found again");
}

#[test]
fn descriptions_of_layers_are_sealed() {
    let (shop, image) = shop();
    shop.build(&image, &[]).well();
    let right = outputs(&shop);
    for (file, at) in [("meta.json", 30), ("layer.content", 40), ("sealed", 3)] {
        harm(&of_step(&shop, "60-files").join(file), |path| flip_bit(path, at));
        fs::remove_dir_all(shop.out()).unwrap();
        let told = shop.build(&image, &[]).well();
        is_found(&told, file, &[if file == "layer.content" { file } else { "meta.json" }]);
        assert!(outputs(&shop) == right, "{file}: other bytes");
    }
}

#[test]
fn squashed_layers_are_compared_too() {
    let shop = Workshop::new();
    for number in 10..34 {
        shop.hook(&format!("many/install.d/{number}-one"), &format!("seq 1 {number} > /root/file-{number}"));
    }
    let image = shop.image("good", &[("elements", "[tiny-os, many]"), ("outputs", "[raw, tar]")]);
    shop.build(&image, &[]).well();
    let right = outputs(&shop);
    let squash = || checkpoint(&shop, |_, meta| meta.contains("\"squashes\""));
    harm(&squash().join("layer/mnt/root/file-20"), |path| flip_bit(path, 7));
    fs::remove_dir_all(shop.out()).unwrap();
    let told = shop.build(&image, &["--json"]).well();
    assert!(told.out.contains("corrupted") && told.out.contains("/root/file-20"), "{}", told.out);
    assert_eq!(
        told.steps("step-started"),
        [""; 0],
        "a squash is made again of the layers that it stands for"
    );
    assert!(outputs(&shop) == right);
    // One of those is harmed, and the squash is gone: nothing is merged before it is compared.
    harm(&of_step(&shop, "20-one").join("layer/mnt/root/file-20"), |path| flip_bit(path, 7));
    fs::remove_dir_all(squash()).unwrap();
    fs::remove_dir_all(shop.out()).unwrap();
    let told = shop.build(&image, &[]).well();
    is_found(&told, "a layer below a squash", &["install/20-one", "/root/file-20"]);
    assert!(outputs(&shop) == right);
}

#[test]
fn nothing_is_read_where_nothing_is_to_be_made() {
    let (shop, image) = shop();
    shop.build(&image, &[]).well();
    let right = outputs(&shop);
    harm(&of_step(&shop, "60-files").join("layer/mnt/root/large"), |path| flip_bit(path, 9));
    let told = shop.build(&image, &[]).well();
    assert!(!told.err.contains("corrupted"), "a set that is right wants no layer:\n{}", told.err);
    assert!(outputs(&shop) == right);
    let told = shop.build(&image, &["-t", "raw,tar,qcow2"]).well();
    is_found(&told, "a further output", &["/root/large"]);
    assert!(outputs(&shop) == right);
}
