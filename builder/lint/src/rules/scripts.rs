//! Scripts, as dib-lint looks at them: first lines, `set`, indentation, and a few commands that hide faults.
//!
//! In: an element. Out: one finding for each rule and script at its first place. Never: Python, which has linters of its own.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use dibber_plan::ElementSource;
use dibber_plan::elements::phases::{Verdict, verdict};
use dibber_plan::elements::run_parts;

use super::{is_executable, phase_of, texts};
use crate::finding::Finding;
use crate::fix::Change;
use crate::shell::{code_lines, command, interpreter, is_bash, options_set};

/// Files that dib-lint does not look into.
const NO_SCRIPTS: [&str; 4] = [".rst", ".yaml", ".py", ".md"];

/// The rules of this file.
pub(crate) fn scripts(element: &ElementSource) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in texts(element).filter(|(path, _)| !NO_SCRIPTS.iter().any(|end| path.ends_with(end))) {
        let script = Script { element, path, text };
        findings.extend(script.mode());
        findings.extend(script.line_ends());
        findings.extend(script.indent());
        if is_bash(text) {
            findings.extend(script.bash());
        }
        if script.is_shell() {
            findings.extend(script.commands());
        }
    }
    findings
}

/// A script of an element.
#[derive(Clone, Copy)]
struct Script<'a> {
    element: &'a ElementSource,
    path: &'a str,
    text: &'a str,
}

impl Script<'_> {
    fn find(&self, rule: &'static str, what: impl core::fmt::Display) -> Finding {
        Finding::new(rule, self.element, self.path, what)
    }

    fn is_environment(&self) -> bool {
        self.path.starts_with("environment.d/")
    }

    fn is_shell(&self) -> bool {
        let is_named =
            |line: &str| line.split([' ', '/']).any(|word| ["sh", "dash", "ash", "bash"].contains(&word));
        self.is_environment() || interpreter(self.text).is_some_and(is_named)
    }

    /// A hook by its name is told by `hook-mode`; what is read by others does not run.
    fn mode(&self) -> Option<Finding> {
        let name = self.path.rsplit('/').next().unwrap_or_default();
        let is_direct = self.path.matches('/').count() == 1;
        let is_hook = is_direct
            && phase_of(self.path).is_some()
            && run_parts::is_hook_name(name)
            && name.starts_with(|c: char| c.is_ascii_digit());
        if interpreter(self.text).is_none()
            || is_executable(self.element, self.path)
            || is_hook
            || self.is_environment()
        {
            return None;
        }
        let what = "begins with `#!` and is not executable; chmod +x it, or leave the line out";
        Some(self.find("executable", what).at(1).mended_by(Change::MakeExecutable))
    }

    /// Of hooks that run, planning tells it.
    fn line_ends(&self) -> Option<Finding> {
        let is_hook = self.path.matches('/').count() == 1
            && phase_of(self.path).is_some()
            && verdict(self.element, self.path) == Verdict::Runs;
        if interpreter(self.text).is_none() || is_hook || self.is_environment() {
            return None;
        }
        let line = self.text.split('\n').position(|line| line.ends_with('\r'))?;
        let what = "this line ends in a carriage return (CRLF), which is part of its last word; save the file with LF line ends";
        let is_read = line == 0 || self.is_shell();
        is_read.then(|| self.find("line-ends", what).at(line + 1).mended_by(Change::LineEnds))
    }

    fn indent(&self) -> Option<Finding> {
        let line = interpreter(self.text)?;
        if line.contains("python") {
            return None;
        }
        let blanks = |line: &str| line.len() - line.trim_start_matches(' ').len();
        let is_odd = |line: &&str| blanks(line) % 4 != 0 && !line.trim().is_empty();
        let all = self.text.lines().filter(is_odd).count();
        let first = self.text.lines().position(|line| is_odd(&line))?;
        let what = match all {
            1 => String::from("this line is not indented by a multiple of four blanks"),
            all => format!("this line and {} more are not indented by multiples of four blanks", all - 1),
        };
        Some(self.find("indent", format!("{what}; indent by four")).at(first + 1))
    }

    fn bash(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        let line = interpreter(self.text).unwrap_or_default();
        if line != "/bin/bash" {
            let what = format!("`#!{line}`: begin with `#!/bin/bash`, and set options by `set`");
            findings.push(self.find("bash-path", what).at(1));
        }
        let set = options_set(self.text);
        for (rule, letter, option) in
            [("set-e", 'e', "set -e"), ("set-u", 'u', "set -u"), ("set-pipefail", 'p', "set -o pipefail")]
        {
            if !set.contains(letter) {
                findings.push(
                    self.find(rule, format!("this script does not `{option}`; add `set -eu -o pipefail`"))
                        .at(1),
                );
            }
        }
        if !self.text.contains("DIB_DEBUG_TRACE") {
            let what = "this script does not heed DIB_DEBUG_TRACE; add `if [ \"${DIB_DEBUG_TRACE:-0}\" -gt 0 ]; then set -x; fi`";
            findings.push(self.find("debug-trace", what).at(1));
        }
        findings
    }

    fn commands(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        for line in code_lines(self.text) {
            if command(&line.text, "which").is_some() {
                let what = "`which` is not part of the shell, and missing in small systems; use `command -v` or `type -p`";
                findings.push(self.find("which", what).at(line.number));
            }
            let export = line.text.strip_prefix("export ").map(|rest| rest.replace("$((", ""));
            if export.is_some_and(|rest| rest.contains("$(") || rest.contains('`')) {
                let what = "`export` succeeds though the command in it fails; assign first, and export then";
                findings.push(self.find("export-command", what).at(line.number));
            }
        }
        findings
    }
}
