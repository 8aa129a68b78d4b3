//! Variables that hooks read under `set -u` though nobody has to set them: the hook then ends with `unbound variable`, hours into a build.
//!
//! In: an element, and all that are known. Out: one finding for each hook and variable. Never: a name that is not `DIB_...`: of others the
//! driver, the distribution and the hook itself set too many.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::vec::Vec;

use dibber_plan::ElementSource;
use dibber_plan::elements::phases::{Child, children};
use dibber_plan::elements::required_variables::requirements;

use super::forest::Forest;
use super::hooks::all_hooks;
use crate::finding::Finding;
use crate::shell::{code_lines, options_set};

/// What dib's driver, or an element that comes with every system of a kind, gives a value (`lib/disk-image-create`, `environment.d`).
const GIVEN: [&str; 28] = [
    "DIB_ARGS",
    "DIB_BLOCK_DEVICE",
    "DIB_BOOT_LABEL",
    "DIB_CHECKSUM",
    "DIB_DEBUG_TRACE",
    "DIB_DEFAULT_INSTALLTYPE",
    "DIB_DISTRIBUTION_MIRROR",
    "DIB_ENV",
    "DIB_IMAGE_CACHE",
    "DIB_IMAGE_FILENAME",
    "DIB_IMAGE_SIZE",
    "DIB_INIT_SYSTEM",
    "DIB_LOCKFILES",
    "DIB_MANIFEST_IMAGE_DIR",
    "DIB_MANIFEST_SAVE_DIR",
    "DIB_MIN_TMPFS",
    "DIB_MOUNTPOINTS",
    "DIB_NO_TMPFS",
    "DIB_OFFLINE",
    "DIB_PYTHON",
    "DIB_PYTHON_EXEC",
    "DIB_PYTHON_VERSION",
    "DIB_PYTHON_VIRTUALENV",
    "DIB_RELEASE",
    "DIB_RELEASE_CODENAME",
    "DIB_ROOT_FSTYPE",
    "DIB_ROOT_LABEL",
    "DIB_VERSION",
];

/// How a script mentions a variable.
#[derive(Clone, Copy, Debug, Default)]
struct Mention {
    /// The first line that needs a value.
    needed: Option<usize>,
    /// Whether it is given one somewhere, or the script asks whether it has one.
    is_guarded: bool,
}

/// The rule of this file.
pub(crate) fn variables(forest: &Forest<'_>, element: &ElementSource) -> Vec<Finding> {
    let required: Vec<_> = requirements(element).into_iter().filter_map(Result::ok).collect();
    let mut findings = Vec::new();
    for Child { path, .. } in all_hooks(element) {
        let Some(text) = element.text(path).filter(|text| options_set(text).contains('u')) else { continue };
        for (name, mention) in mentions(text) {
            let Some(line) = mention.needed.filter(|_| !mention.is_guarded) else { continue };
            let is_given = GIVEN.contains(&name)
                || required.iter().any(|required| required.name == name)
                || forest.used().any(|element| assigns(element, name));
            if !is_given {
                let what = format!(
                    "nothing gives {name} a value, without which this hook fails; set a default in environment.d, or name it in \
                     required-variables, so that the image is refused before anything runs"
                );
                findings.push(Finding::new("required-variable", element, path, what).at(line));
            }
        }
    }
    findings
}

/// Whether a file of environment.d gives the variable a value.
pub(crate) fn assigns(element: &ElementSource, name: &str) -> bool {
    let files = children(element, "environment.d").filter_map(|child| element.text(child.path));
    let mut lines = files.flat_map(str::lines);
    lines.any(|line| {
        line.match_indices(name).any(|(at, _)| {
            let rest = &line[at + name.len()..];
            rest.starts_with('=') || rest.starts_with(":=") || line.trim_start().starts_with("read ")
        })
    })
}

/// Every `DIB_...` of a script.
fn mentions(text: &str) -> BTreeMap<&str, Mention> {
    let mut found: BTreeMap<&str, Mention> = BTreeMap::new();
    // Names are taken from the text itself, lines from its code.
    for (at, _) in text.match_indices("DIB_") {
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let name = text[at..].split(|c: char| !is_part(c)).next().unwrap_or_default();
        if !text[..at].ends_with(is_part) {
            found.entry(name).or_default();
        }
    }
    let lines = code_lines(text);
    for (name, mention) in &mut found {
        for line in &lines {
            for (at, _) in line.text.match_indices(name) {
                look(mention, &line.text[..at], &line.text[at + name.len()..], line.number);
            }
        }
    }
    found
}

fn look(mention: &mut Mention, before: &str, after: &str, line: usize) {
    if after.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
        || before.ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
    {
        return;
    }
    let (is_plain, is_braced) = (before.ends_with('$'), before.ends_with("${"));
    let is_escaped = before.ends_with("\\$") || before.ends_with("\\${");
    let asks = |rest: &str| rest.strip_prefix(':').unwrap_or(rest).starts_with(['-', '+', '=']);
    if is_escaped {
        return;
    }
    match is_plain || is_braced {
        false => {
            mention.is_guarded |=
                after.starts_with('=') || before.trim_end().ends_with("-v") || is_loop(before);
        }
        true if is_braced && asks(after) => mention.is_guarded = true,
        true => mention.needed = mention.needed.or(Some(line)),
    }
}

/// `for NAME in`, `read NAME`, `declare -A NAME`, `readarray -t NAME`, `unset NAME`.
fn is_loop(before: &str) -> bool {
    let last = before.trim_end().rsplit([' ', ';', '\t']).next().unwrap_or_default();
    ["for", "read", "-r", "-a", "-A", "-t", "local", "readarray", "mapfile", "unset"].contains(&last)
}
