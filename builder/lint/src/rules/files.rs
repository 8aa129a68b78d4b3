//! Files by their names and ends, whatever is in them.
//!
//! In: an element. Out: files that nothing reads because of a slip in their names, lines without an end, tabs, YAML that is none. Never: a
//! verdict on what hooks copy from `static`, but where dib-lint has one.

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use dibber_plan::elements::package_installs;
use dibber_plan::yaml::{self, Cause};
use dibber_plan::{ElementSource, Entry, TextSource, nearest_name};

use super::{is_executable, texts};
use crate::finding::Finding;
use crate::fix::Change;
use crate::rules::planned::layout_arch;

/// Files at the top of an element that dib or dibber reads.
const READ: [&str; 9] = [
    "element-deps",
    "element-provides",
    "package-installs.yaml",
    "package-installs.json",
    "pkg-map",
    "svc-map",
    "block-device-default.yaml",
    "required-variables",
    "network-access",
];

const REPOSITORY: &str = "source-repository-";

/// What dib's documentation is made of.
pub(crate) fn documentation(element: &ElementSource) -> Option<Finding> {
    let has_readme = element.entries.keys().any(|path| path.starts_with("README") && !path.contains('/'));
    let what = "this element has no README; say in README.rst what it does and which variables it reads";
    (!has_readme).then(|| Finding::new("readme", element, "", what))
}

/// The rules of this file.
pub(crate) fn files(element: &ElementSource) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, entry) in &element.entries {
        if !path.contains('/') && matches!(entry, Entry::File { .. }) {
            findings.extend(misnamed(element, path));
        }
    }
    for (path, text) in texts(element) {
        findings.extend(last_line(element, path, text));
        findings.extend(tabs(element, path, text));
        findings.extend(not_yaml(element, path, text));
        if path.ends_with(".md") && !path.starts_with("static/") {
            let what = "documentation in Markdown, of which diskimage-builder makes none; write README.rst";
            findings.push(Finding::new("markdown", element, path, what));
        }
    }
    findings
}

fn stem(name: &str) -> &str {
    let ends = [".yaml", ".yml", ".json", ".txt"];
    ends.iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name)
}

fn misnamed(element: &ElementSource, name: &str) -> Option<Finding> {
    if READ.contains(&name)
        || package_installs::is_list(name)
        || name.starts_with(REPOSITORY)
        || name.starts_with("README")
    {
        return None;
    }
    let folded = name.replace('_', "-").to_ascii_lowercase();
    let meant = match READ.iter().find(|read| stem(read) == stem(&folded)) {
        Some(read) => String::from(*read),
        None => {
            match ["source-repositories-", REPOSITORY].iter().find_map(|start| folded.strip_prefix(start)) {
                Some(rest) => format!("{REPOSITORY}{rest}"),
                None => String::from(nearest_name(&folded, READ)?),
            }
        }
    };
    // Another spelling of an architecture is read here.
    let is_layout = layout_arch(name).is_some();
    let what = format!("nothing reads a file of this name; did you mean `{meant}`?");
    (!is_layout).then(|| Finding::new("file-name", element, name, what))
}

fn last_line(element: &ElementSource, path: &str, text: &str) -> Option<Finding> {
    if text.is_empty() || text.ends_with('\n') {
        return None;
    }
    let line = text.lines().count();
    if path.starts_with(REPOSITORY) && !path.contains('/') {
        let what = "the last line has no end, and diskimage-builder does not read it; add a newline";
        return Some(
            Finding::new("repository-newline", element, path, what).at(line).mended_by(Change::FinalNewline),
        );
    }
    // What static files end with is the image's business.
    let is_data = path.starts_with("static/") && !is_executable(element, path);
    let what = "the last line has no end; add a newline";
    let finding = Finding::new("final-newline", element, path, what).at(line);
    (!is_data).then(|| finding.mended_by(Change::FinalNewline))
}

fn tabs(element: &ElementSource, path: &str, text: &str) -> Option<Finding> {
    if !path.ends_with(".rst") && !is_executable(element, path) {
        return None;
    }
    let line = text.lines().position(|line| line.trim_start_matches(' ').starts_with('\t'))?;
    Some(Finding::new("tabs", element, path, "this line is indented by a tab; use four blanks").at(line + 1))
}

/// What planning reads, it judges itself.
fn not_yaml(element: &ElementSource, path: &str, text: &str) -> Option<Finding> {
    let is_read = package_installs::is_list(path) || layout_arch(path).is_some();
    if is_read || !(path.ends_with(".yaml") || path.ends_with(".yml")) {
        return None;
    }
    let source = Arc::new(TextSource { origin: path.into(), text: text.into() });
    let fault = yaml::read(&source).err()?;
    let Cause::Syntax(what) = &fault.cause else { return None };
    let finding = Finding::new("yaml", element, path, format!("not YAML: {what}"));
    Some(finding.at(fault.place.line as usize).column(fault.place.column as usize))
}
