//! What a text names: variables, files of the hooks directory, commands that read the elements' files.
//!
//! This is a reading of words and not of shell: it finds too much rather than too little, and what it misses a step is not given, so that
//! no result ever has it.
//!
//! In: a text, and names of variables. Out: what of these the text may ask for. Never: a decision on which step sees the text.

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::{String, ToString};

use super::super::image_element::EXPORTED_FUNCTION;
use super::{ELEMENTS_YAML, OF_THE_DISK};

/// Commands of ours that look into all elements for the file of their own name, with the variables that they read.
pub(super) const MAPS: [(&str, &[&str]); 2] =
    [("pkg-map", &["DISTRO_NAME", "DIB_RELEASE"]), ("svc-map", &["DISTRO_NAME"])];

/// How hooks call the hooks directory, on both sides of the chroot, and the way there from a phase's directory.
const HOOKS_DIRECTORY: [&str; 3] = ["TMP_HOOKS_PATH", "in_target.d", ".."];

/// The function by which hooks ask for all elements, as they write it.
const FUNCTION: &str = "get_image_element_array";

/// What a text may ask for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Mentions {
    /// Variables, by name.
    pub(super) variables: BTreeSet<String>,
    /// Whether all variables are listed, whatever their names.
    pub(super) lists_variables: bool,
    /// Names at the top of the hooks directory.
    pub(super) tops: BTreeSet<String>,
    /// Elements whose own directory is named.
    pub(super) elements: BTreeSet<String>,
    /// Whether any file of any element may be asked for.
    pub(super) everything: bool,
    /// Commands among [`MAPS`].
    pub(super) maps: BTreeSet<&'static str>,
}

/// Whether a file is for people, whom no hook asks: what it names is not read.
pub(super) fn is_for_people(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    [".rst", ".md", ".txt"].iter().any(|end| name.ends_with(end)) || path.starts_with("README")
}

/// How a text is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// By a shell or another program.
    Program,
    /// As a file of `environment.d`, whose lines give variables their values.
    Environment,
}

/// What a text asks for, of these variables.
pub(super) fn mentions(text: &str, names: &BTreeSet<String>, reading: Reading) -> Mentions {
    let mut found = Mentions::default();
    for line in text.lines() {
        let own = if reading == Reading::Environment { assigned_plainly(line) } else { None };
        found.variables_of(line, names, own);
        found.files_of(line);
    }
    for (command, variables) in MAPS.iter().filter(|(command, _)| has_word(text, command)) {
        found.maps.insert(command);
        found.variables.extend(variables.iter().map(ToString::to_string));
    }
    // grub-mkconfig and its like ask the stand-in for grub-probe, which answers from the disk's variables. Postinst scripts ask
    // as well, but go on without an answer, and finalise hooks make what they made anew.
    if text.starts_with("#!") && text.contains("grub") {
        found.variables.extend(names.iter().filter(|name| is_of_the_disk(name)).cloned());
    }
    found
}

impl Mentions {
    fn variables_of(&mut self, line: &str, names: &BTreeSet<String>, own: Option<&str>) {
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let mut rest = line;
        while let Some(start) = rest.find(is_word) {
            let word_on = &rest[start..];
            let end = word_on.find(|c: char| !is_word(c)).unwrap_or(word_on.len());
            let (word, after) = word_on.split_at(end);
            let before = line[..line.len() - word_on.len()].trim_end();
            self.lists_variables |= lists_all(before, word, after);
            // The path of elements leads to all files of all of them.
            self.everything |= word == "ELEMENTS_PATH";
            if word == FUNCTION || word == ELEMENTS_YAML {
                self.variables.extend([ELEMENTS_YAML, EXPORTED_FUNCTION].map(ToString::to_string));
                self.everything = true;
            }
            if names.contains(word) && own != Some(word) {
                self.variables.insert(word.to_string());
            }
            // The beginning of names that are put together: `DIB_REPOREF_$x`.
            if word.len() >= 4 && word.ends_with('_') {
                let begun = names.range(word.to_string()..).take_while(|name| name.starts_with(word));
                self.variables.extend(begun.cloned());
            }
            rest = after;
        }
    }

