//! All rules over what was asked for.
//!
//! In: elements, and others that they may need. Out: findings by place, less what the files themselves ask not to be told. Never: a finding
//! about an element that is only known.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use dibber_model::Phase;
use dibber_plan::elements::package_installs;
use dibber_plan::{ElementSource, Entry};

use crate::finding::Finding;
use crate::rules::forest::Forest;
use crate::rules::{deps, environment, files, hooks, lists, planned, scripts, sudo, variables};
use crate::suppress::Spared;

/// What is to be looked at.
#[derive(Clone, Copy, Debug, Default)]
pub struct LintRequest<'a> {
    /// The elements.
    pub elements: &'a [ElementSource],
    /// Others that these may need: of the same tree, of the path of elements, of the program.
    pub known: &'a [ElementSource],
}

/// Rules that look at one element by itself.
type OwnRule = fn(&ElementSource) -> Vec<Finding>;

const OWN_RULES: [OwnRule; 7] = [
    planned::planned,
    files::files,
    lists::lists,
    hooks::hooks,
    environment::environment,
    scripts::scripts,
    sudo::sudo,
];

/// Looks at everything. Findings come by file and line.
pub fn lint(request: &LintRequest<'_>) -> Vec<Finding> {
    let cases: Vec<ElementSource> = request.elements.iter().flat_map(cases).collect();
    let forest = Forest::new(request.elements, request.known);
    let mut findings = Vec::new();
    for element in request.elements {
        findings.extend(files::documentation(element));
        findings.extend(deps::deps(&forest, element));
    }
    for element in request.elements.iter().chain(&cases) {
        findings.extend(OWN_RULES.iter().flat_map(|rule| rule(element)));
        findings.extend(variables::variables(&forest, element));
        findings.extend(hooks::links(&forest, element));
    }
    findings.extend(deps::circles(&forest));
    findings.extend(hooks::duplicates(&forest));
    told(findings, request.elements.iter().chain(&cases))
}

/// What a build from the element would not notice, or would do without: the errors that one element shows by itself.
pub fn spoilt(element: &ElementSource) -> Vec<Finding> {
    let findings = OWN_RULES.iter().flat_map(|rule| rule(element)).filter(Finding::is_error).collect();
    told(findings, core::iter::once(element))
}

/// Whether a directory is an element, by the names of what is in it.
pub fn looks_like_element<'a>(names: impl IntoIterator<Item = &'a str>) -> bool {
    const FILES: [&str; 6] =
        ["element-deps", "element-provides", "environment.d", "pkg-map", "svc-map", "static"];
    names.into_iter().any(|name| {
        let is_phase = Phase::of_directory(name).is_some();
        let is_layout = name.starts_with("block-device-") && name.ends_with(".yaml");
        is_phase
            || is_layout
            || FILES.contains(&name)
            || package_installs::is_list(name)
            || name.starts_with("source-repository-")
    })
}

/// The test cases of an element, which are elements themselves: directories below `test-elements`.
fn cases(element: &ElementSource) -> Vec<ElementSource> {
    let mut found: BTreeMap<&str, BTreeMap<String, Entry>> = BTreeMap::new();
    for (path, entry) in &element.entries {
        let below = path.strip_prefix(CASES).and_then(|rest| rest.split_once('/'));
        if let Some((name, inner)) = below {
            found.entry(name).or_default().insert(inner.to_string(), entry.clone());
        }
    }
    let case = |(name, entries): (&str, _)| ElementSource {
        name: name.to_string(),
        origin: format!("{}/{CASES}{name}", element.origin),
        entries,
        modes: BTreeMap::new(),
    };
    found.into_iter().map(case).collect()
}

/// Where an element has its test cases, which are looked at as elements.
pub(crate) const CASES: &str = "test-elements/";

fn told<'a>(findings: Vec<Finding>, elements: impl Iterator<Item = &'a ElementSource>) -> Vec<Finding> {
    let mut spared: BTreeMap<String, Spared<'_>> = BTreeMap::new();
    for element in elements {
        for path in element.entries.keys().filter(|path| !path.starts_with(CASES)) {
            if let Some(text) = element.text(path).filter(|text| text.contains("dib-lint:")) {
                spared.insert(format!("{}/{path}", element.origin), Spared::of(text));
            }
        }
    }
    let is_spared =
        |finding: &Finding| spared.get(&finding.file).is_some_and(|spared| spared.spares(finding));
    let mut findings: Vec<Finding> = findings.into_iter().filter(|finding| !is_spared(finding)).collect();
    let order = |finding: &Finding| (finding.file.clone(), finding.line, finding.column, finding.rule.name);
    findings.sort_by_cached_key(order);
    findings.dedup();
    findings
}
