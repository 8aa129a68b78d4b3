//! Which elements a request means.
//!
//! In: every element there is, and the names asked for. Out: the names to use, in order. Never: an order that depends on
//! anything but names and `element-deps` (dib's is that of a Python set).
//!
//! Follows `element_dependencies.py` of dib: breadth first through `element-deps`, names that a chosen element provides
//! are dropped, and somebody must provide `operating-system`. Unlike dib, a provider may be found after its consumer.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use dibber_model::Arch;

use super::closure::{Closure, NameAt, close};
use super::error::{ElementError, FileLine, hint};
use super::{native, order};
use crate::source::{ElementSource, SourceSet};
use crate::spelling;

/// What is asked for.
#[derive(Clone, Debug)]
pub struct ElementRequest<'a> {
    /// Names, in the image file's order.
    pub elements: &'a [String],
    /// Where they stand, for messages: `images/overcloud-full.yaml`, line of `elements:`.
    pub place: FileLine,
    /// Leaves the implicit `base` out (`-n`, `skip_base`).
    pub skip_base: bool,
    /// The ramdisk element that `ramdisk-image-create` puts first.
    pub ramdisk: Option<&'a str>,
    /// Chooses the default block device of `vm`.
    pub arch: Arch,
}

/// Resolves a request: the names of all elements to use, native ones among them, each once, dependencies before
/// dependents.
///
/// The order: elements are taken as requested (ramdisk element, `base`, then the image's own); each is preceded by what
/// it needs, in order of name, where a virtual name stands for the element that provides it. A circle is cut where it closes: as
/// dib has it, an element may need one that needs it.
pub fn resolve(sources: &SourceSet, request: &ElementRequest<'_>) -> Result<Vec<String>, ElementError> {
    let mut names: Vec<String> = Vec::new();
    names.extend(request.ramdisk.map(ToString::to_string));
    if !request.skip_base {
        names.push("base".to_string());
    }
    names.extend(request.elements.iter().cloned());
    let mut closure = close(sources, &names, &request.place)?;
    if needs_block_device(&closure) {
        names.push(request.arch.facts().block_device.to_string());
        closure = close(sources, &names, &request.place)?;
    }
    settle(sources, &names, &mut closure, &request.place)?;
    Ok(order::order(&names, &closure))
}

/// The directories of resolved names, in their order; of native ones that have one, its data.
pub fn chosen(sources: &SourceSet, names: &[String]) -> Vec<ElementSource> {
    let found = |name: &String| sources.elements.get(name);
    let has_packages =
        names.iter().filter_map(found).any(|element| element.entries.contains_key(native::INSTALLER));
    let directory = |name: &String| {
        let element = found(name)?;
        match native::standing_for(sources, name) {
            None => Some(element.clone()),
            Some(native) if native.yields => None,
            Some(_) => Some(native::data_of(element, has_packages)),
        }
    };
    names.iter().filter_map(directory).collect()
}

/// `vm` was chosen and nothing is or provides a block device. dib looks at the command line only, and so adds a second
/// one beside an element that provides `block-device` under another name.
fn needs_block_device(closure: &Closure) -> bool {
    closure.needs.contains_key("vm")
        && !closure.provided.contains_key("block-device")
        && !closure.needs.keys().any(|name| name.starts_with("block-device-"))
}

/// Refuses what dib refuses once all is known, and drops what is provided.
fn settle(
    sources: &SourceSet,
    names: &[String],
    closure: &mut Closure,
    place: &FileLine,
) -> Result<(), ElementError> {
    for NameAt { name, place: at } in &closure.missing {
        if !closure.provided.contains_key(name) {
            let known = sources.elements.keys().map(String::as_str);
            let known = known.chain(native::NATIVE.iter().map(|native| native.name));
            let hint = match sources.outside.get(name) {
                Some((link, target)) => format!(
                    "; {link} leads to {target}, outside of the directories of elements, and hooks are given no files from \
                     elsewhere: name its directory with --elements-path"
                ),
                None => hint(spelling::nearest_name(name, known)),
            };
            return Err(ElementError::Unknown { name: name.clone(), place: at.clone(), hint });
        }
    }
    for name in names {
        if let Some(by) = closure.provided.get(name) {
            let (name, by, place) = (name.clone(), by.clone(), place.clone());
            return Err(ElementError::AskedAndProvided { name, by, place });
        }
    }
    let provided = &closure.provided;
    closure.needs.retain(|name, _| !provided.contains_key(name));
    if !closure.provided.contains_key("operating-system") {
        let chosen = closure.needs.keys().cloned().collect();
        return Err(ElementError::NoOperatingSystem { chosen, place: place.clone() });
    }
    Ok(())
}

#[cfg(test)]
#[path = "resolve_tests.rs"]
mod tests;
