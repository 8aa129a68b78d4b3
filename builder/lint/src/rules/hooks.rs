//! Hooks by their names and first lines, links among them, and files of one name in several elements.
//!
//! In: an element, or all that are known. Out: findings. Never: an order in which hooks run.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use dibber_model::Phase;
use dibber_plan::elements::hooks::is_copied;
use dibber_plan::elements::phases::{self, Child, join};
use dibber_plan::{ElementSource, Entry};

use super::forest::Forest;
use crate::finding::Finding;
use crate::shell::interpreter;

/// Hooks of every phase.
pub(crate) fn all_hooks(element: &ElementSource) -> impl Iterator<Item = Child<'_>> {
    Phase::all().flat_map(|phase| phases::hooks(element, &phase.directory()).collect::<Vec<_>>())
}

/// What can be told of hooks by themselves.
pub(crate) fn hooks(element: &ElementSource) -> Vec<Finding> {
    let mut findings = Vec::new();
    for Child { name, path } in all_hooks(element) {
        if !name.starts_with(|c: char| c.is_ascii_digit()) {
            let what = "a hook without a number before its name runs before all others; name it `NN-...`";
            findings.push(Finding::new("hook-number", element, path, what));
        }
        let text = element.text(path).filter(|text| !text.is_empty() && !text.contains('\0'));
        if text.is_some_and(|text| interpreter(text).is_none() && !text.starts_with('\u{feff}')) {
            let what =
                "a hook without `#!` is read by whichever shell starts it; begin it with `#!/bin/bash`";
            findings.push(Finding::new("no-interpreter", element, path, what).at(1));
        }
    }
    findings
}

/// Links in phases' directories that lead nowhere once all elements are merged. An absolute one is a path of the tree or the machine.
pub(crate) fn links(forest: &Forest<'_>, element: &ElementSource) -> Vec<Finding> {
    let directories = Phase::all().map(Phase::directory).chain([String::from("environment.d")]);
    let mut findings = Vec::new();
    for Child { path, .. } in directories.flat_map(|dir| phases::children(element, &dir).collect::<Vec<_>>())
    {
        let Some(Entry::Symlink(target)) = element.entries.get(path) else { continue };
        let what = match join(path, target) {
            None if target.starts_with('/') => continue,
            None => format!("this link leads to {target}, out of the element; put the file itself here"),
            Some(inner) if leads_somewhere(forest, element, &inner) => continue,
            Some(_) => {
                format!("this link leads to {target}, where no element has a file; put the file itself here")
            }
        };
        findings.push(Finding::new("link", element, path, what));
    }
    findings
}

fn leads_somewhere(forest: &Forest<'_>, element: &ElementSource, path: &str) -> bool {
    core::iter::once(element).chain(forest.used()).any(|element| element.entries.contains_key(path))
}

/// Files that are one in the hooks directory: an error where both elements come together, and else a warning.
pub(crate) fn duplicates(forest: &Forest<'_>) -> Vec<Finding> {
    let mut owners: BTreeMap<&str, Vec<&ElementSource>> = BTreeMap::new();
    for element in forest.used() {
        for (path, entry) in &element.entries {
            if path.matches('/').count() == 1 && *entry != Entry::Dir && is_copied(path) {
                owners.entry(path).or_default().push(element);
            }
        }
    }
    let mut findings = Vec::new();
    for (path, owners) in owners.iter().filter(|(_, owners)| owners.len() > 1) {
        for (index, second) in owners.iter().enumerate().skip(1) {
            findings
                .extend(owners[..index].iter().filter_map(|first| duplicate(forest, path, first, second)));
        }
    }
    findings
}

fn duplicate(
    forest: &Forest<'_>,
    path: &str,
    first: &ElementSource,
    second: &ElementSource,
) -> Option<Finding> {
    let is_asked =
        |element: &ElementSource| forest.elements.iter().any(|asked| asked.origin == element.origin);
    let (at, other) = if is_asked(second) { (second, first) } else { (first, second) };
    let place = format!("{}/{path}", other.origin);
    if forest.come_together(&first.name, &second.name) {
        let what =
            format!("{place} is the same file of the build, which cannot have both; rename one of them");
        return Some(Finding::new("duplicate-hook", at, path, what));
    }
    // Of elements that are only known, most never meet those that are looked at.
    let what =
        format!("{place} would be the same file of an image that has both elements; rename one of them");
    let may_meet = is_asked(first) && is_asked(second) && !Forest::are_alternatives(first, second);
    may_meet.then(|| Finding::new("same-file", at, path, what))
}
