//! Control characters from outside are shown, wherever they come from.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::process::Output;

use dibber_tests::accepts;
use dibber_tests::workshop::Workshop;

use super::{run, said};

/// A title, a cleared screen, C1 in UTF-8, an override of direction, a separator, DEL, and letters that are not seen.
const BAD: &str =
    "x\u{1b}]0;owned\u{7}\u{1b}[2J\u{9b}31m\u{202e}\u{2066}\u{2028}\u{7f}\u{ad}\u{180e}\u{e0041}y";

/// Nothing of it is there as it was: no control but line ends and tabs, no mark of direction, no letter unseen.
#[track_caller]
fn is_shown(output: &Output, what: &str) {
    let said = said(output);
    let hidden = |c: char| {
        c.is_control() && !matches!(c, '\n' | '\t')
            || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{ad}' | '\u{180e}' | '\u{e0000}'..='\u{e007f}')
    };
    let found = said.find(hidden).map(|at| said[..at].lines().last().unwrap_or_default().to_string());
    assert_eq!(found, None, "{what}");
}

/// The same, and it is told in another form.
#[track_caller]
fn is_told(output: &Output, what: &str) {
    is_shown(output, what);
    let said = said(output);
    assert!(said.contains("\\x1b]0;owned\\x07"), "{what}: {said}");
}

fn build(shop: &Workshop, image: &str, more: &[&str]) -> Output {
    run(shop.dibber().args(shop.arguments(image)).args(more))
}

#[test]
fn what_hooks_print() {
    let shop = Workshop::new();
    let bytes = format!("{BAD}\\xff\\x9b|").replace('\u{1b}', "\\033");
    shop.hook("talk/install.d/50-talk", &format!("printf '%b\\n' '{bytes}'; exit 3"));
    let image = shop.image("good", &[("elements", "[tiny-os, talk]")]);
    is_told(&build(&shop, &image, &[]), "the tail of a failed hook");
    is_told(&build(&shop, &image, &["-v"]), "lines of -v");
    let log = fs::read(shop.out().join("x86_64-good.failed.log")).expect("the log");
    let raw = [BAD.as_bytes(), b"\xff\x9b|\n"].concat();
    assert!(log.windows(raw.len()).any(|part| part == raw), "the log has the hook's bytes");
    let events = build(&shop, &image, &["--json"]);
    is_shown(&Output { stderr: Vec::new(), ..events.clone() }, "events");
    let line =
        String::from_utf8_lossy(&events.stdout).lines().find(|line| line.contains("owned")).map(String::from);
    let line: serde_json::Value = serde_json::from_str(&line.expect("an event")).expect("JSON");
    assert_eq!(line["line"], format!("{BAD}\u{fffd}\u{fffd}|"));
    assert_eq!(line.get("bytes"), None);
}

#[test]
fn names_of_elements_hooks_and_files() {
    let shop = Workshop::new();
    let image = shop.image("good", &[("elements", "[tiny-os, one]")]);
    shop.hook("one/install.d/10-one", "true");
    let hook = shop.hook(&format!("{BAD}/install.d/10-x"), "exit 3");
    is_shown(&build(&shop, &image, &[]), "an element that nobody asked for");
    is_shown(
        &run(shop.dibber().args(["plan", &image, "--elements-path", &shop.text("elements"), "-e", BAD])),
        "plan",
    );
    fs::remove_dir_all(hook.parent().and_then(|dir| dir.parent()).expect("an element")).expect("remove");
    let hook = shop.hook(&format!("one/install.d/10-{BAD}"), "exit 3");
    is_shown(&build(&shop, &image, &[]), "a hook's name");
    fs::remove_file(hook).expect("remove");
    let fifo = shop.at("elements/one").join(BAD);
    accepts("mkfifo", &[fifo.to_str().expect("UTF-8")]);
    is_told(&build(&shop, &image, &[]), "the path of an odd file");
    fs::remove_file(&fifo).expect("remove");
    fs::write(shop.at("elements/one").join(OsStr::from_bytes(b"\x9b\x1b]0;owned\x07")), "").expect("write");
    is_shown(&build(&shop, &image, &[]), "a name that is no UTF-8");
}

