//! Everything that people get wrong: what they are told, the exit code, and that what they had stays as it was.
//!
//! In: a set that was built well, and a wrong build after it. Out: the message. Never: the network. Needs root, to build as an
//! ordinary user too.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use dibber_tests::workshop::{Earlier, USER};

/// Codes of docs/exit-codes.md.
const USAGE: i32 = 2;
const INPUT: i32 = 3;
const SPACE: i32 = 4;

const PARTITION: &str = "mkfs: {name: mkfs_root, type: ext4, label: LABEL, mount: {mount_point: PLACE}}";

fn partition(name: &str, label: &str, place: &str) -> String {
    let mkfs = PARTITION
        .replace("LABEL", label)
        .replace("PLACE", place)
        .replace("mkfs_root", &format!("mkfs_{name}"));
    format!("{{name: {name}, type: '8300', size: 12MiB, {mkfs}}}")
}

fn disk(partitions: &[String]) -> String {
    format!(
        "[{{local_loop: {{name: image0}}}}, {{partitioning: {{base: image0, label: gpt, partitions: [{}]}}}}]",
        partitions.join(", ")
    )
}

/// Keys of an image file, and what is said of them.
#[test]
fn image_files() {
    let earlier = Earlier::of(None);
    let same_label = disk(&[partition("root", "data", "/"), partition("more", "data", "/srv")]);
    let no_root = disk(&[partition("one", "one", "/srv"), partition("more", "more", "/var")]);
    let cases: [(&str, &str, i32, &[&str]); 11] = [
        (
            "elements",
            "[tiny-os, deibian]",
            INPUT,
            &["bad.yaml:", "no element is called `deibian`", "did you mean `debian`?"],
        ),
        (
            "distro",
            "debain",
            INPUT,
            &["bad.yaml:", "no element is called `debain`", "did you mean `debian`?"],
        ),
        ("element", "[vm]", INPUT, &["bad.yaml:", "unknown key `element`", "did you mean `elements`?"]),
        ("outputs", "[iso]", INPUT, &["bad.yaml:", "`iso` is not one of qcow2, raw"]),
        ("arch", "sparc", INPUT, &["bad.yaml:", "unknown architecture `sparc`; known are x86_64"]),
        ("layout", "gtp", INPUT, &["bad.yaml:", "no layout is called `gtp`", "did you mean `gpt`?"]),
        (
            "hooks",
            "[{phase: instal, name: 10-a, script: 'true'}]",
            INPUT,
            &["bad.yaml:", "unknown phase `instal`", "did you mean `install`?"],
        ),
        (
            "size",
            "4 gib",
            INPUT,
            &["bad.yaml:", "`4 gib` is not a size: its unit is unknown", "such as 550MiB"],
        ),
        (
            "size",
            "4MiB",
            SPACE,
            &["`image0` holds at most 4 MiB", "its content needs", "raise the disk's size"],
        ),
        ("layout", &same_label, INPUT, &["bad.yaml:", "data", "label"]),
        ("layout", &no_root, INPUT, &["bad.yaml:", "`/`"]),
    ];
    for (key, value, code, words) in cases {
        let image = earlier.shop.image("bad", &[(key, value)]);
        earlier.refuses(&earlier.shop.build(&image, &[]), code, words);
    }
}

/// A disk whose partitions are larger than it is: both numbers are told.
#[test]
fn a_layout_that_does_not_fit() {
    let earlier = Earlier::of(None);
    let two = disk(&[partition("root", "root", "/"), partition("more", "more", "/srv")]);
    let image = earlier.shop.image("bad", &[("layout", &two)]);
    earlier.refuses(
        &earlier.shop.build(&image, &[]),
        SPACE,
        &["disk `image0`: partition `more` wants 12 MiB", "of 24 MiB are left", "make the disk larger"],
    );
}

/// Element directories, and what is said of them.
#[test]
fn elements() {
    let earlier = Earlier::of(None);
    let shop = &earlier.shop;
    shop.write("needy/element-deps", "nowhere\n");
    shop.write("windows/install.d/10-a", "#!/bin/bash\r\n");
    shop.write("spaced/element-deps", "vm growroot\n");
    let cases: [(&str, &[&str]); 3] = [
        ("needy", &["needy/element-deps:1", "no element is called `nowhere`"]),
        ("windows", &["windows/install.d/10-a:1", "carriage return", "LF line ends"]),
        ("spaced", &["spaced/element-deps:1", "`vm growroot` is not an element's name", "one name a line"]),
    ];
    for (name, words) in cases {
        let image = shop.image("bad", &[("elements", &format!("[tiny-os, {name}]"))]);
        earlier.refuses(&shop.build(&image, &[]), INPUT, words);
    }
}

/// Root could read it: an ordinary user is told.
#[test]
fn an_unreadable_file_of_an_element() {
    let earlier = Earlier::of(Some(USER));
    let path = earlier.shop.hook("secret/install.d/10-a", "true");
    fs::set_permissions(&path, PermissionsExt::from_mode(0o700)).expect("hide the hook");
    let image = earlier.shop.image("bad", &[("elements", "[tiny-os, secret]")]);
    let told = earlier.shop.build(&image, &[]);
    earlier.refuses(&told, INPUT, &[path.to_str().expect("UTF-8"), "ermission denied", "chmod a+r"]);
}

/// A directory of elements that must not be looked into is no directory without elements.
#[test]
fn an_unreadable_directory_of_elements() {
    let earlier = Earlier::of(Some(USER));
    let shop = &earlier.shop;
    shop.hook("closed/install.d/10-a", "true");
    let image = shop.image("good", &[]);
    let dir = shop.text("elements");
    for (mode, what) in [(0o700, dir.clone()), (0o744, format!("{dir}/closed"))] {
        fs::set_permissions(&dir, PermissionsExt::from_mode(mode)).expect("hide the elements");
        let told = earlier.shop.build(&image, &[]);
        earlier.refuses(&told, INPUT, &[&what, "ermission denied", "chmod a+r"]);
    }
}

#[test]
fn command_lines() {
    let earlier = Earlier::of(None);
    let good = earlier.shop.image("good", &[]);
    let cases: [(&[&str], &[&str]); 6] = [
        (&["--elemnt", "vm"], &["unexpected argument '--elemnt'", "--element"]),
        (&["-t", "iso"], &["unknown output `iso`; there are qcow2"]),
        (&["--env", "A-B=1"], &["`A-B` cannot name a variable"]),
        (&["--arch", "sparc"], &["sparc"]),
        (&["--cache-limit", "20 gobs"], &["20 gobs"]),
        (&["--offline", "--refresh"], &["cannot be used with"]),
    ];
    for (more, words) in cases {
        earlier.refuses(&earlier.shop.build(&good, more), USAGE, words);
    }
    earlier.refuses(
        &earlier.shop.run(&["build", "overcloud-ful"]),
        INPUT,
        &["overcloud-ful", "did you mean overcloud-full?"],
    );
    let told = earlier.shop.build(&earlier.shop.text("nowhere.yaml"), &[]);
    earlier.refuses(&told, INPUT, &["nowhere.yaml", "overcloud-full"]);
}
