//! `pkg-map`: the distribution's names of packages.
//!
//! In: each element's map, and names. Out: packages. Never: one element's map for another's names.
//!
//! Follows `elements/pkg-map/bin/pkg-map` of dib: of release, distro, family and default the first that has the name.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde_json::{Map, Value};

use super::error::{ElementError, ElementWarning, FileLine, hint};
use super::package_installs::AskedPackage;
use super::phases;
use super::yaml::{self, Key, Node};
use crate::source::ElementSource;
use crate::spelling;

/// Names to packages; an empty list is a name that this distribution does not need.
type Names = BTreeMap<String, Vec<String>>;

/// One element's map.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PkgMap {
    release: BTreeMap<(String, String), Names>,
    distro: BTreeMap<String, Names>,
    family: BTreeMap<String, Names>,
    default: Names,
}

/// The maps of all elements, by element.
pub type PkgMaps = BTreeMap<String, PkgMap>;

/// Whose names are asked about, and for which system.
#[derive(Clone, Copy, Debug)]
pub struct Query<'a> {
    /// The element whose map is used.
    pub element: &'a str,
    /// `DISTRO_NAME`.
    pub distro: &'a str,
    /// `DIB_RELEASE`; may be empty.
    pub release: &'a str,
    /// Takes a name without a mapping, or an element without a map, as it is.
    pub missing_ok: bool,
}

/// Why a name has no package.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PkgMapError {
    /// The element has no map; dib's command exits with 2.
    #[error("element `{0}` has no pkg-map file; add one, or ask with --missing-ok")]
    NoMap(String),
    /// The map does not have the name; dib's command exits with 1.
    #[error(
        "the pkg-map of element `{element}` does not have `{name}` for {distro} {release}; add it, or ask with --missing-ok"
    )]
    NoMapping {
        /// The element.
        element: String,
        /// The name.
        name: String,
        /// The distribution.
        distro: String,
        /// Its release.
        release: String,
    },
}

impl PkgMapError {
    /// The exit code of dib's command.
    pub fn exit_code(&self) -> u8 {
        match self {
            PkgMapError::NoMap(_) => 2,
            PkgMapError::NoMapping { .. } => 1,
        }
    }
}

/// What a map has.
const SECTIONS: [&str; 4] = ["release", "distro", "family", "default"];

/// Every family that [`family`] knows.
const FAMILIES: [&str; 4] = ["redhat", "debian", "suse", "gentoo"];

/// The family of a distribution, as `pkg-map` has it.
pub fn family(distro: &str) -> Option<&'static str> {
    match distro {
        "almalinux" | "fedora" | "rhel" | "centos" | "openeuler" | "rocky" => Some("redhat"),
        "debian" | "ubuntu" => Some("debian"),
        "opensuse" => Some("suse"),
        "gentoo" => Some("gentoo"),
        _ => None,
    }
}

/// The maps of elements that have one.
pub fn read(elements: &[ElementSource]) -> Result<PkgMaps, ElementError> {
    let mut maps = PkgMaps::new();
    for element in elements {
        if element.entries.contains_key("pkg-map") {
            let place = phases::place(element, "pkg-map");
            let text = element.text("pkg-map").ok_or(ElementError::Unreadable { place: place.clone() })?;
            maps.insert(element.name.clone(), parse(text, &place.file)?);
        }
    }
    Ok(maps)
}

/// What of an element's map nothing reads. What is wrong with it otherwise, [`parse`] says.
pub(crate) fn unread(element: &ElementSource) -> Vec<ElementWarning> {
    let Some(text) = element.text("pkg-map") else { return Vec::new() };
    let file = phases::place(element, "pkg-map").file;
    // JSON is YAML, whose reader knows the lines of keys.
    let Ok(Node::Map(sections)) = yaml::read(text, &file) else { return Vec::new() };
    let unknown = |key: &Key, what: &'static str, known: &[&'static str]| {
        let is_unknown = !known.contains(&key.name.as_str());
        is_unknown.then(|| ElementWarning::UnknownSection {
            place: FileLine::new(file.clone(), key.line),
            what,
            section: key.name.clone(),
            hint: hint(spelling::nearest_name(&key.name, known.iter().copied())),
            known: known.join(", "),
        })
    };
    let mut warnings = Vec::new();
    for (section, value) in &sections {
        warnings.extend(unknown(section, "section", &SECTIONS));
        if let ("family", Node::Map(families)) = (section.name.as_str(), value) {
            warnings.extend(families.iter().filter_map(|(key, _)| unknown(key, "family", &FAMILIES)));
        }
    }
    warnings
}