/// A line end in a name begins no line of its own.
#[test]
fn lines_that_names_would_begin() {
    let shop = Workshop::new();
    // On the host's side, which has the program for what no initramfs holds: dibber warns of that file.
    shop.hook(
        "talk/extra-data.d/50-talk",
        "f=$(printf '%s/etc/a\\nnothing: done\\nerror: run this' $TARGET_ROOT)\n\
         touch \"$f\"; setfacl -m u:5:r \"$f\"",
    );
    let image = shop.image("good", &[("elements", "[tiny-os, talk]"), ("outputs", "[initramfs]")]);
    let said = said(&build(&shop, &image, &[]));
    assert!(said.contains("\n    error: run this"), "the warning is there: {said}");
    let forged = |line: &&str| line.starts_with("error:") || line.starts_with("nothing: done");
    assert_eq!(said.lines().find(forged), None, "{said}");
}

/// The end of what a hook printed is told, and not all of it because it is one line.
#[test]
fn a_line_without_end() {
    let shop = Workshop::new();
    shop.hook("talk/install.d/50-talk", "printf '%03000000d' 0; exit 3");
    let image = shop.image("good", &[("elements", "[tiny-os, talk]")]);
    let said = said(&build(&shop, &image, &[]));
    assert!(said.contains("more bytes)") && said.len() < 64 << 10, "{} bytes", said.len());
}

#[test]
fn image_files_and_arguments() {
    let shop = Workshop::new();
    // YAML itself refuses most of them where they are not written so.
    let letters =
        BAD.chars().map(|c| if c.is_ascii_graphic() { c.into() } else { format!("\\U{:08x}", u32::from(c)) });
    let quoted = format!("\"{}\"", letters.collect::<String>());
    let path = shop.at("bad.yaml");
    for (key, value) in
        [("imagename", &*quoted), (&*quoted, "1"), ("elements", &format!("[{quoted}]")), ("arch", &quoted)]
    {
        fs::write(&path, format!("disk_images:\n  - {key}: {value}\n    \"z{}: 1\n", &quoted[1..]))
            .expect("write");
        let output = build(&shop, path.to_str().expect("UTF-8"), &[]);
        assert_eq!(output.status.code(), Some(3), "{key}: {}", said(&output));
        is_told(&output, key);
    }
    for words in [
        &[BAD][..],
        &["build", BAD],
        &["plan", BAD, "x"],
        &["doctor", BAD],
        &["show", BAD],
        &["select", BAD],
        &["upload", "--retries", BAD],
        &["boot", BAD],
    ] {
        let output = run(shop.dibber().args(words));
        assert_ne!(output.status.code(), Some(0), "{words:?}");
        is_told(&output, &format!("{words:?}"));
    }
    let help = run(shop.dibber().args(["plan", "--help"]).env("DIBBER_CACHE", BAD));
    is_told(&help, "a variable that help quotes");
}

#[test]
fn sets_and_images() {
    let shop = Workshop::new();
    let image = shop.image("good", &[]);
    shop.hook(
        "odd/install.d/50-odd",
        &format!("touch '/{BAD}'; printf 'NAME=\"{BAD}\"\\nPRETTY_NAME=\"{BAD}\"\\n' > /etc/os-release"),
    );
    let odd = shop.image("odd", &[("elements", "[tiny-os, odd]")]);
    for image in [&image, &odd] {
        shop.build(image, &[]).well();
    }
    let disk = shop.out().join("odd.raw");
    let disk = disk.to_str().expect("UTF-8");
    is_told(&run(shop.dibber().args(["show", disk, "--files"])), "files of an image");
    is_shown(&run(shop.dibber().args(["show", disk, "--files", "--json"])), "the same as JSON");
    is_shown(&run(shop.dibber().args(["show", disk])), "an image's own names");
    // A set and a directory of somebody else.
    let dir = shop.at(BAD);
    fs::create_dir(&dir).expect("make a directory");
    fs::write(dir.join(format!("{BAD}.qcow2")), "x").expect("write");
    let dir = dir.to_str().expect("UTF-8").to_string();
    is_told(&run(shop.dibber().args(["select", BAD, "--in", &dir])), "a set's directory");
    is_shown(&run(shop.dibber().args(["select", BAD, "--in", &dir, "--json"])), "the same as JSON");
    is_told(&run(shop.dibber().args(["upload", "--in", &dir])), "what is to be uploaded");
    let json = shop.out().join("images.json");
    let text = fs::read_to_string(&json).expect("read");
    let name = serde_json::to_string(BAD).expect("JSON");
    fs::write(&json, text.replace("\"good\"", &name)).expect("write");
    fs::set_permissions(&json, PermissionsExt::from_mode(0o644)).expect("set a mode");
    for words in [&["select", "good"][..], &["upload", "good"], &["select", BAD]] {
        is_shown(
            &run(shop.dibber().args(words).args(["--in", &shop.text("work/out")])),
            &format!("{words:?}"),
        );
    }
}