    /// Files of the hooks directory, by what follows its name.
    fn files_of(&mut self, line: &str) {
        for called in HOOKS_DIRECTORY {
            for (at, _) in line.match_indices(called) {
                if called == ".." && !is_way_up(line, at) {
                    continue;
                }
                self.path_below(line[at + called.len()..].trim_start_matches(['}', '"', '\'']));
            }
        }
        // The directory above a directory, without a `..`.
        let is_above = |word: &str| line.matches(word).count() > 1;
        self.everything |= is_above("dirname") || line.contains("%/*/*") || line.contains(".parent");
    }

    fn path_below(&mut self, rest: &str) {
        let Some(rest) = rest.strip_prefix('/') else {
            self.everything = true;
            return;
        };
        let (top, rest) = first_component(rest);
        let is_own_directory = top == Some(super::OWN_DIRECTORIES);
        match (top, rest.strip_prefix('/')) {
            (Some(".."), _) | (None, _) => self.everything = true,
            (Some(_), Some(rest)) if is_own_directory => match first_component(rest).0 {
                Some(element) => drop(self.elements.insert(element.to_string())),
                None => self.everything = true,
            },
            (Some(_), None) if is_own_directory => self.everything = true,
            (Some(top), _) => drop(self.tops.insert(top.to_string())),
        }
    }
}

/// The first name of a path, if it is written out, and what follows it.
fn first_component(path: &str) -> (Option<&str>, &str) {
    let end = path.find(|c: char| !(c.is_alphanumeric() || "._+-@:,".contains(c))).unwrap_or(path.len());
    let (name, rest) = path.split_at(end);
    let is_whole = !name.is_empty() && !rest.starts_with(['$', '*', '?', '[', '{', '`', '\\']);
    (is_whole.then_some(name), rest)
}

/// Whether `..` at a place is the directory above, and no part of `...`, `a..b` or `{1..9}`.
fn is_way_up(line: &str, at: usize) -> bool {
    let joins = |c: char| c.is_alphanumeric() || ".$}-_".contains(c);
    !line[..at].ends_with(joins) && !line[at + 2..].starts_with(|c: char| c != '/' && joins(c))
}

/// Whether a text has a word that may have hyphens.
fn has_word(text: &str, word: &str) -> bool {
    let joins = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
    text.match_indices(word)
        .any(|(at, _)| !text[..at].ends_with(joins) && !text[at + word.len()..].starts_with(joins))
}

/// Variables that the plan's disk sets.
fn is_of_the_disk(name: &str) -> bool {
    let is_other = ["DIB_BLOCK_DEVICE", "DIB_MOUNTPOINTS"].contains(&name);
    is_other || OF_THE_DISK.contains(&name) || name.starts_with("DIB_ROOT_") || name.starts_with("DIB_BOOT_")
}

/// The variable of a line `export NAME=${NAME:-default}`, which gives it a value, and reads it for nothing else.
fn assigned_plainly(line: &str) -> Option<&str> {
    let line = line.trim();
    let line = line.strip_prefix("export ").map_or(line, str::trim_start);
    let (name, value) = line.split_once('=').filter(|(name, _)| crate::image::is_variable(name))?;
    // All of it stands in one expansion.
    let bare = value.trim_matches('"');
    if bare.starts_with(&format!("${{{name}")) && bare.find('}') == Some(bare.len() - 1) {
        return (!bare[name.len() + 2..].contains(['$', '`'])).then_some(name);
    }
    let assigns_more = value
        .split_whitespace()
        .skip(1)
        .any(|word| word.split_once('=').is_some_and(|(name, _)| crate::image::is_variable(name)));
    let runs = value.contains([';', '&', '|', '`']) || value.contains("$(");
    (!assigns_more && !runs).then_some(name)
}

