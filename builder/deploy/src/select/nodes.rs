//! A fleet: the machines of an `instackenv.json`, or of what ironic's client prints.
//!
//! In: the text of the file, and its format. Out: what each machine needs of an image, or why that is not known. Never: a word of the file in
//! a message, other than of the keys read here: it holds passwords.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::Display;
use core::str::FromStr;
use dibber_model::{Arch, Platform, Target};
use serde_json::Value;

use super::NodeRequirements;

mod file;
mod record;

pub use file::NodesFormat;
use record::NodeRecord;

/// Where a machine's architecture stands: TripleO's key, ironic's property, and the same outside of `properties`.
const ARCH: [&str; 3] = ["/arch", "/cpu_arch", "/properties/cpu_arch"];

/// Where its platform stands: TripleO's key, and where TripleO keeps it in ironic.
const PLATFORM: [&str; 3] = ["/platform", "/extra/tripleo_platform", "/properties/tripleo_platform"];

/// Where its capabilities stand.
const CAPABILITIES: [&str; 2] = ["/capabilities", "/properties/capabilities"];

/// What a machine goes by, the best first.
const NAMES: [&str; 5] = ["/name", "/uuid", "/mac/0", "/mac", "/ports/0/address"];

/// Most machines of a fleet: what is printed of one is many times as long as the shortest description of one.
const MACHINES_MAX: usize = 20_000;

/// Why a file of nodes could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NodesError {
    /// It is not of its format.
    #[error("line {line}, column {column}: {why}")]
    Syntax {
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// What the reader said.
        why: String,
    },
    /// It is of another kind.
    #[error("{place}: {why}")]
    Shape {
        /// Path of the value: `nodes[2].arch`.
        place: String,
        /// What is wrong.
        why: String,
    },
}

/// One machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// What it goes by.
    pub name: String,
    /// What it needs, or why that is not known.
    pub requirements: Result<NodeRequirements, String>,
    /// What a person should know besides.
    pub notes: Vec<String>,
}

/// All of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fleet {
    /// In the file's order.
    pub machines: Vec<Machine>,
}

impl Fleet {
    /// Reads `{"nodes": [...]}`, the list alone, or one machine as ironic's client shows it. Keys that are not looked for are
    /// left alone.
    pub fn read(text: &str, format: NodesFormat) -> Result<Fleet, NodesError> {
        let value = format.read(text)?;
        let found = value.get("nodes").unwrap_or(&value);
        let list = match found {
            Value::Array(list) => list.as_slice(),
            one if is_one_machine(one) => core::slice::from_ref(one),
            _ => return Err(bad_shape("nodes", "a list of machines is expected, as {\"nodes\": [...]}")),
        };
        if list.len() > MACHINES_MAX {
            return Err(bad_shape(
                "nodes",
                format!("more than {MACHINES_MAX} machines; give a part of them at a time"),
            ));
        }
        if list.is_empty() {
            return Err(bad_shape("nodes", "the list is empty"));
        }
        let said = list.iter().enumerate().map(|(index, node)| statements(index, node));
        let said = said.collect::<Result<Vec<_>, _>>()?;
        let others_say = said.iter().any(|said| !said.arch.is_empty());
        Ok(Fleet { machines: said.into_iter().map(|said| machine(said, others_say)).collect() })
    }
}

/// `openstack baremetal node show -f json` prints one without a list around it.
fn is_one_machine(value: &Value) -> bool {
    let Some(entries) = value.as_object() else { return false };
    entries.keys().any(|key| ["uuid", "properties", "arch"].contains(&key.to_ascii_lowercase().as_str()))
}

fn bad_shape(place: impl Into<String>, why: impl Into<String>) -> NodesError {
    NodesError::Shape { place: place.into(), why: why.into() }
}

fn statements(index: usize, node: &Value) -> Result<Statements, NodesError> {
    let place = format!("nodes[{index}]");
    let NodeRecord { value: node, unread } = NodeRecord::of(&place, node)?;
    let mut said = Statements { unread, ..Statements::default() };
    for path in ARCH {
        said.arch
            .extend(text_at(&place, &node, path)?.map(|text| Statement { place: written_path(path), text }));
    }
    for path in PLATFORM {
        said.platform
            .extend(text_at(&place, &node, path)?.map(|text| Statement { place: written_path(path), text }));
    }
    for path in CAPABILITIES {
        for Statement { place: name, text } in capabilities(&place, &node, path, &mut said.notes)? {
            let statement = Statement { place: format!("capability {name}"), text };
            match name.as_str() {
                "cpu_arch" => said.arch.push(statement),
                "platform" | "tripleo_platform" => said.platform.push(statement),
                "boot_mode" => said.boot_mode.push(statement),
                _ => {}
            }
        }
    }
    let name = NAMES.iter().find_map(|path| node.pointer(path)?.as_str().filter(|name| !name.is_empty()));
    said.name = name.map_or_else(|| format!("node {}", index + 1), ToString::to_string);
    said.is_of_ironic = node.get("uuid").is_some() && node.get("properties").is_none();
    Ok(said)
}

