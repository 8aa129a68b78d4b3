//! Plans as data: each folder of `tests/plans` holds image files, elements and layouts, and the plan that they make.
//!
//! `DIBBER_BLESS=1` writes `expected.txt` anew; read the difference before committing it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use dibber_model::filesystem::FILESYSTEMS;
use dibber_model::{Arch, Digest};
use dibber_plan::output::OUTPUTS;
use dibber_plan::yaml::{Node, Yaml, read};
use dibber_plan::{
    Body, ElementSource, Entry, Plan, PlanError, Request, SourceSet, TextSource, explain, fstab, gpt_codes,
    image, plan,
};
use proptest::prelude::*;
use serde_json::Value;

fn sorted(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(dir) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("read entry").path()).collect();
    paths.sort();
    paths
}

fn name(path: &Path) -> String {
    path.file_name().expect("a name").to_string_lossy().into_owned()
}

fn text(path: &Path) -> TextSource {
    TextSource { origin: name(path), text: fs::read_to_string(path).expect("read text") }
}

/// Files below `*.d` count as executable, so that the case does not hang on a checkout's modes.
fn entries(dir: &Path, prefix: &str, into: &mut BTreeMap<String, Entry>) {
    for path in sorted(dir) {
        let below = format!("{prefix}{}", name(&path));
        if path.is_dir() {
            into.insert(below.clone(), Entry::Dir);
            entries(&path, &format!("{below}/"), into);
        } else {
            let bytes = fs::read(&path).expect("read element file");
            let (executable, digest) = (prefix.contains(".d/"), Digest::of(&bytes));
            into.insert(below, Entry::File { executable, digest, body: Body::Inline(bytes.into()) });
        }
    }
}

fn sources(case: &Path) -> SourceSet {
    let mut set = SourceSet::default();
    for path in sorted(case) {
        if name(&path).starts_with("image") {
            set.images.push(text(&path));
        }
    }
    for dir in sorted(&case.join("elements")) {
        let name = name(&dir);
        let mut found = BTreeMap::new();
        entries(&dir, "", &mut found);
        let element = ElementSource {
            name: name.clone(),
            origin: format!("elements/{name}"),
            entries: found,
            modes: BTreeMap::new(),
        };
        set.elements.insert(name, element);
    }
    for path in sorted(&case.join("layouts")) {
        set.layouts.insert(name(&path).replace(".yaml", ""), text(&path));
    }
    set
}

fn request(case: &Path) -> Request {
    let mut request = Request::on(Arch::X86_64);
    for line in fs::read_to_string(case.join("request")).unwrap_or_default().lines() {
        let (key, value) = line.split_once(' ').expect("a key and a value");
        match key {
            "image" => request.images.push(value.into()),
            "arch" => request.arches.push(value.parse().expect("an architecture")),
            "platform" => request.platforms.push(value.parse().expect("a platform")),
            "target" => request.targets.push(image::target(value).expect("a target")),
            "all-targets" => request.all_targets = value == "yes",
            "element" => request.elements.push(value.into()),
            "layout" => request.layout = Some(value.into()),
            "epoch" => request.epoch = Some(value.parse().expect("seconds")),
            "env" => {
                let (name, value) = value.split_once('=').expect("name=value");
                request.variables.insert(name.into(), value.into());
            }
            _ => panic!("{key} is no key of a request"),
        }
    }
    request
}

fn rendered(plan: &Plan) -> String {
    let mut out = format!("{}\nfstab\n{}\nvariables\n", explain(plan), fstab(&plan.disk));
    for (name, value) in &plan.variables {
        writeln!(out, "  {name}={value:?}").expect("write to a string");
    }
    let shown = (&plan.archive.mirror, &plan.archive.snapshot, &plan.archive.security);
    writeln!(out, "\nproperties\n  {:?}\n\narchive\n  {:?}", plan.properties, shown).expect("write");
    writeln!(out, "\nepoch {:?}, {:?}, nodes {:?}\n", plan.epoch, plan.compression, plan.nodes)
        .expect("write");
    for fs in plan.disk.filesystems() {
        writeln!(out, "{} {} {:?}", fs.name, fs.uuid, fs.options).expect("write");
    }
    let own = plan.elements.last().filter(|element| element.name.ends_with("-settings"));
    for (path, entry) in own.iter().flat_map(|element| &element.entries) {
        if let Entry::File { executable, .. } = entry {
            let text = own.and_then(|element| element.text(path)).expect("a text");
            let shown = if path.contains("image-settings-") { "(a fixed script)" } else { text };
            writeln!(out, "{path} {executable} {shown:?}").expect("write");
        }
    }
    out
}

