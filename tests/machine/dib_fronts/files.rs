//! The files of a command, the log of it, its exit code.

use std::fs;
use std::os::unix::fs::symlink;

use dibber_tests::accepts;
use dibber_tests::workshop::run;

use super::Fronts;

/// Words for a small image of the tiny operating system.
const TINY: [&str; 4] = ["-n", "--mkfs-journal-size", "4", "tiny-os"];

fn words<'a>(more: &[&'a str]) -> Vec<&'a str> {
    more.iter().copied().chain(TINY).collect()
}

#[test]
fn files_are_called_as_dib_calls_them() {
    let fronts = Fronts::new();
    let told = fronts.create(&words(&["-o", "out/deep/x", "-t", "qcow2,raw,tar,tgz", "--checksum"])).well();
    assert_eq!(
        fronts.names("out/deep"),
        [
            "x.d",
            "x.qcow2",
            "x.qcow2.md5",
            "x.qcow2.sha256",
            "x.raw",
            "x.raw.md5",
            "x.raw.sha256",
            "x.tar",
            "x.tar.md5",
            "x.tar.sha256",
            "x.tgz",
            "x.tgz.md5",
            "x.tgz.sha256",
        ]
    );
    for sum in ["md5", "sha256"] {
        accepts("sh", &["-c", &format!("cd {} && {sum}sum --check out/deep/x.*.{sum}", fronts.text(""))]);
    }
    accepts("e2fsck", &["-fn", &fronts.text("out/deep/x.raw")]);
    assert!(fronts.names("out/deep/x.d").contains(&"x.qcow2.json".to_string()));
    for line in [
        "Building elements: tiny-os",
        "Image file out/deep/x.qcow2 created...",
        "Build completed successfully",
    ] {
        assert!(told.out.contains(line), "no `{line}` in:\n{}", told.out);
    }
}

#[test]
fn the_extension_is_taken_off_and_an_old_image_is_kept() {
    let fronts = Fronts::new();
    for _ in 0..2 {
        fronts.create(&words(&["-o", "x.raw", "-t", "raw", "--checksum"])).well();
    }
    let names = fronts.names(".");
    let aside: Vec<&String> = names.iter().filter(|name| name.starts_with("x-")).collect();
    assert_eq!(aside.len(), 3, "{names:?}");
    // x-2026.11.26-17.00.00.raw
    assert!(aside[0].ends_with(".raw") && aside[0].len() == "x-2026.11.26-17.00.00.raw".len(), "{aside:?}");
    assert!(fronts.at("x.raw").is_file());
    let again = run(fronts
        .command("disk-image-create")
        .args(words(&["-o", "x", "-t", "raw"]))
        .env("OVERWRITE_OLD_IMAGE", "1"));
    again.well();
    assert_eq!(fronts.names(".").iter().filter(|name| name.starts_with("x-")).count(), 3);
    assert!(!names.iter().any(|name| name.starts_with('.')), "{names:?}");
}

#[test]
fn a_hook_ends_the_command_with_its_code_and_leaves_what_was_there() {
    let fronts = Fronts::new();
    fs::write(fronts.at("x.qcow2"), "old").expect("write a file");
    fronts.shop.hook("broken/install.d/50-broken", "echo about to fail; exit 42");
    let told = fronts.create(&words(&["-o", "x", "broken"]));
    assert_eq!(told.code, Some(42), "{}\n{}", told.out, told.err);
    assert!(told.out.contains(" | about to fail"), "{}", told.out);
    assert_eq!(fs::read_to_string(fronts.at("x.qcow2")).expect("there"), "old");
    assert!(!fronts.names(".").iter().any(|name| name.starts_with(".x") || name == "x.d"));
    for (words, said) in [
        (vec!["--imgae-size", "4", "tiny-os"], "did you mean `--image-size`?"),
        (vec!["-n", "tinny-os"], "did you mean `tiny-os`?"),
        (vec!["-o", "x"], "no element is given"),
    ] {
        let told = fronts.create(&words);
        told.refuses(1, &[said]);
    }
    assert!(fronts.create(&["--version"]).well().out.starts_with("dibber "));
    assert!(fronts.create(&["-h"]).well().out.contains("--image-extra-size"));
}

