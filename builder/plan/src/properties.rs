//! Properties for Glance that follow from a plan.
//!
//! In: the image, its target and its disk. Out: properties by name; the image file's own win. Never: kernel_id or
//! ramdisk_id, which only an upload knows.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use dibber_model::{DiskSpec, PartKind, TableKind, Target};

use crate::disk::is_esp;
use crate::image::ImageSpec;
use crate::plan::OutputKind;
use crate::yaml::Yaml;

/// `hw_architecture`, `img_type`, `os_distro`, `os_version`, `hw_firmware_type`, `tripleo_platform`, and the image's own.
pub(crate) fn properties(
    image: &ImageSpec,
    target: &Target,
    disk: &DiskSpec,
    (outputs, variables): (&[OutputKind], &BTreeMap<String, String>),
) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut set = |name: &str, value: &str| found.insert(name.to_string(), value.to_string());
    set("hw_architecture", target.arch.kernel_name());
    if let Some(platform) = &target.platform {
        set("tripleo_platform", platform.as_str());
    }
    // ironic takes img_type at its word, so that no kernel_id is needed to tell the two apart.
    if outputs.iter().any(|kind| kind.is_disk()) {
        set("img_type", if disk.table == TableKind::Bare { "partition" } else { "whole-disk" });
    }
    if let Some(distro) = image.distro.as_deref() {
        // `debian-minimal` is an element's name; the distribution is `debian`.
        set("os_distro", distro.split('-').next().unwrap_or(distro));
    }
    if let Some(release) = variables.get("DIB_RELEASE") {
        set("os_version", release);
    }
    // A disk that boots either way says nothing: the node decides.
    match (disk.bios_boot, has_esp(disk)) {
        _ if !outputs.iter().any(|kind| kind.is_disk()) => None,
        (false, true) => set("hw_firmware_type", "uefi"),
        (true, false) => set("hw_firmware_type", "bios"),
        _ => None,
    };
    for (key, value) in image.entry.get("properties").map(Yaml::entries).unwrap_or_default() {
        set(key.text().unwrap_or_default(), value.text().unwrap_or_default());
    }
    found
}

fn has_esp(disk: &DiskSpec) -> bool {
    disk.parts.iter().any(|part| match part.kind {
        PartKind::Gpt { type_guid, .. } => is_esp(type_guid),
        PartKind::Mbr { type_byte, .. } => type_byte == 0xef,
        PartKind::Bare => false,
    })
}
