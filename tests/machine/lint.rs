//! `dibber lint` as a person calls it: what it prints, what it mends, and what it does not touch.
//!
//! In: elements on disk. Out: text, JSON, SARIF, files. Never: a build, but one that shows what builds warn of.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};

use rustix::fs::{CWD, FileType, Mode, mknodat};
use serde_json::Value;

use dibber_tests::workshop::{Workshop, contents, run};

/// Codes of docs/exit-codes.md.
const INPUT: i32 = 3;
const FOUND: i32 = 11;
const USAGE: i32 = 2;

/// Things that `--fix` mends, each in an element.
fn odd_elements() -> Workshop {
    let shop = Workshop::new();
    shop.write("tree/a/element-deps", "# why\nyum\nbase");
    shop.write("tree/a/install.d/10-plain", "#!/bin/sh\necho\n");
    shop.write("tree/a/install.d/20-crlf", "#!/bin/sh\r\necho\r\n");
    shop.write("tree/a/environment.d/10-a", "A=1\r\n");
    for plain in ["10-plain", "20-crlf"] {
        let path = shop.at("elements/tree/a/install.d").join(plain);
        fs::set_permissions(path, fs::Permissions::from_mode(0o644)).expect("chmod");
    }
    shop.write("tree/b/package-installs.yaml", "vim:\n  arch: amd64, arm64\n");
    shop.write("tree/b/element-deps", "package-installs\n");
    shop.write("tree/b/source-repository-b", "b git /opt/b https://example.org/b");
    shop
}

#[test]
fn what_is_found_is_mended_once() {
    let shop = odd_elements();
    let lint = |more: &[&str]| {
        let mut words = vec!["lint", "tree", "--disable", "readme"];
        words.extend(more);
        run(shop.dibber().current_dir(shop.at("elements")).args(words))
    };
    let before = contents(&shop.at("elements/tree"));
    let told = lint(&[]);
    told.refuses(FOUND, &[]);
    for sign in [
        "tree/a/element-deps:3: warning[deps-order]: `base` comes after `yum`",
        "tree/a/install.d/10-plain: error[hook-mode]:",
        "tree/a/install.d/20-crlf: error[hook-mode]:",
        "tree/b/package-installs.yaml:2: error[package-arch]:",
        "tree/b/source-repository-b:1: error[repository-newline]:",
        "--fix mends",
    ] {
        assert!(told.out.contains(sign), "no `{sign}` in:\n{}", told.out);
    }
    let shown = lint(&["--diff"]);
    for sign in
        ["-  arch: amd64, arm64\n+  arch: amd64,arm64\n", "\\ No newline at end of file", "made executable"]
    {
        assert!(shown.out.contains(sign), "no `{sign}` in:\n{}", shown.out);
    }
    assert_eq!(contents(&shop.at("elements/tree")), before, "a diff changes nothing");

    let mended = lint(&["--fix"]);
    let said = |path: &str| fs::read_to_string(shop.at(path)).expect("a text");
    assert_eq!(said("elements/tree/a/element-deps"), "base\n# why\nyum\n");
    assert_eq!(said("elements/tree/a/install.d/20-crlf"), "#!/bin/sh\necho\n");
    assert_eq!(said("elements/tree/b/source-repository-b"), "b git /opt/b https://example.org/b\n");
    let mode =
        fs::metadata(shop.at("elements/tree/a/install.d/10-plain")).expect("a file").permissions().mode();
    assert_eq!(mode & 0o111, (mode & 0o444) >> 2);
    let after = contents(&shop.at("elements/tree"));
    let again = lint(&["--fix"]);
    assert_eq!(
        (contents(&shop.at("elements/tree")), again.err.as_str()),
        (after, ""),
        "nothing is left to mend"
    );
    assert!(!mended.out.contains("--fix mends"), "{}", mended.out);
}

#[test]
fn programs_read_it() {
    let shop = odd_elements();
    let lint = |format: &str| {
        let told =
            run(shop.dibber().current_dir(shop.at("elements")).args(["lint", "tree", "--format", format]));
        told.refuses(FOUND, &[]);
        serde_json::from_str::<Value>(&told.out).expect("JSON")
    };
    let plain = lint("json");
    let count = plain["findings"].as_array().expect("a list").len();
    assert_eq!(plain["errors"].as_u64().unwrap_or(0) + plain["warnings"].as_u64().unwrap_or(0), count as u64);
    assert_eq!(plain["findings"][0]["file"], "tree/a");

    // What the schema of SARIF 2.1.0 requires (sections 3.13, 3.14, 3.18, 3.19, 3.27, 3.28, 3.29), and what forges ask for.
    let log = lint("sarif");
    assert_eq!(log["version"], "2.1.0");
    let driver = &log["runs"][0]["tool"]["driver"];
    let rules = driver["rules"].as_array().expect("rules");
    assert!(driver["name"] == "dibber" && rules.iter().all(|rule| rule["id"].is_string()));
    let results = log["runs"][0]["results"].as_array().expect("results");
    assert_eq!(results.len(), count);
    for result in results {
        let index = result["ruleIndex"].as_u64().expect("a number") as usize;
        assert_eq!(rules[index]["id"], result["ruleId"]);
        assert!(["error", "warning"].contains(&result["level"].as_str().expect("a level")));
        assert!(result["message"]["text"].as_str().is_some_and(|text| !text.is_empty()));
        let place = &result["locations"][0]["physicalLocation"];
        assert!(place["artifactLocation"]["uri"].as_str().is_some_and(|uri| uri.starts_with("tree/")));
        let line = &place["region"]["startLine"];
        assert!(place["region"].is_null() || line.as_u64().is_some_and(|line| line > 0));
    }
}

