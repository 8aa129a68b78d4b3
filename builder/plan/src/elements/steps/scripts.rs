//! The scripts that elements bring for a phase.
//!
//! A script lies directly in its phase's directory or, for the install phase, in the directory of an install type that was chosen.
//!
//! In: a request and a phase. Out: the scripts. Never: an order, which `run_parts` knows.

use alloc::vec::Vec;
use dibber_model::Phase;

use super::super::phases::{self, Child};
use super::install_type;
use super::request::StepRequest;
use crate::source::ElementSource;

/// A script of a phase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ScriptHook<'a> {
    pub(crate) name: &'a str,
    pub(crate) path: &'a str,
    pub(crate) element: &'a ElementSource,
}

/// The scripts of a phase, those of chosen install types among them, in no particular order.
pub(crate) fn scripts<'a>(request: &StepRequest<'a>, phase: Phase) -> Vec<ScriptHook<'a>> {
    let mut found = Vec::new();
    for element in request.elements {
        let directory = phase.directory();
        for Child { name, path } in phases::children(element, &directory) {
            match phases::verdict(element, path) {
                phases::Verdict::Runs => found.push(ScriptHook { name, path, element }),
                phases::Verdict::Directory
                    if phase == Phase::Install && install_type::is_chosen(request, name) =>
                {
                    let inner = phases::hooks(element, path);
                    found.extend(inner.map(|Child { name, path }| ScriptHook { name, path, element }));
                }
                _ => {}
            }
        }
    }
    found
}
