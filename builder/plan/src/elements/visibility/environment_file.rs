//! Files of `environment.d` that set variables and do nothing else.
//!
//! Every hook sources all of these files. One that only gives variables their values can be left away where no hook asks for one of them.
//!
//! In: the text of such a file. Out: the variables that it sets, if that is all it does. Never: a file that runs a command, taken for one
//! that does not.

use alloc::collections::BTreeSet;
use alloc::string::{String, ToString};

use super::super::hooks;
use super::super::phases;
use crate::image::is_variable;
use crate::source::ElementSource;

/// The variables that a file sets, if it does nothing else: lines of `[export] NAME=VALUE`, comments, nothing.
pub(super) fn assigned(text: &str) -> Option<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let line = line.strip_prefix("export ").map_or(line, str::trim_start);
        let (name, value) = line.split_once('=')?;
        if !is_variable(name) || !is_one_word(value) {
            return None;
        }
        names.insert(name.to_string());
    }
    Some(names)
}

/// Whether all of a text is one word to the shell, whose expansion runs nothing.
fn is_one_word(value: &str) -> bool {
    let (mut quote, mut braces) = (None, 0u32);
    let mut letters = value.chars();
    while let Some(letter) = letters.next() {
        match (letter, quote) {
            ('\'', Some('\'')) => quote = None,
            (_, Some('\'')) => {}
            ('`', _) => return false,
            // A `$` before a bracket is a command; another one a variable.
            ('$', _) if letters.as_str().starts_with('(') => return false,
            ('$', _) if letters.as_str().starts_with('{') => braces += 1,
            ('}', _) => braces = braces.saturating_sub(1),
            ('\\', _) => return false,
            ('"', Some(_)) => quote = None,
            ('"' | '\'', None) => quote = Some(letter),
            (' ' | '\t' | ';' | '&' | '|' | '<' | '>' | '(' | ')', None) if braces == 0 => return false,
            _ => {}
        }
    }
    quote.is_none() && braces == 0
}

/// All variables that such files of elements set.
pub(super) fn assigned_by_all(elements: &[ElementSource]) -> BTreeSet<String> {
    let texts = elements.iter().flat_map(|element| {
        phases::children(element, hooks::ENVIRONMENT).filter_map(|child| element.text(child.path))
    });
    texts.filter_map(assigned).flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn files_that_only_set_variables() {
        let text = "# why\n\nexport DIB_A=${DIB_A:-a b}\nB='x; y'\nexport C=\"$A ${B} z\"\nD=\n";
        let names: Vec<String> = assigned(text).into_iter().flatten().collect();
        assert_eq!(
            names,
            ["B", "C", "DIB_A", "D"]
                .map(String::from)
                .into_iter()
                .collect::<BTreeSet<_>>()
                .into_iter()
                .collect::<Vec<_>>()
        );
        for text in [
            "umask 022",
            "A=$(date)",
            "A=`date`",
            "A=1; touch /x",
            "A=1 touch /x",
            "A=1 B=2",
            "case $ARCH in",
            "A=\"one",
            "A=one\\",
            "export A",
            "A=${A:-$(date)}",
            "A=(1 2)",
        ] {
            assert_eq!(assigned(text), None, "{text}");
        }
    }
}
