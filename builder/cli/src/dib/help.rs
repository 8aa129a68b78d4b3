//! The help of `disk-image-create` and `ramdisk-image-create`, from the tables of their options and variables.
//!
//! In: which program. Out: a page. Never: an option that is not in the table.

use dibber_plan::dib::{Effect, OPTIONS, OptionFacts, Program, VARIABLES, VariableEffect};
use dibber_plan::output::OUTPUTS;

/// The whole page.
pub(super) fn text(program: Program) -> String {
    let name = program.name();
    let mut text = format!("Usage: {name} [OPTION]... ELEMENT...\n\nOptions:\n");
    for facts in &OPTIONS {
        text += &format!("  {}\n{}", spellings(facts), folded("      ", 6, &about(facts)));
    }
    let formats = OUTPUTS.map(|facts| facts.name).join(", ");
    text += &format!("\n{}\nVariables:\n", folded("Output formats: ", 4, &formats));
    for facts in VARIABLES.iter().filter(|facts| !matches!(facts.effect, VariableEffect::None(_))) {
        text += &folded(&format!("  {:<24} ", facts.name), 27, facts.help);
    }
    text += "\nHooks are given every DIB_* variable, proxies, and REG_* and GENTOO_* for elements that read those.\n";
    text + "docs/coming-from-dib.md says what is as in dib, and what differs.\n"
}

/// Columns of a line, as those of `dibber --help`.
const WIDTH: usize = 100;

/// A text behind a beginning, in lines of which the second and later are indented.
fn folded(beginning: &str, indent: usize, words: &str) -> String {
    let (mut text, mut line) = (String::new(), beginning.to_string());
    let mut is_empty = true;
    for word in words.split(' ') {
        if !is_empty && line.chars().count() + 1 + word.chars().count() > WIDTH {
            text += &format!("{line}\n");
            (line, is_empty) = (" ".repeat(indent), true);
        }
        if !is_empty {
            line.push(' ');
        }
        line += word;
        is_empty = false;
    }
    text + &line + "\n"
}

fn spellings(facts: &OptionFacts) -> String {
    let short = facts.short.map(|letter| format!("-{letter}"));
    let long = facts.long.map(|long| format!("--{long}"));
    let both: Vec<String> = short.into_iter().chain(long).collect();
    format!("{} {}", both.join(", "), facts.value.unwrap_or_default()).trim_end().to_string()
}

fn about(facts: &OptionFacts) -> String {
    match facts.effect {
        Effect::Same | Effect::Better(_) => facts.help.to_string(),
        Effect::Differs(how) | Effect::None(how) => format!("{}; here {how}", facts.help),
    }
}