#[test]
fn every_case_makes_its_plan() {
    let cases = sorted(&Path::new(env!("CARGO_MANIFEST_DIR")).join("plans"));
    assert!(!cases.is_empty(), "no cases");
    for case in cases {
        let plans =
            plan(&sources(&case), &request(&case)).unwrap_or_else(|e| panic!("{}: {e}", case.display()));
        let made: Vec<String> = plans.iter().map(rendered).collect();
        let made = made.join("\n==========\n\n");
        assert!(!made.contains("secret@"), "the proxy's password is only in plan.archive");
        let expected = case.join("expected.txt");
        if std::env::var_os("DIBBER_BLESS").is_some() {
            fs::write(&expected, &made).expect("write expected.txt");
        }
        let expected = fs::read_to_string(&expected).expect("read expected.txt");
        assert_eq!(expected, made, "{}", case.display());
        let wide = plans.iter().flat_map(|p| explain(p).lines().map(String::from).collect::<Vec<_>>());
        assert_eq!(wide.filter(|line| line.chars().count() > 80).collect::<Vec<_>>(), [""; 0]);
    }
}

fn tiny(image: &str) -> SourceSet {
    let mut set = sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("plans/settings"));
    set.images = vec![TextSource {
        origin: "i.yaml".into(),
        text: format!("disk_images:\n  - imagename: i\n    distro: tiny\n    skip_base: true\n{image}"),
    }];
    set
}

#[test]
fn bad_images_are_refused_with_place_cause_and_mend() {
    let outputs: Vec<&str> = OUTPUTS.iter().map(|facts| facts.name).collect();
    let filesystems: Vec<&str> = FILESYSTEMS.iter().map(|facts| facts.name).collect();
    let (last, first) = filesystems.split_last().expect("there are filesystems");
    let filesystems = format!("{} and {last}", first.join(", "));
    let cases = include_str!("plans_bad.txt");
    let cases = cases.replace("{outputs}", &outputs.join(", ")).replace("{filesystems}", &filesystems);
    let mut wrong = String::new();
    let mut count = 0;
    for case in cases.split("\n\n").filter(|case| !case.trim().is_empty()) {
        let (image, message) = case.trim_end().rsplit_once("\n=> ").expect("an image and its message");
        let said = plan(&tiny(&format!("{}\n", image.trim_start_matches('\n'))), &Request::on(Arch::X86_64));
        let said = said.map(|_| ()).expect_err(image).to_string();
        count += 1;
        if said != message {
            writeln!(wrong, "{image}\n=> {said}\n").expect("write");
        }
    }
    assert!(wrong.is_empty() && count > 30, "{count} cases\n{wrong}");
}

/// Names of any length are no wider in a table than a column may be.
#[test]
fn wide_names_are_told() {
    let long = "n".repeat(70_000);
    for (label, kind, name, place) in
        [("mbr", "'83'", long.as_str(), "/x"), ("gpt", "'8300'", "two", &format!("/{long}"))]
    {
        let partition = |name: &str, place: &str, fs: &str| {
            let mkfs = format!("mkfs: {{name: {fs}, type: ext4, mount: {{mount_point: {place}}}}}");
            format!("{{name: {name}, type: {kind}, size: 10MiB, {mkfs}}}")
        };
        let parts = [partition("root", "/", "one"), partition(name, place, "more")].join(", ");
        let table = format!("{{partitioning: {{base: image0, label: {label}, partitions: [{parts}]}}}}");
        let image = format!("    size: 32MiB\n    layout: [{{local_loop: {{name: image0}}}}, {table}]\n");
        let plans = plan(&tiny(&image), &Request::on(Arch::X86_64)).unwrap_or_else(|e| panic!("{e:.200}"));
        let wide = |text: String| text.lines().map(|line| line.chars().count()).max().unwrap_or(0);
        assert_eq!(wide(explain(&plans[0])), 80);
        assert!(wide(dibber_layout::sketch(&plans[0].disk)) < 1000);
    }
}

