//! From text to a tree of nodes with places.
//!
//! In: one YAML document. Out: [`Yaml`]. Never: two values under one key, more than a budget of nodes and depth.

use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Location, Spanned};

use super::{Cause, Fault, Place};
use crate::source::TextSource;

/// Deepest nesting that is read: an inline layout in tree form needs fourteen levels.
const DEEPEST: usize = 64;

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// Nothing after the colon, or `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, as it was written.
    Number(String),
    /// Any other scalar.
    Text(String),
    /// A sequence.
    List(Vec<Yaml>),
    /// A mapping, in the order written.
    Map(Vec<(Yaml, Yaml)>),
}

/// A value and its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Yaml {
    /// Where it begins.
    pub at: Place,
    /// What it is.
    pub node: Node,
}

impl Yaml {
    /// What a person would call it.
    pub fn kind(&self) -> &'static str {
        match &self.node {
            Node::Null => "nothing",
            Node::Bool(_) => "true or false",
            Node::Number(_) => "a number",
            Node::Text(_) => "a text",
            Node::List(_) => "a list",
            Node::Map(_) => "a mapping",
        }
    }

    /// A scalar as it was written.
    pub fn text(&self) -> Option<&str> {
        match &self.node {
            Node::Text(text) | Node::Number(text) => Some(text),
            Node::Bool(true) => Some("true"),
            Node::Bool(false) => Some("false"),
            _ => None,
        }
    }

    /// The items of a list; none for anything else.
    pub fn items(&self) -> &[Yaml] {
        match &self.node {
            Node::List(items) => items,
            _ => &[],
        }
    }

    /// The entries of a mapping; none for anything else.
    pub fn entries(&self) -> &[(Yaml, Yaml)] {
        match &self.node {
            Node::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The value under a key, unless it is null.
    pub fn get(&self, key: &str) -> Option<&Yaml> {
        self.entries()
            .iter()
            .find(|(name, value)| name.text() == Some(key) && value.node != Node::Null)
            .map(|(_, value)| value)
    }

    /// The text under a key.
    pub fn get_text(&self, key: &str) -> Option<&str> {
        self.get(key).and_then(Yaml::text)
    }

    /// The texts under a key that holds a list.
    pub fn get_texts(&self, key: &str) -> Vec<String> {
        let items = self.get(key).map(Yaml::items).unwrap_or_default();
        items.iter().filter_map(Yaml::text).map(ToString::to_string).collect()
    }

    /// A fault: another kind of value is wanted here.
    pub fn expected(&self, want: &str) -> Fault {
        self.at.fault(Cause::WrongType { want: want.to_string(), have: self.kind() })
    }
}

/// Reads one document.
pub fn read(source: &Arc<TextSource>) -> Result<Yaml, Fault> {
    let options = serde_saphyr::options! {
        strict_booleans: true,
        with_snippet: false,
        non_finite_float_policy: serde_saphyr::options::NonFiniteFloatPolicy::AsString,
        budget: serde_saphyr::budget! { max_depth: DEEPEST },
    };
    let raw = serde_saphyr::from_str_with_options::<Spanned<Raw>>(&source.text, options);
    match raw {
        Ok(raw) => Ok(placed(source, raw)),
        Err(error) => {
            let at = error.location().map_or(place(source, Location::UNKNOWN), |at| place(source, at));
            Err(at.fault(Cause::Syntax(first_line(&error.without_snippet().to_string()))))
        }
    }
}

/// The reader's own message, without the place that it repeats and without its explanation.
fn first_line(message: &str) -> String {
    let line = message.lines().next().unwrap_or("not YAML").trim();
    let line = line.strip_prefix("error: ").unwrap_or(line);
    let cuts = [" at line ", ", set DuplicateKeyPolicy"].map(|part| line.find(part).unwrap_or(line.len()));
    let cut = cuts.into_iter().min().unwrap_or(line.len());
    line[..cut].trim_end_matches([',', ' ']).to_string()
}

fn place(source: &Arc<TextSource>, at: Location) -> Place {
    let clamp = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
    Place { source: source.clone(), line: clamp(at.line()), column: clamp(at.column()) }
}

fn placed(source: &Arc<TextSource>, raw: Spanned<Raw>) -> Yaml {
    let written = || {
        let span = raw.defined.span();
        let start = usize::try_from(span.byte_offset()?).ok()?;
        let len = usize::try_from(span.byte_len()?).ok()?;
        source.text.get(start..start.checked_add(len)?).map(str::trim)
    };
    let node = match raw.value {
        Raw::Null => Node::Null,
        Raw::Bool(value) => Node::Bool(value),
        Raw::Number(text) => Node::Number(written().filter(|w| !w.is_empty()).map_or(text, String::from)),
        Raw::Text(text) => Node::Text(text),
        Raw::List(items) => Node::List(items.into_iter().map(|item| placed(source, item)).collect()),
        Raw::Map(entries) => Node::Map(
            entries.into_iter().map(|(key, value)| (placed(source, key), placed(source, value))).collect(),
        ),
    };
    Yaml { at: place(source, raw.referenced), node }
}

enum Raw {
    Null,
    Bool(bool),
    Number(String),
    Text(String),
    List(Vec<Spanned<Raw>>),
    Map(Vec<(Spanned<Raw>, Spanned<Raw>)>),
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }
    fn visit_bool<E>(self, value: bool) -> Result<Raw, E> {
        Ok(Raw::Bool(value))
    }
    fn visit_i64<E>(self, value: i64) -> Result<Raw, E> {
        Ok(Raw::Number(value.to_string()))
    }
    fn visit_u64<E>(self, value: u64) -> Result<Raw, E> {
        Ok(Raw::Number(value.to_string()))
    }
    fn visit_i128<E>(self, value: i128) -> Result<Raw, E> {
        Ok(Raw::Number(value.to_string()))
    }
    fn visit_u128<E>(self, value: u128) -> Result<Raw, E> {
        Ok(Raw::Number(value.to_string()))
    }
    fn visit_f64<E>(self, value: f64) -> Result<Raw, E> {
        Ok(Raw::Number(value.to_string()))
    }
    fn visit_str<E>(self, value: &str) -> Result<Raw, E> {
        Ok(Raw::Text(value.to_string()))
    }
    fn visit_string<E>(self, value: String) -> Result<Raw, E> {
        Ok(Raw::Text(value))
    }
    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }
    fn visit_none<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }
    fn visit_some<D: Deserializer<'de>>(self, from: D) -> Result<Raw, D::Error> {
        Raw::deserialize(from)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Raw, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Raw::List(items))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Raw, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Raw::Map(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Yaml, Fault> {
        read(&Arc::new(TextSource { origin: "t.yaml".into(), text: text.into() }))
    }

    #[test]
    fn numbers_keep_their_spelling_and_places_are_true() {
        let yaml = parse("a:\n  mode: 0755\n  type: 0x41\n  v: 1.10\n  é: [x, 'y z']\n").unwrap();
        let a = yaml.get("a").unwrap();
        assert_eq!(a.get_text("mode"), Some("0755"));
        assert_eq!(a.get_text("type"), Some("0x41"));
        assert_eq!(a.get_text("v"), Some("1.10"));
        assert_eq!(a.get_texts("é"), ["x", "y z"]);
        let second = &a.get("é").unwrap().items()[1];
        assert_eq!(second.at.to_string(), "t.yaml:5:10");
        assert_eq!(&second.at.source.text[second.at.offset()..][..5], "'y z'");
        assert_eq!(parse("a: yes").unwrap().get_text("a"), Some("yes"));
        assert_eq!(parse("a: !!str 5").unwrap().get_text("a"), Some("5"));
    }

    #[test]
    fn breaches_name_their_place() {
        for (text, place, word) in [
            ("a: 1\nb: 2\na: 3\n", "t.yaml:3:1", "duplicate"),
            ("a: [1, 2\n", "t.yaml:", ""),
            ("a: *nobody\n", "t.yaml:1:4", ""),
            ("a: 1\n---\nb: 2\n", "t.yaml:", "document"),
        ] {
            let fault = parse(text).unwrap_err().to_string();
            assert!(fault.starts_with(place) && fault.contains(word), "{text:?}: {fault}");
        }
        let deep = "[".repeat(5000);
        assert!(parse(&deep).is_err());
    }
}
