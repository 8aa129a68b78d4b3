//! A command line, read as dib's getopt(1) reads it: options and elements in any order, letters together (`-xu`), values with or without
//! a space before them, long options by any beginning that only one of them has, `--` before elements that begin with a dash.
//!
//! It is here, and not an argument parser's, because image files carry pieces of the same command line under `options:`, and those are
//! read where nothing of the machine can be reached.
//!
//! In: words. Out: options with their values, and elements, in their order. Never: a meaning.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::options::{OPTIONS, OptionFacts, OptionName};
use crate::spelling::nearest;

/// A part of a command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Item {
    /// An option; its value is empty where it takes none.
    Option {
        /// Which.
        name: OptionName,
        /// Its value.
        value: String,
        /// The place of its word among the words.
        at: usize,
    },
    /// Anything else: an element.
    Element {
        /// Its name.
        name: String,
        /// The place of its word among the words.
        at: usize,
    },
}

/// A word that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OptionFault {
    /// Its place among the words.
    pub(crate) at: usize,
    /// What is wrong.
    pub(crate) why: String,
    /// What to do about it.
    pub(crate) hint: Option<String>,
}

impl OptionFault {
    pub(crate) fn new(at: usize, why: String) -> Self {
        OptionFault { at, why, hint: None }
    }

    pub(crate) fn hint(self, hint: impl Into<String>) -> Self {
        OptionFault { hint: Some(hint.into()), ..self }
    }
}

/// Reads a command line.
pub(crate) fn read_words(words: &[String]) -> Result<Vec<Item>, OptionFault> {
    let mut items = Vec::new();
    let mut reader = Reader { words, at: 0 };
    while let Some(word) = words.get(reader.at) {
        let at = reader.at;
        reader.at += 1;
        match word.strip_prefix("--") {
            Some("") => {
                let rest = (reader.at..words.len()).map(|at| Item::Element { name: words[at].clone(), at });
                items.extend(rest);
                break;
            }
            Some(long) => items.push(reader.long(long, at)?),
            None if word.len() > 1 && word.starts_with('-') => reader.letters(&word[1..], at, &mut items)?,
            None => items.push(Item::Element { name: word.clone(), at }),
        }
    }
    Ok(items)
}

struct Reader<'a> {
    words: &'a [String],
    at: usize,
}

impl Reader<'_> {
    fn long(&mut self, text: &str, at: usize) -> Result<Item, OptionFault> {
        let (name, inline) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value.to_string())),
            None => (text, None),
        };
        let facts = long_option(name, at)?;
        let spelling = format!("--{}", facts.long.unwrap_or(name));
        let value = match (facts.value, inline) {
            (None, Some(value)) => {
                let why = format!("`{spelling}` takes no value, but has `{value}`");
                return Err(OptionFault::new(at, why));
            }
            (None, None) => String::new(),
            (Some(_), Some(value)) => value,
            (Some(what), None) => self.next_word(&spelling, what, at)?,
        };
        Ok(Item::Option { name: facts.name, value, at })
    }

    fn letters(&mut self, letters: &str, at: usize, items: &mut Vec<Item>) -> Result<(), OptionFault> {
        for (place, letter) in letters.char_indices() {
            let Some(facts) = OPTIONS.iter().find(|facts| facts.short == Some(letter)) else {
                return Err(unknown(&format!("-{letter}"), at));
            };
            let rest = &letters[place + letter.len_utf8()..];
            let value = match facts.value {
                None => String::new(),
                Some(_) if !rest.is_empty() => rest.to_string(),
                Some(what) => self.next_word(&format!("-{letter}"), what, at)?,
            };
            items.push(Item::Option { name: facts.name, value, at });
            if facts.value.is_some() {
                break;
            }
        }
        Ok(())
    }

    fn next_word(&mut self, spelling: &str, what: &str, at: usize) -> Result<String, OptionFault> {
        let word = self.words.get(self.at).cloned();
        self.at += 1;
        word.ok_or_else(|| OptionFault::new(at, format!("`{spelling}` needs a value ({what})")))
    }
}

