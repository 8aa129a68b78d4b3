//! Findings and rules in words, and for programs.
//!
//! In: findings. Out: texts. Never: a name of a file that a terminal obeys, which the printing of all answers sees to.

use dibber_lint::{Finding, RULES, sarif};
use dibber_model::printable::printable;
use serde_json::{Value, json};

use super::Format;
use crate::json::pretty_json;

/// All findings.
pub(super) fn findings(findings: &[Finding], format: Format) -> String {
    match format {
        Format::Text => text(findings),
        Format::Json => pretty_json(&json!({
            "findings": findings.iter().map(described).collect::<Vec<_>>(),
            "errors": count(findings, true),
            "warnings": count(findings, false),
        })),
        Format::Sarif => pretty_json(&sarif(findings, env!("CARGO_PKG_VERSION"))),
    }
}

fn count(findings: &[Finding], errors: bool) -> usize {
    findings.iter().filter(|finding| finding.is_error() == errors).count()
}

fn text(findings: &[Finding]) -> String {
    let line = |finding: &Finding| {
        let (severity, rule) = (finding.rule.severity.word(), finding.rule.name);
        let told = format!("{}: {severity}[{rule}]: {}", finding.place(), finding.message);
        printable(told.as_bytes()) + "\n"
    };
    let mut text: String = findings.iter().map(line).collect();
    let (errors, warnings) = (count(findings, true), count(findings, false));
    let fixable = findings.iter().filter(|finding| finding.change.is_some()).count();
    text += &match (errors + warnings, fixable) {
        (0, _) => "nothing found".to_string(),
        (_, 0) => format!("{}, {}", counted(errors, "error"), counted(warnings, "warning")),
        (_, fixable) => {
            format!("{}, {}; --fix mends {fixable}", counted(errors, "error"), counted(warnings, "warning"))
        }
    };
    text
}

fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

fn described(finding: &Finding) -> Value {
    let known = |number: usize| (number > 0).then_some(number);
    json!({
        "rule": finding.rule.name,
        "severity": finding.rule.severity.word(),
        "file": finding.file,
        "line": known(finding.line),
        "column": known(finding.column),
        "message": finding.message,
        "fixable": finding.change.is_some(),
    })
}

/// The table of rules.
pub(super) fn rules(format: Format) -> String {
    if format == Format::Text {
        let line = |rule: &dibber_lint::Rule| {
            let dib = rule.dib.map(|name| format!(" (dib-lint: {name})")).unwrap_or_default();
            let fix = if rule.fixable { "; --fix" } else { "" };
            format!("{:<8} {:<20} {}{dib}; {}{fix}\n", rule.severity.word(), rule.name, rule.what, rule.mend)
        };
        return RULES.iter().map(line).collect();
    }
    let row = |rule: &dibber_lint::Rule| {
        json!({
            "rule": rule.name,
            "severity": rule.severity.word(),
            "dib-lint": rule.dib,
            "fixable": rule.fixable,
            "what": rule.what,
            "mend": rule.mend,
        })
    };
    pretty_json(&RULES.iter().map(row).collect::<Vec<_>>())
}