#[test]
fn bad_requests_are_refused() {
    let with = |change: fn(&mut Request)| {
        let mut request = Request::on(Arch::X86_64);
        change(&mut request);
        plan(&tiny(""), &request).map(|_| ()).expect_err("a refusal").to_string()
    };
    assert_eq!(with(|r| r.images.push("j".into())), "no image is called `j`; did you mean `i`?");
    assert_eq!(
        with(|r| r.layout = Some("gtp".into())),
        "the layout asked for: no layout is called `gtp`; there are partition"
    );
    assert!(with(|r| r.elements.push("tini".into())).contains("did you mean `tiny`?"));
    assert!(with(|r| drop(r.variables.insert("A-B".into(), String::new()))).starts_with("variable A-B=``"));
    let none = plan(&SourceSet::default(), &Request::on(Arch::X86_64)).expect_err("a refusal");
    assert!(matches!(none, PlanError::NoImages(_)));
    let both = plan(
        &tiny(
            "  - {imagename: x86_64-i, distro: tiny, skip_base: true, arch: x86_64, platform: p9}\n  - {imagename: i, arch: x86_64, platform: p9}\n",
        ),
        &Request::on(Arch::X86_64),
    );
    assert!(both.is_ok(), "{both:?}");
}

#[test]
fn identities_hang_on_names_and_not_on_content() {
    let plans = |image: &str| plan(&tiny(image), &Request::on(Arch::X86_64)).expect("a plan").swap_remove(0);
    let (a, b) =
        (plans(""), plans("    packages: [nano]\n    hooks: [{phase: install, name: a, script: x}]\n"));
    assert_eq!(a.disk, b.disk);
    assert_ne!(a.disk, plans("    arch: x86_64\n    platform: p9\n").disk);
    assert_ne!(a.disk, plans("    seed: other\n").disk);
    assert_ne!(a.disk, plans("    arch: aarch64\n").disk);
}

#[test]
fn a_fault_points_at_its_bytes() {
    let set = tiny("    hostname: 'näh'\n");
    let error = plan(&set, &Request::on(Arch::X86_64)).expect_err("a refusal");
    let place = &error.fault().expect("a fault in a text").place;
    assert_eq!((place.excerpt(), &set.images[0].text[place.offset()..][..4]), ("    hostname: 'näh'", "'nä"));
}

