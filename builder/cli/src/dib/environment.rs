//! The caller's environment, as far as it is for images.
//!
//! In: the environment of this process. Out: variables by name. Never: a value in a message: it may be a secret.

use std::collections::BTreeMap;

use dibber_plan::Plan;
use dibber_plan::dib::{VARIABLES, VariableEffect, is_given_to_hooks};

/// Every variable whose name and value are texts.
pub(crate) fn variables() -> BTreeMap<String, String> {
    let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
        Some((name.into_string().ok()?, value.into_string().ok()?))
    };
    std::env::vars_os().filter_map(text).collect()
}

/// What somebody who comes from dib would expect to count for `dibber build`, and does not: said once for all images.
pub(crate) fn unused_by_dibber(plans: &[Plan]) -> Option<String> {
    let is_declared = |name: &String| plans.iter().any(|plan| plan.variables.contains_key(name));
    let counts_for_dib = |name: &String| {
        let facts = VARIABLES.iter().find(|facts| facts.name == name);
        match facts.map(|facts| facts.effect) {
            Some(VariableEffect::Image) => true,
            Some(VariableEffect::Command) => name.starts_with("DIB_"),
            Some(VariableEffect::None(_)) => false,
            None => name.starts_with("DIB_") && is_given_to_hooks(name),
        }
    };
    let all = variables().into_iter().filter(|(_, value)| !value.is_empty()).map(|(name, _)| name);
    let names: Vec<String> = all.filter(|name| counts_for_dib(name) && !is_declared(name)).collect();
    let first = names.first()?;
    Some(format!(
        "not used, though the environment has it: {}; images do not depend on who builds them: declare it, as in \
         --env {first}=\"${first}\", or build with disk-image-create, which uses them all",
        names.join(", ")
    ))
}
