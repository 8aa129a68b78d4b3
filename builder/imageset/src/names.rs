//! Which names a set may have.
//!
//! In: a word of an `images.json` that anybody may have written. Out: whether dibber gives such names. Never: a name that leads
//! out of its directory, hides in it, speaks to a terminal, or is an option to a program that is given it.

/// The file that commits a set.
pub(super) const SET: &str = "images.json";
/// The sums of all files, as `sha256sum --check` reads them.
pub(super) const SUMS: &str = "SHA256SUMS";
/// What a file of the previous set is called beside its own name while another one takes that name: `.former-NAME`.
const ASIDE: &str = ".former-";

/// Bytes of a name; with `.former-` and `.json` around it, it is a file name still (`NAME_MAX` of the kernel's limits.h is 255).
const LONGEST: usize = 240;

/// Names in a directory that describe the set, and are no files of it.
const TAKEN: [&str; 2] = [SET, SUMS];

/// Under which name a file is kept while another one takes its place.
pub(super) fn aside(name: &str) -> String {
    format!("{ASIDE}{name}")
}

/// The name that a file had before it was kept aside; any other name is its own.
pub fn own(name: &str) -> &str {
    name.strip_prefix(ASIDE).unwrap_or(name)
}

/// The sidecar of a file.
pub(super) fn sidecar(name: &str) -> String {
    format!("{name}.json")
}

/// What is wrong with a word, if it is not one that dibber writes: image names, architectures, platforms, kinds and file names
/// all have letters, digits, `-`, `_`, `+` and `.`, as image files allow.
pub(super) fn fault(word: &str) -> Option<&'static str> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '+');
    if word.is_empty() || word.len() > LONGEST {
        return Some("it has no length that a name has");
    }
    if word.starts_with('.') {
        return Some("it begins with a dot");
    }
    if word.starts_with('-') {
        return Some("it begins as options of programs do, with `-`");
    }
    if !word.chars().all(fits) {
        return Some("it has something else than letters, digits, `-`, `_`, `+` and `.`");
    }
    TAKEN.contains(&word).then_some("it is the name of what describes the set")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_names_are_names() {
        for name in ["x86_64-good.raw", "p9-ppc64le-a+b.qcow2", "a"] {
            assert_eq!(fault(name), None, "{name}");
        }
        let long = "a".repeat(241);
        for name in [
            "",
            ".",
            "..",
            "../a",
            "/a",
            "a/b",
            ".hidden",
            "--public",
            "a\0b",
            "a\nb",
            "a\u{1b}[2J",
            "images.json",
            "SHA256SUMS",
            &long,
        ] {
            assert!(fault(name).is_some(), "{name:?}");
        }
    }

    #[test]
    fn a_name_comes_back_from_aside() {
        assert_eq!(own(&aside("good.raw")), "good.raw");
        assert_eq!(own("good.raw"), "good.raw");
    }
}