/// What of JSON Schema the schema uses, read by its specification (draft 2020-12, sections 6 and 10).
fn fits(schema: &Value, value: &Value) -> bool {
    let is = |kind: &str| match kind {
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.is_u64() || value.is_i64(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("type {other}"),
    };
    let Some(rules) = schema.as_object() else { return schema.as_bool().expect("a schema") };
    rules.iter().all(|(word, rule)| match word.as_str() {
        "type" if rule.is_array() => {
            rule.as_array().into_iter().flatten().any(|kind| is(kind.as_str().expect("type")))
        }
        "type" => is(rule.as_str().expect("type")),
        "enum" => rule.as_array().expect("enum").contains(value),
        "anyOf" => rule.as_array().expect("anyOf").iter().any(|one| fits(one, value)),
        "minimum" => value.as_f64().is_none_or(|n| n >= rule.as_f64().expect("minimum")),
        "minProperties" => {
            value.as_object().is_none_or(|map| map.len() as u64 >= rule.as_u64().expect("a count"))
        }
        "maxProperties" => {
            value.as_object().is_none_or(|map| map.len() as u64 <= rule.as_u64().expect("a count"))
        }
        "items" => value.as_array().into_iter().flatten().all(|item| fits(rule, item)),
        "required" => {
            let names = rule.as_array().expect("required");
            value
                .as_object()
                .is_none_or(|map| names.iter().all(|n| map.contains_key(n.as_str().expect("a name"))))
        }
        "properties" => {
            value.as_object().into_iter().flatten().all(|(k, v)| rule.get(k).is_none_or(|r| fits(r, v)))
        }
        "additionalProperties" => {
            let known = rules.get("properties");
            let mut rest = value
                .as_object()
                .into_iter()
                .flatten()
                .filter(|(k, _)| known.is_none_or(|p| p.get(k).is_none()));
            rest.all(|(_, v)| fits(rule, v))
        }
        "$schema" | "title" | "description" => true,
        other => panic!("keyword {other}"),
    })
}

fn json(yaml: &Yaml) -> Value {
    match &yaml.node {
        Node::Null => Value::Null,
        Node::Bool(value) => Value::Bool(*value),
        Node::Number(text) => serde_json::from_str(text).unwrap_or_else(|_| Value::from(0)),
        Node::Text(text) => Value::from(text.as_str()),
        Node::List(items) => items.iter().map(json).collect(),
        Node::Map(entries) => Value::Object(
            entries.iter().map(|(k, v)| (k.text().expect("a key").to_string(), json(v))).collect(),
        ),
    }
}

#[test]
fn the_schema_takes_what_the_reader_takes() {
    let schema: Value = serde_json::from_str(&dibber_plan::schema()).expect("JSON");
    let valid = |text: &TextSource| fits(&schema, &json(&read(&text.clone().into()).expect("YAML")));
    for case in sorted(&Path::new(env!("CARGO_MANIFEST_DIR")).join("plans")) {
        for image in sources(&case).images {
            assert!(valid(&image), "{}: {}", case.display(), image.origin);
        }
    }
    for bad in
        ["    elemnts: [vm]\n", "    elements: vm\n", "    users: [{sudo: true}]\n", "    outputs: [iso]\n"]
    {
        assert!(!valid(&tiny(bad).images[0]), "{bad}");
    }
}

/// sgdisk's own table is the judge of ours.
#[test]
fn type_codes_are_sgdisk_s() {
    let dir = tempfile::tempdir().expect("tempdir");
    let path = dir.path().join("disk").display().to_string();
    for (code, guid) in gpt_codes() {
        let file = fs::File::create(&path).expect("create disk");
        file.set_len(8 << 20).expect("size disk");
        let code = format!("{code:04X}");
        dibber_tests::accepts("sgdisk", &["-n", "1:2048:+1M", "-t", &format!("1:{code}"), &path]);
        let said = dibber_tests::accepts("sgdisk", &["-i", "1", &path]).to_lowercase();
        assert!(said.contains(&guid.to_string()), "{code}: {said}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_text_makes_it_panic(
        words in proptest::collection::vec(proptest::sample::select(WORDS), 0..40),
        raw in "\\PC{0,60}",
    ) {
        let words: String = words.concat();
        for text in [format!("{words}{raw}"), format!("disk_images:\n  - imagename: a\n    {words}"), raw.clone()] {
            let mut set = tiny("");
            set.layouts.insert("any".into(), TextSource { origin: "any".into(), text: text.clone() });
            let mut request = Request::on(Arch::X86_64);
            request.layout = Some("any".into());
            for plan in plan(&set, &request).into_iter().flatten() {
                explain(&plan);
            }
            set.images.push(TextSource { origin: "any".into(), text });
            request.layout = None;
            let _ = plan(&set, &request).map_err(|error| error.to_string());
        }
    }
}

/// Pieces that image files and block-device configs are made of.
const WORDS: &[&str] = &[
    "- ",
    "\n",
    "\n  ",
    "\n    ",
    "\n      ",
    "{",
    "}",
    "[",
    "]",
    ": ",
    ", ",
    "local_loop",
    "partitioning",
    "mkfs",
    "mount",
    "fstab",
    "partitions",
    "name",
    "base",
    "size",
    "type",
    "label",
    "gpt",
    "mbr",
    "image0",
    "root",
    "100%",
    "1MiB",
    "/",
    "mount_point",
    "&a ",
    "*a",
    "!!str ",
    "'",
    "\"",
    "|\n",
    "<<: ",
    "? ",
    "null",
    "~",
    "0x41",
    "1e999",
    ".nan",
    "elements",
    "options",
    "users",
    "files",
    "layout",
    "é",
    "\u{0}",
    "\t",
    "content",
    "min",
    "max",
    "18446744073709551616",
];
