//! Which known word a misspelt one may have been meant for.
//!
//! In: a word and the words there are. Out: the nearest, if near enough. Never: a guess about short words.

use alloc::vec::Vec;

/// Words of more letters are compared for equality only, so that hostile input costs nothing.
const LONGEST: usize = 64;

/// Tells it without going through the word: a word may be a file of one line.
fn is_long(word: &str) -> bool {
    word.chars().nth(LONGEST).is_some()
}

/// Number of letters to insert, delete, replace or swap with a neighbour (optimal string alignment).
pub(crate) fn distance(a: &str, b: &str) -> usize {
    if is_long(a) || is_long(b) {
        return if a == b { 0 } else { LONGEST };
    }
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = Vec::with_capacity(b.len() + 1);
        row.push(i);
        for j in 1..=b.len() {
            let replace = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = replace.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(before[j - 2] + 1);
            }
            row.push(best);
        }
        before = core::mem::replace(&mut last, row);
    }
    last[b.len()]
}

/// The nearest of `known`, at most a third of the word away; of equals the first.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if is_long(word) {
        return None;
    }
    let limit = (word.chars().count() / 3).min(3);
    known
        .into_iter()
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(far, _)| *far <= limit && *far > 0)
        .min_by_key(|(far, _)| *far)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_swap_is_one_letter() {
        assert_eq!(distance("grwoth", "growth"), 1);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("pre-instal.d", "pre-install.d"), 1);
    }

    #[test]
    fn short_words_have_no_neighbours() {
        assert_eq!(nearest("vm", ["um", "vn"]), None);
        assert_eq!(nearest("growrot", ["vm", "growroot"]), Some("growroot"));
    }

    #[test]
    fn a_file_of_one_line_costs_no_more_than_a_word() {
        let line = "x".repeat(1 << 20);
        // 100,000 times a MiB would be looked at for minutes.
        assert_eq!(nearest(&line, core::iter::repeat_n("growroot", 100_000)), None);
        assert_eq!((0..100_000).map(|_| distance(&line, "growroot")).max(), Some(LONGEST));
        assert_eq!(distance(&line, &line), 0);
        let word = "x".repeat(LONGEST);
        assert_eq!(nearest(&word, [&*line, &word[1..]]), Some(&word[1..]));
    }
}
