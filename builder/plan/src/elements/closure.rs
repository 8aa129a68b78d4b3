//! Everything that the requested elements need, and what those provide.
//!
//! In: every element there is, and the names asked for. Out: the chosen names with their needs, and virtual names with their providers.
//! Never: an order; recursion.
//!
//! Follows `element_dependencies.py` of dib: breadth first through `element-deps`.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::error::{ElementError, FileLine};
use super::native;
use crate::source::{ElementSource, SourceSet};

/// A name of an element, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameAt {
    /// The name.
    pub name: String,
    /// The line.
    pub place: FileLine,
}

/// What the walk through `element-deps` gathered.
#[derive(Debug, Default)]
pub struct Closure {
    /// Chosen names and what each needs, sorted.
    pub needs: BTreeMap<String, Vec<String>>,
    /// Virtual names and the chosen element that provides each.
    pub provided: BTreeMap<String, String>,
    /// Names without a directory, and where they were asked for.
    pub missing: Vec<NameAt>,
}

/// Walks twice: names that the first walk found provided are virtual from the start of the second, so that an element
/// does not come in (and bring others) only because its consumer was met before its provider.
pub fn close(sources: &SourceSet, names: &[String], place: &FileLine) -> Result<Closure, ElementError> {
    let first = walk(sources, names, place, &BTreeMap::new())?;
    let asked = |name: &String| names.contains(name);
    let known: BTreeMap<_, _> =
        first.provided.iter().filter(|(name, _)| !asked(name)).map(|(a, b)| (a.clone(), b.clone())).collect();
    let second = walk(sources, names, place, &known)?;
    let same = known.iter().all(|(name, by)| second.provided.get(name) == Some(by));
    Ok(if same { second } else { first })
}

fn walk(
    sources: &SourceSet,
    names: &[String],
    place: &FileLine,
    known: &BTreeMap<String, String>,
) -> Result<Closure, ElementError> {
    let mut closure = Closure::default();
    let mut queue: VecDeque<NameAt> =
        names.iter().map(|name| NameAt { name: name.clone(), place: place.clone() }).collect();
    let mut seen = BTreeSet::new();
    while let Some(NameAt { name, place: asked_at }) = queue.pop_front() {
        if known.contains_key(&name) || !seen.insert(name.clone()) {
            continue;
        }
        let needs: Vec<NameAt> = match (native::standing_for(sources, &name), sources.elements.get(&name)) {
            (Some(native), _) => {
                let liked = native.likes.iter().filter(|name| sources.elements.contains_key(**name));
                let needs = native.needs.iter().chain(liked);
                needs.map(|need| NameAt { name: need.to_string(), place: asked_at.clone() }).collect()
            }
            (None, Some(element)) => {
                provide(element, &mut closure)?;
                list(element, "element-deps")?
            }
            (None, None) => {
                closure.missing.push(NameAt { name, place: asked_at });
                continue;
            }
        };
        let mut sorted: Vec<String> = needs.iter().map(|need| need.name.clone()).collect();
        sorted.sort();
        sorted.dedup();
        closure.needs.insert(name, sorted);
        queue.extend(needs);
    }
    Ok(closure)
}

fn provide(element: &ElementSource, closure: &mut Closure) -> Result<(), ElementError> {
    for NameAt { name, .. } in list(element, "element-provides")? {
        match closure.provided.insert(name.clone(), element.name.clone()) {
            Some(first) if first != element.name => {
                return Err(ElementError::ProvidedTwice { name, first, second: element.name.clone() });
            }
            _ => {}
        }
    }
    Ok(())
}

fn list(element: &ElementSource, file: &str) -> Result<Vec<NameAt>, ElementError> {
    names_in(element, file).into_iter().collect()
}

/// The names of an `element-deps` or `element-provides` file with their places, or what is wrong with a line. A missing file is an
/// empty list.
pub fn names_in(element: &ElementSource, file: &str) -> Vec<Result<NameAt, ElementError>> {
    let path = format!("{}/{file}", element.origin);
    if !element.entries.contains_key(file) {
        return Vec::new();
    }
    let Some(text) = element.text(file) else {
        return Vec::from([Err(ElementError::Unreadable { place: FileLine::new(path, 0) })]);
    };
    let mut names = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let (name, place) = (line.trim(), FileLine::new(path.clone(), index + 1));
        if name.is_empty() {
            continue;
        }
        if name.contains(|c: char| c.is_whitespace() || c == '#' || c == '/' || c.is_control()) {
            names.push(Err(ElementError::NotAName { place, text: name.to_string() }));
            continue;
        }
        names.push(Ok(NameAt { name: name.to_string(), place }));
    }
    names
}
