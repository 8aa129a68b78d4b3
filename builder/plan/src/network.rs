//! Which steps have the network: what an image file declares, and what elements give up.
//!
//! dib's hooks have the network of the machine, whatever they need. Here every step that runs a program of an element has it too, unless an
//! image file or the element itself says otherwise; which step has none, and which line says so, is part of the plan.
//!
//! In: an image's `network:`, the elements' files, the planned steps. Out: the steps that have none, each with the line that
//! says so. Never: a network that an element claims for itself.
//!
//! The image file has the last word: of its rules the one about the step decides, else the one about the step's element. Where it
//! says nothing of either, its default and the element's own file must both leave the network to the step. So an element can
//! give the network up, for all of its hooks or for some, and can never have what the image withholds.

mod element;
mod image;
#[cfg(test)]
mod tests;

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use dibber_model::{Network, Phase};
use serde::{Deserialize, Serialize};

use crate::spelling::nearest;
use crate::step::{Action, Step};
use crate::yaml::{Fault, Yaml};

pub(crate) use element::FILE;
pub(crate) use element::{ElementRules, element_rules};
pub(crate) use image::{ImageRules, image_rules};

/// A word, and the line that it stands in.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Rule {
    network: Network,
    /// `FILE:LINE`.
    place: String,
}

impl Rule {
    /// The place, if the rule takes the network away.
    fn cut(&self) -> Option<&str> {
        (self.network == Network::None).then_some(self.place.as_str())
    }
}

/// A rule, and the element or step that it is about.
#[derive(Clone, Debug)]
struct NamedRule {
    name: Yaml,
    rule: Rule,
}

/// Steps of a plan that are declared to have no network. All others whose programs may need it have the building machine's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cuts {
    steps: Vec<Cut>,
    /// Where the image's default says it for hooks that other hooks add, which nobody planned.
    added: Option<String>,
}

/// A step without network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Cut {
    phase: Phase,
    name: String,
    place: String,
}

impl Cuts {
    /// The line (`FILE:LINE`) by which a planned step has no network.
    pub(crate) fn of(&self, step: &Step) -> Option<&str> {
        let found = self.steps.iter().find(|cut| cut.phase == step.phase && cut.name == step.name)?;
        Some(&found.place)
    }

    /// The same for a step that was not planned. A hook that may have none must not get it by adding another: where any step has none,
    /// added ones have none.
    pub(crate) fn of_added(&self) -> Option<&str> {
        self.added.as_deref().or_else(|| self.steps.first().map(|cut| cut.place.as_str()))
    }
}

/// Decides about every step. Refuses rules about elements and steps that the image does not have.
pub(crate) fn cuts(
    image: &ImageRules,
    elements: &[ElementRules],
    names: &[String],
    steps: &[Step],
) -> Result<Cuts, Fault> {
    let own = steps.iter().map(|step| step.element.as_str());
    let elements_there: Vec<&str> = names.iter().map(String::as_str).chain(own).collect();
    check_names(&image.elements, &elements_there, "element")?;
    let paths: Vec<String> = steps.iter().map(path).collect();
    check_names(&image.steps, &paths.iter().map(String::as_str).collect::<Vec<_>>(), "step")?;
    let default = image.default.as_ref().and_then(Rule::cut);
    let cut = |step: &Step| -> Option<String> {
        let about = |rules: &[NamedRule], name: &str| {
            rules.iter().find(|rule| rule.name.text() == Some(name)).map(|named| named.rule.clone())
        };
        let said = about(&image.steps, &path(step)).or_else(|| about(&image.elements, &step.element));
        match said {
            Some(rule) => rule.cut().map(ToString::to_string),
            None => default.or_else(|| given_up(elements, step)).map(ToString::to_string),
        }
    };
    let cuts = steps.iter().filter(|step| step.action.may_reach_network()).filter_map(|step| {
        let place = cut(step)?;
        Some(Cut { phase: step.phase, name: step.name.clone(), place })
    });
    Ok(Cuts { steps: cuts.collect(), added: default.map(ToString::to_string) })
}

/// A step as rules name it: `install.d/10-ssh`.
fn path(step: &Step) -> String {
    format!("{}/{}", step.phase.directory(), step.name)
}

/// Where the step's own element gives its network up.
fn given_up<'a>(elements: &'a [ElementRules], step: &Step) -> Option<&'a str> {
    let Action::Script { path } = &step.action else { return None };
    elements.iter().find(|given| given.element == step.element)?.of(path)?.cut()
}

fn check_names(rules: &[NamedRule], there: &[&str], what: &str) -> Result<(), Fault> {
    for NamedRule { name: key, .. } in rules {
        let name = key.text().unwrap_or_default();
        if there.contains(&name) {
            continue;
        }
        let fault = key.at.bad(format!("this image has no {what} `{name}`"));
        return Err(match nearest(name, there.iter().copied()) {
            Some(near) => fault.hint(format!("did you mean `{near}`?")),
            None => fault.hint("`dibber plan` without this line lists all"),
        });
    }
    Ok(())
}