#[test]
fn the_log_is_dibs() {
    let fronts = Fronts::new();
    fronts
        .shop
        .hook("loud/install.d/50-loud", "echo seen ${DIB_WORD-} ${REG_ORG-}; echo secret ${MINE-none}");
    let build = |more: &[&str], set: &[(&str, &str)]| {
        let mut command = fronts.command("disk-image-create");
        command.args(words(more)).arg("loud").env("DIB_WORD", "word").env("REG_ORG", "org").env("MINE", "x");
        command.envs(set.iter().copied());
        run(&mut command).well()
    };
    let told = build(&["-o", "a", "--logfile", "a.log"], &[]);
    assert!(!told.out.contains("seen"), "{}", told.out);
    let log = fs::read_to_string(fronts.at("a.log")).expect("the log");
    assert!(log.contains(" | seen word org") && log.contains(" | secret none"), "{log}");
    assert!(log.lines().all(|line| line.as_bytes().get(4) == Some(&b'-') && line.contains(" | ")), "{log}");
    let told =
        build(&["-o", "b", "-c", "--logfile", "b.log"], &[("DIB_QUIET", "0"), ("DIB_NO_TIMESTAMP", "1")]);
    assert!(told.out.lines().any(|line| line == "seen"), "{}", told.out);
}

/// What somebody else left where the image goes, as in /tmp: links are not written through, and a directory of theirs is not used.
#[test]
fn links_and_directories_of_others_are_no_way_out() {
    let fronts = Fronts::new();
    let (precious, elsewhere) = (fronts.at("precious"), fronts.at("elsewhere"));
    fs::write(&precious, "kept").expect("write a file");
    fs::create_dir(&elsewhere).expect("make a directory");
    let build = || fronts.create(&words(&["-o", "x", "-t", "raw,squashfs", "--checksum"]));
    for name in
        ["x.raw", "x.raw.md5", "x.raw.md5.new", "x.raw.sha256", "x.raw.sha256.new", "x.squash", "x.squashfs"]
    {
        symlink(&precious, fronts.at(name)).expect("make a link");
    }
    build().well();
    assert_eq!(fs::read_to_string(&precious).expect("there"), "kept");
    assert!(!fronts.at("x.raw.md5").is_symlink() && !fronts.at("x.raw").is_symlink());
    fs::remove_dir_all(fronts.at("x.d")).expect("remove the descriptions");
    for name in ["x.d", ".x.dibber"] {
        symlink(&elsewhere, fronts.at(name)).expect("make a link");
        build().refuses(1, &[name]);
        fs::remove_file(fronts.at(name)).expect("remove the link");
    }
    assert_eq!(fs::read_dir(&elsewhere).expect("a directory").count(), 0);
    fs::create_dir(fronts.at(".x.dibber")).expect("make a directory");
    accepts("chown", &["daemon", &fronts.text(".x.dibber")]);
    build().refuses(1, &[".x.dibber", "somebody else", "-o"]);
}

/// The command line of the role build-diskimage of zuul-jobs, and that of nodepool's builder.
#[test]
fn what_ci_runs() {
    let fronts = Fronts::new();
    let root = fronts.text("dib");
    fs::create_dir(&root).expect("make a directory");
    let (name, log) = (format!("{root}/debian-tiny"), format!("{root}/diskimage-debian-tiny.log"));
    let mut zuul = fronts.command("disk-image-create");
    zuul.args(["-o", &name, "-t", "raw,qcow2", "--logfile", &log, "tiny-os"]).current_dir(&root);
    zuul.envs([
        ("DIB_RELEASE", "trixie"),
        ("DIB_CHECKSUM", "1"),
        ("DIB_JOURNAL_SIZE", "4"),
        ("SKIP_BASE", "1"),
    ]);
    run(&mut zuul).well();
    for file in
        ["debian-tiny.raw", "debian-tiny.raw.sha256", "debian-tiny.qcow2.md5", "diskimage-debian-tiny.log"]
    {
        assert!(fronts.names("dib").contains(&file.to_string()), "no {file} in {:?}", fronts.names("dib"));
    }
    let sum = fs::read_to_string(format!("{name}.qcow2.sha256")).expect("a sum");
    let sha = accepts("sha256sum", &[&format!("{name}.qcow2")]);
    assert_eq!(sum.split(' ').next(), sha.split(' ').next());

    let name = format!("{root}/tiny-0000000001");
    let mut nodepool = fronts.command("disk-image-create");
    nodepool.args(["-x", "-t", "qcow2,raw", "--checksum", "--no-tmpfs", "--qemu-img-options", "compat=0.10"]);
    nodepool.args(["-o", &name, "tiny-os"]).env("DIB_JOURNAL_SIZE", "4").env("SKIP_BASE", "1");
    let told = run(&mut nodepool).well();
    assert!(told.out.contains("WARNING: --no-tmpfs does nothing here"), "{}", told.out);
    let info = accepts("qemu-img", &["info", &format!("{name}.qcow2")]);
    assert!(info.contains("compat: 0.10"), "{info}");
    accepts(
        "qemu-img",
        &["compare", "-f", "raw", "-F", "qcow2", &format!("{name}.raw"), &format!("{name}.qcow2")],
    );
}
