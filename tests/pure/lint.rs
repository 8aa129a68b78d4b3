//! The linter on this project's own trees, and its table of rules in the documentation.
//!
//! In: `elements/`, `tests/elements/`, docs/linting.md. Out: verdicts. Never: the program; the rules' own tests are beside them.

use std::fs;
use std::path::{Path, PathBuf};

use dibber_engine::scan::one_by_one::elements;
use dibber_lint::{LintRequest, lint, table};

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

#[test]
fn our_own_elements_are_clean() {
    let own = elements(&top().join("elements")).expect("elements");
    assert!(own.faults.is_empty() && own.elements.len() > 30);
    let trial = elements(&top().join("tests/elements")).expect("elements of tests");
    for (elements, known) in [(&own.elements, &trial.elements), (&trial.elements, &own.elements)] {
        let findings = lint(&LintRequest { elements, known });
        let told: Vec<String> = findings.iter().map(|f| format!("[{}] {f}", f.rule.name)).collect();
        assert!(told.is_empty(), "{}", told.join("\n"));
    }
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
