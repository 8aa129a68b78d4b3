//! The ways in which one value is written: percent-encoded, and quoted for shells and JSON.
//!
//! In: a value. Out: its spellings, or the value of one. Never: a secret's own rules, which are elsewhere.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// Percent-decoded (RFC 3986, section 2.1); what is no encoding stays.
pub fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let digits = bytes.get(at + 1..at + 3).and_then(|digits| core::str::from_utf8(digits).ok());
        match digits.filter(|_| *byte == b'%').and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(meant) => {
                out.push(meant);
                at += 3;
            }
            None => {
                out.push(*byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Percent-encoding of everything that is not unreserved (RFC 3986, section 2.3).
pub fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(byte.into());
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
        out
    })
}

/// As bash quotes within double quotes.
pub fn quoted(value: &str) -> String {
    let mut text = String::new();
    for c in value.chars() {
        if matches!(c, '"' | '\\' | '$' | '`') {
            text.push('\\');
        }
        text.push(c);
    }
    text
}

/// A value as programs print it: as it is, in a URL, and quoted as by this project's manifests, bash's `set -x`, its `printf %q`, and JSON.
pub(super) fn spellings(value: &str) -> [String; 7] {
    let escaped = |special: &dyn Fn(char) -> bool| {
        value.chars().fold(String::new(), |mut text, letter| {
            match letter {
                '\n' => text.push_str("\\n"),
                '\t' => text.push_str("\\t"),
                letter if special(letter) => text.extend(['\\', letter]),
                letter => text.push(letter),
            }
            text
        })
    };
    [
        value.to_string(),
        quoted(value),
        encoded(value),
        value.replace('\'', "'\\''"),
        escaped(&|letter| matches!(letter, '\'' | '\\')),
        escaped(&|letter| matches!(letter, '"' | '\\')),
        escaped(&|letter| {
            letter.is_ascii() && !letter.is_ascii_alphanumeric() && !"-_./:%+=@".contains(letter)
        }),
    ]
}
