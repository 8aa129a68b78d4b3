//! The linter on this project's own trees, and its table of rules in the documentation.
//!
//! In: `elements/`, `tests/elements/`, docs/linting.md, texts at random. Out: verdicts. Never: the program; the rules' own tests are beside them.

use std::fs;
use std::path::{Path, PathBuf};

use dibber_engine::scan::one_by_one::elements;
use dibber_lint::{Change, LintRequest, changed, lint, table, unified};
use dibber_model::Digest;
use dibber_plan::{Body, ElementSource, Entry};
use proptest::prelude::*;

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

#[test]
fn our_own_elements_are_clean() {
    let own = elements(&top().join("elements")).expect("elements");
    assert!(own.faults.is_empty() && own.elements.len() > 30);
    let trial = elements(&top().join("tests/elements")).expect("elements of tests");
    let findings = lint(&LintRequest { elements: &own.elements, known: &[] });
    let told: Vec<String> = findings.iter().map(|f| format!("[{}] {f}", f.rule.name)).collect();
    assert!(told.is_empty(), "{}", told.join("\n"));
    let findings = lint(&LintRequest { elements: &trial.elements, known: &own.elements });
    assert!(findings.iter().all(|finding| !finding.is_error()), "{findings:?}");
}

#[test]
fn the_documentation_has_every_rule() {
    let page = top().join("docs/linting.md");
    let text = fs::read_to_string(&page).expect("the page");
    let mark = "-->\n";
    let (before, found) = text.split_once(mark).expect("the mark before the table");
    if std::env::var_os("DIBBER_BLESS").is_some() {
        return fs::write(&page, format!("{before}{mark}{}", table())).expect("write");
    }
    assert_eq!(found, table(), "write it anew with DIBBER_BLESS=1");
}

/// Files that rules look into.
const LOOKED_INTO: [&str; 10] = [
    "element-deps",
    "element-provides",
    "package-installs.yaml",
    "pkg-map",
    "svc-map",
    "source-repository-x",
    "block-device-default.yaml",
    "environment.d/10-x",
    "install.d/10-x",
    "cleanup.d/10-x",
];

const CHANGES: [Change; 5] = [
    Change::DropByteOrderMark,
    Change::LineEnds,
    Change::SortNames,
    Change::JoinArches,
    Change::FinalNewline,
];

/// Words that rules look for, in any order, and anything between them.
fn texts() -> impl Strategy<Value = String> {
    let words = vec![
        "#!/bin/bash\n",
        "\u{feff}#!",
        "set -euo",
        " pipefail",
        "sudo ",
        "exit 0",
        "export A=$(",
        "${DIB_X",
        ":-}",
        "$DIB_X",
        "which ",
        "arch: a, b\n",
        "  - not-arch:",
        "\r\n",
        "\n",
        "\\\n",
        "\t",
        "# dib-lint: disable=",
        "a:",
        "{",
        "\"",
        "b\n",
        " ",
        "name",
    ];
    let part = prop_oneof![6 => prop::sample::select(words).prop_map(String::from), 1 => any::<String>()];
    prop::collection::vec(part, 0..20).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn no_text_is_too_odd(text in texts()) {
        let entry = |executable| Entry::File {
            executable,
            digest: Digest::of(text.as_bytes()),
            body: Body::Inline(text.as_bytes().into()),
        };
        let mut entries: std::collections::BTreeMap<String, Entry> =
            ["environment.d", "install.d", "cleanup.d"].map(|dir| (dir.to_string(), Entry::Dir)).into();
        entries.extend(LOOKED_INTO.map(|path| (path.to_string(), entry(path.contains(".d/")))));
        let element = ElementSource { name: "e".into(), origin: "e".into(), entries, modes: Default::default() };
        for finding in lint(&LintRequest { elements: &[element], known: &[] }) {
            prop_assert!(finding.line <= text.lines().count() + 1, "{finding}");
        }
    }

    #[test]
    fn what_is_mended_stays_mended(text in texts(), chosen in prop::sample::subsequence(CHANGES.to_vec(), 0..=5)) {
        let once = changed(text.as_bytes(), &chosen);
        prop_assert_eq!(&changed(&once, &chosen), &once);
        let after = String::from_utf8(once).expect("UTF-8");
        prop_assert_eq!(unified("f", &text, &after).is_empty(), text == after);
    }
}