/// The option of a name, or of a beginning that only one has; those that dib's getopt knows go before those that it does not.
fn long_option(name: &str, at: usize) -> Result<&'static OptionFacts, OptionFault> {
    let begins = |facts: &&'static OptionFacts| facts.long.is_some_and(|long| long.starts_with(name));
    if let Some(exact) = OPTIONS.iter().find(|facts| facts.long == Some(name)) {
        return Ok(exact);
    }
    let (known, ours): (Vec<&'static OptionFacts>, Vec<_>) =
        OPTIONS.iter().filter(begins).partition(|facts| facts.name.is_of_dibs_getopt());
    match (known.as_slice(), ours.as_slice()) {
        ([one], _) | ([], [one]) => Ok(*one),
        ([], _) => Err(unknown(&format!("--{name}"), at)),
        (several, _) => {
            let all: Vec<String> = several.iter().map(|facts| facts.long_spelling()).collect();
            let why = format!("`--{name}` is the beginning of {}", all.join(" and "));
            Err(OptionFault::new(at, why).hint("write more of it"))
        }
    }
}

impl OptionFacts {
    fn long_spelling(&self) -> String {
        format!("`--{}`", self.long.unwrap_or_default())
    }
}

fn unknown(spelling: &str, at: usize) -> OptionFault {
    let fault = OptionFault::new(at, format!("unknown option `{spelling}`"));
    let known: Vec<String> = OPTIONS.iter().filter_map(|facts| Some(format!("--{}", facts.long?))).collect();
    match nearest(spelling, known.iter().map(String::as_str)).filter(|_| spelling.starts_with("--")) {
        Some(near) => fault.hint(format!("did you mean `{near}`?")),
        None => fault,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<String, String> {
        let words: Vec<String> = line.split(' ').map(String::from).collect();
        let told = |item: &Item| match item {
            Item::Option { name, value, .. } => format!("{name:?}={value}"),
            Item::Element { name, .. } => name.clone(),
        };
        match read_words(&words) {
            Ok(items) => Ok(items.iter().map(told).collect::<Vec<_>>().join(" ")),
            Err(fault) => Err(format!("{}; {}", fault.why, fault.hint.unwrap_or_default())),
        }
    }

    #[test]
    fn words_are_read_as_getopt_reads_them() {
        for (line, items) in [
            ("vm -o a debian", "vm ImageName=a debian"),
            ("-oa -xu -tqcow2,raw", "ImageName=a Trace= Uncompressed= Types=qcow2,raw"),
            ("-xo name", "Trace= ImageName=name"),
            ("--image-size=4 --image-size 5", "ImageSize=4 ImageSize=5"),
            ("--check --off vm", "Checksum= Offline= vm"),
            ("--mkfs -i4096", "MkfsOptions=-i4096"),
            ("--image-e 5 --mkfs-j 9", "ImageExtraSize=5 MkfsJournalSize=9"),
            ("-n -- -x --offline", "SkipBase= -x --offline"),
            ("- vm", "- vm"),
        ] {
            assert_eq!(read(line).as_deref(), Ok(items), "{line}");
        }
        for (line, why) in [
            (
                "--image 4",
                "`--image` is the beginning of `--image-size` and `--image-cache`; write more of it",
            ),
            ("--imgae-size 4", "unknown option `--imgae-size`; did you mean `--image-size`?"),
            ("-z", "unknown option `-z`; "),
            ("--offline=1", "`--offline` takes no value, but has `1`; "),
            ("vm -o", "`-o` needs a value (NAME); "),
            ("--logfile", "`--logfile` needs a value (FILE); "),
        ] {
            assert_eq!(read(line), Err(why.to_string()), "{line}");
        }
    }
}
