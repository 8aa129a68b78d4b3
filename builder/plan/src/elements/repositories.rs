//! Source repositories of elements.
use alloc::string::String;

use crate::source::ElementSource;
/// Whether an element has any `source-repository-*` file.
pub fn has_any(element: &ElementSource) -> bool {
    files(element).next().is_some()
}
fn files(element: &ElementSource) -> impl Iterator<Item = &str> {
    let names = element.entries.keys().map(String::as_str);
    names.filter(|name| name.starts_with("source-repository-") && !name.contains('/') && !name.ends_with('~'))
}
