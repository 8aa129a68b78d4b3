//! `SHA256SUMS`: the sums of a set in the form that `sha256sum -c` reads.
//!
//! In: the images of a directory. Out: the text, and whether a text that is there is one of ours. Never: somebody's own sums
//! overwritten.

use std::collections::BTreeSet;

use super::{FileEntry, SetEntry, SetFile, names};

/// No `SHA256SUMS` that is longer was written here, in bytes.
pub(crate) const LONGEST: u64 = 64 << 20;

/// The text for these images, by name; empty for none.
pub(super) fn text(images: &[SetEntry]) -> String {
    let mut lines: Vec<String> = Vec::new();
    for file in images.iter().flat_map(|image| &image.files) {
        lines.extend(file.names().map(|name| format!("{}  {name}\n", file.sha256)));
    }
    lines.sort_by(|a, b| a[64..].cmp(&b[64..]));
    lines.concat()
}

/// Whether a text was written for this set, perhaps cut or changed since: all its lines that are sums are of files of the set.
/// Where none is, it must be the beginning of what would be written.
pub(super) fn is_ours(found: &[u8], set: &SetFile) -> bool {
    if found.trim_ascii().is_empty() || text(&set.images).as_bytes().starts_with(found) {
        return true;
    }
    let found = String::from_utf8_lossy(found);
    let entries = set.images.iter().chain(set.switch.iter().flat_map(|switch| switch.entries()));
    let known: BTreeSet<&str> =
        entries.flat_map(|entry| &entry.files).flat_map(FileEntry::names).map(names::own).collect();
    let mut listed = found.split_inclusive('\n').filter_map(sum_of).map(names::own).peekable();
    listed.peek().is_some() && listed.all(|name| known.contains(name))
}

/// The name in a whole line of `sha256sum`'s; a last line that was cut is none.
fn sum_of(line: &str) -> Option<&str> {
    let (sum, name) = line.strip_suffix('\n')?.split_once(' ')?;
    let is_sum = sum.len() == 64 && sum.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_sum.then(|| name.strip_prefix([' ', '*']).unwrap_or(name))
}

#[cfg(test)]
mod tests {
    use super::super::word::SetWord;
    use super::*;
    use dibber_model::Digest;

    fn set() -> SetFile {
        let file = |name: &str, links: &[&str]| FileEntry {
            name: name.into(),
            links: links.iter().map(ToString::to_string).collect(),
            kind: SetWord::new("raw"),
            bytes: 1,
            sha256: Digest::of(name.as_bytes()),
            described: None,
        };
        let images = vec![SetEntry {
            name: "a".into(),
            arch: SetWord::new("x86_64"),
            platform: None,
            id: Digest::of(b"id"),
            files: vec![file("x86_64-a.raw", &["a.raw"]), file("x86_64-a.qcow2", &["a.qcow2"])],
        }];
        SetFile { version: 1, images, switch: None }
    }

    #[test]
    fn what_was_written_is_ours_cut_or_stale_too() {
        let text = text(&set().images);
        assert_eq!(text.lines().count(), 4);
        for cut in 0..text.len() {
            assert!(is_ours(&text.as_bytes()[..cut], &set()), "{cut}");
        }
        let stale = text.replace(|c: char| c.is_ascii_hexdigit() && c.is_ascii_digit(), "0");
        assert!(is_ours(format!("{}  x86_64-a.raw\n", "0".repeat(64)).as_bytes(), &set()), "{stale}");
    }

    #[test]
    fn sums_of_other_files_are_somebodys() {
        let own = format!("{}  holiday.jpg\n", "1".repeat(64));
        let both = format!("{}{own}", text(&set().images));
        for theirs in ["mine", "notes\n", &own, &both] {
            assert!(!is_ours(theirs.as_bytes(), &set()), "{theirs}");
        }
        assert!(!is_ours(own.as_bytes(), &SetFile { version: 1, images: Vec::new(), switch: None }));
    }
}
