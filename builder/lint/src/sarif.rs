//! Findings as SARIF 2.1.0, which forges show beside the lines.
//!
//! In: findings and the program's version. Out: one JSON object. Never: a path that is no URI; a region where no line is known.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use serde_json::{Map, Value, json};

use crate::finding::Finding;
use crate::rule::{RULES, Rule};

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

/// The log of one run.
pub fn sarif(findings: &[Finding], version: &str) -> Value {
    let rules: Vec<Value> = RULES.iter().map(described).collect();
    let results: Vec<Value> = findings.iter().map(result).collect();
    json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {"name": "dibber", "semanticVersion": version, "rules": rules}},
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

fn described(rule: &Rule) -> Value {
    json!({
        "id": rule.name,
        "shortDescription": {"text": rule.what},
        "help": {"text": rule.mend},
        "defaultConfiguration": {"level": rule.severity.word()},
    })
}

fn result(finding: &Finding) -> Value {
    let index = RULES.iter().position(|rule| rule.name == finding.rule.name);
    let mut place = json!({"artifactLocation": {"uri": uri(&finding.file)}});
    if finding.line > 0 {
        let mut region = Map::from_iter([("startLine".into(), json!(finding.line))]);
        if finding.column > 0 {
            region.insert("startColumn".into(), json!(finding.column));
        }
        place["region"] = Value::Object(region);
    }
    json!({
        "ruleId": finding.rule.name,
        "ruleIndex": index,
        "level": finding.rule.severity.word(),
        "message": {"text": finding.message},
        "locations": [{"physicalLocation": place}],
    })
}

/// A path as a URI reference (RFC 3986): what is neither unreserved nor a slash is escaped. An absolute one has the scheme of files.
fn uri(path: &str) -> String {
    let mut uri = String::from(if path.starts_with('/') { "file://" } else { "" });
    let path = path.strip_prefix("./").unwrap_or(path);
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                uri.push(byte.into());
            }
            other => uri += &format!("%{other:02X}"),
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_uris() {
        assert_eq!(uri("./elements/a b/10-é"), "elements/a%20b/10-%C3%A9");
        assert_eq!(uri("/e/\u{1b}[x"), "file:///e/%1B%5Bx");
    }
}
