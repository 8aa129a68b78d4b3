//! The YAML files of dib's command `diskimage-builder`: a list of images, each with keys that are options of `disk-image-create`.
//!
//! Entries of one `imagename` are one image: their lists are joined, their mappings updated, and of all else the last one holds. An entry
//! without a name belongs to the one before it. The keys, their order on the command line and how they merge follow dib's
//! `diskimage_builder.py`.
//!
//! In: the texts of the files, in their order. Out: for each image the command that dib would run. Never: a key that is passed over.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use super::command::Program;
use super::words::quoted;
use crate::source::TextSource;
use crate::yaml::{Fault, Key, Node, Place, Shape, Yaml, read};

/// A command that a file defines.
#[derive(Clone, Debug)]
pub struct Definition {
    /// The program.
    pub program: Program,
    /// Its words.
    pub words: Vec<String>,
    /// Variables over the caller's, in the order written.
    pub environment: Vec<Assignment>,
    /// Where its first entry is.
    pub at: Place,
}

/// A variable with its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// The name.
    pub name: String,
    /// The value.
    pub value: String,
}

/// The command, as a shell takes it.
impl fmt::Display for Definition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Assignment { name, value } in &self.environment {
            write!(f, "{name}={} ", quoted(value))?;
        }
        f.write_str(self.program.name())?;
        self.words.iter().try_for_each(|word| write!(f, " {}", quoted(word)))
    }
}

