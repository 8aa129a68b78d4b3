//! Scripts as far as rules look at them: first lines, lines of code, words in the place of a command.
//!
//! In: a text. Out: its lines. Never: a parse of the shell's language; a rule that needs one is not written.

use alloc::string::String;
use alloc::vec::Vec;

/// One line of code: lines that end in a backslash are one with the next, as the shell has it.
pub(crate) struct CodeLine {
    /// Of its beginning, from 1.
    pub(crate) number: usize,
    /// Without blanks around it.
    pub(crate) text: String,
}

/// Every line that is not empty and no comment.
pub(crate) fn code_lines(text: &str) -> Vec<CodeLine> {
    let mut lines = Vec::new();
    let mut open: Option<CodeLine> = None;
    for (index, line) in text.lines().enumerate() {
        let line = line.trim_end_matches('\r');
        let is_comment = line.trim_start().starts_with('#') && open.is_none();
        let mut whole = open.take().unwrap_or(CodeLine { number: index + 1, text: String::new() });
        let (part, goes_on) = match line.strip_suffix('\\') {
            Some(part) if !is_comment => (part, true),
            _ => (line, false),
        };
        whole.text.push_str(part);
        match goes_on {
            true => open = Some(whole),
            false if is_comment => {}
            false => lines.push(whole),
        }
    }
    lines.extend(open);
    for line in &mut lines {
        line.text = line.text.trim().into();
    }
    lines.retain(|line| !line.text.is_empty());
    lines
}

/// The interpreter that a script names, with its arguments; nothing where it has no `#!`.
pub(crate) fn interpreter(text: &str) -> Option<&str> {
    text.lines().next()?.strip_prefix("#!").map(|rest| rest.trim_end_matches('\r'))
}

/// Whether bash reads the script: by the name of its interpreter, an `env` before it or not.
pub(crate) fn is_bash(text: &str) -> bool {
    interpreter(text).is_some_and(|line| {
        line.split_whitespace().take(3).any(|word| word.rsplit('/').next() == Some("bash"))
    })
}

/// Words after which another command begins.
const BEFORE_COMMANDS: [&str; 12] =
    ["if", "then", "else", "elif", "while", "until", "do", "!", "{", "exec", "env", "time"];

/// The column, from 1, at which `word` stands in the place of a command; nothing if it does not.
pub(crate) fn command(line: &str, word: &str) -> Option<usize> {
    let is_end = |rest: &str| rest.is_empty() || rest.starts_with([' ', '\t', ';', ')', '|', '&']);
    line.match_indices(word).find_map(|(at, _)| {
        let (before, after) = (&line[..at], &line[at + word.len()..]);
        let trimmed = before.trim_end();
        let is_word = before.is_empty() || before.ends_with([' ', '\t', '(', '`', ';', '|', '&']);
        let last = trimmed.rsplit([' ', '\t']).next().unwrap_or_default();
        let begins = trimmed.is_empty()
            || trimmed.ends_with(['(', '`', '|', '&', ';'])
            || BEFORE_COMMANDS.contains(&last);
        (is_word && begins && is_end(after)).then(|| before.chars().count() + 1)
    })
}

/// The options that `set` turns on somewhere in a script, as single letters; `pipefail` is `p`.
pub(crate) fn options_set(text: &str) -> String {
    let mut set = String::new();
    let first = interpreter(text).and_then(|line| line.split_once("bash")).map(|(_, rest)| rest);
    let lines = code_lines(text);
    let calls = lines.iter().filter_map(|line| line.text.strip_prefix("set "));
    for words in first.into_iter().chain(calls) {
        let mut words = words.split([' ', '\t', ';']).filter(|word| !word.is_empty());
        while let Some(word) = words.next() {
            let Some(letters) = word.strip_prefix('-').filter(|letters| *letters != "-") else { break };
            set.extend(letters.chars().filter(|letter| letter.is_ascii_alphabetic() && *letter != 'o'));
            if letters.ends_with('o') && words.next() == Some("pipefail") {
                set.push('p');
            }
        }
    }
    set
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_in_every_spelling() {
        for (text, set) in [
            ("#!/bin/bash\nset -eu -o pipefail\n", "eup"),
            ("#!/bin/bash\nset -euo pipefail\n", "eup"),
            ("#!/bin/bash\nset -eu\nset -o pipefail\n", "eup"),
            ("#!/bin/bash -e\n# set -u\n  set -x\n", "ex"),
            ("#!/usr/bin/env bash\nset +e\nsettle -e\n", ""),
            ("set -- -e\n", ""),
        ] {
            assert_eq!(options_set(text), set, "{text}");
        }
    }

    #[test]
    fn commands_stand_where_the_shell_looks_for_them() {
        for line in ["which x", "a=$(which x)", "if ! which x; then", "a && which x", "a | which"] {
            assert!(command(line, "which").is_some(), "{line}");
        }
        for line in ["echo which x", "a-which x", "whichever x", "install-packages sudo"] {
            assert_eq!(command(line, "which").or(command(line, "sudo")), None, "{line}");
        }
        assert_eq!(command("ä=$(which x)", "which"), Some(5));
    }

    #[test]
    fn lines_that_go_on_are_one() {
        let lines = code_lines("# a \\\nsudo cp a \\\n    $TARGET_ROOT\n\nb\\\n");
        let told: Vec<_> = lines.iter().map(|line| (line.number, line.text.as_str())).collect();
        assert_eq!(told, [(2, "sudo cp a     $TARGET_ROOT"), (5, "b")]);
    }
}
