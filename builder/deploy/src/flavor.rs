//! A flavor held against an image, before a scheduler or ironic does.
//!
//! A flavor that does not go with an image is found out late: nova refuses it when a machine is asked for, and ironic when a node has been
//! cleaned already. Each rule here is one of theirs, and is checked as soon as there is a sidecar.
//!
//! In: a flavor and what a sidecar says of a disk. Out: every reason why the two do not go together. Never: a look at a cloud.
//!
//! The rules: a whole disk takes a root-only flavor (ironic's whole-disk-image-support specification); `root_gb`, `ram`
//! against Glance's `min_disk`, `min_ram` (nova refuses them); extra specs `cpu_arch` and `capabilities:*` against `hw_*`.

mod read;

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;
use dibber_model::{Arch, Platform};
use serde::{Deserialize, Serialize};

pub use read::FlavorError;

use crate::select::BootMode;
use crate::structure::Structure;

/// A flavor. Numbers are in its own units.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flavor {
    /// Its name, if it has one.
    pub name: Option<String>,
    /// Root disk, in GiB; 0 is as large as the image.
    pub root_gb: u64,
    /// Ephemeral disk, in GiB.
    pub ephemeral_gb: u64,
    /// Swap, in MiB.
    pub swap_mb: u64,
    /// Memory, in MiB; `None` if it was not said.
    pub ram_mb: Option<u64>,
    /// Processors; `None` if it was not said.
    pub vcpus: Option<u64>,
    /// Extra specs.
    pub properties: BTreeMap<String, String>,
}

/// What an image requires of a flavor.
#[derive(Clone, Debug)]
pub struct ImageRequirements {
    /// Whole disk or partition.
    pub structure: Structure,
    /// Length of the disk, in bytes.
    pub virtual_bytes: u64,
    /// GiB that a root disk must have.
    pub min_disk: u64,
    /// MiB that a machine must have, if that is known.
    pub min_ram: Option<u64>,
    /// Glance properties.
    pub properties: BTreeMap<String, String>,
}

/// Which rule a flavor breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// A whole disk leaves no room for other disks.
    RootOnly,
    /// The root disk holds the image.
    RootSize,
    /// The machine has the memory.
    Memory,
    /// The architectures are one.
    Architecture,
    /// The platforms are one.
    Platform,
    /// Both start in the same way.
    BootMode,
}

/// One reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The rule.
    pub rule: Rule,
    /// The reason, in words.
    pub why: String,
}

/// Every reason why a flavor does not go with an image; none if it does.
pub fn check(flavor: &Flavor, image: &ImageRequirements) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut say = |rule, why: String| findings.push(Finding { rule, why });
    if image.structure == Structure::WholeDisk {
        for (size, unit, what) in
            [(flavor.ephemeral_gb, "GiB", "an ephemeral disk"), (flavor.swap_mb, "MiB", "swap")]
        {
            if size > 0 {
                say(
                    Rule::RootOnly,
                    format!(
                        "the image is a whole disk, and the flavor has {what} of {size} {unit}, which nobody would make; a whole disk takes a flavor with a root disk only"
                    ),
                );
            }
        }
    }
    if let Some(why) = root(flavor, image) {
        say(Rule::RootSize, why);
    }
    if let (Some(has), Some(needs)) = (flavor.ram_mb, image.min_ram)
        && has < needs
    {
        say(
            Rule::Memory,
            format!("the flavor has {has} MiB of memory, and the image needs {needs} MiB (min_ram)"),
        );
    }
    findings.extend(extra_specs(flavor, image));
    findings
}

/// nova takes 0 for the image's own size; ironic wants a size for the partition that it makes.
fn root(flavor: &Flavor, image: &ImageRequirements) -> Option<String> {
    match (flavor.root_gb, image.structure) {
        (0, Structure::WholeDisk) => None,
        (0, Structure::Partition) => Some(
            "the flavor's root disk is 0 GiB; ironic needs the size of the root partition for a partition image"
                .into(),
        ),
        (has, _) if has < image.min_disk => Some(format!(
            "the flavor's root disk is {has} GiB, and the image's disk is {} bytes long, which needs {} GiB (min_disk)",
            image.virtual_bytes, image.min_disk
        )),
        _ => None,
    }
}

/// What an extra spec of a flavor and a property of an image both say.
struct SharedFact {
    rule: Rule,
    /// The extra specs that say it.
    specs: &'static [&'static str],
    /// The property.
    property: &'static str,
}

const ARCHITECTURE: SharedFact = SharedFact {
    rule: Rule::Architecture,
    specs: &["cpu_arch", "capabilities:cpu_arch"],
    property: "hw_architecture",
};
const PLATFORM: SharedFact = SharedFact {
    rule: Rule::Platform,
    specs: &["capabilities:platform", "capabilities:tripleo_platform"],
    property: "tripleo_platform",
};
const BOOT_MODE: SharedFact =
    SharedFact { rule: Rule::BootMode, specs: &["capabilities:boot_mode"], property: "hw_firmware_type" };

fn extra_specs(flavor: &Flavor, image: &ImageRequirements) -> Vec<Finding> {
    let mut findings = ARCHITECTURE.differences::<Arch>(flavor, image);
    findings.extend(PLATFORM.differences::<Platform>(flavor, image));
    findings.extend(BOOT_MODE.differences::<BootMode>(flavor, image));
    findings
}

impl SharedFact {
    /// Where both sides say something, and not the same. A word that cannot be read is a difference as well.
    fn differences<T: FromStr<Err: fmt::Display> + PartialEq>(
        &self,
        flavor: &Flavor,
        image: &ImageRequirements,
    ) -> Vec<Finding> {
        let SharedFact { rule, specs, property } = *self;
        let Some(image) = image.properties.get(property).filter(|value| !value.is_empty()) else {
            return Vec::new();
        };
        let said = specs.iter().filter_map(|key| Some((*key, flavor.properties.get(*key)?)));
        let findings = said.filter_map(|(key, spec)| {
            let read = |text: &str| text.parse::<T>().map_err(|error| error.to_string());
            let words = alternatives(spec).iter().map(|word| read(word)).collect::<Result<Vec<_>, _>>();
            let why = match (read(image), words) {
                (Ok(image), Ok(words)) if words.contains(&image) => return None,
                (Ok(_), Ok(_)) => {
                    format!("the flavor asks for {key}={spec}, and the image has {property}={image}")
                }
                (Err(why), _) => format!("the image's {property}: {why}"),
                (_, Err(why)) => format!("the flavor's {key}: {why}"),
            };
            Some(Finding { rule, why })
        });
        findings.collect()
    }
}

/// The words that an extra spec allows: `uefi`, `s== uefi`, `<in> uefi`, `<or> bios <or> uefi` (nova's operators).
fn alternatives(spec: &str) -> Vec<String> {
    let spec = spec.trim();
    if let Some(rest) = spec.strip_prefix("<or>") {
        return rest.split("<or>").map(|word| word.trim().to_string()).collect();
    }
    let bare = ["s==", "==", "<in>", "="].iter().find_map(|operator| spec.strip_prefix(operator));
    alloc::vec![bare.unwrap_or(spec).trim().to_string()]
}

#[cfg(test)]
mod tests;