#[test]
fn what_is_left_out() {
    let shop = odd_elements();
    let lint =
        |more: &[&str]| run(shop.dibber().current_dir(shop.at("elements")).args(["lint", "tree"]).args(more));
    let count = |more: &[&str]| lint(more).out.lines().count() - 1;
    let all = count(&[]);
    assert_eq!(count(&["--rule", "readme"]), 2);
    assert_eq!(count(&["--disable", "readme"]), all - 2);
    assert!(!lint(&["--severity", "error"]).out.contains("warning["));
    fs::write(shop.at("elements/tox.ini"), "[dib-lint]\nignore = readme newline\n").expect("write");
    let told = lint(&[]).out;
    assert!(!told.contains("[readme]") && !told.contains("[final-newline]") && told.contains("[hook-mode]"));
    lint(&["--rule", "hok-name"]).refuses(USAGE, &["did you mean `hook-name`?"]);
    shop.write("empty/nothing", "");
    run(shop.dibber().args(["lint", "empty"]).current_dir(shop.at("elements")))
        .refuses(INPUT, &["neither an element nor"]);
    run(shop.dibber().args(["lint", "absent"]).current_dir(shop.at("elements"))).refuses(INPUT, &["absent"]);
}

#[test]
fn hostile_trees_are_told_and_not_followed() {
    let shop = Workshop::new();
    shop.write("secret/victim", "#!/bin/sh\r\n");
    shop.write("tree/a/element-deps", "base\n");
    shop.hook("tree/a/install.d/10-\u{1b}[2J\nerror: x.sh", "");
    symlink(shop.at("elements/secret/victim"), shop.at("elements/tree/a/install.d/20-link")).expect("link");
    symlink(shop.at("elements/secret"), shop.at("elements/tree/a/static")).expect("link");
    symlink(shop.at("elements/secret"), shop.at("elements/tree/outside")).expect("link");
    mknodat(CWD, shop.at("elements/tree/a/install.d/30-fifo"), FileType::Fifo, Mode::from_raw_mode(0o644), 0)
        .expect("fifo");
    fs::write(shop.at("elements/tree/a").join(std::ffi::OsStr::from_bytes(b"\xff")), "").expect("write");
    fs::write(shop.at("elements/tree/a/large"), vec![b'\t'; 3 << 20]).expect("write");
    let before = contents(&shop.at("elements/secret"));
    let told = run(shop.dibber().current_dir(shop.at("elements")).args(["lint", "tree", "--fix"]));
    told.refuses(FOUND, &[]);
    for sign in
        ["a named pipe", "is not UTF-8; rename it", "outside of the directories of elements", "[hook-name]"]
    {
        assert!(told.out.contains(sign), "no `{sign}` in:\n{}", told.out);
    }
    assert!(!told.out.contains('\u{1b}'), "{}", told.out);
    assert!(told.out.lines().all(|line| !line.starts_with("error: x")), "{}", told.out);
    assert_eq!(contents(&shop.at("elements/secret")), before);
}

#[test]
fn an_element_knows_those_beside_it() {
    let shop = Workshop::new();
    shop.write("tree/a/element-deps", "b\nc\n");
    shop.write("tree/b/element-provides", "c\n");
    let lint = |more: &[&str]| {
        run(shop.dibber().current_dir(shop.at("elements")).args(["lint", "--disable", "readme"]).args(more))
    };
    assert!(lint(&["tree/a"]).well().out.contains("nothing found"));
    shop.write("more/z/element-deps", "b\n");
    lint(&["more/z"]).refuses(FOUND, &[]);
    lint(&["more/z", "--elements-path", "tree"]).well();
    // A tree that has an element called as a file of elements is, as dib's own is.
    shop.write("like-dib/pkg-map/element-deps", "");
    shop.write("like-dib/z/element-deps", "pkg-map\n");
    assert!(lint(&["like-dib"]).well().out.contains("nothing found"));
    // A checkout whose elements are in a directory of that name.
    shop.write("project/elements/x/element-deps", "");
    shop.write("project/setup.py", "");
    assert!(lint(&["project"]).well().out.contains("nothing found"));
}

#[test]
fn builds_warn_of_errors_and_go_on() {
    let shop = Workshop::new();
    shop.hook("tiny-os/install.d/50-more.sh", "true");
    shop.write("tiny-os/environment.d/10-x~", "A=1\n");
    shop.write("tiny-os/package-installs.yml", "vim:\n");
    let image = shop.image("warned", &[]);
    let told = shop.build(&image, &[]).well();
    for sign in ["50-more.sh: will not run", "10-x~: not read", "did you mean `package-installs.yaml`?"] {
        assert_eq!(told.err.matches(sign).count(), 1, "`{sign}` in:\n{}", told.err);
    }
    assert!(!told.err.contains("README"), "style is not a build's business");
}

#[test]
fn a_new_element_is_clean() {
    let shop = Workshop::new();
    let new = |shop: &Workshop| {
        run(shop.dibber().current_dir(shop.at("elements")).args(["new", "element", "hello"]))
    };
    new(&shop).well();
    let told = run(shop.dibber().current_dir(shop.at("elements")).args(["lint", "hello"]));
    assert!(told.well().out.contains("nothing found"));
}
