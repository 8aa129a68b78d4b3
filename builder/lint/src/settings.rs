//! `tox.ini`, where a project tells dib-lint what it does not want to hear: `ignore` of the section `[dib-lint]`.
//!
//! In: the text of the file. Out: names of rules. Never: an error; the file is other programs' too.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// The names that `ignore` lists, on its line or on further indented ones.
pub fn tox_ini(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    let (mut is_ours, mut is_list) = (false, false);
    for line in text.lines() {
        let goes_on = line.starts_with([' ', '\t']);
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(section) = line.strip_prefix('[').filter(|_| !goes_on) {
            (is_ours, is_list) = (section.trim_end_matches(']') == "dib-lint", false);
            continue;
        }
        let list = match line.split_once(['=', ':']) {
            Some((key, list)) if !goes_on => {
                is_list = key.trim() == "ignore";
                list
            }
            _ => line,
        };
        if is_ours && is_list {
            names.extend(
                list.split([' ', ',', '\t']).filter(|name| !name.is_empty()).map(ToString::to_string),
            );
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_project_does_not_want_to_hear() {
        let text = "[tox]\nignore = x\n[dib-lint]\n# why\nother = y\nignore = sete setu\n    setpipefail\n[testenv]\nignore = z\n";
        assert_eq!(tox_ini(text), ["sete", "setu", "setpipefail"]);
        assert_eq!(tox_ini("[dib-lint]\nignore: which\n"), ["which"]);
        assert!(tox_ini("ignore = x").is_empty());
    }
}
