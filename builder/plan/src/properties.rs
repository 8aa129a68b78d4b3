//! Properties for Glance that follow from a plan.
//!
//! In: the image and its plan. Out: properties by name; the image file's own win. Never: kernel_id or
//! ramdisk_id, which only an upload knows.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use dibber_deploy::structure::{self, Structure};
use dibber_model::{DiskSpec, PartKind, TableKind};

use crate::disk::is_esp;
use crate::image::ImageSpec;
use crate::output::Role;
use crate::plan::Plan;
use crate::yaml::Yaml;

/// What only a disk has, and not a kernel, a ramdisk or an archive of the same image.
const OF_DISKS: [&str; 3] = ["img_type", "hw_firmware_type", "hw_machine_type"];

/// The properties of one file of an image, out of those of the image.
pub fn properties_of(role: Role, all: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut own = all.clone();
    own.retain(|name, _| role == Role::Disk || !OF_DISKS.contains(&name.as_str()));
    own
}

/// `hw_architecture`, `img_type`, `os_distro`, `os_version`, `hw_firmware_type`, `hw_machine_type`, `tripleo_platform`, and the image's own.
pub(crate) fn properties(image: &ImageSpec, plan: &Plan) -> BTreeMap<String, String> {
    let Plan { target, disk, .. } = plan;
    let mut found = BTreeMap::new();
    let mut set = |name: &str, value: &str| found.insert(name.to_string(), value.to_string());
    set("hw_architecture", target.arch.kernel_name());
    if let Some(platform) = &target.platform {
        set("tripleo_platform", platform.as_str());
    }
    // ironic takes img_type at its word, so that no kernel_id is needed to tell the two apart.
    if plan.has_disk() {
        let bare = disk.table == TableKind::Bare;
        set("img_type", if bare { Structure::Partition } else { Structure::WholeDisk }.word());
        let usual = &target.arch.facts().glance;
        set("hw_machine_type", usual.machine_type);
        match (disk.bios_boot, has_esp(disk)) {
            (false, true) => set("hw_firmware_type", "uefi"),
            (true, false) => set("hw_firmware_type", "bios"),
            // A disk that boots either way says nothing, unless the architecture does: the node decides.
            _ => usual.firmware_type.and_then(|firmware| set("hw_firmware_type", firmware)),
        };
    }
    if let Some(distro) = image.distro.as_deref() {
        // `debian-minimal` is an element's name; the distribution is `debian`.
        set("os_distro", distro.split('-').next().unwrap_or(distro));
    }
    if let Some(release) = plan.variables.get("DIB_RELEASE") {
        set("os_version", release);
    }
    for (key, value) in image.entry.get("properties").map(Yaml::entries).unwrap_or_default() {
        set(key.text().unwrap_or_default(), value.text().unwrap_or_default());
    }
    found
}

/// What an image file's own properties have ironic do to a disk that is not of that kind.
pub(crate) fn contradictions(plan: &Plan) -> Vec<String> {
    let mut found = Vec::new();
    if !plan.has_disk() {
        return found;
    }
    let properties = &plan.properties;
    let bare = plan.disk.table == TableKind::Bare;
    let inferred = structure::of_properties(properties);
    if bare != (inferred.structure == Structure::Partition) {
        let has = if bare { "no partition table" } else { "a partition table" };
        found.push(format!(
            "ironic will take this for a {} ({}), and the disk has {has}",
            inferred.structure, inferred.why
        ));
    }
    for name in ["kernel_id", "ramdisk_id"].iter().filter(|name| !bare && properties.contains_key(**name)) {
        found.push(format!(
            "a whole disk has no {name}: tools that do not know img_type take it for a partition image"
        ));
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
