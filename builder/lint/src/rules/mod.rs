//! The rules, by what they look at.
//!
//! In: an element, or all that are known. Out: findings. Never: two rules of different files that say the same of one place.

pub(crate) mod deps;
pub(crate) mod environment;
pub(crate) mod files;
pub(crate) mod forest;
pub(crate) mod hooks;
pub(crate) mod lists;
pub(crate) mod planned;
pub(crate) mod scripts;
pub(crate) mod sudo;
pub(crate) mod variables;

use dibber_model::Phase;
use dibber_plan::ElementSource;

use crate::request::CASES;

/// The phase in whose directory, or below which, a path is.
pub(crate) fn phase_of(path: &str) -> Option<Phase> {
    let (top, _) = path.split_once('/')?;
    Phase::of_directory(top)
}

/// An element's files that are texts, less those of its test cases.
pub(crate) fn texts(element: &ElementSource) -> impl Iterator<Item = (&str, &str)> {
    let paths = element.entries.keys().map(alloc::string::String::as_str);
    paths.filter(|path| !path.starts_with(CASES)).filter_map(|path| {
        let text = element.text(path).filter(|text| !text.contains('\0'))?;
        Some((path, text))
    })
}

/// Whether any execute bit of a file is set.
pub(crate) fn is_executable(element: &ElementSource, path: &str) -> bool {
    matches!(element.entries.get(path), Some(dibber_plan::Entry::File { executable: true, .. }))
}

#[cfg(test)]
mod tests;
