use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::*;
use crate::elements::testing::{element, words};
use crate::elements::{StepRequest, steps};
use crate::source::{ElementSource, TextSource};
use crate::yaml::read;

fn elements(quiet: &str) -> [ElementSource; 2] {
    [
        element("quiet", &[("!install.d/10-a", ""), ("!install.d/20-b", ""), (FILE, quiet)]),
        element("loud", &[("!install.d/30-c", "")]),
    ]
}

/// Steps without network, each with the place that says so.
fn told(quiet: &str, image: &str) -> Result<Vec<String>, String> {
    let (elements, names, variables) = (elements(quiet), words("quiet loud"), BTreeMap::new());
    let request =
        StepRequest { elements: &elements, names: &names, variables: &variables, image_packages: false };
    let steps = steps(&request).map_err(|error| error.to_string())?;
    let source = TextSource { origin: "i.yaml".into(), text: image.into() };
    let entry = read(&Arc::new(source)).map_err(|fault| fault.to_string())?;
    let image = image_rules(&entry).map_err(|fault| fault.to_string())?;
    let given = element_rules(&elements).map_err(|error| error.to_string())?;
    let cuts = cuts(&image, &given, &names, &steps).map_err(|fault| fault.to_string())?;
    let lines = steps.iter().filter_map(|step| Some(format!("{} {}", step.name, cuts.of(step)?)));
    Ok(lines.chain(cuts.of_added().map(|place| format!("added {place}"))).collect())
}

#[test]
fn elements_give_up_what_they_have() {
    assert_eq!(told("", "a: b"), Ok(Vec::new()));
    assert_eq!(
        told("none", "a: b").unwrap(),
        [
            "10-a /e/quiet/network-access:1",
            "20-b /e/quiet/network-access:1",
            "added /e/quiet/network-access:1"
        ],
        "what a hook without network adds has none"
    );
    assert_eq!(
        told("# why\n\nnone\nhost install.d/20-b\n", "a: b").unwrap(),
        ["10-a /e/quiet/network-access:3", "added /e/quiet/network-access:3"]
    );
    assert_eq!(
        told("none install.d/20-b", "a: b").unwrap(),
        ["20-b /e/quiet/network-access:1", "added /e/quiet/network-access:1"]
    );
}

#[test]
fn an_image_has_the_last_word() {
    let all = ["10-a i.yaml:1", "20-b i.yaml:1", "30-c i.yaml:1", "added i.yaml:1"];
    assert_eq!(told("host\nhost install.d/10-a", "network: none").unwrap(), all, "no element claims it");
    let mixed = "network:\n  default: none\n  elements: {loud: host}\n  steps: {install.d/20-b: host}\n";
    assert_eq!(told("none", mixed).unwrap(), ["10-a i.yaml:2", "added i.yaml:2"]);
    let narrow = "network:\n  elements: {quiet: host}\n  steps: {install.d/10-a: none}\n";
    assert_eq!(
        told("none", narrow).unwrap(),
        ["10-a i.yaml:3", "added i.yaml:3"],
        "the step's rule before the element's"
    );
    let kept = "network: host";
    assert_eq!(
        told("none install.d/10-a", kept).unwrap(),
        ["10-a /e/quiet/network-access:1", "added /e/quiet/network-access:1"]
    );
}

#[test]
fn rules_about_nothing_are_refused_by_place() {
    for (quiet, image, message) in [
        ("no", "a: b", "/e/quiet/network-access:1: `no` is no rule; write `none` or `host`"),
        ("\nnone install.d/10-a x", "a: b", "/e/quiet/network-access:2: `none install.d/10-a x` is no rule"),
        (
            "none install.d/10-b",
            "a: b",
            "/e/quiet/network-access:1: this element has no hook `install.d/10-b`; did you mean `install.d/10-a`?",
        ),
        (
            "none\nhost",
            "a: b",
            "/e/quiet/network-access:2: the whole element has a rule already, at /e/quiet",
        ),
        ("", "network: off", "i.yaml:1:10: none or host is expected here"),
        (
            "",
            "network:\n  elements: {quite: none}",
            "i.yaml:2:14: this image has no element `quite`; did you mean `quiet`?",
        ),
        (
            "",
            "network:\n  steps: {install/10-a: none}",
            "i.yaml:2:11: this image has no step `install/10-a`; did you mean `install.d/10-a`?",
        ),
    ] {
        let error = told(quiet, image).unwrap_err().to_string();
        assert!(error.starts_with(message), "{quiet:?} {image:?}\n{error}");
    }
}
