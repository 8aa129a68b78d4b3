//! The table of rules as docs/linting.md has it; a test compares them.
//!
//! In: nothing. Out: a table. Never: a row that is not in the table of rules.

use alloc::format;
use alloc::string::String;

use crate::rule::RULES;

/// All rules, a row each.
pub fn table() -> String {
    let mut text = String::from(
        "| rule | severity | dib-lint's name | `--fix` | found | mend |\n| --- | --- | --- | --- | --- | --- |\n",
    );
    for rule in RULES {
        let fix = if rule.fixable { "yes" } else { "" };
        let dib = rule.dib.map(|name| format!("`{name}`")).unwrap_or_default();
        let (what, mend) = (rule.what.replace('|', "\\|"), rule.mend.replace('|', "\\|"));
        text +=
            &format!("| `{}` | {} | {dib} | {fix} | {what} | {mend} |\n", rule.name, rule.severity.word());
    }
    text
}