/// How a key is written on the command line.
#[derive(Clone, Copy)]
enum Argument {
    /// It is an option with a value.
    Value(&'static str),
    /// An option without one.
    Flag(&'static str),
    /// An option as often as the number says.
    Repeated(&'static str),
    /// An option whose value is a list with commas.
    Commas(&'static str),
    /// An option whose value is `key=value` with commas.
    Pairs(&'static str),
    /// Words without an option.
    Words,
    /// None of this: variables, the choice of the program.
    Apart,
}

struct Property {
    key: Key,
    argument: Argument,
}

const fn property(name: &'static str, shape: Shape, argument: Argument, help: &'static str) -> Property {
    Property { key: Key::new(name, shape, help), argument }
}

const TEXTS: Shape = Shape::List(&Shape::Text);

/// In the order in which dib writes them on the command line.
const PROPERTIES: [Property; 26] = [
    property("imagename", Shape::Text, Argument::Value("-o"), "Name of the files"),
    property("arch", Shape::Text, Argument::Value("-a"), "Architecture"),
    property("types", TEXTS, Argument::Commas("-t"), "Output formats"),
    property("environment", Shape::Map(&Shape::Scalar), Argument::Apart, "Variables"),
    property("ramdisk", Shape::Bool, Argument::Apart, "Whether it is a ramdisk"),
    property("debug-trace", Shape::OneOf(&["0", "1", "2"]), Argument::Repeated("-x"), "How much hooks trace"),
    property("uncompressed", Shape::Bool, Argument::Flag("-u"), "Whether a qcow2 is not compressed"),
    property("clear", Shape::Bool, Argument::Flag("-c"), "Whether hooks get nothing of the environment"),
    property("logfile", Shape::Text, Argument::Value("--logfile"), "Where the output goes"),
    property("checksum", Shape::Bool, Argument::Flag("--checksum"), "Whether sums are written"),
    property("image-size", Shape::Scalar, Argument::Value("--image-size"), "Size of the disk in GiB"),
    property(
        "image-extra-size",
        Shape::Scalar,
        Argument::Value("--image-extra-size"),
        "Room beyond the content, in MiB",
    ),
    property("image-cache", Shape::Text, Argument::Value("--image-cache"), "Where things are kept"),
    property("max-online-resize", Shape::Whole, Argument::Value("--max-online-resize"), "Blocks to grow to"),
    property("min-tmpfs", Shape::Whole, Argument::Value("--min-tmpfs"), "Least size of a tmpfs"),
    property(
        "mkfs-journal-size",
        Shape::Whole,
        Argument::Value("--mkfs-journal-size"),
        "Size of the journal in MiB",
    ),
    property("mkfs-options", Shape::Text, Argument::Value("--mkfs-options"), "Options of mkfs"),
    property("no-tmpfs", Shape::Bool, Argument::Flag("--no-tmpfs"), "Whether no tmpfs is used"),
    property("offline", Shape::Bool, Argument::Flag("--offline"), "Whether nothing new is asked for"),
    property(
        "qemu-img-options",
        Shape::Map(&Shape::Scalar),
        Argument::Pairs("--qemu-img-options"),
        "Options of the qcow2",
    ),
    property("root-label", Shape::Text, Argument::Value("--root-label"), "Label of the root filesystem"),
    property("ramdisk-element", Shape::Text, Argument::Value("--ramdisk-element"), "What makes the ramdisk"),
    property(
        "install-type",
        Shape::OneOf(&["source", "package"]),
        Argument::Value("--install-type"),
        "How to install",
    ),
    property("docker-target", Shape::Text, Argument::Value("--docker-target"), "Tag of a container image"),
    property("packages", TEXTS, Argument::Commas("-p"), "Further packages"),
    property("skip-base", Shape::Bool, Argument::Flag("-n"), "Whether the element base is left out"),
];

const ELEMENTS: Property = property("elements", TEXTS, Argument::Words, "Elements");

const KEYS: [Key; PROPERTIES.len() + 1] = {
    // Const evaluation has no iterators.
    let (mut keys, mut at) = ([ELEMENTS.key; PROPERTIES.len() + 1], 0);
    while at < PROPERTIES.len() {
        keys[at] = PROPERTIES[at].key;
        at += 1;
    }
    keys
};

const FILE: Shape = Shape::List(&Shape::Object("an image", &KEYS));

/// The commands of the files, in the order in which their images first appear.
pub fn definitions(files: &[TextSource]) -> Result<Vec<Definition>, Fault> {
    let mut names: Vec<String> = Vec::new();
    let mut merged: BTreeMap<String, Yaml> = BTreeMap::new();
    // dib's name for an image that has none.
    let mut last = "image".to_string();
    for file in files {
        let yaml = read(&Arc::new(file.clone()))?;
        FILE.check(&yaml)?;
        for entry in yaml.items() {
            check_numbers(entry)?;
            last = entry.get_text("imagename").unwrap_or(&last).to_string();
            match merged.get_mut(&last) {
                Some(image) => merge(image, entry),
                None => {
                    names.push(last.clone());
                    merged.insert(last.clone(), entry.clone());
                }
            }
        }
    }
    Ok(names.iter().filter_map(|name| merged.get(name)).map(definition).collect())
}

/// Sizes are 1 or more.
fn check_numbers(entry: &Yaml) -> Result<(), Fault> {
    let sizes = ["image-size", "image-extra-size", "max-online-resize", "min-tmpfs", "mkfs-journal-size"];
    let zero = |key: &&&str| entry.get_text(key).is_some_and(|text| text.parse() == Ok(0));
    match sizes.iter().find(zero).and_then(|key| entry.get(key)) {
        Some(value) => Err(value.at.bad("a number from 1 on is expected here, not 0")),
        None => Ok(()),
    }
}

fn merge(into: &mut Yaml, from: &Yaml) {
    for (key, value) in from.entries().iter().filter(|(_, value)| value.node != Node::Null) {
        let Node::Map(entries) = &mut into.node else { return };
        let known = entries.iter_mut().find(|(other, _)| other.text() == key.text());
        match known {
            None => entries.push((key.clone(), value.clone())),
            Some((_, have)) => match (&mut have.node, &value.node) {
                (Node::List(items), Node::List(more)) => items.extend(more.iter().cloned()),
                (Node::Map(_), Node::Map(_)) => merge(have, value),
                _ => *have = value.clone(),
            },
        }
    }
}

fn definition(image: &Yaml) -> Definition {
    let ramdisk = matches!(image.get("ramdisk").map(|value| &value.node), Some(Node::Bool(true)));
    let program = if ramdisk { Program::RamdiskImageCreate } else { Program::DiskImageCreate };
    let mut words = Vec::new();
    for property in PROPERTIES.iter().chain([&ELEMENTS]) {
        if let Some(value) = image.get(property.key.name) {
            write(&property.argument, value, &mut words);
        }
    }
    let environment = image.get("environment").map(Yaml::entries).unwrap_or_default();
    let environment = environment.iter().map(|(key, value)| Assignment {
        name: key.text().unwrap_or_default().to_string(),
        value: value.text().unwrap_or_default().to_string(),
    });
    Definition { program, words, environment: environment.collect(), at: image.at.clone() }
}

fn write(argument: &Argument, value: &Yaml, words: &mut Vec<String>) {
    let texts = || value.items().iter().filter_map(Yaml::text).map(ToString::to_string).collect::<Vec<_>>();
    let mut option = |name: &str, value: &str| {
        if !value.is_empty() {
            words.extend([name.to_string(), value.to_string()]);
        }
    };
    match argument {
        Argument::Value(name) => option(name, value.text().unwrap_or_default()),
        Argument::Commas(name) => option(name, &texts().join(",")),
        Argument::Pairs(name) => {
            let pair = |(key, value): &(Yaml, Yaml)| Some(format!("{}={}", key.text()?, value.text()?));
            option(name, &value.entries().iter().filter_map(pair).collect::<Vec<_>>().join(","));
        }
        Argument::Flag(name) if value.node == Node::Bool(true) => words.push(name.to_string()),
        Argument::Repeated(name) => {
            let times = value.text().and_then(|text| text.parse::<usize>().ok()).unwrap_or(0);
            words.extend(core::iter::repeat_n(name.to_string(), times));
        }
        Argument::Words => words.extend(texts()),
        Argument::Flag(_) | Argument::Apart => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(texts: &[&str]) -> Vec<String> {
        let file = |text: &&str| TextSource { origin: "f".into(), text: text.to_string() };
        let files: Vec<TextSource> = texts.iter().map(file).collect();
        match definitions(&files) {
            Ok(found) => found.iter().map(ToString::to_string).collect(),
            Err(fault) => alloc::vec![fault.to_string()],
        }
    }

    #[test]
    fn entries_of_one_name_are_one_image() {
        let first = "- {imagename: a, elements: [vm], environment: {A: x, B: 2}, checksum: true}\n- {elements: [debian]}\n- {imagename: b, ramdisk: true}\n";
        let second = "- {imagename: a, environment: {B: 'three four'}, checksum: false, debug-trace: 2}\n";
        assert_eq!(
            told(&[first, second]),
            ["A=x B='three four' disk-image-create -o a -x -x vm debian", "ramdisk-image-create -o b"]
        );
        assert_eq!(told(&["- elements: [debian, vm]\n"]), ["disk-image-create debian vm"]);
    }

    #[test]
    fn what_does_not_fit_is_told_with_its_place() {
        for (text, message) in [
            ("- {imagename: a, element: [vm]}\n", "f:1:18: unknown key `element`; did you mean `elements`?"),
            ("disk_images: []\n", "f:1:1: a list is expected here, not a mapping"),
            ("- {image-size: 0}\n", "f:1:16: a number from 1 on is expected here, not 0"),
            ("- {debug-trace: 3}\n", "f:1:17: `3` is not one of 0, 1, 2; did you mean `0`?"),
            ("- {offline: 'yes'}\n", "f:1:13: true or false is expected here, not a text"),
        ] {
            assert_eq!(told(&[text]), [message]);
        }
    }
}