/// Reads one map. `file` is for messages. A section that nothing reads is passed over, as dib does.
pub fn parse(text: &str, file: &str) -> Result<PkgMap, ElementError> {
    let whole = |what: String| ElementError::format(FileLine::new(file, 0), what);
    let value: Value = serde_json::from_str(text).map_err(|wrong| {
        ElementError::format(FileLine::new(file, wrong.line()), format!("not JSON: {wrong}"))
    })?;
    let mut map = PkgMap::default();
    let sections = object(&value, "the file").map_err(whole)?;
    for (section, value) in sections.iter().filter(|(section, _)| SECTIONS.contains(&section.as_str())) {
        let value = object(value, section).map_err(whole)?;
        match section.as_str() {
            "default" => map.default = names(value, section).map_err(whole)?,
            "family" => map.family = groups(value, section).map_err(whole)?,
            "distro" => map.distro = groups(value, section).map_err(whole)?,
            _ => {
                for (distro, releases) in value {
                    let releases = object(releases, distro).map_err(whole)?;
                    for (release, found) in groups(releases, distro).map_err(whole)? {
                        map.release.insert((distro.clone(), release), found);
                    }
                }
            }
        }
    }
    Ok(map)
}

fn object<'a>(value: &'a Value, what: &str) -> Result<&'a Map<String, Value>, String> {
    value.as_object().ok_or_else(|| format!("{what} must be an object {{...}}"))
}

fn groups(value: &Map<String, Value>, what: &str) -> Result<BTreeMap<String, Names>, String> {
    let group = |(name, value): (&String, &Value)| {
        let place = format!("{what}.{name}");
        Ok((name.clone(), names(object(value, &place)?, &place)?))
    };
    value.iter().map(group).collect()
}

fn names(value: &Map<String, Value>, what: &str) -> Result<Names, String> {
    let one = |(name, value): (&String, &Value)| match value {
        Value::String(packages) => {
            Ok((name.clone(), packages.split_whitespace().map(ToString::to_string).collect()))
        }
        Value::Null => Ok((name.clone(), Vec::new())),
        _ => Err(format!("{what}.{name} must be a text of package names")),
    };
    value.iter().map(one).collect()
}

impl PkgMap {
    fn get(&self, name: &str, query: &Query<'_>) -> Option<&Vec<String>> {
        let release = if query.release == "8-stream" { "8" } else { query.release };
        let release = self.release.get(&(query.distro.to_string(), release.to_string()));
        let family = family(query.distro).and_then(|family| self.family.get(family));
        [release, self.distro.get(query.distro), family, Some(&self.default)]
            .into_iter()
            .flatten()
            .find_map(|names| names.get(name))
    }
}

/// The packages that `names` stand for in the map of one element, in their order.
pub fn lookup(maps: &PkgMaps, query: &Query<'_>, names: &[&str]) -> Result<Vec<String>, PkgMapError> {
    let map = maps.get(query.element);
    if map.is_none() && !query.missing_ok {
        return Err(PkgMapError::NoMap(query.element.to_string()));
    }
    let mut packages = Vec::new();
    for name in names {
        match map.and_then(|map| map.get(name, query)) {
            Some(found) => packages.extend(found.iter().cloned()),
            None if query.missing_ok => packages.push(name.to_string()),
            None => {
                return Err(PkgMapError::NoMapping {
                    element: query.element.to_string(),
                    name: name.to_string(),
                    distro: query.distro.to_string(),
                    release: query.release.to_string(),
                });
            }
        }
    }
    Ok(packages)
}

