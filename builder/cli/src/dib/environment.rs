//! The caller's environment, as far as it is for images.
//!
//! In: the environment of this process. Out: variables by name. Never: a value in a message: it may be a secret.

use std::collections::BTreeMap;

use dibber_plan::Plan;
use dibber_plan::dib::is_given_to_hooks;

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
    let names: Vec<String> = variables()
        .into_iter()
        .filter(|(name, value)| name.starts_with("DIB_") && !value.is_empty() && is_given_to_hooks(name))
        .map(|(name, _)| name)
        .filter(|name| !is_declared(name))
        .collect();
    let first = names.first()?;
    Some(format!(
        "not used, though the environment has it: {}; images do not depend on who builds them: declare it, as in \
         --env {first}=\"${first}\", or build with disk-image-create, which uses them all",
        names.join(", ")
    ))
}
