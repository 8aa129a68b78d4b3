//! Words of others as they may stand on a terminal.
//!
//! In: bytes of hooks, files, images and servers. Out: text whose every letter is seen as what it is. Never: a control
//! character, which a terminal obeys, a mark that turns the direction of writing, which hides what a name is, or a letter that
//! is not seen.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::{String, ToString};
use core::fmt::Write;
use core::ops::RangeInclusive;

/// Letters that nothing is drawn for: Default_Ignorable_Code_Point of Unicode 16 (DerivedCoreProperties.txt), the tags and the
/// selectors of variants among them, which can hold a whole text; separators of lines and paragraphs; marks of annotations.
const UNSEEN: [RangeInclusive<char>; 17] = [
    '\u{ad}'..='\u{ad}',
    '\u{34f}'..='\u{34f}',
    '\u{61c}'..='\u{61c}',
    '\u{115f}'..='\u{1160}',
    '\u{17b4}'..='\u{17b5}',
    '\u{180b}'..='\u{180f}',
    '\u{200b}'..='\u{200f}',
    '\u{2028}'..='\u{202e}',
    '\u{2060}'..='\u{206f}',
    '\u{3164}'..='\u{3164}',
    '\u{fe00}'..='\u{fe0f}',
    '\u{feff}'..='\u{feff}',
    '\u{ffa0}'..='\u{ffa0}',
    '\u{fff0}'..='\u{fffb}',
    '\u{1bca0}'..='\u{1bca3}',
    '\u{1d173}'..='\u{1d17a}',
    '\u{e0000}'..='\u{e0fff}',
];

/// Whether a terminal would do something else with this letter than show it: C0, DEL, C1 (ECMA-48), marks of direction (Unicode,
/// UAX 9), and what is not seen at all.
fn is_hidden(letter: char) -> bool {
    letter.is_control() || (!letter.is_ascii() && UNSEEN.iter().any(|range| range.contains(&letter)))
}

/// One line: every hidden letter, and bytes that are no UTF-8, as `\xNN`.
pub fn printable(bytes: &[u8]) -> String {
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
pub fn lines(text: &str) -> Cow<'_, str> {
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
pub fn without_colours(text: &str) -> String {
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

/// JSON text with every hidden letter as `\uNNNN`, two of them above U+FFFF, which reads as the same: serde_json leaves those
/// above U+001F as they are, and outside of strings there are none but line ends.
pub fn json(text: String) -> String {
    let is_meant = |letter: char| is_hidden(letter) && letter != '\n';
    if !text.chars().any(is_meant) {
        return text;
    }
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        match is_meant(letter) {
            true => {
                let mut units = [0; 2];
                shown.extend(letter.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")));
            }
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
    fn what_is_not_seen_is_shown() {
        for letter in "\u{ad}\u{34f}\u{180e}\u{200d}\u{2061}\u{3164}\u{fe0f}\u{fff9}\u{1d173}\u{e0001}\u{e0041}\u{e007f}\u{e01ef}".chars() {
            let text = format!("a{letter}b");
            let shown = printable(text.as_bytes());
            assert!(shown.is_ascii() && shown.len() > text.len(), "{letter:?}: {shown}");
            assert_eq!(lines(&text), shown);
            let shown = json(serde_json::to_string(&text).expect("JSON"));
            assert!(shown.is_ascii(), "{letter:?}: {shown}");
            assert_eq!(serde_json::from_str::<String>(&shown).expect("JSON"), text);
        }
        let seen = "e\u{301} \u{4e2d}\u{6587} \u{1f468} \u{a0}\u{f8ff}";
        assert_eq!(printable(seen.as_bytes()), seen, "accents, wide letters and spaces are seen");
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
