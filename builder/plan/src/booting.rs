//! What of starting an image can be seen before it is built: arguments that its kernel would not be told as they were written, and a
//! place on the disk for a boot loader that nobody asks for.
//!
//! In: a plan. Out: an error for what no kernel can be told, and cautions. Never: a verdict on what a hook does; what it says is read.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use dibber_model::{DiskSpec, PartContents, kernel_line};

use crate::error::PlanError;
use crate::plan::Plan;

/// dib's variable of kernel arguments; `kernel_args` of an image file is added to it.
pub(crate) const CMDLINE: &str = "DIB_BOOTLOADER_DEFAULT_CMDLINE";

/// Variables whose values become kernel arguments.
const ARGUMENTS: [&str; 3] = [CMDLINE, "DIB_BOOTLOADER_SERIAL_CONSOLE", "DIB_BOOTLOADER_VIRTUAL_TERMINAL"];

/// Whether a kernel can be told what these variables say.
pub(crate) fn check(variables: &BTreeMap<String, String>) -> Result<(), PlanError> {
    for name in ARGUMENTS {
        let Some(value) = variables.get(name) else { continue };
        kernel_line::check(value).map_err(|why| PlanError::Variable {
            name: name.to_string(),
            value: value.clone(),
            why: why.to_string(),
        })?;
    }
    Ok(())
}

/// What stops nothing, and what somebody who waits for the disk to start should know.
pub(crate) fn cautions(plan: &Plan) -> Vec<String> {
    let mut found = Vec::new();
    let arguments = plan.kernel_arguments().unwrap_or_default();
    if !arguments.is_empty() && !mentions(plan, CMDLINE) {
        found.push(format!(
            "the kernel arguments `{arguments}` come into no boot menu: no element of this image reads {CMDLINE}; add the element \
             bootloader, or give them to whatever starts the kernel, as `dibber boot` does"
        ));
    } else if plan.has_disk() {
        found.extend(changed_arguments(arguments));
    }
    found.extend(plan.empty_loader_place().filter(|_| !asks_for_loader(plan)));
    found
}

/// GRUB's language can say every argument, and GRUB's `linux` tells a kernel some of them in another way.
fn changed_arguments(arguments: &str) -> impl Iterator<Item = String> {
    kernel_line::arguments(arguments).into_iter().filter_map(|argument| {
        let told = kernel_line::changed_by_grub(argument)?;
        Some(format!(
            "the kernel argument `{argument}` will be `{told}` where GRUB starts the kernel: GRUB puts a backslash before quotes and \
             backslashes; write it without them"
        ))
    })
}

/// Whether an element is for boot loaders, or a hook says that it installs one.
fn asks_for_loader(plan: &Plan) -> bool {
    plan.names.iter().any(|name| name == "bootloader") || mentions(plan, "grub-install")
}

/// Whether a hook or another file of an element has this word. What is for people is not read.
fn mentions(plan: &Plan, word: &str) -> bool {
    plan.elements.iter().any(|element| {
        let hooks = element.entries.keys().filter(|path| path.contains(".d/"));
        hooks.filter_map(|path| element.text(path)).any(|text| text.contains(word))
    })
}

impl Plan {
    /// Arguments that the image wants its kernel to have, beside those that find its root and its console.
    pub fn kernel_arguments(&self) -> Option<&str> {
        self.variables.get(CMDLINE).map(String::as_str).filter(|text| !text.is_empty())
    }

    /// What is to be said where nobody puts a boot loader into the disk's place for one; none where it has no such place.
    pub fn empty_loader_place(&self) -> Option<String> {
        let place = self.has_disk().then(|| loader_place(&self.disk)).flatten()?;
        Some(format!(
            "disk `{}` has a place for a boot loader, {place}, and nothing of this image asks for one: the place stays empty, and the \
             disk is for data, or for machines that start a kernel themselves; the element bootloader fills it",
            self.disk.name
        ))
    }
}

/// The disk's place for a boot loader outside filesystems, in words.
fn loader_place(disk: &DiskSpec) -> Option<String> {
    let part = disk.parts.iter().find(|part| matches!(part.contents, PartContents::Loader(_)));
    match part {
        Some(part) => Some(format!("partition `{}`", part.name)),
        None => disk.bios_boot.then(|| "the gap after its table".into()),
    }
}
