//! Variables of the caller's that nothing of an image reads: a misspelt name, or one of an element that is not there.
//!
//! In: a plan and the command that it is of. Out: one sentence, or nothing. Never: a value.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::command::Command;
use super::variables::VARIABLES;
use crate::elements::visibility::NEVER;
use crate::plan::Plan;
use crate::spelling::nearest;

/// Names, and beginnings of names, that the program reads where dib's plumbing would: the archive, source repositories, install types,
/// manifests.
const READ_HERE: [&str; 19] = [
    "DIB_APT_",
    "DIB_AVOID_PACKAGES_UPDATE",
    "DIB_BOOTLOADER_",
    "DIB_DEBIAN_",
    "DIB_DEBOOTSTRAP_",
    "DIB_DEFAULT_INSTALLTYPE",
    "DIB_DISTRIBUTION_",
    "DIB_GITREPOBASE",
    "DIB_INIT_SYSTEM",
    "DIB_INSTALLTYPE_",
    "DIB_KERNEL_",
    "DIB_BAREMETAL_",
    "DIB_MANIFEST_",
    "DIB_MMDEBSTRAP_EXTRA_ARGS",
    "DIB_PLATFORM",
    "DIB_PYTHON_VERSION",
    "DIB_RELEASE",
    "DIB_REPO",
    "DIB_ROOT_",
];

/// Says which variables of the caller's have no reader.
pub fn unread(plan: &Plan, command: &Command) -> Option<String> {
    let is_read = |name: &str| {
        VARIABLES.iter().any(|facts| facts.name == name)
            || READ_HERE.iter().any(|begin| name.starts_with(begin))
            || plan.visibility.variable_from(name) != NEVER
    };
    let names: Vec<&str> = command
        .variables
        .keys()
        .map(String::as_str)
        .filter(|name| name.starts_with("DIB_") && !is_read(name))
        .collect();
    if names.is_empty() {
        return None;
    }
    let known =
        || VARIABLES.iter().map(|facts| facts.name).chain(READ_HERE).filter(|name| !name.ends_with('_'));
    let told = names.iter().map(|name| match nearest(name, known()).filter(|near| near.len() > 8) {
        Some(near) => format!("{name} (did you mean {near}?)"),
        None => String::from(*name),
    });
    Some(format!("no element of this image reads {}", told.collect::<Vec<_>>().join(", ")))
}
