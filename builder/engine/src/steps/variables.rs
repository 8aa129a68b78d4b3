//! The variables that hooks of a step see: the plan's, and those that differ outside the tree and inside, such as paths.
//!
//! In: a plan. Out: variables by name, for each side. Never: a variable of the person's own environment.

use std::collections::BTreeMap;

use dibber_model::Side;
use dibber_plan::elements::image_element;
use dibber_plan::elements::visibility::ELEMENTS_YAML;
use dibber_plan::{Plan, contract};
use dibber_sandbox::{BUILD, IN_TARGET};

use super::{ELEMENTS, dib_lib};

/// dib's word for a build without network.
const OFFLINE: &str = "DIB_OFFLINE";

/// dib's Python, which has dib's own package.
const PYTHON: &str = "DIB_PYTHON_EXEC";

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

    /// Hides a variable that only later steps are given. One that dib's driver always has is as if none were declared.
    pub(super) fn withhold(&mut self, name: &str) {
        for side in [&mut self.outside, &mut self.inside] {
            match contract::default_text(name) {
                Some(text) => drop(side.insert(name.into(), text.into())),
                None => drop(side.remove(name)),
            }
        }
    }

    /// Gives programs inside the tree a locale that is sorted as C is, and in UTF-8, which some insist on (Ansible). Its C library has to have it.
    pub(super) fn say_utf8(&mut self) {
        self.inside.insert("LC_ALL".into(), "C.UTF-8".into());
    }

    /// Tells programs that nothing can be fetched.
    pub(super) fn say_offline(&mut self) {
        for side in [&mut self.outside, &mut self.inside] {
            side.insert(OFFLINE.into(), "1".into());
        }
    }

    /// Whether programs are told so, by the plan or by this.
    pub(super) fn is_offline(&self) -> bool {
        [&self.outside, &self.inside]
            .iter()
            .any(|side| side.get(OFFLINE).is_some_and(|text| !text.is_empty()))
    }
}

/// What every program sees: the plan's variables, and those that depend on the side or must not be in an id.
fn variables_on(side: Side, plan: &Plan, epoch: i64) -> BTreeMap<String, String> {
    let mut all: BTreeMap<String, String> =
        contract::default_texts().map(|(name, text)| (name.to_string(), text.to_string())).collect();
    all.extend(plan.variables.clone());
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
    set("ELEMENTS_PATH", format!("{hooks}/{ELEMENTS}"));
    if !plan.variables.contains_key(PYTHON) {
        set(
            PYTHON,
            if side == Side::Host { format!("{hooks}/{}/python3", dib_lib::LIB) } else { "python3".into() },
        );
    }
    if side == Side::Chroot {
        if !plan.variables.contains_key(contract::SYSTEMD_OFFLINE) {
            set(contract::SYSTEMD_OFFLINE, "1".to_string());
        }
    }
    if side == Side::Host {
        set(dib_lib::EXPORTED_DIE, dib_lib::DIE.to_string());
    }
    plan.archive.proxies.variables().for_each(|(name, proxy)| drop(set(name, proxy.to_string())));
    all
}
