//! Sets made without a build, and what of a directory its `images.json` tells wrongly.
//!
//! In: names, targets, kinds. Out: a directory as builds leave it; the faults of one that somebody spoilt. Never: the program's own
//! word for a set being whole: files are read and summed here.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use dibber_imageset::{BuiltSet, MadeFile, OutputError, Seen, SetEntry, Sidecar, Stage, commit};
use dibber_model::{Digest, Target};
use dibber_plan::{OutputKind, properties_of};
use serde_json::{Value, json};

/// An image that a test puts into a set.
#[derive(Clone, Debug)]
pub struct Sample<'a> {
    /// Its name.
    pub name: &'a str,
    /// What it is for.
    pub target: Target,
    /// Its outputs, by name.
    pub kinds: &'a [&'a str],
    /// Its properties.
    pub properties: BTreeMap<String, String>,
    /// A word that ends the content of each file.
    pub version: &'a str,
}

impl Sample<'_> {
    /// Puts it in place as a build does.
    pub fn put(&self, set: &Path) -> Result<SetEntry, OutputError> {
        let stems = self.target.basenames(self.name);
        let stage = Stage::open(set, &stems[0])?;
        let files = self.kinds.iter().map(|word| self.file(&stage, &stems, word)).collect();
        commit(&stage, &BuiltSet { files }, &Seen::default())
    }

    fn file(&self, stage: &Stage, stems: &[String], word: &str) -> MadeFile {
        let kind = OutputKind::of_name(word).expect("a kind");
        let names: Vec<String> = stems.iter().map(|stem| format!("{stem}.{}", kind.extension())).collect();
        let bytes = format!("{word} of {}{}", stems[0], self.version);
        // A failure that a test makes is met by the commit.
        let _ = fs::write(stage.path().join(&names[0]), &bytes);
        let sidecar = json!({
            "file": names[0], "kind": word, "bytes": bytes.len(), "sha256": Digest::of(bytes.as_bytes()),
            "sha512": "", "image": self.name, "arch": self.target.arch.to_string(),
            "platform": self.target.platform.as_ref().map(ToString::to_string),
            "id": Digest::of(format!("inputs{}", self.version).as_bytes()),
            "builder": "a test", "source_date_epoch": 0, "archive": {"release_dates": {}}, "role": kind.role(),
            "properties": properties_of(kind.role(), &self.properties), "elements": [], "packages": [],
            "virtual_bytes": kind.is_disk().then_some((2u64 << 30) + 1),
        });
        let sidecar: Sidecar = serde_json::from_value(sidecar).expect("a sidecar");
        MadeFile { name: names[0].clone(), links: names[1..].to_vec(), sidecar }
    }
}

/// `images.json` of a directory.
pub fn images(set: &Path) -> Value {
    serde_json::from_slice(&fs::read(set.join("images.json")).expect("images.json")).expect("JSON")
}

/// Every name of every file that `images.json` has, with the digest that it gives.
pub fn named(set: &Path) -> BTreeMap<String, String> {
    let mut named = BTreeMap::new();
    for image in images(set)["images"].as_array().expect("images") {
        for file in image["files"].as_array().expect("files") {
            let links = file["links"].as_array().into_iter().flatten();
            for name in std::iter::once(&file["name"]).chain(links) {
                named.insert(text(name), text(&file["sha256"]));
            }
        }
    }
    named
}

fn text(value: &Value) -> String {
    value.as_str().expect("text").to_string()
}

/// What `images.json` and `SHA256SUMS` say of files that is not so.
pub fn torn(set: &Path) -> Vec<String> {
    let sums = fs::read_to_string(set.join("SHA256SUMS")).unwrap_or_default();
    let lines = sums
        .lines()
        .filter_map(|line| line.split_once("  "))
        .map(|(sum, name)| (name.to_string(), sum.to_string()));
    let mut faults = Vec::new();
    for (name, sum) in named(set).into_iter().chain(lines) {
        match fs::read(set.join(&name)) {
            Ok(bytes) if Digest::of(&bytes).to_string() == sum => {}
            Ok(_) => faults.push(format!("{name} has another digest")),
            Err(error) => faults.push(format!("{name}: {error}")),
        }
    }
    faults
}

/// What is amiss in a directory in which no commit is under way: what is torn, names that nobody gave, names that do not agree,
/// sidecars and sums of something else.
pub fn amiss(set: &Path) -> Vec<String> {
    let mut faults = torn(set);
    let named = named(set);
    let mut known: BTreeSet<String> = ["images.json", "SHA256SUMS"].map(String::from).into();
    for (name, sum) in &named {
        let beside = format!("{name}.json");
        let sidecar: Option<Value> =
            fs::read(set.join(&beside)).ok().and_then(|text| serde_json::from_slice(&text).ok());
        if !sidecar.is_some_and(|sidecar| sidecar["sha256"] == **sum && sidecar["file"] == **name) {
            faults.push(format!("{beside} is not the sidecar of {name}"));
        }
        known.extend([name.clone(), beside]);
        let prefixed = named.get(&format!("x86_64-{name}"));
        if prefixed.is_some_and(|prefixed| prefixed != sum) {
            faults.push(format!("{name} and x86_64-{name} differ"));
        }
    }
    let there =
        fs::read_dir(set).expect("the set").flatten().map(|entry| entry.file_name().display().to_string());
    faults.extend(there.filter(|name| !known.contains(name)).map(|name| format!("{name} is left")));
    faults
}
