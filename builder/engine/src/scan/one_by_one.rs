//! Elements for whoever looks at them instead of building from them: one file that cannot be read does not hide the others, and messages name
//! the paths that the person gave.
//!
//! In: a directory. Out: what it has, and what could not be read. Never: a verdict; a link followed inside an element.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use dibber_fs::{Dir, os};
use dibber_model::Digest;
use dibber_plan::{Body, ElementSource, Entry};

use super::element::{ElementPlace, OutsideLink, places, read_element};
use super::{ScanError, unreadable};

/// Longest file that is read of an element beside those that are looked at.
const LIST_MAX: u64 = 1 << 20;

/// Elements, and what was left out of them.
#[derive(Debug, Default)]
pub struct LookedAt {
    /// The elements. Their origins are below the directory as it was given.
    pub elements: Vec<ElementSource>,
    /// Files and links that cannot be part of an element.
    pub faults: Vec<ScanError>,
}

/// What is directly in a directory, by names that are UTF-8. Neither links nor the directory's own name are looked at.
pub fn names(dir: &Path) -> Result<Vec<String>, ScanError> {
    let names = Dir::open(dir).and_then(|dir| dir.names()).map_err(unreadable(dir))?;
    let mut names: Vec<String> =
        names.iter().filter_map(|name| os(name).to_str().map(String::from)).collect();
    names.sort();
    Ok(names)
}

/// The element that a directory is.
pub fn element(dir: &Path) -> Result<LookedAt, ScanError> {
    let real = dir.canonicalize().map_err(unreadable(dir))?;
    let name = real.file_name().and_then(|name| name.to_str());
    let name = name.ok_or_else(|| ScanError::Name { path: real.clone() })?.to_string();
    let mut faults = Vec::new();
    // Without the slash that a shell adds to names of directories.
    let dir: PathBuf = dir.components().collect();
    let element = read_element(name, &dir, &mut |fault| {
        faults.push(fault);
        Ok(())
    })?;
    Ok(LookedAt { elements: vec![element], faults })
}

/// The elements that a directory has.
pub fn elements(dir: &Path) -> Result<LookedAt, ScanError> {
    let mut looked = LookedAt::default();
    let found = sub_directories(dir)?;
    for ElementPlace { name, entry, .. } in found.places {
        let faults = &mut looked.faults;
        let read = read_element(name, &entry, &mut |fault| {
            faults.push(fault);
            Ok(())
        });
        match read {
            Ok(element) => looked.elements.push(element),
            Err(fault) => looked.faults.push(fault),
        }
    }
    let outside = found.outside.into_iter();
    looked.faults.extend(outside.map(|OutsideLink { link, target }| ScanError::Outside { link, target }));
    Ok(looked)
}

/// The elements beside one: what they need and provide, and which variables they set. Nothing else of them is read.
pub fn needs_beside(element: &Path) -> Result<Vec<ElementSource>, ScanError> {
    let real = element.canonicalize().map_err(unreadable(element))?;
    let Some(parent) = real.parent() else { return Ok(Vec::new()) };
    let found = sub_directories(parent)?.places.into_iter().filter(|place| place.real != real);
    Ok(found.filter_map(|place| needs(&place)).collect())
}

fn sub_directories(dir: &Path) -> Result<super::element::ElementPlaces, ScanError> {
    let within: Vec<PathBuf> = dir.canonicalize().into_iter().collect();
    places(dir, &within)
}

/// An element by its lists of names. A directory beside an element need not be one, and then has none.
fn needs(place: &ElementPlace) -> Option<ElementSource> {
    let dir = Dir::open(&place.real).ok()?;
    let environment = dir.below("environment.d").and_then(|dir| dir.names()).unwrap_or_default();
    let environment =
        environment.iter().filter_map(|name| Some(format!("environment.d/{}", os(name).to_str()?)));
    let mut entries = BTreeMap::new();
    for name in ["element-deps", "element-provides"].map(String::from).into_iter().chain(environment) {
        let Ok(bytes) = dir.read(&name, LIST_MAX) else { continue };
        let digest = Digest::of(&bytes);
        entries.insert(name, Entry::File { executable: false, digest, body: Body::Inline(bytes.into()) });
    }
    let origin = place.real.to_str()?.to_string();
    Some(ElementSource { name: place.name.clone(), origin, entries, modes: BTreeMap::new() })
}
