//! "Did you mean": the known word that is nearest to a wrong one.

use alloc::string::String;
use alloc::vec::Vec;

/// Longest word that is compared; nobody mistypes a longer one for a key.
const LONGEST: usize = 64;

/// The known word within a third of the letters of `word`, as edits go; the first of equals.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    if word.len() > LONGEST {
        return None;
    }
    let limit = word.chars().count().div_ceil(3).max(1);
    known
        .into_iter()
        .filter(|other| other.len() <= LONGEST)
        .map(|other| (distance(word, other), other))
        .filter(|(edits, _)| *edits <= limit)
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, other)| other.into())
}

/// Levenshtein distance over characters, `-` and `_` being one letter.
fn distance(a: &str, b: &str) -> usize {
    let letter = |c: char| if c == '-' { '_' } else { c.to_ascii_lowercase() };
    let b: Vec<char> = b.chars().map(letter).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().map(letter).enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let swap = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = swap.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_word_that_was_meant() {
        let known = ["elements", "packages", "environment"];
        assert_eq!(nearest("elemnts", known).as_deref(), Some("elements"));
        assert_eq!(nearest("package", known).as_deref(), Some("packages"));
        assert_eq!(nearest("fsck_passno", ["fsck-passno"]).as_deref(), Some("fsck-passno"));
        assert_eq!(nearest("zebra", known), None);
        assert_eq!(nearest("", known), None);
    }
}
