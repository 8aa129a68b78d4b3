use alloc::string::ToString;

use super::super::steps::steps;
use super::super::testing::{element, env, words};
use super::*;

/// Nothing is withheld.
fn all() -> Visibility {
    Visibility::default()
}

/// What the step of that name sees, as `path` or `path<-element:source`.
fn seen(elements: &[ElementSource], name: &str) -> Vec<String> {
    let names = words("install-types");
    let variables = env("");
    let request = StepRequest { elements, names: &names, variables: &variables, image_packages: false };
    let steps = steps(&request).unwrap();
    let step = steps.iter().find(|step| step.name == name).unwrap();
    seen_by(&request, &all(), StepPlace { step, at: 0 }).into_iter().map(|file| file.path).collect()
}

#[test]
fn a_step_sees_what_came_before_it_in_its_phase() {
    let elements = [
        element(
            "a",
            &[("!install.d/10-a", ""), ("!install.d/30-a", ""), ("!pre-install.d/10-p", ""), ("top", "")],
        ),
        element(
            "b",
            &[("!install.d/20-b", ""), ("install.d/b.service", ""), ("files/b", ""), ("tests/t", "")],
        ),
        element("c", &[("!install.d/c-source-install/15-c", ""), ("environment.d/10-env", "")]),
    ];
    let expected = [
        "environment.d",
        "environment.d/10-env",
        "files",
        "files/b",
        "install.d",
        "install.d/10-a",
        "install.d/15-c",
        "install.d/20-b",
        "install.d/b.service",
        "install.d/c-source-install",
        "install.d/c-source-install/15-c",
        "pre-install.d",
        "tests",
        "top",
    ];
    let expected: Vec<_> = expected.iter().filter(|path| **path != "tests").collect();
    assert_eq!(
        seen(&elements, "20-b").iter().collect::<Vec<_>>(),
        expected.iter().map(|p| p.to_string()).collect::<Vec<_>>().iter().collect::<Vec<_>>()
    );
    assert!(!seen(&elements, "10-p").contains(&"install.d/10-a".to_string()));
}

#[test]
fn a_link_to_a_hook_of_another_phase_brings_it() {
    let elements = [element(
        "a",
        &[("!finalise.d/99-x", "body"), ("cleanup.d/50-y@", "../finalise.d/99-x"), ("!cleanup.d/10-z", "")],
    )];
    assert!(seen(&elements, "50-y").contains(&"finalise.d/99-x".to_string()));
    assert!(!seen(&elements, "10-z").contains(&"finalise.d/99-x".to_string()));
}

#[test]
fn the_last_element_wins_and_says_so() {
    let elements = [
        element("a", &[("block-device-default.yaml", "a"), ("README.rst", ""), ("static/etc/motd", "a")]),
        element(
            "b",
            &[
                ("block-device-default.yaml", "b"),
                ("README.rst", ""),
                ("static/etc/motd", "b"),
                ("!install.d/1-x", ""),
            ],
        ),
    ];
    let told: Vec<_> = hidden(&elements).iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), 2);
    assert!(
        told[0].starts_with("/e/a/block-device-default.yaml is hidden by /e/b/block-device-default.yaml")
    );
    assert_eq!(check_duplicates(&elements), Ok(()));
    let names = words("");
    let variables = env("");
    let request =
        StepRequest { elements: &elements, names: &names, variables: &variables, image_packages: false };
    let step = steps(&request).unwrap().remove(0);
    let files = seen_by(&request, &all(), StepPlace { step: &step, at: 0 });
    assert_eq!(files.iter().find(|file| file.path == "block-device-default.yaml").unwrap().element, "b");
}

#[test]
fn environment_files_are_in_byte_order() {
    let elements = [
        element(
            "a",
            &[("environment.d/9-e", ""), ("environment.d/100-e", ""), ("environment.d/.hidden", "")],
        ),
        element("b", &[("environment.d/20-e.bash", ""), ("environment.d/20-e~", "")]),
    ];
    let names: Vec<_> = environment(&elements, &all(), 0).into_iter().map(|file| file.path).collect();
    assert_eq!(names, ["environment.d/100-e", "environment.d/20-e.bash", "environment.d/9-e"]);
}
