//! The key `network` of an image file.
//!
//! In: a merged entry whose shape was checked. Out: its rules, each with its place. Never: a guess; without the key there is none.

use alloc::format;
use alloc::vec::Vec;
use dibber_model::Network;

use super::{NamedRule, Rule};
use crate::yaml::{Fault, Yaml};

/// What an image file declares.
#[derive(Clone, Debug, Default)]
pub(crate) struct ImageRules {
    pub(super) default: Option<Rule>,
    /// By the name of an element.
    pub(super) elements: Vec<NamedRule>,
    /// By a step's `PHASE.d/NAME`.
    pub(super) steps: Vec<NamedRule>,
}

/// Reads `network: none`, or a mapping of `default`, `elements` and `steps`.
pub(crate) fn image_rules(entry: &Yaml) -> Result<ImageRules, Fault> {
    let Some(value) = entry.get("network") else { return Ok(ImageRules::default()) };
    if value.text().is_some() {
        return Ok(ImageRules { default: Some(rule(value)?), ..ImageRules::default() });
    }
    let rules = |key: &str| -> Result<Vec<NamedRule>, Fault> {
        let entries = value.get(key).map(Yaml::entries).unwrap_or_default();
        entries.iter().map(|(name, word)| Ok(NamedRule { name: name.clone(), rule: rule(word)? })).collect()
    };
    Ok(ImageRules {
        default: value.get("default").map(rule).transpose()?,
        elements: rules("elements")?,
        steps: rules("steps")?,
    })
}

fn rule(word: &Yaml) -> Result<Rule, Fault> {
    match word.text().and_then(Network::of_word) {
        Some(network) => Ok(Rule { network, place: format!("{}:{}", word.at.source.origin, word.at.line) }),
        None => Err(word.expected(&Network::WORDS.join(" or "))),
    }
}
