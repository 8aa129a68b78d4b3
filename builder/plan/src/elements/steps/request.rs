//! What the steps of a build are made from.
//!
//! The same four values decide which steps there are, what each of them sees, and which packages it installs. So they are handed around
//! as one request, by the modules that answer these questions.
//!
//! In: resolved elements and the variables of a plan. Out: short questions about them. Never: a decision about a step.

use alloc::collections::BTreeMap;
use alloc::string::String;

use super::super::{native, phases};
use crate::source::ElementSource;

/// What the steps are made from.
#[derive(Clone, Copy, Debug)]
pub struct StepRequest<'a> {
    /// Element directories in resolved order, any generated one last.
    pub elements: &'a [ElementSource],
    /// All resolved names, native ones among them.
    pub names: &'a [String],
    /// Variables known at plan time; `DIB_INSTALLTYPE_*` and `DIB_DEFAULT_INSTALLTYPE` are read.
    pub variables: &'a BTreeMap<String, String>,
    /// Whether the image file itself asks for packages.
    pub image_packages: bool,
}

impl StepRequest<'_> {
    pub(crate) fn has(&self, native: &str) -> bool {
        self.names.iter().any(|name| name == native)
    }

    /// Whether a plumbing element is among them, and done by this program: no directory took its place.
    pub(crate) fn has_native(&self, name: &str) -> bool {
        let has_directory = || self.elements.iter().any(|element| element.name == name);
        self.has(name) && native::native(name).is_some_and(|native| !native.yields || !has_directory())
    }

    pub(crate) fn any_directory(&self, directory: &str) -> bool {
        self.elements.iter().any(|element| phases::children(element, directory).next().is_some())
    }
}
