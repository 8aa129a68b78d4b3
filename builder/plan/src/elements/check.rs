//! One look over chosen elements before anything is built from them.
//!
//! In: resolved elements. Out: an error, or what an author should know. Never: a verdict on what a script does.

use alloc::vec::Vec;

use super::error::{ElementError, ElementWarning};
use super::steps::StepRequest;
use super::{closure, hooks, package_installs, phases, pkg_map, repositories, required_variables, svc_map};
use crate::network;
use crate::source::{ElementSource, Entry};

/// Files and directories that only plumbing reads, and which.
const READ_BY: [(&str, &str); 4] =
    [("bin", "install-bin"), ("pkg-map", "pkg-map"), ("static", "install-static"), ("svc-map", "svc-map")];

/// Checks hooks, names and modes, and that the plumbing which an element's files need was chosen. Warnings come sorted.
pub fn check(request: &StepRequest<'_>) -> Result<Vec<ElementWarning>, ElementError> {
    required_variables::check(request)?;
    let mut warnings = phases::check(request.elements)?;
    hooks::check_duplicates(request.elements)?;
    warnings.extend(hooks::hidden(request.elements));
    for element in request.elements {
        warnings.extend(warnings_of_lists(element));
        for (path, entry) in &element.entries {
            let native = plumbing_of(path, *entry == Entry::Dir);
            if let Some(native) = native.filter(|native| !request.has(native)) {
                let place = phases::place(element, path);
                warnings.push(ElementWarning::WithoutPlumbing { place, native });
            }
        }
    }
    warnings.sort();
    Ok(warnings)
}

/// The plumbing that reads a file or directory of an element.
pub fn plumbing_of(path: &str, is_directory: bool) -> Option<&'static str> {
    match package_installs::is_list(path) {
        true => Some("package-installs"),
        false if path.starts_with("source-repository-") && !is_directory => Some("source-repositories"),
        false => READ_BY.iter().find(|(name, _)| *name == path).map(|(_, native)| *native),
    }
}

/// What dib passes over in the lists of an element, or reads otherwise. What stops a build is said where the list is used.
fn warnings_of_lists(element: &ElementSource) -> impl Iterator<Item = ElementWarning> {
    let packages = package_installs::read_all(element).map(|reading| reading.warnings).unwrap_or_default();
    packages.into_iter().chain(pkg_map::unread(element)).chain(repositories::doubtful(element))
}

/// All that can be said of one element by itself, to the end: what a build would refuse, and what it would warn of.
pub fn complaints(element: &ElementSource) -> Vec<Result<ElementWarning, ElementError>> {
    let mut told = phases::look(element);
    told.extend(warnings_of_lists(element).map(Ok));
    let one = core::slice::from_ref(element);
    let names =
        ["element-deps", "element-provides"].into_iter().flat_map(|file| closure::names_in(element, file));
    let refused = names.filter_map(Result::err);
    let refused =
        refused.chain(required_variables::requirements(element).into_iter().filter_map(Result::err));
    let refused = refused.chain(package_installs::read_all(element).err()).chain(pkg_map::read(one).err());
    // Of which distribution does not matter to whether it can be read.
    let refused = refused.chain(svc_map::read(one, "").err()).chain(network::element_rules(one).err());
    told.extend(refused.map(Err));
    told
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::super::testing::{element, env, words};
    use super::*;

    #[test]
    fn files_without_their_plumbing() {
        let elements = [element(
            "a",
            &[("static/etc/x", ""), ("package-installs.yaml", ""), ("source-repository-a", "")],
        )];
        let (names, variables) = (words("a package-installs"), env(""));
        let request =
            StepRequest { elements: &elements, names: &names, variables: &variables, image_packages: false };
        let told: Vec<_> = check(&request).unwrap().iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "/e/a/source-repository-a: not used, because `source-repositories` is not among the elements; add it to element-deps",
                "/e/a/static: not used, because `install-static` is not among the elements; add it to element-deps",
            ]
        );
    }
}
