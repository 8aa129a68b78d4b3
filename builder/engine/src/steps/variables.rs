//! The variables that hooks of a step see: the plan's, and those that differ outside the tree and inside, such as paths.
//!
//! In: a plan. Out: variables by name, for each side. Never: a variable of the person's own environment.

use std::collections::BTreeMap;

use dibber_model::Side;
use dibber_plan::Plan;
use dibber_plan::elements::image_element;
use dibber_plan::elements::visibility::ELEMENTS_YAML;
use dibber_sandbox::{BUILD, IN_TARGET};

use super::{ELEMENTS, dib_lib};

/// dib's word for a build without network.
const OFFLINE: &str = "DIB_OFFLINE";

/// Variables of programs outside the tree and inside.
pub(super) struct HookVariables {
    outside: BTreeMap<String, String>,
    inside: BTreeMap<String, String>,
}

impl HookVariables {
    pub(super) fn new(plan: &Plan, epoch: i64) -> Self {
        HookVariables {
            outside: variables_on(Side::Host, plan, epoch),
            inside: variables_on(Side::Chroot, plan, epoch),
        }
    }

    /// Those of programs on one side.
    pub(super) fn on(&self, side: Side) -> &BTreeMap<String, String> {
        match side {
            Side::Host => &self.outside,
            Side::Chroot => &self.inside,
        }
    }

    /// Hides a variable that only later steps are given.
    pub(super) fn withhold(&mut self, name: &str) {
        self.outside.remove(name);
        self.inside.remove(name);
    }

    /// Tells programs that nothing can be fetched.
    pub(super) fn say_offline(&mut self) {
        for side in [&mut self.outside, &mut self.inside] {
            side.insert(OFFLINE.into(), "1".into());
        }
    }

    /// Whether programs are told so, by the plan or by this.
    pub(super) fn is_offline(&self) -> bool {
        self.outside.contains_key(OFFLINE) || self.inside.contains_key(OFFLINE)
    }
}

/// What every program sees: the plan's variables, and those that depend on the side or must not be in an id.
fn variables_on(side: Side, plan: &Plan, epoch: i64) -> BTreeMap<String, String> {
    let mut all = plan.variables.clone();
    let mut set = |name: &str, value: String| all.insert(name.to_string(), value);
    set("SOURCE_DATE_EPOCH", epoch.to_string());
    let hooks = match side {
        Side::Host => format!("{BUILD}/hooks"),
        Side::Chroot => IN_TARGET.to_string(),
    };
    let places = plan.names.iter().map(|name| (name.clone(), format!("{hooks}/{ELEMENTS}/{name}"))).collect();
    set(ELEMENTS_YAML, image_element::image_element_yaml(&places));
    set(image_element::EXPORTED_FUNCTION, image_element::image_element_function(&places));
    set("_LIB", format!("{hooks}/{}", dib_lib::LIB));
    if side == Side::Host {
        set(dib_lib::EXPORTED_DIE, dib_lib::DIE.to_string());
    }
    plan.archive.proxies.variables().for_each(|(name, proxy)| drop(set(name, proxy.to_string())));
    all
}
