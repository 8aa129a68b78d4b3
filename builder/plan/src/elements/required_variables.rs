//! The file `required-variables` of an element: variables without which its hooks would fail, so that the image is refused before the first
//! of them has run.
//!
//! A line is a variable's name and an example of a value: `DIB_CLOUD_INIT_DATASOURCES ConfigDrive, OpenStack`. Empty lines and those that
//! begin with `#` say nothing. dib knows no such file, and copies it beside the hooks, where nothing reads it.
//!
//! In: elements and variables. Out: an error for the first variable that is missing. Never: a judgement of a value that there is.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::error::{ElementError, FileLine};
use super::steps::StepRequest;
use super::visibility::{NEVER, Visibility};
use super::{hooks, phases};
use crate::source::ElementSource;

/// The file at an element's top. Hooks do not see it, so that a change of it is new to no step.
pub(crate) const FILE: &str = "required-variables";

/// One line of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    /// The variable.
    pub name: String,
    /// A value that it may have.
    pub example: String,
    /// Where it is asked for.
    pub place: FileLine,
}

/// What an element requires, or what is wrong with each line that says so.
pub fn requirements(element: &ElementSource) -> Vec<Result<Requirement, ElementError>> {
    if !element.entries.contains_key(FILE) {
        return Vec::new();
    }
    let place = phases::place(element, FILE);
    let Some(text) = element.text(FILE) else { return Vec::from([Err(ElementError::Unreadable { place })]) };
    let lines = text.lines().map(str::trim).enumerate();
    let lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    lines.map(|(index, line)| requirement(line, FileLine::new(place.file.clone(), index + 1))).collect()
}

fn requirement(line: &str, place: FileLine) -> Result<Requirement, ElementError> {
    let (name, example) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    if !crate::image::is_variable(name) || example.is_empty() {
        let what = format!("`{line}` is no requirement; write a variable's name and an example of its value");
        return Err(ElementError::format(place, what));
    }
    Ok(Requirement { name: name.into(), example: example.trim_start().into(), place })
}

/// Refuses an element whose variables are neither declared nor given a value by a file of environment.d.
pub(crate) fn check(request: &StepRequest<'_>) -> Result<(), ElementError> {
    for element in request.elements {
        for requirement in requirements(element) {
            let Requirement { name, example, place } = requirement?;
            if !is_given(request, &name) {
                let what = format!(
                    "element `{}` needs the variable {name}; set it under `environment:` of the image, or by --env, as in \
                     --env '{name}={example}'",
                    element.name
                );
                return Err(ElementError::format(place, what));
            }
        }
    }
    Ok(())
}

fn is_given(request: &StepRequest<'_>, name: &str) -> bool {
    let declared = request.variables.get(name).is_some_and(|value| !value.is_empty());
    declared || request.elements.iter().any(|element| is_assigned_by(element, name))
}

/// Whether a file of environment.d assigns to the variable; what it makes of it is known in the sandbox alone.
fn is_assigned_by(element: &ElementSource, name: &str) -> bool {
    let files = hooks::environment(core::slice::from_ref(element), &Visibility::default(), NEVER);
    let assignment = format!("{name}=");
    files.iter().filter_map(|file| element.text(&file.source)).flat_map(str::lines).any(|line| {
        let words = line.split([' ', '\t', ';']).take_while(|word| !word.starts_with('#'));
        words.into_iter().any(|word| word.starts_with(&assignment))
    })
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::super::testing::{element, env, words};
    use super::*;

    fn run(elements: &[ElementSource], variables: &str) -> Result<(), String> {
        let (names, variables) = (words(""), env(variables));
        let request = StepRequest { elements, names: &names, variables: &variables, image_packages: false };
        check(&request).map_err(|error| error.to_string())
    }

    #[test]
    fn a_variable_that_is_missing_is_named_with_an_example() {
        let needs = element("e", &[(FILE, "# why\n\nDIB_SOURCES ConfigDrive, OpenStack\n")]);
        let refused = "/e/e/required-variables:3: element `e` needs the variable DIB_SOURCES; set it under `environment:` of the image, \
                       or by --env, as in --env 'DIB_SOURCES=ConfigDrive, OpenStack'";
        assert_eq!(run(core::slice::from_ref(&needs), "").unwrap_err(), refused);
        assert_eq!(run(core::slice::from_ref(&needs), "DIB_SOURCES=").unwrap_err(), refused);
        assert_eq!(run(core::slice::from_ref(&needs), "DIB_SOURCES=None"), Ok(()));
        let file = |text: &str| [needs.clone(), element("d", &[("environment.d/10-x.bash", text)])];
        assert_eq!(run(&file("export DIB_SOURCES=${DIB_SOURCES:-Ec2}\n"), ""), Ok(()));
        assert!(run(&file("# DIB_SOURCES=x\necho $DIB_SOURCES\n"), "").is_err());
    }

    #[test]
    fn a_line_without_an_example_is_none() {
        for line in ["DIB_SOURCES", "A-B x"] {
            let refused = run(&[element("e", &[(FILE, line)])], "DIB_SOURCES=x").unwrap_err();
            assert!(
                refused.starts_with("/e/e/required-variables:1: ") && refused.contains("an example"),
                "{refused}"
            );
        }
    }
}
