//! What a change does to a text, as `diff -u` shows it.
//!
//! In: a text before and after. Out: hunks with three lines around them. Never: a text so long that comparing it takes long: lines that are
//! the same at both ends are left out, and what is between them is one hunk.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

const AROUND: usize = 3;

/// The differences of a file, with its name above; empty if there are none.
pub fn unified(file: &str, before: &str, after: &str) -> String {
    if before == after {
        return String::new();
    }
    let (old, new): (Vec<&str>, Vec<&str>) =
        (before.split_inclusive('\n').collect(), after.split_inclusive('\n').collect());
    let mut out = format!("--- {file}\n+++ {file}\n");
    if old.len() == new.len() {
        // Changes of single lines, which is what mending makes: a hunk for each run of them.
        let mut at = 0;
        while let Some(first) = (at..old.len()).find(|index| old[*index] != new[*index]) {
            let mut end = first + 1;
            while let Some(next) =
                (end..old.len().min(end + 2 * AROUND)).find(|index| old[*index] != new[*index])
            {
                end = next + 1;
            }
            hunk(&mut out, &old, &new, Run { first, old_end: end, new_end: end });
            at = end;
        }
        return out;
    }
    let first = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let most = old.len().min(new.len()) - first;
    let same = old.iter().rev().zip(new.iter().rev()).take(most).take_while(|(a, b)| a == b).count();
    hunk(&mut out, &old, &new, Run { first, old_end: old.len() - same, new_end: new.len() - same });
    out
}

/// Lines that differ: from the same first line in both, each with its own end.
#[derive(Clone, Copy)]
struct Run {
    first: usize,
    old_end: usize,
    new_end: usize,
}

fn hunk(out: &mut String, old: &[&str], new: &[&str], run: Run) {
    let from = run.first.saturating_sub(AROUND);
    let after = (old.len() - run.old_end).min(AROUND);
    let (lines_old, lines_new) = (run.old_end + after - from, run.new_end + after - from);
    *out += &format!("@@ -{},{lines_old} +{},{lines_new} @@\n", from + 1, from + 1);
    let is_paired = run.old_end == run.new_end;
    old[from..run.first].iter().for_each(|line| put(out, ' ', line));
    for index in run.first..run.old_end {
        if is_paired && old[index] == new[index] {
            put(out, ' ', old[index]);
            continue;
        }
        put(out, '-', old[index]);
        if is_paired {
            put(out, '+', new[index]);
        }
    }
    if !is_paired {
        new[run.first..run.new_end].iter().for_each(|line| put(out, '+', line));
    }
    old[run.old_end..run.old_end + after].iter().for_each(|line| put(out, ' ', line));
}

fn put(out: &mut String, sign: char, line: &str) {
    out.push(sign);
    match line.strip_suffix('\n') {
        Some(line) => *out += line,
        None => *out += &format!("{line}\n\\ No newline at end of file"),
    }
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hunks() {
        assert_eq!(unified("f", "a\n", "a\n"), "");
        assert_eq!(
            unified("f", "a\nb\nc", "a\nB\nc\n"),
            "--- f\n+++ f\n@@ -1,3 +1,3 @@\n a\n-b\n+B\n-c\n\\ No newline at end of file\n+c\n"
        );
        let (old, new) = ("1\n2\n3\n4\n5\n6\n7\n8\n9\nx\n", "1\n2\n3\n4\n5\n6\n7\n8\n9\nX\n");
        assert_eq!(unified("f", old, new), "--- f\n+++ f\n@@ -7,4 +7,4 @@\n 7\n 8\n 9\n-x\n+X\n");
        assert_eq!(unified("f", "a\nb\nz\n", "b\nz\n"), "--- f\n+++ f\n@@ -1,3 +1,2 @@\n-a\n b\n z\n");
    }
}
