//! Words of others as they may stand on a terminal.
//!
//! In: bytes of hooks, files, images and servers. Out: text whose every letter is seen as what it is. Never: a control
//! character, which a terminal obeys, or a mark that turns the direction of writing, which hides what a name is.

use std::borrow::Cow;
use std::fmt::Write;

/// Whether a terminal would do something else with this letter than show it: C0, DEL, C1 (ECMA-48), line and paragraph
/// separators, marks of direction and those without width (Unicode, UAX 9 and UAX 14).
fn is_hidden(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// One line: every hidden letter, and bytes that are no UTF-8, as `\xNN`.
pub(crate) fn printable(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        for letter in chunk.valid().chars() {
            match is_hidden(letter) {
                true => show(&mut text, letter.encode_utf8(&mut [0; 4]).as_bytes()),
                false => text.push(letter),
            }
        }
        show(&mut text, chunk.invalid());
    }
    text
}

fn show(text: &mut String, bytes: &[u8]) {
    for byte in bytes {
        // Writing to a text does not fail.
        let _ = write!(text, "\\x{byte:02x}");
    }
}

/// Several lines, which end as ours do. Tabs stay.
pub(crate) fn lines(text: &str) -> Cow<'_, str> {
    let is_ours = |letter: char| matches!(letter, '\n' | '\t');
    if !text.chars().any(|letter| is_hidden(letter) && !is_ours(letter)) {
        return Cow::Borrowed(text);
    }
    let each = text.split_inclusive(is_ours).map(|part| {
        let cut = part.len() - usize::from(part.ends_with(is_ours));
        printable(&part.as_bytes()[..cut]) + &part[cut..]
    });
    Cow::Owned(each.collect())
}

/// Text without `ESC [ ... m`, which sets colours (SGR of ECMA-48) and nothing else.
pub(crate) fn without_colours(text: &str) -> String {
    let mut parts = text.split("\u{1b}[");
    let mut plain = parts.next().unwrap_or_default().to_string();
    for part in parts {
        let codes = part.len() - part.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';').len();
        match part[codes..].strip_prefix('m') {
            Some(rest) => plain += rest,
            None => plain.extend(["\u{1b}[", part]),
        }
    }
    plain
}

/// JSON text with every hidden letter as `\uNNNN`, which reads as the same: serde_json leaves those above U+001F as they are,
/// and outside of strings there are none but line ends.
pub(crate) fn json(text: String) -> String {
    let is_meant = |letter: char| is_hidden(letter) && letter != '\n';
    if !text.chars().any(is_meant) {
        return text;
    }
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        match is_meant(letter) {
            // All of them are in the first plane. Writing to a text does not fail.
            true => drop(write!(shown, "\\u{:04x}", u32::from(letter))),
            false => shown.push(letter),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    /// C0, DEL, C1 in UTF-8, overrides of direction, separators.
    const BAD: &str = "a\u{1b}]0;x\u{7}\u{7f}\u{9b}2J\u{202e}\u{2066}\u{2028}\u{feff}\r\0b";

    #[test]
    fn nothing_is_left_to_obey() {
        let shown = printable(BAD.as_bytes());
        assert_eq!(
            shown,
            "a\\x1b]0;x\\x07\\x7f\\xc2\\x9b2J\\xe2\\x80\\xae\\xe2\\x81\\xa6\\xe2\\x80\\xa8\\xef\\xbb\\xbf\\x0d\\x00b"
        );
        assert_eq!(printable(b"caf\xc3\xa9 \xff\x9b"), "caf\u{e9} \\xff\\x9b");
        assert_eq!(printable(shown.as_bytes()), shown, "twice is once");
        assert_eq!(lines("one\ttwo\nthree\n"), "one\ttwo\nthree\n");
        assert_eq!(lines("one\u{9b}\n\ttwo\r\n"), "one\\xc2\\x9b\n\ttwo\\x0d\n");
    }

    #[test]
    fn colours_go_and_commands_stay() {
        assert_eq!(without_colours("\u{1b}[1;31mred\u{1b}[0m \u{1b}[2J\u{1b}["), "red \u{1b}[2J\u{1b}[");
    }

    #[test]
    fn json_reads_as_the_same() {
        let text = serde_json::to_string(BAD).expect("JSON");
        let shown = json(text);
        assert!(!shown.chars().any(is_hidden), "{shown}");
        assert_eq!(serde_json::from_str::<String>(&shown).expect("JSON"), BAD);
    }
}
