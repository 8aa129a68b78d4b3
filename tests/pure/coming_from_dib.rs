//! `docs/coming-from-dib.md` has a row for each option and each variable of dib's, as the program's tables have them.
//!
//! `DIBBER_BLESS=1` writes the tables anew; read the difference before committing it.

use std::fs;
use std::path::PathBuf;

use dibber_plan::dib::{Effect, OPTIONS, OptionFacts, VARIABLES, VariableEffect, given_names};

fn page() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/coming-from-dib.md"))
}

fn options() -> String {
    let spelled = |facts: &OptionFacts| {
        let short = facts.short.map(|letter| format!("-{letter}"));
        let long = facts.long.map(|long| format!("--{long}"));
        let all: Vec<String> = short.into_iter().chain(long).collect();
        format!("`{}`", format!("{} {}", all.join(", "), facts.value.unwrap_or_default()).trim_end())
    };
    let beside = |effect: Effect| match effect {
        Effect::Same => "the same".to_string(),
        Effect::Better(how) => format!("better: {how}"),
        Effect::Differs(how) => format!("differs: {how}"),
        Effect::None(why) => format!("does nothing, and says so: {why}"),
    };
    let rows = OPTIONS
        .iter()
        .map(|facts| format!("| {} | {} | {} |\n", spelled(facts), facts.help, beside(facts.effect)));
    format!("| option | what it does | beside dib |\n| --- | --- | --- |\n{}", rows.collect::<String>())
}

fn variables() -> String {
    let here = |effect: VariableEffect| match effect {
        VariableEffect::Image => "of the image".to_string(),
        VariableEffect::Command => "of the command".to_string(),
        VariableEffect::None(why) => format!("does nothing, and says so: {why}"),
    };
    let rows = VARIABLES
        .iter()
        .map(|facts| format!("| `{}` | {} | {} |\n", facts.name, facts.help, here(facts.effect)));
    format!("| variable | what it is | here |\n| --- | --- | --- |\n{}", rows.collect::<String>())
}

/// The page with a table between its two marks.
fn with_table(page: &str, name: &str, table: &str) -> String {
    let begin = page.find(&format!("<!-- {name}")).unwrap_or_else(|| panic!("no mark of {name}"));
    let begin = begin + page[begin..].find('\n').expect("a line's end") + 1;
    let end = page.find(&format!("<!-- end of {name}")).expect("the second mark");
    format!("{}\n{table}\n{}", &page[..begin], &page[end..])
}

#[test]
fn the_page_has_every_option_and_variable() {
    let written = fs::read_to_string(page()).expect("the page");
    let made =
        [("options", options()), ("variables", variables()), ("given", format!("    {}\n", given_names()))]
            .iter()
            .fold(written.clone(), |page, (name, table)| with_table(&page, name, table));
    if std::env::var_os("DIBBER_BLESS").is_some() {
        fs::write(page(), &made).expect("write the page");
    } else {
        assert!(
            written == made,
            "docs/coming-from-dib.md is not as the tables are; DIBBER_BLESS=1 writes it anew"
        );
    }
}

/// Each option and variable that dib 3.43.0 reads: the test that this list is dib's own is the machine's.
#[test]
fn names_are_told_once() {
    let mut names: Vec<String> = OPTIONS.iter().map(OptionFacts::spelling).collect();
    names.extend(VARIABLES.iter().map(|facts| facts.name.to_string()));
    let mut sorted = names.clone();
    sorted.sort();
    sorted.dedup();
    assert_eq!(sorted.len(), names.len());
}
