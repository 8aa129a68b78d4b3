//! Files of `environment.d`, which are read before each phase by the shell that then runs the hooks.
//!
//! In: an element. Out: what such a file does to that shell beside setting variables. Never: a value.

use alloc::format;
use alloc::vec::Vec;

use dibber_plan::elements::{phases, run_parts};
use dibber_plan::{ElementSource, Entry};

use super::is_executable;
use crate::finding::Finding;
use crate::fix::Change;
use crate::shell::{CodeLine, code_lines, command};

/// The rules of this file.
pub(crate) fn environment(element: &ElementSource) -> Vec<Finding> {
    let mut findings = Vec::new();
    for phases::Child { name, path } in phases::children(element, "environment.d") {
        if matches!(element.entries.get(path), Some(Entry::Dir)) || name.starts_with('.') {
            continue;
        }
        if !run_parts::is_environment_name(name) {
            let what = "not read, because names in environment.d have only letters, digits, `.`, `_` and `-`; rename it";
            findings.push(Finding::new("environment-name", element, path, what));
        }
        if is_executable(element, path) {
            let what = "executable, but files of environment.d are read and not run; chmod -x it";
            findings.push(Finding::new("environment-mode", element, path, what).mended_by(Change::MakePlain));
        }
        for line in code_lines(element.text(path).unwrap_or_default()) {
            findings.extend(exit(element, path, &line));
            findings.extend(trace(element, path, &line));
        }
    }
    findings
}

fn exit(element: &ElementSource, path: &str, line: &CodeLine) -> Option<Finding> {
    let column = command(&line.text, "exit")?;
    let rest: alloc::string::String = line.text.chars().skip(column - 1 + "exit".len()).collect();
    let code = rest.trim_start().split([' ', ';', ')', '}', '&', '|']).next().unwrap_or_default();
    let (rule, what) = match code {
        "" | "0" => (
            "environment-exit",
            "`exit` ends the phase well before any of its hooks has run; use `return`".into(),
        ),
        code => (
            "environment-veto",
            format!("`exit {code}` ends the build, whichever phase it is; let a hook say why instead"),
        ),
    };
    Some(Finding::new(rule, element, path, what).at(line.number))
}

fn trace(element: &ElementSource, path: &str, line: &CodeLine) -> Option<Finding> {
    command(&line.text, "set")?;
    let words = line.text.split([' ', ';', '\t']).skip_while(|word| *word != "set").skip(1);
    let traces = words.take_while(|word| word.starts_with('-')).any(|word| word.contains('x'));
    let what = "tracing set here holds for every file that is read after this one; leave it to hooks";
    traces.then(|| Finding::new("environment-trace", element, path, what).at(line.number))
}
