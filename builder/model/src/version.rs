//! Which of two versions is the newer one: the one place that knows.
//!
//! Kernels are chosen by their release, and people judge that choice by what dpkg and `sort -V` say: runs of digits are numbers, `~` comes
//! before the end of a version, letters before other marks. Two things are known of kernels besides. A release candidate comes before
//! its release, though it is named as if it came after (`6.2.0-rc8`, `6.2.0-060200rc8-generic`). A tag of the distribution is no part of
//! the number (`70.el9` before `70.13.1.el9`).
//!
//! In: texts. Out: their order. Never: a refusal: any two texts have an order.

use alloc::string::String;
use core::cmp::Ordering;

/// The order of two versions.
pub fn compare(a: &str, b: &str) -> Ordering {
    let (a, b) = (normalised(a), normalised(b));
    let (mut a, mut b) = (a.as_str(), b.as_str());
    while !a.is_empty() || !b.is_empty() {
        let order = by_marks(take(&mut a, false), take(&mut b, false));
        let order = order.then_with(|| by_number(take(&mut a, true), take(&mut b, true)));
        if order.is_ne() {
            return order;
        }
    }
    Ordering::Equal
}

/// What is named as if it came after a version, and comes before it.
fn normalised(version: &str) -> String {
    let mut text = String::with_capacity(version.len());
    for (at, letter) in version.char_indices() {
        let rest = &version[at..];
        let starts = |word: &str| {
            let digit = rest.strip_prefix(word).and_then(|after| after.chars().next());
            digit.is_some_and(|digit| digit.is_ascii_digit())
        };
        let after_word = text.ends_with(|last: char| last.is_ascii_alphabetic());
        if starts("rc") && !after_word {
            text.truncate(text.trim_end_matches(['-', '.', '_', '~']).len());
            text.push('~');
        }
        // `-` has the lowest rank of the marks that come after the end.
        text.push(if starts(".el") || starts(".fc") { '-' } else { letter });
    }
    text
}

/// Cuts the digits off the front, or all that comes before the first digit.
fn take<'a>(text: &mut &'a str, digits: bool) -> &'a str {
    let end = text.find(|c: char| c.is_ascii_digit() != digits).unwrap_or(text.len());
    let (piece, rest) = text.split_at(end);
    *text = rest;
    piece
}

fn by_number(a: &str, b: &str) -> Ordering {
    let (a, b) = (a.trim_start_matches('0'), b.trim_start_matches('0'));
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

fn by_marks(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.chars(), b.chars());
    loop {
        let (x, y) = (a.next(), b.next());
        let order = rank(x).cmp(&rank(y));
        if order.is_ne() || x.is_none() {
            return order;
        }
    }
}

/// dpkg's order (lib/dpkg/version.c), but that the mark before a revision is the lowest: dpkg cuts revisions off first.
fn rank(letter: Option<char>) -> i64 {
    match letter {
        Some('~') => -1,
        None => 0,
        Some('-') => 1,
        Some(letter) if letter.is_ascii_alphabetic() => 1 + i64::from(u32::from(letter)),
        Some(letter) => 1 + (1 << 32) + i64::from(u32::from(letter)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_in_the_order_of_their_making() {
        for chain in [
            ["6.1.0-9-amd64", "6.1.0-40-amd64", "6.1.10-1-amd64", "6.12.0-1-amd64", "10.0.0-1-amd64"],
            ["6.2.0-rc1", "6.2.0-rc8", "6.2.0-rc10", "6.2.0", "6.2.1-rc1"],
            ["6.2~rc8-amd64", "6.2-rc9-amd64", "6.2-amd64", "6.2.1~rc1-amd64", "6.2.1-amd64"],
            [
                "6.2.0-060200rc7-generic",
                "6.2.0-060200rc8-generic",
                "6.2.0-060200-generic",
                "6.2.1-060201rc1-generic",
                "6.2.1-060201-generic",
            ],
            ["6.2.0-0.rc8.57.fc38", "6.2.0-63.fc38", "6.2.1-1.fc38", "6.2.10-300.fc38", "6.2.10-300.1.fc38"],
            [
                "5.14.0-70.el9",
                "5.14.0-70.13.1.el9_0",
                "5.14.0-70.22.1.el9_0",
                "5.14.0-162.el9",
                "6.0.0-1.el9",
            ],
            ["1.0~~", "1.0~", "1.0", "1.0-1", "1.0a"],
            ["1.0a", "1.0+b1", "1.0.1", "1.0.00002", "1.0.18446744073709551616"],
            ["a", "b", "b1", "b1.1", "c"],
        ] {
            for (at, version) in chain.iter().enumerate() {
                for (other_at, other) in chain.iter().enumerate() {
                    assert_eq!(compare(version, other), at.cmp(&other_at), "{version} and {other}");
                }
            }
        }
        assert_eq!(compare("6.01", "6.1"), Ordering::Equal);
    }
}
