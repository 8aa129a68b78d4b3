//! Tables for people.
//!
//! In: rows of cells, each as long as whoever wrote it made it. Out: lines whose columns are as wide as their widest cell. Never: a
//! column wider than [`WIDEST`]: every row would be padded to it, and `format!` panics at a width above 65,535.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// Letters of the widest column. A file's name has at most 255, and what it is filled up with some more.
pub const WIDEST: usize = 300;

/// A line for each row, without a line break: cells two spaces apart, those of the columns in `right` flush right.
pub fn columns<const N: usize>(rows: &[[String; N]], right: &[usize]) -> Vec<String> {
    let width = |column: usize| rows.iter().map(|row| letters(&row[column])).max().unwrap_or(0);
    let widths: [usize; N] = core::array::from_fn(width);
    let line = |row: &[String; N]| {
        let cells = row.iter().zip(widths).enumerate().map(|(column, (cell, width))| {
            let text = clipped(cell, WIDEST);
            let space = " ".repeat(width - letters(&text));
            if right.contains(&column) { space + &text } else { text + &space }
        });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_string()
    };
    rows.iter().map(line).collect()
}

/// Letters that a text takes in a column.
fn letters(text: &str) -> usize {
    text.chars().take(WIDEST).count()
}

/// The text, filled up with spaces to `width` letters or, where that is less, to the widest column's.
pub fn padded(text: &str, width: usize) -> String {
    let width = width.min(WIDEST);
    let text = clipped(text, width);
    let space = " ".repeat(width - letters(&text));
    text + &space
}

/// The text, or its first letters and `...` if it has more than `most` of them.
pub fn clipped(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text.to_string(),
        Some(_) => text.chars().take(most.saturating_sub(3)).chain("...".chars().take(most)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [["a", "1", "x"], ["bcd", "22", ""]].map(|row| row.map(String::from));
        assert_eq!(columns(&rows, &[1]), ["a     1  x", "bcd  22"]);
        assert_eq!(columns::<2>(&[], &[]), [] as [String; 0]);
        assert_eq!(padded("\u{e9}", 3), "\u{e9}  ");
        assert_eq!(clipped("abcde", 5), "abcde");
        assert_eq!(clipped("abcdef", 5), "ab...");
        assert_eq!(clipped("abc", 2), "..");
    }

    #[test]
    fn no_cell_makes_a_column_without_bound() {
        let long = "x".repeat(70_000);
        let lines = columns(&[["a".into(), "b".into()], [long.clone(), "c".into()]], &[]);
        assert!(lines.iter().all(|line| line.len() == WIDEST + 3), "{lines:?}");
        assert_eq!(padded("a", 70_000).len(), WIDEST);
        assert_eq!(padded(&long, 70_000).len(), WIDEST);
    }
}