fn machine(mut said: Statements, others_say: bool) -> Machine {
    let requirements = requirements(&said, others_say);
    if let (Ok(found), true) = (&requirements, said.arch.is_empty()) {
        said.notes.push(format!("it names no architecture, and counts as {}", found.target.arch));
    }
    Machine { name: said.name, requirements, notes: said.notes }
}

/// `/properties/cpu_arch` as people write it.
fn written_path(path: &str) -> String {
    path.trim_start_matches('/').replace('/', ".")
}

/// A text, or nothing where there is none, null or an empty one.
fn text_at(place: &str, node: &Value, path: &str) -> Result<Option<String>, NodesError> {
    match node.pointer(path) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.trim().to_string()).filter(|text| !text.is_empty())),
        Some(_) => Err(bad_shape(format!("{place}.{}", written_path(path)), "a text is expected")),
    }
}

/// `boot_mode:uefi,boot_option:local`, or the same as an object.
fn capabilities(
    place: &str,
    node: &Value,
    path: &str,
    notes: &mut Vec<String>,
) -> Result<Vec<Statement>, NodesError> {
    let wrong =
        || bad_shape(format!("{place}.{}", written_path(path)), "`name:value,name:value` is expected");
    let mut found = Vec::new();
    match node.pointer(path) {
        None | Some(Value::Null) => {}
        Some(Value::Object(map)) => {
            let text = |value: &Value| Some(value.as_str()?.to_string());
            let texts = map.iter().filter_map(|(name, value)| Some((name.clone(), text(value)?)));
            found.extend(texts.map(|(place, text)| Statement { place, text }));
        }
        Some(Value::String(text)) => {
            for item in text.split(',').map(str::trim).filter(|item| !item.is_empty()) {
                match item.split_once(':') {
                    Some((name, value)) => {
                        found.push(Statement { place: name.trim().into(), text: value.trim().into() });
                    }
                    None => {
                        notes.push(format!("the capability `{item}` is not name:value, and has no effect"));
                    }
                }
            }
        }
        Some(_) => return Err(wrong()),
    }
    Ok(found)
}

/// One thing that a machine says of itself.
struct Statement {
    /// Where it says so: a key, or the name of a capability.
    place: String,
    text: String,
}

/// What a machine says of itself.
#[derive(Default)]
struct Statements {
    name: String,
    arch: Vec<Statement>,
    platform: Vec<Statement>,
    boot_mode: Vec<Statement>,
    notes: Vec<String>,
    /// Why a part of it could not be read.
    unread: Option<String>,
    /// Whether ironic's client printed it, without its properties.
    is_of_ironic: bool,
}

/// What a machine needs. One that names no architecture counts as that of untagged images only where none does: among others that do, it
/// is rather one that was forgotten.
fn requirements(said: &Statements, others_say: bool) -> Result<NodeRequirements, String> {
    let (arch, platform) = (agreed(&said.arch)?, agreed::<Platform>(&said.platform)?);
    let boot_mode = agreed(&said.boot_mode)?;
    if let Some(arch) = arch {
        return Ok(NodeRequirements { target: Target { arch, platform }, boot_mode });
    }
    if let Some(unread) = &said.unread {
        return Err(unread.clone());
    }
    if let Some(platform) = &platform {
        return Err(format!("it names the platform {platform} and no architecture; add \"arch\""));
    }
    if others_say {
        return Err("it names no architecture, and others of the file do; add \"arch\"".into());
    }
    if said.is_of_ironic {
        let mend = "print the nodes with --fields uuid name properties extra";
        return Err(format!("it has no properties, where ironic has the architecture; {mend}"));
    }
    let arch = Arch::untagged().ok_or("it names no architecture; add \"arch\"")?;
    Ok(NodeRequirements { target: Target { arch, platform }, boot_mode })
}

/// The one value that all places give.
fn agreed<T: FromStr<Err: Display> + PartialEq>(said: &[Statement]) -> Result<Option<T>, String> {
    let mut found: Option<(T, &str, &str)> = None;
    for Statement { place, text } in said {
        let value: T = text.parse().map_err(|error| format!("{place}: {error}"))?;
        match &found {
            None => found = Some((value, place, text)),
            Some((first, at, said)) if *first != value => {
                return Err(format!("{at}={said} and {place}={text} contradict each other"));
            }
            Some(_) => {}
        }
    }
    Ok(found.map(|(value, _, _)| value))
}
