//! The part of shell expansion that files of elements may use.
//!
//! In: a line and variables. Out: the line with its variables put in. Never: a command, a glob, or any other expansion:
//! dib runs `eval` over these lines, here they are refused by name.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};

use super::error::{ElementError, FileLine};

/// What stands for a variable without a value: `${NAME-text}`, `${NAME:-text}`.
#[derive(Clone, Copy)]
struct DefaultValue<'a> {
    text: &'a str,
    /// Whether it stands for an empty value as well.
    for_empty: bool,
}

/// Expands `$VAR`, `${VAR}`, `${VAR:-text}` and `${VAR-text}`. Single quotes keep their content, double quotes expand it,
/// a backslash keeps the next character; the quotes go. An unset variable without a default is an error.
pub(crate) fn expand(
    line: &str,
    env: &BTreeMap<String, String>,
    place: &FileLine,
) -> Result<String, ElementError> {
    Expansion { env, place, rest: line, out: String::new() }.run()
}

struct Expansion<'a> {
    env: &'a BTreeMap<String, String>,
    place: &'a FileLine,
    rest: &'a str,
    out: String,
}

/// Length of the variable name at the start of a text.
fn name_length(text: &str) -> usize {
    if text.starts_with(|c: char| c.is_ascii_digit()) {
        return 0;
    }
    text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len())
}

impl<'a> Expansion<'a> {
    fn refuse(&self, what: &str) -> ElementError {
        ElementError::format(
            self.place.clone(),
            format!("{what} is not expanded here; write $NAME, ${{NAME}} or ${{NAME:-default}}"),
        )
    }

    fn run(mut self) -> Result<String, ElementError> {
        let mut double = false;
        while let Some(c) = self.rest.chars().next() {
            let after = &self.rest[c.len_utf8()..];
            match c {
                '$' => {
                    self.variable(after)?;
                    continue;
                }
                '`' => return Err(self.refuse("a command in back quotes")),
                '"' => double = !double,
                '\'' if !double => {
                    let end = after.find('\'').ok_or_else(|| self.unclosed("'"))?;
                    self.out.push_str(&after[..end]);
                    self.rest = &after[end + 1..];
                    continue;
                }
                '\\' => {
                    let kept = after.chars().next().ok_or_else(|| self.unclosed("\\"))?;
                    self.out.push(kept);
                    self.rest = &after[kept.len_utf8()..];
                    continue;
                }
                ';' | '&' | '|' | '<' | '>' | '(' | ')' if !double => {
                    return Err(self.refuse(&format!("the shell's `{c}`")));
                }
                c => self.out.push(c),
            }
            self.rest = after;
        }
        if double { Err(self.unclosed("\"")) } else { Ok(self.out) }
    }

    fn unclosed(&self, quote: &str) -> ElementError {
        ElementError::format(self.place.clone(), format!("nothing follows or closes the {quote}"))
    }

    /// What stands after a `$`.
    fn variable(&mut self, after: &'a str) -> Result<(), ElementError> {
        if after.starts_with('(') {
            return Err(self.refuse("a command `$(...)`"));
        }
        let Some(inner) = after.strip_prefix('{') else {
            let length = name_length(after);
            if length == 0 {
                return Err(self.refuse("a `$` without a variable's name"));
            }
            self.put(&after[..length], None)?;
            self.rest = &after[length..];
            return Ok(());
        };
        let end = inner.find('}').ok_or_else(|| self.unclosed("${"))?;
        let (name, operator) = inner[..end].split_at(name_length(&inner[..end]));
        let refused = || self.refuse(&format!("`${{{}}}`", &inner[..end]));
        let default = match (operator.strip_prefix(":-"), operator.strip_prefix('-')) {
            _ if name.is_empty() => return Err(refused()),
            (Some(text), _) => Some(DefaultValue { text, for_empty: true }),
            (None, Some(text)) => Some(DefaultValue { text, for_empty: false }),
            (None, None) if operator.is_empty() => None,
            (None, None) => return Err(refused()),
        };
        if default.is_some_and(|default| default.text.contains(['$', '`', '\'', '"', '\\', '{'])) {
            return Err(self.refuse(&format!("the default in `${{{}}}`", &inner[..end])));
        }
        self.put(name, default)?;
        self.rest = &inner[end + 1..];
        Ok(())
    }

    /// Puts a variable's value in, or the default.
    fn put(&mut self, name: &str, default: Option<DefaultValue<'_>>) -> Result<(), ElementError> {
        let value = self.env.get(name).map(String::as_str);
        let text = match (value, default) {
            (Some(value), Some(default)) if !value.is_empty() || !default.for_empty => value,
            (_, Some(default)) => default.text,
            (Some(value), None) => value,
            (None, None) => {
                return Err(ElementError::Unset { place: self.place.clone(), name: name.to_string() });
            }
        };
        self.out.push_str(text);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::env;
    use super::*;

    fn run(line: &str) -> Result<String, String> {
        expand(line, &env("A=x EMPTY= V=1.2"), &FileLine::new("f", 7)).map_err(|error| error.to_string())
    }

    #[test]
    fn the_subset() {
        for (line, expected) in [
            ("a $A b", "a x b"),
            ("${A}b$A", "xbx"),
            ("${NO:-d}/${NO-e}", "d/e"),
            ("${EMPTY:-d}/${EMPTY-e}/", "d//"),
            ("dracut-$V.tar", "dracut-1.2.tar"),
            ("'$A' \"$A|\" \\$A", "$A x| $A"),
            ("k\u{fc}che *", "k\u{fc}che *"),
        ] {
            assert_eq!(run(line).as_deref(), Ok(expected), "{line}");
        }
    }

    #[test]
    fn the_rest_is_refused_by_name() {
        for (line, named) in [
            ("$(id)", "`$(...)`"),
            ("`id`", "back quotes"),
            ("${A%x}", "`${A%x}`"),
            ("${!A}", "`${!A}`"),
            ("${NO:-$A}", "the default in `${NO:-$A}`"),
            ("a; b", "`;`"),
            ("$1", "without a variable's name"),
            ("${A", "closes the ${"),
            ("\"a", "closes the \""),
            ("a\\", "closes the \\"),
            ("$NO", "variable NO is not set"),
        ] {
            let message = run(line).unwrap_err();
            assert!(message.starts_with("f:7: ") && message.contains(named), "{line}: {message}");
        }
    }
}
