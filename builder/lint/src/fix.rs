//! Changes that mend a finding without a person's thought, because what the file means stays the same, or is what it was meant to be.
//!
//! In: a file's bytes and the changes asked for. Out: its new bytes. Never: a change that a second look would change again.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// What is changed of a file. In the order in which changes are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// Its first bytes, which say that it is UTF-8, go.
    DropByteOrderMark,
    /// CRLF becomes LF.
    LineEnds,
    /// Lines of names are sorted; comments and empty lines stay before the name that they stood before.
    SortNames,
    /// Blanks in lists of architectures go.
    JoinArches,
    /// The last line is ended.
    FinalNewline,
    /// Whoever may read it may run it.
    MakeExecutable,
    /// Nobody may run it.
    MakePlain,
}

impl Change {
    /// What it does, in the person's words.
    pub fn words(self) -> &'static str {
        match self {
            Change::DropByteOrderMark => "byte order mark removed",
            Change::LineEnds => "CRLF replaced by LF",
            Change::SortNames => "names sorted",
            Change::JoinArches => "blanks removed from lists of architectures",
            Change::FinalNewline => "last line ended",
            Change::MakeExecutable => "made executable",
            Change::MakePlain => "made not executable",
        }
    }

    /// Whether it changes what is in the file.
    pub fn is_of_content(self) -> bool {
        !matches!(self, Change::MakeExecutable | Change::MakePlain)
    }
}

/// The bytes of a file after the changes, which are made in an order of their own.
pub fn changed(bytes: &[u8], changes: &[Change]) -> Vec<u8> {
    let mut changes: Vec<Change> = changes.to_vec();
    changes.sort();
    changes.dedup();
    let Ok(text) = core::str::from_utf8(bytes) else { return bytes.to_vec() };
    let mut text = text.to_string();
    for change in changes {
        text = match change {
            Change::DropByteOrderMark => text.trim_start_matches('\u{feff}').to_string(),
            Change::LineEnds => line_ends(&text),
            Change::SortNames => sorted(&text),
            Change::JoinArches => text.split_inclusive('\n').map(arches_joined).collect(),
            Change::FinalNewline if !text.is_empty() && !text.ends_with('\n') => text + "\n",
            _ => text,
        };
    }
    text.into_bytes()
}

fn line_ends(text: &str) -> String {
    let end = |line: &str| match line.strip_suffix('\n') {
        Some(line) => line.trim_end_matches('\r').to_string() + "\n",
        None => line.trim_end_matches('\r').to_string(),
    };
    text.split_inclusive('\n').map(end).collect()
}

/// Names with what stands above each of them, sorted bytewise. What stands below the last name stays there.
fn sorted(text: &str) -> String {
    struct NameBelow<'a> {
        name: &'a str,
        lines: String,
    }
    let mut names: Vec<NameBelow<'_>> = Vec::new();
    let mut above = String::new();
    for line in text.lines() {
        above.push_str(line);
        above.push('\n');
        let name = line.trim();
        if !name.is_empty() && !name.starts_with('#') {
            names.push(NameBelow { name, lines: core::mem::take(&mut above) });
        }
    }
    names.sort_by_key(|below| below.name);
    let mut text: String = names.into_iter().map(|below| below.lines).collect();
    text.push_str(&above);
    text
}

/// `arch: a, b` as `arch: a,b`, where it is alone on its line and neither quoted nor a list.
fn arches_joined(line: &str) -> String {
    let trimmed = line.trim_start_matches([' ', '-']);
    let key = ["arch:", "not-arch:"].into_iter().find(|key| trimmed.starts_with(key));
    let Some((key, value)) = key.map(|key| (key, &trimmed[key.len()..])) else { return line.to_string() };
    let indent = &line[..line.len() - trimmed.len()];
    let end = &line[line.trim_end().len()..];
    let value = value.trim();
    if !value.contains(',') || value.contains(['#', '[', '"', '\'', '{']) {
        return line.to_string();
    }
    let words: Vec<&str> = value.split(',').map(str::trim).filter(|word| !word.is_empty()).collect();
    [indent, key, " ", &words.join(","), end].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(text: &str, changes: &[Change]) -> String {
        let once = changed(text.as_bytes(), changes);
        assert_eq!(changed(&once, changes), once, "twice is as once");
        String::from_utf8(once).unwrap()
    }

    #[test]
    fn each_change() {
        use Change::*;
        for (text, change, expected) in [
            ("\u{feff}#!/bin/sh\n", DropByteOrderMark, "#!/bin/sh\n"),
            ("a\r\nb\r\r\nc\r", LineEnds, "a\nb\nc"),
            ("b\na\n", SortNames, "a\nb\n"),
            ("# of b\nb\n\na\n# last\n", SortNames, "\na\n# of b\nb\n# last\n"),
            ("b\na", SortNames, "a\nb\n"),
            ("a:\n  arch: amd64, arm64\n", JoinArches, "a:\n  arch: amd64,arm64\n"),
            ("a:\n  - not-arch:  x , y \n", JoinArches, "a:\n  - not-arch: x,y \n"),
            ("a:\n  arch: [x, y]\n  arch: 'x, y'\n", JoinArches, "a:\n  arch: [x, y]\n  arch: 'x, y'\n"),
            ("a", FinalNewline, "a\n"),
            ("", FinalNewline, ""),
            ("a\n", MakeExecutable, "a\n"),
        ] {
            assert_eq!(run(text, &[change]), expected, "{change:?}");
        }
        assert_eq!(run("b\r\na", &[FinalNewline, SortNames, LineEnds]), "a\nb\n");
        assert_eq!(changed(b"\xff\r\n", &[LineEnds]), b"\xff\r\n");
    }
}
