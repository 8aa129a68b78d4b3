//! Install types: which directories of `install.d` a build uses.
//!
//! An element may bring a program in several ways, such as from source and as a package, each with hooks in a directory of its own
//! (`nova-source-install`). dib links the chosen one into `install.d` while it builds; here it is known before.
//!
//! In: a directory's name and the variables. Out: whether it is the chosen one. Never: a change of `install.d`.

use alloc::format;
use alloc::string::String;

use super::request::StepRequest;

/// Whether a directory `<prefix>-<type>-install` of `install.d` is the chosen install type of its prefix: the type that
/// `DIB_INSTALLTYPE_<prefix>` names, or else the default (dib's `99-enable-install-types`).
pub(crate) fn is_chosen(request: &StepRequest<'_>, directory: &str) -> bool {
    let Some(types) = directory.strip_suffix("-install") else { return false };
    if !request.has("install-types") {
        return false;
    }
    let default = request.variables.get("DIB_DEFAULT_INSTALLTYPE").map_or("source", String::as_str);
    types.match_indices('-').any(|(at, _)| {
        let (prefix, kind) = (&types[..at], &types[at + 1..]);
        let variable = format!("DIB_INSTALLTYPE_{}", prefix.replace('-', "_"));
        kind == request.variables.get(&variable).map_or(default, String::as_str)
    })
}
