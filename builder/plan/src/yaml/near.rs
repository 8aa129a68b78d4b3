//! "Did you mean": the known word that is nearest to a wrong one.

use alloc::string::String;

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

/// Letters to insert, delete, replace or swap, `-` and `_` being one letter.
fn distance(a: &str, b: &str) -> usize {
    let fold = |text: &str| text.replace('-', "_").to_ascii_lowercase();
    crate::elements::near::distance(&fold(a), &fold(b))
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
        assert_eq!(nearest("gtp", ["mbr", "gpt"]).as_deref(), Some("gpt"));
        assert_eq!(nearest("zebra", known), None);
        assert_eq!(nearest("", known), None);
    }
}
