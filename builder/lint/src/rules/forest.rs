//! All elements that are known, and what comes together.
//!
//! In: the elements that are looked at, and others. Out: who needs whom. Never: a choice of elements; that is planning's.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;

use dibber_plan::elements::closure::{Closure, close};
use dibber_plan::elements::{ElementError, FileLine, names_in};
use dibber_plan::{ElementSource, SourceSet};

/// Elements, and what each of those that are looked at brings along.
pub(crate) struct Forest<'a> {
    pub(crate) elements: &'a [ElementSource],
    sources: SourceSet,
    /// What is brought along, by element; nothing where a list cannot be read or provides twice.
    pub(crate) together: BTreeMap<&'a str, BTreeSet<String>>,
    /// Names that some element provides.
    provided: BTreeSet<String>,
}

impl<'a> Forest<'a> {
    pub(crate) fn new(elements: &'a [ElementSource], known: &'a [ElementSource]) -> Forest<'a> {
        let mut sources = SourceSet::default();
        for element in elements.iter().chain(known) {
            sources.elements.entry(element.name.clone()).or_insert_with(|| element.clone());
        }
        let provides = elements.iter().chain(known).flat_map(|element| names_in(element, "element-provides"));
        let provided = provides.filter_map(Result::ok).map(|name| name.name).collect();
        let mut forest = Forest { elements, sources, together: BTreeMap::new(), provided };
        for element in elements {
            if let Ok(closure) = forest.closure(&[&element.name]) {
                forest.together.insert(&element.name, closure.needs.into_keys().collect());
            }
        }
        forest
    }

    /// What elements bring along when they are chosen.
    pub(crate) fn closure(&self, names: &[&str]) -> Result<Closure, ElementError> {
        let names: Vec<String> = names.iter().map(|name| String::from(*name)).collect();
        close(&self.sources, &names, &FileLine::new("", 0))
    }

    /// Every element that would be used: of two with one name the first.
    pub(crate) fn used(&self) -> impl Iterator<Item = &ElementSource> {
        self.sources.elements.values()
    }

    /// The element of a name that would be used.
    pub(crate) fn get(&self, name: &str) -> Option<&ElementSource> {
        self.sources.elements.get(name)
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.sources.elements.contains_key(name) || self.provided.contains(name)
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.sources.elements.keys().chain(&self.provided).map(String::as_str)
    }

    /// Whether two elements provide one name, so that no image has both.
    pub(crate) fn are_alternatives(a: &ElementSource, b: &ElementSource) -> bool {
        let names = |element| names_in(element, "element-provides").into_iter().filter_map(Result::ok);
        names(a).any(|name| names(b).any(|other| other.name == name.name))
    }

    /// Whether some element that is looked at brings both along.
    pub(crate) fn come_together(&self, a: &str, b: &str) -> bool {
        self.together.values().any(|names| names.contains(a) && names.contains(b))
    }
}
