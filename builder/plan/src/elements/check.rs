//! One look over chosen elements before anything is built from them.
//!
//! In: resolved elements. Out: an error, or what an author should know. Never: a verdict on what a script does.

use alloc::vec::Vec;

use super::error::{ElementError, ElementWarning};
use super::steps::StepRequest;
use super::{hooks, package_installs, phases, required_variables};
use crate::source::Entry;

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
        for (path, entry) in &element.entries {
            let repository = path.starts_with("source-repository-") && *entry != Entry::Dir;
            let read_by = READ_BY.iter().find(|(name, _)| name == path).map(|(_, native)| *native);
            let native = match package_installs::is_list(path) {
                true => Some("package-installs"),
                false if repository => Some("source-repositories"),
                false => read_by,
            };
            if let Some(native) = native.filter(|native| !request.has(native)) {
                let place = phases::place(element, path);
                warnings.push(ElementWarning::WithoutPlumbing { place, native });
            }
        }
    }
    warnings.sort();
    Ok(warnings)
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
