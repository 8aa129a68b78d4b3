//! Lists: names of `element-deps` in order and once, lines of `source-repository-*` without carriage returns.
//!
//! In: an element. Out: lines. Never: whether an element of the name is there, which `deps` asks.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::vec::Vec;

use dibber_plan::ElementSource;
use dibber_plan::elements::names_in;
use dibber_plan::elements::repositories::is_list;

use super::texts;
use crate::finding::Finding;
use crate::fix::Change;

const DEPS: &str = "element-deps";

/// The rules of this file.
pub(crate) fn lists(element: &ElementSource) -> Vec<Finding> {
    let mut findings = Vec::new();
    let names: Vec<_> = names_in(element, DEPS).into_iter().filter_map(Result::ok).collect();
    if let Some(pair) = names.windows(2).find(|pair| pair[0].name > pair[1].name) {
        let what = format!("`{}` comes after `{}`; names are sorted", pair[1].name, pair[0].name);
        let finding = Finding::new("deps-order", element, DEPS, what).at(pair[1].place.line);
        findings.push(finding.mended_by(Change::SortNames));
    }
    let mut lines: BTreeMap<&str, usize> = BTreeMap::new();
    for name in &names {
        if let Some(first) = lines.insert(&name.name, name.place.line) {
            let what = format!("`{}` stands in line {first} already; leave one out", name.name);
            findings.push(Finding::new("deps-twice", element, DEPS, what).at(name.place.line));
        }
    }
    findings.extend(repositories(element));
    findings
}

/// bash reads these lists, and takes a carriage return for the last letter of a location or a branch.
fn repositories(element: &ElementSource) -> impl Iterator<Item = Finding> {
    let lists = texts(element).filter(|(path, _)| is_list(path));
    lists.filter_map(|(path, text)| {
        let line = text.split('\n').position(|line| line.ends_with('\r'))?;
        let what = "this line ends in a carriage return (CRLF), which is part of its last word; save the file with LF line ends";
        Some(Finding::new("line-ends", element, path, what).at(line + 1).mended_by(Change::LineEnds))
    })
}
