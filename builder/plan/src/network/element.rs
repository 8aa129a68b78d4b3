//! The file `network-access` of an element: what it gives up.
//!
//! In: elements. Out: their lines as rules. Never: a line that means nothing, passed over.
//!
//! A line is `none` or `host`, for the whole element; or one of these and a hook (`host install.d/50-fetch`), for that hook
//! alone. Empty lines and those that begin with `#` say nothing.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use dibber_model::{Network, Phase};

use super::Rule;
use crate::elements::{ElementError, FileLine, phases};
use crate::source::ElementSource;
use crate::spelling;

/// The file at an element's top. dib knows no such file, and copies it beside the hooks, where nothing reads it. Here it is
/// no data of hooks: they do not see it, so that a change of it is new to those steps alone that it is about.
pub(crate) const FILE: &str = "network-access";

/// What one element gives up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ElementRules {
    pub(super) element: String,
    all: Option<Rule>,
    /// By the hook's path in the element.
    hooks: BTreeMap<String, Rule>,
}

impl ElementRules {
    /// The rule about a hook of the element, if there is one.
    pub(super) fn of(&self, path: &str) -> Option<&Rule> {
        self.hooks.get(path).or(self.all.as_ref())
    }
}

/// Reads the file of each element that has one.
pub(crate) fn element_rules(elements: &[ElementSource]) -> Result<Vec<ElementRules>, ElementError> {
    elements.iter().filter(|element| element.entries.contains_key(FILE)).map(read).collect()
}

fn read(element: &ElementSource) -> Result<ElementRules, ElementError> {
    let file = phases::place(element, FILE);
    let text = element.text(FILE).ok_or_else(|| ElementError::Unreadable { place: file.clone() })?;
    let mut given = ElementRules { element: element.name.clone(), all: None, hooks: BTreeMap::new() };
    for (index, line) in text.lines().enumerate() {
        if line.trim().is_empty() || line.trim_start().starts_with('#') {
            continue;
        }
        let place = FileLine::new(file.file.clone(), index + 1);
        let mut words = line.split_whitespace();
        let network = words.next().and_then(Network::of_word);
        let (Some(network), hook, None) = (network, words.next(), words.next()) else {
            let what = "write `none` or `host`, alone for the whole element or with one of its hooks, such as \
                        `none install.d/10-name`";
            return Err(ElementError::format(place, format!("`{}` is no rule; {what}", line.trim())));
        };
        let rule = Rule { network, place: place.to_string() };
        let before = match hook {
            None => given.all.replace(rule),
            Some(hook) => {
                check_hook(element, hook, &place)?;
                given.hooks.insert(hook.to_string(), rule)
            }
        };
        if let Some(before) = before {
            let about = hook.unwrap_or("the whole element");
            let what = format!("{about} has a rule already, at {}; leave one of them out", before.place);
            return Err(ElementError::format(place, what));
        }
    }
    Ok(given)
}

fn check_hook(element: &ElementSource, hook: &str, place: &FileLine) -> Result<(), ElementError> {
    let hooks = hooks(element);
    if hooks.contains(&hook) {
        return Ok(());
    }
    let near = spelling::nearest_name(hook, hooks.iter().copied());
    let mend = match near {
        Some(near) => format!("did you mean `{near}`?"),
        None if hooks.is_empty() => "it has no hooks".to_string(),
        None => format!("it has {}", hooks.join(", ")),
    };
    Err(ElementError::format(place.clone(), format!("this element has no hook `{hook}`; {mend}")))
}

/// Hooks of every phase, those in directories of install types among them.
fn hooks(element: &ElementSource) -> Vec<&str> {
    let of_a_phase = |path: &str| path.split('/').next().and_then(Phase::of_directory).is_some();
    let paths = element.entries.keys().map(String::as_str).filter(|path| path.contains('/'));
    paths.filter(|path| of_a_phase(path) && phases::verdict(element, path) == phases::Verdict::Runs).collect()
}