/// The packages of a phase's list under the distribution's names: each once, in order. Names without a mapping stay.
pub fn translate(maps: &PkgMaps, list: &[AskedPackage], distro: &str, release: &str) -> Vec<String> {
    let mut packages: Vec<String> = Vec::new();
    for AskedPackage { name, element } in list {
        let query = Query { element, distro, release, missing_ok: true };
        // With `missing_ok` no name is refused, so there is always a list.
        for package in lookup(maps, &query, &[name.as_str()]).unwrap_or_default() {
            if !packages.contains(&package) {
                packages.push(package);
            }
        }
    }
    packages
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAP: &str = r#"{
        "release": {"debian": {"sid": {"a": "a-sid"}}, "centos": {"8": {"a": "a-8"}}},
        "distro": {"debian": {"a": "a-debian", "b": ""}},
        "family": {"debian": {"a": "a-family", "c": "c1 c2"}, "redhat": {"c": "c-redhat"}},
        "default": {"a": "a-default", "c": "c-default", "d": "d"}
    }"#;

    fn ask(name: &str, distro: &str, release: &str) -> Result<String, u8> {
        let maps = PkgMaps::from([("e".to_string(), parse(MAP, "f").unwrap())]);
        let query = Query { element: "e", distro, release, missing_ok: false };
        lookup(&maps, &query, &[name]).map(|list| list.join(",")).map_err(|error| error.exit_code())
    }

    #[test]
    fn the_most_specific_wins() {
        for (name, distro, release, expected) in [
            ("a", "debian", "sid", Ok("a-sid")),
            ("a", "debian", "bookworm", Ok("a-debian")),
            ("a", "ubuntu", "noble", Ok("a-family")),
            ("a", "centos", "8-stream", Ok("a-8")),
            ("a", "centos", "9-stream", Ok("a-default")),
            ("a", "arch", "", Ok("a-default")),
            ("b", "debian", "", Ok("")),
            ("b", "ubuntu", "", Err(1)),
            ("c", "debian", "", Ok("c1,c2")),
            ("c", "rocky", "9", Ok("c-redhat")),
            ("nosuch", "debian", "", Err(1)),
        ] {
            assert_eq!(
                ask(name, distro, release).as_deref(),
                expected.as_ref().map(|s| *s),
                "{name} {distro} {release}"
            );
        }
    }

    #[test]
    fn missing_maps_and_names() {
        let query = Query { element: "none", distro: "debian", release: "", missing_ok: false };
        assert_eq!(lookup(&PkgMaps::new(), &query, &["x"]).unwrap_err().exit_code(), 2);
        let query = Query { missing_ok: true, ..query };
        assert_eq!(lookup(&PkgMaps::new(), &query, &["x", "y"]), Ok(["x", "y"].map(String::from).into()));
    }

    #[test]
    fn translated_once() {
        let maps = PkgMaps::from([("e".to_string(), parse(MAP, "f").unwrap())]);
        let list = [("c", "e"), ("c1", "other"), ("b", "e"), ("x", "e")]
            .map(|(name, element)| AskedPackage { name: name.into(), element: element.into() });
        assert_eq!(translate(&maps, &list, "debian", "bookworm"), ["c1", "c2", "x"]);
    }

    #[test]
    fn what_nothing_reads_is_told() {
        let map = "{\n  \"familly\": {},\n  \"family\": {\"rhel\": {\"a\": \"b\"}}\n}\n";
        let told = unread(&super::super::testing::element("e", &[("pkg-map", map)]));
        let told: Vec<String> = told.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "/e/e/pkg-map:2: nothing reads the section `familly`; did you mean `family`?; known are release, distro, family, default",
                "/e/e/pkg-map:3: nothing reads the family `rhel`; known are redhat, debian, suse, gentoo",
            ]
        );
        assert!(parse(map, "f").is_ok());
    }

    #[test]
    fn strict() {
        for (text, named) in [
            ("{\n,", "f:2: not JSON"),
            (r#"{"default": {"a": 3}}"#, "default.a must be a text"),
            (r#"{"release": {"debian": {"a": "b"}}}"#, "debian.a must be an object"),
            ("[]", "must be an object"),
        ] {
            let message = parse(text, "f").unwrap_err().to_string();
            assert!(message.contains(named), "{message}");
        }
    }
}
