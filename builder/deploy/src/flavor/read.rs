//! A flavor, as `openstack flavor show -f json` prints it.
//!
//! In: that text. Out: a [`Flavor`]. Never: a number that is missing taken for one that is there.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use core::str::FromStr;
use serde_json::{Map, Value};

use super::Flavor;

/// Why a flavor could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FlavorError {
    /// It is not JSON.
    #[error("line {line}, column {column}: not JSON: {why}")]
    Syntax {
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// What the reader said.
        why: String,
    },
    /// It is JSON, and no flavor.
    #[error("`{key}`: {why}")]
    Key {
        /// The key.
        key: String,
        /// What is wrong with it.
        why: String,
    },
    /// An extra spec is not `name=value`.
    #[error("the property `{0}` is not name=value")]
    Property(String),
}

/// What the client and nova's API call the ephemeral disk.
const EPHEMERAL: [&str; 2] = ["OS-FLV-EXT-DATA:ephemeral", "ephemeral"];

/// And the extra specs.
const PROPERTIES: [&str; 2] = ["properties", "extra_specs"];

impl Flavor {
    /// Reads a flavor's JSON; nova's own `{"flavor": {...}}` as well. Other keys have no meaning here.
    pub fn read(text: &str) -> Result<Flavor, FlavorError> {
        let value: Value = serde_json::from_str(text).map_err(|error| {
            let why = error.to_string();
            let why = why.split(" at line ").next().unwrap_or_default().to_string();
            FlavorError::Syntax { line: error.line(), column: error.column(), why }
        })?;
        let flavor = value.get("flavor").unwrap_or(&value);
        let Some(map) = flavor.as_object() else {
            return Err(bad_key(
                "flavor",
                "an object is expected, as `openstack flavor show -f json` prints it",
            ));
        };
        let missing = |key: &str| bad_key(key, "it is missing; a flavor has one");
        let mut ephemeral = None;
        for key in EPHEMERAL {
            ephemeral = ephemeral.or(number_at(map, key)?);
        }
        Ok(Flavor {
            name: map.get("name").and_then(Value::as_str).map(ToString::to_string),
            root_gb: number_at(map, "disk")?.ok_or_else(|| missing("disk"))?,
            ephemeral_gb: ephemeral.unwrap_or(0),
            swap_mb: number_at(map, "swap")?.unwrap_or(0),
            ram_mb: Some(number_at(map, "ram")?.ok_or_else(|| missing("ram"))?),
            vcpus: number_at(map, "vcpus")?,
            properties: extra_specs(map)?,
        })
    }

    /// Adds an extra spec, `name=value`.
    pub fn set(&mut self, text: &str) -> Result<(), FlavorError> {
        let ExtraSpec { name, value } = text.parse()?;
        self.properties.insert(name, value);
        Ok(())
    }
}

fn bad_key(key: &str, why: impl Into<String>) -> FlavorError {
    FlavorError::Key { key: key.to_string(), why: why.into() }
}

/// A number, or a text with one. An empty text, which is how the client writes no swap, is 0.
fn number_at(map: &Map<String, Value>, key: &str) -> Result<Option<u64>, FlavorError> {
    let found = match map.get(key) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(text)) if text.trim().is_empty() => Some(0),
        Some(Value::String(text)) => text.trim().parse().ok(),
        Some(value) => value.as_u64(),
    };
    match found {
        Some(number) => Ok(Some(number)),
        None => Err(bad_key(key, format!("`{}` is not a whole number", map[key]))),
    }
}

/// An object, or `a='b', c='d'`, as older clients print it.
fn extra_specs(map: &Map<String, Value>) -> Result<BTreeMap<String, String>, FlavorError> {
    let mut found = BTreeMap::new();
    for key in PROPERTIES {
        match map.get(key) {
            None | Some(Value::Null) => {}
            Some(Value::Object(specs)) => {
                for (name, value) in specs {
                    let value = value.as_str().map_or_else(|| value.to_string(), ToString::to_string);
                    found.insert(name.clone(), value);
                }
            }
            Some(Value::String(text)) => {
                for item in text.split(", ").map(str::trim).filter(|item| !item.is_empty()) {
                    let ExtraSpec { name, value } = item.parse()?;
                    found.insert(name, value);
                }
            }
            Some(_) => return Err(bad_key(key, "an object or a text is expected")),
        }
    }
    Ok(found)
}

/// An extra spec, `name=value`.
struct ExtraSpec {
    name: String,
    value: String,
}

impl FromStr for ExtraSpec {
    type Err = FlavorError;

    fn from_str(text: &str) -> Result<Self, FlavorError> {
        let (name, value) = text.split_once('=').ok_or_else(|| FlavorError::Property(text.to_string()))?;
        let (name, value) = (name.trim(), value.trim());
        let quoted = ['\'', '"'].iter().find_map(|mark| value.strip_prefix(*mark)?.strip_suffix(*mark));
        if name.is_empty() {
            return Err(FlavorError::Property(text.to_string()));
        }
        Ok(ExtraSpec { name: name.to_string(), value: quoted.unwrap_or(value).to_string() })
    }
}
