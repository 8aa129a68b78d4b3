//! Files of `environment.d`, which are read before each phase by the shell that then runs the hooks.
//!
//! In: an element. Out: what such a file does to that shell beside setting variables. Never: a value.

use alloc::format;
use alloc::string::String;
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
        let lines = code_lines(element.text(path).unwrap_or_default());
        for (index, line) in lines.iter().enumerate() {
            // dib's own way to refuse an image is a message and an exit.
            let is_told = lines[index.saturating_sub(1)..=index].iter().any(|line| says(&line.text));
            findings.extend(exit(element, path, line, is_told));
            findings.extend(trace(element, path, line));
        }
    }
    findings
}

/// Whether a line prints something.
fn says(line: &str) -> bool {
    ["echo", "printf", "cat"].iter().any(|word| command(line, word).is_some())
}

fn exit(element: &ElementSource, path: &str, line: &CodeLine, is_told: bool) -> Option<Finding> {
    let column = command(&line.text, "exit")?;
    let rest: String = line.text.chars().skip(column - 1 + "exit".len()).collect();
    let code = rest.trim_start().split([' ', ';', ')', '}', '&', '|']).next().unwrap_or_default();
    let (rule, what) = match code {
        "" | "0" => {
            let what = "`exit` ends the phase well before any of its hooks has run; use `return`";
            ("environment-exit", String::from(what))
        }
        _ if is_told => return None,
        code => {
            ("environment-veto", format!("`exit {code}` ends the build without a word; print why before it"))
        }
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
