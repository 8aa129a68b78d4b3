//! Needs between elements: names that lead nowhere, circles, plumbing that nothing brings.
//!
//! In: all elements that are known. Out: findings about those that are looked at. Never: a verdict on a name that diskimage-builder's own
//! tree has.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use dibber_plan::elements::{ElementError, NameAt, names_in, native, plumbing_of};
use dibber_plan::{ElementSource, Entry, nearest_name};

use super::forest::Forest;
use super::variables::assigns;
use crate::finding::Finding;
use crate::upstream;

const DEPS: &str = "element-deps";
const OPERATING_SYSTEM: &str = "operating-system";

/// What can be told of the needs of one element.
pub(crate) fn deps(forest: &Forest<'_>, element: &ElementSource) -> Vec<Finding> {
    let mut findings = Vec::new();
    for NameAt { name, place } in needs(element) {
        findings.extend(unknown(forest, element, &name).map(|finding| finding.at(place.line)));
    }
    if let Err(ElementError::ProvidedTwice { name, first, second }) = forest.closure(&[&element.name]) {
        let what = format!(
            "this brings along `{first}` and `{second}`, which both provide `{name}`; leave one of them out"
        );
        findings.push(Finding::new("provided-twice", element, DEPS, what));
    }
    findings.extend(plumbing(forest, element));
    findings.extend(distro_name(forest, element));
    findings
}

fn needs(element: &ElementSource) -> impl Iterator<Item = NameAt> {
    names_in(element, DEPS).into_iter().filter_map(Result::ok)
}

fn unknown(forest: &Forest<'_>, element: &ElementSource, name: &str) -> Option<Finding> {
    if forest.has(name) || native::native(name).is_some() || upstream::ELEMENTS.contains(&name) {
        return None;
    }
    let known = forest.names().chain(upstream::ELEMENTS.iter().copied());
    let hint = match nearest_name(name, known) {
        Some(near) => format!("did you mean `{near}`?"),
        None => String::from("if it is in another tree, name that with --elements-path"),
    };
    Some(Finding::new(
        "deps-unknown",
        element,
        DEPS,
        format!("no known element is called `{name}`, and none provides it; {hint}"),
    ))
}

/// What operating systems of every distribution bring along, though few say so where they rely on it.
const IMPLIED: [&str; 2] = ["install-bin", "package-installs"];

/// Files for plumbing that neither this element nor `base`, which every image has, brings along.
fn plumbing(forest: &Forest<'_>, element: &ElementSource) -> Vec<Finding> {
    if native::native(&element.name).is_some() {
        return Vec::new();
    }
    let Ok(closure) = forest.closure(&[&element.name, "base"]) else { return Vec::new() };
    // What is behind an element that is not at hand is not known.
    if closure.missing.iter().any(|missing| missing.name != "base" && !forest.has(&missing.name)) {
        return Vec::new();
    }
    let mut findings = Vec::new();
    for (path, entry) in &element.entries {
        let Some(plumbing) = plumbing_of(path, *entry == Entry::Dir) else { continue };
        if !closure.needs.contains_key(plumbing) {
            let rule = if IMPLIED.contains(&plumbing) { "deps-implied" } else { "deps-plumbing" };
            let what = format!("not used unless another element brings `{plumbing}`; add it to element-deps");
            findings.push(Finding::new(rule, element, path, what));
        }
    }
    findings
}

fn distro_name(forest: &Forest<'_>, element: &ElementSource) -> Option<Finding> {
    let provides = names_in(element, "element-provides").into_iter().filter_map(Result::ok);
    if !provides.into_iter().any(|name| name.name == OPERATING_SYSTEM) {
        return None;
    }
    let names = forest.together.get(element.name.as_str())?;
    let is_set =
        names.iter().filter_map(|name| forest.get(name)).any(|element| assigns(element, "DISTRO_NAME"));
    let what = "an operating system has to set DISTRO_NAME by a file of environment.d, as pkg-map asks for it; export it there";
    (!is_set).then(|| Finding::new("distro-name", element, "element-provides", what))
}

/// Circles, each told once, at the element of it whose name comes first.
pub(crate) fn circles(forest: &Forest<'_>) -> Vec<Finding> {
    let needs_of = |name: &str| -> Vec<String> {
        forest.get(name).map(|element| needs(element).map(|need| need.name).collect()).unwrap_or_default()
    };
    let mut findings = Vec::new();
    for element in forest.elements {
        let circles =
            needs(element).filter_map(|need| Some((way(&needs_of, &need.name, &element.name)?, need.place)));
        for (way, place) in circles {
            if way.iter().all(|name| *name >= element.name) {
                let what = format!(
                    "a circle: {} -> {}; which comes first is not said",
                    element.name,
                    way.join(" -> ")
                );
                findings.push(Finding::new("deps-circle", element, DEPS, what).at(place.line));
            }
        }
    }
    findings
}

/// The shortest way from one element to another, both included.
fn way(needs_of: &dyn Fn(&str) -> Vec<String>, from: &str, to: &str) -> Option<Vec<String>> {
    let mut before: BTreeMap<String, String> = BTreeMap::new();
    let mut seen = BTreeSet::from([from.to_string()]);
    let mut queue = VecDeque::from([from.to_string()]);
    while let Some(name) = queue.pop_front() {
        if name == to {
            let mut way = Vec::from([name]);
            while let Some(earlier) = way.last().and_then(|name| before.get(name)) {
                way.push(earlier.clone());
            }
            way.reverse();
            return Some(way);
        }
        for need in needs_of(&name) {
            if seen.insert(need.clone()) {
                before.insert(need.clone(), name.clone());
                queue.push_back(need);
            }
        }
    }
    None
}
