//! Files of nodes, in the formats that people have them in.
//!
//! In: a text, and what its name says of its format. Out: a list of machines as JSON values. Never: a word of the file in a
//! message, but for names of columns that are known here.
//!
//! TripleO reads JSON, YAML and CSV, by the file's ending (python-tripleoclient, `utils.parse_env_file`); ironic's client prints all
//! three (`openstack baremetal node list --fields ... -f json`).

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde_json::{Map, Value};

use super::{NodesError, bad_shape};

/// The format of a file of nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodesFormat {
    /// JSON.
    Json,
    /// YAML.
    Yaml,
    /// Values with commas between them.
    Csv,
}

/// The columns of a CSV file without a head, as python-tripleoclient's `_csv_to_nodes_dict` has them.
const COLUMNS: [&str; 5] = ["pm_type", "pm_addr", "pm_user", "pm_password", "mac"];

/// Names by which the first line of a CSV file is known as its head.
const HEADS: [&str; 11] = [
    "uuid",
    "name",
    "arch",
    "cpu_arch",
    "properties",
    "capabilities",
    "extra",
    "mac",
    "pm_type",
    "driver",
    "platform",
];

/// Deepest nesting that is read of YAML.
const DEEPEST: usize = 64;

impl NodesFormat {
    /// The format that a file's name and text speak for: its ending, and without a known one the text's first character.
    pub fn of(name: &str, text: &str) -> NodesFormat {
        let lower = name.to_ascii_lowercase();
        match lower.rsplit_once('.').map(|(_, ending)| ending) {
            Some("json") => NodesFormat::Json,
            Some("yaml" | "yml") => NodesFormat::Yaml,
            Some("csv") => NodesFormat::Csv,
            _ if plain(text).trim_start().starts_with(['{', '[']) => NodesFormat::Json,
            _ => NodesFormat::Yaml,
        }
    }

    /// Reads a text of this format.
    pub(super) fn read(self, text: &str) -> Result<Value, NodesError> {
        let text = plain(text);
        match self {
            NodesFormat::Json => serde_json::from_str(text).map_err(|error| not_json(&error)),
            NodesFormat::Yaml => yaml(text),
            NodesFormat::Csv => csv(text),
        }
    }
}

/// A text without the mark that editors of other systems put before it.
fn plain(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

/// The reader's words for a syntax error quote nothing of the text.
fn not_json(error: &serde_json::Error) -> NodesError {
    let (line, column) = (error.line(), error.column());
    let why = error.to_string();
    let why = format!("not JSON: {}", why.split(" at line ").next().unwrap_or_default());
    NodesError::Syntax { line, column, why }
}

fn yaml(text: &str) -> Result<Value, NodesError> {
    let options = serde_saphyr::options! {
        strict_booleans: true,
        with_snippet: false,
        non_finite_float_policy: serde_saphyr::options::NonFiniteFloatPolicy::AsString,
        budget: serde_saphyr::budget! { max_depth: DEEPEST },
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        // Its words may quote the text.
        let at = error.location();
        let (line, column) = at.map_or((1, 1), |at| (at.line() as usize, at.column() as usize));
        let why = "not YAML as it is read here: a document of mappings and lists, each key once".to_string();
        NodesError::Syntax { line, column, why }
    })
}

/// A text that stands for a value: JSON, or what Python prints of a dictionary, which is YAML but for its escapes.
pub(super) fn value_in_text(text: &str) -> Option<Value> {
    let text = text.trim();
    if !text.starts_with(['{', '[']) {
        return None;
    }
    serde_json::from_str(text).ok().or_else(|| yaml(text).ok())
}

fn csv(text: &str) -> Result<Value, NodesError> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let mut rows: Vec<Vec<String>> = Vec::new();
    for record in reader.records() {
        // Of a text, only that its bytes are not UTF-8 could be wrong, and they are.
        let Ok(record) = record else { return Err(bad_shape("nodes", "rows with commas are expected")) };
        if record.iter().any(|cell| !cell.is_empty()) {
            rows.push(record.iter().map(ToString::to_string).collect());
        }
    }
    let is_head =
        |row: &Vec<String>| row.iter().any(|cell| HEADS.contains(&cell.to_ascii_lowercase().as_str()));
    let head: Vec<String> = match rows.first().filter(|row| is_head(row)) {
        Some(_) => rows.remove(0),
        None => COLUMNS.map(ToString::to_string).to_vec(),
    };
    let node = |(number, row): (usize, Vec<String>)| {
        if row.len() > head.len() {
            let why = format!("{} columns, and there are {}: {}", row.len(), head.len(), known(&head));
            return Err(bad_shape(format!("nodes[{number}]"), why));
        }
        let cells = head.iter().cloned().zip(row.into_iter().map(Value::String));
        Ok(Value::Object(cells.filter(|(_, cell)| cell != "").collect::<Map<_, _>>()))
    };
    rows.into_iter().enumerate().map(node).collect::<Result<Vec<_>, _>>().map(Value::Array)
}

/// The columns, as far as their names are no words of the file's own.
fn known(head: &[String]) -> String {
    let is_known = |cell: &&String| {
        let cell = cell.to_ascii_lowercase();
        HEADS.contains(&cell.as_str()) || COLUMNS.contains(&cell.as_str())
    };
    head.iter().filter(is_known).map(String::as_str).collect::<Vec<_>>().join(", ")
}
