//! JSON as commands print it for `--json`.
//!
//! In: values. Out: the same as JSON. Never: a letter that a terminal obeys.

use crate::printable;

/// A value as JSON over several lines.
pub(crate) fn pretty_json(value: &impl serde::Serialize) -> String {
    // These values have no maps with keys that are no strings, which is all that can fail.
    printable::json(serde_json::to_string_pretty(value).unwrap_or_default())
}
