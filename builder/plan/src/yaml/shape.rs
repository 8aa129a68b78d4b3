//! The shape that a YAML value must have: one table drives both the strict check and the JSON Schema.
//!
//! In: a value. Out: nothing, or the first thing that does not fit. Never: a key that is silently ignored.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use serde_json::{Map, Value, json};

use super::{Cause, Fault, Node, Yaml};
use crate::spelling::nearest;

/// What may stand somewhere.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// A text.
    Text,
    /// Any scalar, taken as it is written.
    Scalar,
    /// `true` or `false`.
    Bool,
    /// A whole number from 0, decimal.
    Whole,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// A list.
    List(&'static Shape),
    /// A mapping with free keys.
    Map(&'static Shape),
    /// A mapping with these keys; the name is what a person calls it.
    Object(&'static str, &'static [Key]),
    /// The first that fits by kind; the text says it in words.
    Either(&'static str, &'static [Shape]),
    /// A block-device config, which has a grammar of its own.
    BlockDevices,
    /// Anything, checked elsewhere.
    Any,
}

/// A key of an object.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// Its value.
    pub shape: Shape,
    /// Whether it must be there.
    pub needed: bool,
    /// What it means, for the schema and the reference.
    pub about: &'static str,
}

impl Key {
    /// A key that may be left out.
    pub const fn new(name: &'static str, shape: Shape, about: &'static str) -> Self {
        Key { name, shape, needed: false, about }
    }

    /// The same, which must be there.
    pub const fn needed(mut self) -> Self {
        self.needed = true;
        self
    }
}

impl Shape {
    /// In words, for "... is expected here".
    fn words(&self) -> String {
        match self {
            Shape::Text => "a text".into(),
            Shape::Scalar => "a text or number".into(),
            Shape::Bool => "true or false".into(),
            Shape::Whole => "a whole number".into(),
            Shape::OneOf(words) => format!("one of {}", words.join(", ")),
            Shape::List(_) => "a list".into(),
            Shape::Map(_) => "a mapping".into(),
            Shape::Object(name, _) => format!("{name} (a mapping)"),
            Shape::Either(words, _) => (*words).into(),
            Shape::BlockDevices => "a list of block-device nodes".into(),
            Shape::Any => "a value".into(),
        }
    }

    /// Whether the value is of this kind, without looking inside.
    fn takes(&self, value: &Yaml) -> bool {
        match (self, &value.node) {
            (Shape::Text, Node::Text(_) | Node::Number(_)) => true,
            (Shape::Scalar, Node::Text(_) | Node::Number(_) | Node::Bool(_)) => true,
            (Shape::Bool, Node::Bool(_)) => true,
            (Shape::Whole, Node::Number(text)) => text.parse::<u64>().is_ok(),
            (Shape::OneOf(_), Node::Text(_) | Node::Number(_)) => true,
            (Shape::List(_) | Shape::BlockDevices, Node::List(_)) => true,
            (Shape::Map(_) | Shape::Object(..), Node::Map(_)) => true,
            (Shape::Any, _) => true,
            (Shape::Either(_, shapes), _) => shapes.iter().any(|shape| shape.takes(value)),
            _ => false,
        }
    }

    /// Refuses the first thing that does not fit. A key without a value counts as absent.
    pub fn check(&self, value: &Yaml) -> Result<(), Fault> {
        if !self.takes(value) {
            return Err(value.expected(&self.words()));
        }
        match self {
            Shape::OneOf(words) => one_of(words, value),
            Shape::List(item) => value.items().iter().try_for_each(|entry| item.check(entry)),
            Shape::Map(item) => value.entries().iter().try_for_each(|(key, entry)| {
                key.text().map(|_| ()).ok_or_else(|| key.expected("a text"))?;
                item.check(entry)
            }),
            Shape::Object(name, keys) => object(name, keys, value),
            Shape::Either(_, shapes) => {
                shapes.iter().find(|shape| shape.takes(value)).map_or(Ok(()), |shape| shape.check(value))
            }
            _ => Ok(()),
        }
    }

    /// As JSON Schema (draft 2020-12).
    pub fn schema(&self) -> Value {
        match self {
            Shape::Text => json!({"type": ["string", "number"]}),
            Shape::Scalar => json!({"type": ["string", "number", "boolean"]}),
            Shape::Bool => json!({"type": "boolean"}),
            Shape::Whole => json!({"type": "integer", "minimum": 0}),
            Shape::OneOf(words) => json!({"enum": words}),
            Shape::List(item) => json!({"type": "array", "items": item.schema()}),
            Shape::Map(item) => json!({"type": "object", "additionalProperties": item.schema()}),
            Shape::Object(_, keys) => object_schema(keys),
            Shape::Either(_, shapes) => {
                json!({"anyOf": shapes.iter().map(Shape::schema).collect::<Vec<_>>()})
            }
            Shape::Any => json!(true),
            Shape::BlockDevices => json!({
                "type": "array",
                "items": {"type": "object", "minProperties": 1, "maxProperties": 1}
            }),
        }
    }
}

fn one_of(words: &[&'static str], value: &Yaml) -> Result<(), Fault> {
    let text = value.text().unwrap_or_default();
    if words.contains(&text) {
        return Ok(());
    }
    let fault = value.at.bad(format!("`{text}` is not one of {}", words.join(", ")));
    Err(match nearest(text, words.iter().copied()) {
        Some(word) => fault.hint(format!("did you mean `{word}`?")),
        None => fault,
    })
}

fn object(what: &'static str, keys: &'static [Key], value: &Yaml) -> Result<(), Fault> {
    for (key, entry) in value.entries() {
        let name = key.text().ok_or_else(|| key.expected("a text"))?;
        let Some(known) = keys.iter().find(|known| known.name == name) else {
            return Err(unknown_key(key, keys.iter().map(|known| known.name)));
        };
        if entry.node != Node::Null {
            known.shape.check(entry)?;
        }
    }
    match keys.iter().find(|key| key.needed && value.get(key.name).is_none()) {
        Some(key) => Err(value.at.fault(Cause::MissingKey { what, key: key.name })),
        None => Ok(()),
    }
}

/// The fault of a key that is not among the known ones.
pub(crate) fn unknown_key<'a>(key: &Yaml, known: impl Iterator<Item = &'a str> + Clone) -> Fault {
    let name = key.text().unwrap_or_default();
    let fault = key.at.fault(Cause::UnknownKey(name.to_string()));
    match nearest(name, known.clone()) {
        Some(word) => fault.hint(format!("did you mean `{word}`?")),
        None => fault.hint(format!("known here are {}", known.collect::<Vec<_>>().join(", "))),
    }
}

fn object_schema(keys: &[Key]) -> Value {
    let mut properties = Map::new();
    for key in keys {
        let mut value = key.shape.schema();
        value["description"] = Value::from(key.about);
        if !key.needed {
            // A key without a value counts as absent.
            value = json!({"anyOf": [value, {"type": "null"}], "description": key.about});
        }
        properties.insert(key.name.to_string(), value);
    }
    let needed: Vec<&str> = keys.iter().filter(|key| key.needed).map(|key| key.name).collect();
    json!({"type": "object", "properties": properties, "required": needed, "additionalProperties": false})
}