fn lists_all(before: &str, word: &str, after: &str) -> bool {
    let is_command = before.is_empty() || before.ends_with(['(', '|', ';', '&', '`']);
    let after = after.trim_start();
    match word {
        "printenv" | "compgen" | "environ" => true,
        "export" | "declare" | "typeset" => after.starts_with("-p") || after.starts_with("-x"),
        "env" | "set" if is_command => after.is_empty() || after.starts_with(['|', ';', ')', '>', '&', '#']),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn of(text: &str) -> Mentions {
        let names = ["DIB_ROOT_UUID", "DIB_PLATFORM", "FS_TYPE", "DIB_A", "IMAGE_NAME"].map(String::from);
        mentions(text, &names.into(), Reading::Program)
    }

    #[test]
    fn names_are_found_where_hooks_read_them() {
        for line in [
            "echo $DIB_ROOT_UUID",
            "${DIB_ROOT_UUID:-x}",
            "for x in A B; do eval y=\\$DIB_$x; done",
            "echo ${!DIB_*}",
        ] {
            assert!(of(line).variables.contains("DIB_ROOT_UUID"), "{line}");
        }
        for line in ["env | sort", "x=$(env)", "export -p > /tmp/all", "os.environ['X']"] {
            assert!(of(line).lists_variables, "{line}");
        }
        for line in [
            "#!/usr/bin/env bash",
            "set -eu",
            "echo $DIB_ROOT_UUIDS",
            "export X=1",
            "DIBBER_ROOT_UUID",
            "echo it is not set; mend it",
            "",
        ] {
            let found = of(line);
            assert!(!found.variables.contains("DIB_ROOT_UUID") && !found.lists_variables, "{line}");
        }
    }

    #[test]
    fn values_are_given_without_being_read() {
        for line in
            ["export DIB_A=${DIB_A:-a b}", "DIB_A=1", "export DIB_A=${DIB_A-a b=c}", "DIB_A=\"${DIB_A:-}\""]
        {
            assert_eq!(assigned_plainly(line), Some("DIB_A"), "{line}");
        }
        for line in [
            "export DIB_A=${DIB_A:-a} B=$DIB_A",
            "DIB_A=$(x $DIB_A)",
            "DIB_A=1; echo $DIB_A",
            "DIB_A=${DIB_A:-$(x)}",
        ] {
            assert_eq!(assigned_plainly(line), None, "{line}");
        }
    }

    #[test]
    fn hooks_that_call_grub_are_given_the_disk() {
        let found = of("#!/bin/bash\ngrub-mkconfig -o /boot/grub/grub.cfg\n").variables;
        assert_eq!(found.into_iter().collect::<Vec<_>>(), ["DIB_ROOT_UUID", "FS_TYPE"]);
    }

    #[test]
    fn files_of_the_hooks_directory() {
        for (line, top) in [
            ("cp $TMP_HOOKS_PATH/files/x /y", "files"),
            ("cp \"${TMP_HOOKS_PATH}/files\" /y", "files"),
            ("cat /tmp/in_target.d/modprobe.d/*", "modprobe.d"),
            ("data=\"$(dirname \"$0\")/../image-settings\"", "image-settings"),
        ] {
            let found = of(line);
            assert!(found.tops.contains(top) && !found.everything, "{line}: {found:?}");
        }
        assert!(of("x=$TMP_HOOKS_PATH/.elements/e/list").elements.contains("e"));
        for line in [
            "ls $TMP_HOOKS_PATH",
            "cat /tmp/in_target.d/*/x",
            "cp $TMP_HOOKS_PATH/$x /y",
            "cp $TMP_HOOKS_PATH/a-$x /y",
            "cd $(dirname $0)/..",
            "cat $(dirname $0)/../../x",
            "x=$(dirname $(dirname $0))",
            "eval declare -A d=($(get_image_element_array))",
            "ls $TMP_HOOKS_PATH/.elements",
        ] {
            assert!(of(line).everything, "{line}");
        }
        for line in ["echo wait...", "for i in {1..9}", "git log a..b", "x=$(dirname $0)"] {
            assert!(!of(line).everything, "{line}");
        }
    }

    #[test]
    fn commands_that_read_maps() {
        let found = of("pkg-map --element x y");
        assert!(found.maps.contains("pkg-map") && found.variables.contains("DIB_RELEASE"));
        assert!(of("# a pkg-map-like file").maps.is_empty());
    }
}
