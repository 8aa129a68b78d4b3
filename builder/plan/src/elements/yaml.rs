//! YAML of any shape, with the line of each key, for formats whose values may be a word, a mapping or a list.
//!
//! In: the text of a file. Out: a tree of nodes. Never: a repeated key, or a panic.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;

use super::error::{ElementError, FileLine};

/// A value and what it holds.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Node {
    /// Nothing, or `null`.
    Null,
    /// `true` or `false`; `yes`, `no`, `on` and the like are texts.
    Bool(bool),
    /// A number or a text, as text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// A mapping, in the order of the file.
    Map(Vec<(Key, Node)>),
}

/// A key and its line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) name: String,
    pub(crate) line: usize,
}

struct AnyNode;

impl<'de> Visitor<'de> for AnyNode {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }
    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }
    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }
    fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<Node, D::Error> {
        inner.deserialize_any(self)
    }
    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Bool(value))
    }
    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Text(value.to_string()))
    }
    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Text(value.to_string()))
    }
    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Text(value.to_string()))
    }
    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Text(value.to_string()))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Node::List(list))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Node, A::Error> {
        let mut map = Vec::new();
        while let Some((key, value)) = entries.next_entry::<Spanned<String>, Node>()? {
            // A line is a u32 in the reader, which usize holds on every target that dibber is built for.
            let line = usize::try_from(key.referenced.line()).unwrap_or(0);
            map.push((Key { name: key.value, line }, value));
        }
        Ok(Node::Map(map))
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyNode)
    }
}

/// Reads a file that is YAML, or JSON in a form that YAML does not know (tabs). An empty file is null.
pub(crate) fn read(text: &str, file: &str) -> Result<Node, ElementError> {
    if text
        .lines()
        .all(|line| line.trim().is_empty() || line.trim_start().starts_with('#') || line.trim() == "---")
    {
        return Ok(Node::Null);
    }
    // Else a package called `y` would be a boolean.
    let options = serde_saphyr::options! { strict_booleans: true };
    let wrong = match serde_saphyr::from_str_with_options::<Node>(text, options) {
        Ok(node) => return Ok(node),
        Err(wrong) => wrong,
    };
    if let Ok(value) = serde_json::from_str::<serde_json::Value>(text) {
        return Ok(from_json(value));
    }
    let line = wrong.location().and_then(|at| usize::try_from(at.line()).ok()).unwrap_or(0);
    let what = format!("not YAML: {}", wrong.without_snippet());
    let what = what.lines().next().unwrap_or_default().to_string();
    Err(ElementError::format(FileLine::new(file, line), what))
}

/// serde_json bounds its depth, so that this recursion is bounded too.
fn from_json(value: serde_json::Value) -> Node {
    use serde_json::Value;
    match value {
        Value::Null => Node::Null,
        Value::Bool(value) => Node::Bool(value),
        Value::Number(value) => Node::Text(value.to_string()),
        Value::String(value) => Node::Text(value),
        Value::Array(items) => Node::List(items.into_iter().map(from_json).collect()),
        Value::Object(map) => Node::Map(
            map.into_iter().map(|(name, value)| (Key { name, line: 0 }, from_json(value))).collect(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_shapes() {
        let Node::Map(map) = read("a:\n  b: 3\nc: [x, true]\nd:\n", "f").unwrap() else {
            panic!("a mapping")
        };
        assert_eq!(
            map.iter().map(|(key, _)| (key.name.as_str(), key.line)).collect::<Vec<_>>(),
            [("a", 1), ("c", 3), ("d", 4)]
        );
        assert_eq!(map[1].1, Node::List([Node::Text("x".into()), Node::Bool(true)].into()));
        assert_eq!(map[2].1, Node::Null);
        assert!(read("a: 1\na: 2\n", "f").unwrap_err().to_string().starts_with("f:2: "));
        assert_eq!(read("y", "f"), Ok(Node::Text("y".into())));
        assert_eq!(read("# nothing\n\n", "f"), Ok(Node::Null));
    }

    #[test]
    fn json_with_tabs() {
        assert!(
            matches!(read("{\n\t\"a\": {\"phase\": \"install.d\"}\n}", "f"), Ok(Node::Map(map)) if map.len() == 1)
        );
    }
}
