//! One machine as it stands in a file, in one shape, whoever wrote the file.
//!
//! In: a value. Out: the same with keys in lower case, and texts that stand for values read. Never: a decision what it means.
//!
//! ironic's client heads its columns `UUID`, `Name`, `Properties`, `Extra` (python-ironicclient, `v1/resource_fields.py`), in JSON
//! and YAML as in CSV, where what is below `Properties` is what Python prints of a dictionary.

use alloc::format;
use alloc::string::{String, ToString};

use serde_json::{Map, Value};

use super::file::value_in_text;
use super::{NodesError, bad_shape};

/// Keys whose values are mappings, and may be written as texts.
const MAPPINGS: [&str; 2] = ["properties", "extra"];

/// A machine in one shape, and why it cannot be understood, if so.
pub(super) struct NodeRecord {
    pub(super) value: Value,
    /// Why its properties are not known.
    pub(super) unread: Option<String>,
}

impl NodeRecord {
    /// Reads one; `place` is where it stands.
    pub(super) fn of(place: &str, node: &Value) -> Result<NodeRecord, NodesError> {
        let Value::Object(entries) = node else {
            return Err(bad_shape(place, "a machine is expected, as {\"name\": ..., \"arch\": ...}"));
        };
        let mut record = NodeRecord { value: Value::Null, unread: None };
        let mut all = Map::new();
        for (key, value) in entries {
            let name = key.trim().to_ascii_lowercase().replace(' ', "_");
            let value = record.read(&name, value);
            // Of two spellings the plain one counts.
            if *key == name || !all.contains_key(&name) {
                all.insert(name, value);
            }
        }
        record.value = Value::Object(all);
        Ok(record)
    }

    fn read(&mut self, name: &str, value: &Value) -> Value {
        match value {
            Value::String(text) if MAPPINGS.contains(&name) && !text.trim().is_empty() => {
                match value_in_text(text).map(with_capabilities) {
                    Some(found @ (Value::Object(_) | Value::Null)) => found,
                    _ => {
                        self.unread.get_or_insert_with(|| {
                            format!("its {name} are a text that is neither JSON nor a dictionary of Python's")
                        });
                        Value::Null
                    }
                }
            }
            Value::String(text) if name == "capabilities" => {
                value_in_text(text).unwrap_or_else(|| value.clone())
            }
            Value::Object(_) if MAPPINGS.contains(&name) => with_capabilities(value.clone()),
            // YAML has numbers where JSON's authors write texts.
            Value::Number(number) if name == "name" => Value::String(number.to_string()),
            other => other.clone(),
        }
    }
}

/// The same, its capabilities as a mapping if they are one in a text.
fn with_capabilities(mut value: Value) -> Value {
    if let Some(Value::String(text)) = value.get("capabilities")
        && let Some(found) = value_in_text(text)
    {
        value["capabilities"] = found;
    }
    value
}
