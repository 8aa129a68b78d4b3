//! What planning knows of an element: here it only gets the names of its rules, and the changes that mend it.
//!
//! In: an element. Out: every complaint of `dibber_plan` as a finding. Never: a complaint without a rule; the compiler asks for one.

use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;

use dibber_model::Arch;
use dibber_plan::elements::{ElementError, ElementWarning, FileLine, complaints, package_installs};
use dibber_plan::{ElementSource, TextSource, check_config};

use crate::finding::Finding;
use crate::fix::{Change, changed};

/// Every complaint of planning.
pub(crate) fn planned(element: &ElementSource) -> Vec<Finding> {
    let mut findings: Vec<Finding> = complaints(element)
        .iter()
        .map(|complaint| match complaint {
            Ok(warning) => {
                let change = change_for(warning);
                Planned { element, at: warning.place(), change }
                    .finding(rule_of_warning(warning), &warning.to_string())
            }
            Err(error) => {
                let nowhere = FileLine::new(element.origin.clone(), 0);
                let at = error.place().unwrap_or(&nowhere);
                let (rule, change) = rule_of_error(error, within(element, &at.file));
                Planned { element, at, change }.finding(rule, &error.to_string())
            }
        })
        .collect();
    let layouts = element.entries.keys().filter_map(|path| Some((path, layout_arch(path)?)));
    findings.extend(layouts.filter_map(|(path, arch)| layout(element, path, arch)));
    findings
}

/// A complaint on its way to a finding.
struct Planned<'a> {
    element: &'a ElementSource,
    at: &'a FileLine,
    change: Option<Change>,
}

impl Planned<'_> {
    /// The message begins with the place, which a finding has for itself.
    fn finding(self, rule: &'static str, message: &str) -> Finding {
        let Planned { element, at, change } = self;
        let path = within(element, &at.file);
        let message = message.strip_prefix(&format!("{at}: ")).unwrap_or(message);
        let finding = Finding::new(rule, element, path, message).at(at.line);
        let works = |change: &Change| {
            element.text(path).is_some_and(|text| match change {
                Change::MakeExecutable => text.starts_with("#!"),
                change => changed(text.as_bytes(), &[*change]) != text.as_bytes(),
            })
        };
        match change.filter(works) {
            Some(change) => finding.mended_by(change),
            None => finding,
        }
    }
}

fn within<'a>(element: &ElementSource, file: &'a str) -> &'a str {
    file.strip_prefix(&element.origin).and_then(|rest| rest.strip_prefix('/')).unwrap_or("")
}

fn rule_of_warning(warning: &ElementWarning) -> &'static str {
    match warning {
        ElementWarning::IgnoredName { .. } => "hook-name",
        ElementWarning::NotExecutable { .. } => "hook-mode",
        ElementWarning::MisspeltPhase { .. } => "phase-directory",
        ElementWarning::CarriageReturn { .. } => "line-ends",
        ElementWarning::Hidden { .. } => "same-file",
        ElementWarning::UnknownKey { .. } => "package-key",
        ElementWarning::UnknownPhase { .. } => "package-phase",
        ElementWarning::FalseFlag { .. } => "package-flag",
        ElementWarning::ListOfArches { .. } => "package-arch",
        ElementWarning::UnknownSection { .. } => "pkg-map-section",
        ElementWarning::RepositoryLine { .. } => "repository-line",
        ElementWarning::WithoutPlumbing { .. } => "deps-plumbing",
    }
}

fn change_for(warning: &ElementWarning) -> Option<Change> {
    match warning {
        ElementWarning::NotExecutable { .. } => Some(Change::MakeExecutable),
        ElementWarning::CarriageReturn { .. } => Some(Change::LineEnds),
        ElementWarning::ListOfArches { .. } => Some(Change::JoinArches),
        _ => None,
    }
}

fn rule_of_error(error: &ElementError, path: &str) -> (&'static str, Option<Change>) {
    match error {
        ElementError::CarriageReturn { .. } => ("line-ends", Some(Change::LineEnds)),
        ElementError::ByteOrderMark { .. } => ("byte-order-mark", Some(Change::DropByteOrderMark)),
        ElementError::NotAName { .. } => ("element-name", None),
        ElementError::Unreadable { .. } => ("unreadable", None),
        ElementError::DuplicateHook { .. } => ("duplicate-hook", None),
        ElementError::ProvidedTwice { .. } => ("provided-twice", None),
        _ => (rule_of_file(path), None),
    }
}

/// What is wrong with a file's format is told by which file it is.
fn rule_of_file(path: &str) -> &'static str {
    match path {
        "pkg-map" => "pkg-map",
        "svc-map" => "svc-map",
        "required-variables" => "required-variables",
        "network-access" => "network-access",
        path if path.starts_with("source-repository-") => "repository-line",
        path if package_installs::is_list(path) => "package-list",
        _ => "unreadable",
    }
}

/// The architecture for which a block-device config is; the default one counts for all.
pub(crate) fn layout_arch(path: &str) -> Option<Arch> {
    let word = path.strip_prefix("block-device-")?.strip_suffix(".yaml")?;
    if word == "default" { Arch::all().next() } else { word.parse().ok() }
}

fn layout(element: &ElementSource, path: &str, arch: Arch) -> Option<Finding> {
    let text = element.text(path)?;
    let fault = check_config(&TextSource { origin: path.into(), text: text.into() }, arch).err()?;
    let hint = fault.hint.as_deref().map(|hint| format!("; {hint}")).unwrap_or_default();
    let finding = Finding::new("block-device", element, path, format!("{}{hint}", fault.cause));
    Some(finding.at(fault.place.line as usize).column(fault.place.column as usize))
}
