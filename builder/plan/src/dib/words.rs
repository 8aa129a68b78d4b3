//! Words as a POSIX shell splits them, without any expansion, and the way back.
//!
//! In: a text. Out: its words; or words, as one text. Never: a variable's value.

use alloc::string::String;
use alloc::vec::Vec;

/// The words of a text; `None` for a quote that does not close.
pub(crate) fn words_of(text: &str) -> Option<Vec<String>> {
    let (mut words, mut word) = (Vec::new(), None::<String>);
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match letter {
            ' ' | '\t' | '\n' => words.extend(word.take()),
            '\'' | '"' => {
                let current = word.get_or_insert_default();
                loop {
                    match letters.next()? {
                        next if next == letter => break,
                        '\\' if letter == '"' => current.push(letters.next()?),
                        next => current.push(next),
                    }
                }
            }
            '\\' => word.get_or_insert_default().push(letters.next()?),
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    Some(words)
}

/// A word as a shell reads it, and as Python's `shlex.quote` writes it, which dib prints its commands with.
pub(super) fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "@%+=:,./-_".contains(c);
    match !word.is_empty() && word.chars().all(is_plain) {
        true => word.into(),
        false => alloc::format!("'{}'", word.replace('\'', "'\"'\"'")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_come_back_from_their_text() {
        for word in ["", "plain", "two words", "it's", "a=b,c", "\"", "\\", "$HOME"] {
            assert_eq!(words_of(&quoted(word)), Some(alloc::vec![String::from(word)]), "{word:?}");
        }
        assert_eq!(words_of("a 'b"), None);
    }
}
