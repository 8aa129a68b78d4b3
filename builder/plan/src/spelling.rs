//! "Did you mean": the known word that is nearest to a wrong one.
//!
//! A misspelt key, element or directory is the most frequent fault of what people write, so most errors of this crate name the word that
//! was probably meant. How many letters may differ depends on who chose the known words: keys are a closed list, where even a short word
//! has one meaning; names of elements and directories are anybody's, where a short name one letter away is simply another one.
//!
//! In: a word and the words that are known. Out: the nearest of them, if it is near enough. Never: a cost that grows with hostile input.

use alloc::string::String;
use alloc::vec::Vec;

/// Words of more letters are compared for equality only, so that hostile input costs nothing.
const LONGEST: usize = 64;

/// Tells it without going through the word: a word may be a file of one line.
fn is_long(word: &str) -> bool {
    word.chars().nth(LONGEST).is_some()
}

/// The nearest word of a closed list, within a third of the letters of `word`, rounded up; of equals the first. `-` and `_` are one
/// letter, and so are small and capital ones.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    if word.len() > LONGEST {
        return None;
    }
    let limit = word.chars().count().div_ceil(3).max(1);
    let fold = |text: &str| text.replace('-', "_").to_ascii_lowercase();
    let known = known.into_iter().filter(|other| other.len() <= LONGEST);
    let far = known.map(|other| (distance(&fold(word), &fold(other)), other));
    far.filter(|(far, _)| *far <= limit).min_by_key(|(far, _)| *far).map(|(_, other)| other.into())
}

/// The nearest of names that anybody may choose, within a third of the letters of `name` and three at most; of equals the first.
pub fn nearest_name<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if is_long(name) {
        return None;
    }
    let limit = (name.chars().count() / 3).min(3);
    let far = known.into_iter().map(|other| (distance(name, other), other));
    far.filter(|(far, _)| (1..=limit).contains(far)).min_by_key(|(far, _)| *far).map(|(_, other)| other)
}

/// Number of letters to insert, delete, replace or swap with a neighbour (optimal string alignment).
fn distance(a: &str, b: &str) -> usize {
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
    fn short_names_have_no_neighbours() {
        assert_eq!(nearest_name("vm", ["um", "vn"]), None);
        assert_eq!(nearest_name("growrot", ["vm", "growroot"]), Some("growroot"));
    }

    #[test]
    fn a_file_of_one_line_costs_no_more_than_a_word() {
        let line = "x".repeat(1 << 20);
        // 100,000 times a MiB would be looked at for minutes.
        assert_eq!(nearest_name(&line, core::iter::repeat_n("growroot", 100_000)), None);
        assert_eq!((0..100_000).map(|_| distance(&line, "growroot")).max(), Some(LONGEST));
        assert_eq!(distance(&line, &line), 0);
        let word = "x".repeat(LONGEST);
        assert_eq!(nearest_name(&word, [&*line, &word[1..]]), Some(&word[1..]));
    }

    #[test]
    fn keys_have_the_word_that_was_meant() {
        let known = ["elements", "packages", "environment"];
        assert_eq!(nearest("elemnts", known).as_deref(), Some("elements"));
        assert_eq!(nearest("package", known).as_deref(), Some("packages"));
        assert_eq!(nearest("fsck_passno", ["fsck-passno"]).as_deref(), Some("fsck-passno"));
        assert_eq!(nearest("gtp", ["mbr", "gpt"]).as_deref(), Some("gpt"));
        assert_eq!(nearest("zebra", known), None);
        assert_eq!(nearest("", known), None);
    }
}
