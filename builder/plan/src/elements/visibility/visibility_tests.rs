use super::super::steps::{StepRequest, steps};
use super::super::testing::{element, env, words};
use super::*;
use crate::source::ElementSource;
use alloc::format;
use alloc::vec::Vec;

/// Elements with a system, the variables of an image, and what its steps are given.
struct Set {
    steps: Vec<Step>,
    visibility: Visibility,
}

impl Set {
    fn new(elements: &[ElementSource], variables: &str) -> Set {
        let names = words("system a b install-bin install-static package-installs");
        let variables = env(variables);
        let request = StepRequest { elements, names: &names, variables: &variables, image_packages: false };
        let steps = steps(&request).expect("steps");
        Set { visibility: Visibility::new(&request, &steps), steps }
    }

    /// The first step that is given what stands there, `never` for none.
    fn at(&self, from: usize) -> String {
        self.steps.get(from).map_or("never".to_string(), |step| format!("{}/{}", step.phase, step.name))
    }

    fn variable(&self, name: &str) -> String {
        self.at(self.visibility.variable_from(name))
    }

    fn file(&self, element: &str, path: &str) -> String {
        self.at(self.visibility.file_from(element, path))
    }
}

fn system() -> ElementSource {
    element("system", &[("!root.d/10-system", "mkdir $TARGET_ROOT/etc"), ("README.rst", "DIB_LATE")])
}

#[test]
fn variables_are_given_where_they_are_named() {
    let a = element(
        "a",
        &[
            ("!install.d/50-a", "echo $DIB_A ${OWN_WORD}"),
            ("!post-install.d/50-a", "echo $DIB_A ${DIB_LATE_$x} $(get_image_element_array)"),
            ("environment.d/10-a.bash", "export DIB_DEFAULTED=${DIB_DEFAULTED:-1}\n"),
            ("environment.d/20-a.bash", "umask 022\nexport DIB_B=$DIB_EARLY\n"),
        ],
    );
    let b = element("b", &[("!finalise.d/10-b", "echo $DIB_DEFAULTED; env")]);
    let names = "DIB_A=1 DIB_LATE_x=1 DIB_EARLY=1 OWN_WORD=1 PIP_INDEX_URL=1 ANY=1 DIB_LISTED=1 IMAGE_NAME=i ARCH=amd64";
    let set = Set::new(&[system(), a, b], names);
    for (name, step) in [
        ("DIB_A", "install/50-a"),
        ("OWN_WORD", "install/50-a"),
        ("DIB_LATE_x", "post-install/50-a"),
        ("DIB_EARLY", "root/10-system"),
        ("PIP_INDEX_URL", "root/10-system"),
        ("ARCH", "root/10-system"),
        ("IMAGE_NAME", "finalise/10-b"),
        ("DIB_DEFAULTED", "finalise/10-b"),
        // `env` lists them all; but any program may ask for this one, as no hook names it.
        ("DIB_LISTED", "finalise/10-b"),
        ("ANY", "root/10-system"),
        (ELEMENTS_YAML, "post-install/50-a"),
    ] {
        assert_eq!(set.variable(name), step, "{name}");
    }
    assert_eq!(set.file("a", "environment.d/10-a.bash"), "post-install/50-a", "with all files");
    assert_eq!(set.file("a", "environment.d/20-a.bash"), "root/10-system");
    assert_eq!(set.at(set.visibility.names_from()), "post-install/50-a");
}

#[test]
fn a_variable_that_nobody_names() {
    let set = Set::new(&[system()], "DIB_NOBODY=1 NOBODY=1");
    assert_eq!(set.variable("DIB_NOBODY"), "never");
    // Some program may know it.
    assert_eq!(set.variable("NOBODY"), "root/10-system");
}

#[test]
fn files_are_given_where_something_can_reach_them() {
    let a = element(
        "a",
        &[
            ("bin/tool", "echo $DIB_IN_BIN"),
            ("static/etc/x", "y"),
            ("files/x", "y"),
            ("other/x", "y"),
            ("pkg-map", "{}"),
            ("post-install.d/data/x", "y"),
            ("!extra-data.d/50-a", "cp $TMP_HOOKS_PATH/files/x $TARGET_ROOT"),
            ("!install.d/50-a", "pkg-map --element a x"),
            ("!post-install.d/50-a", ":"),
        ],
    );
    let set = Set::new(&[system(), a], "DIB_IN_BIN=1 DIB_RELEASE=x");
    for (path, step) in [
        ("bin/tool", "pre-install/01-install-bin"),
        ("static/etc/x", "install/10-install-static-files"),
        ("files/x", "extra-data/50-a"),
        ("other/x", "never"),
        ("pkg-map", "install/50-a"),
        ("post-install.d/data/x", "post-install/50-a"),
    ] {
        assert_eq!(set.file("a", path), step, "{path}");
    }
    assert_eq!(set.file("system", "README.rst"), "never");
    assert_eq!(set.variable("DIB_IN_BIN"), "pre-install/01-install-bin");
    assert_eq!(set.variable("DIB_RELEASE"), "install/50-a");
}

#[test]
fn packages_ask_for_the_variables_of_their_conditions() {
    let list = "x:\n  phase: post-install.d\n  when: DIB_WANTS = yes\ny:\n";
    let set = Set::new(&[system(), element("a", &[("package-installs.yaml", list)])], "DIB_WANTS=yes");
    assert_eq!(set.variable("DIB_WANTS"), "post-install/00-package-installs");
}
