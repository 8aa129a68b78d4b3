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
        text += &format!("  {}\n      {}\n", spellings(facts), about(facts));
    }
    let formats = OUTPUTS.map(|facts| facts.name).join(", ");
    text += &format!("\nOutput formats: {formats}\n\nVariables:\n");
    for facts in VARIABLES.iter().filter(|facts| !matches!(facts.effect, VariableEffect::None(_))) {
        text += &format!("  {:<24} {}\n", facts.name, facts.help);
    }
    text += "\nHooks are given every DIB_* variable, proxies, and REG_* and GENTOO_* for the elements that read those.\n";
    text + "docs/coming-from-dib.md says what is as in dib, and what differs.\n"
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
