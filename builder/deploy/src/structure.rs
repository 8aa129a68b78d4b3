//! Whole disk or partition: what ironic will take an image for.
//!
//! In: Glance properties, and what a node's instance_info says. Out: the structure and the reason, by the rule of ironic
//! 39.0.0 (`ironic/common/images.py`, `is_whole_disk_image`). Never: a look at the image itself, which ironic does not take either.

use alloc::collections::BTreeMap;
use alloc::string::String;
use core::fmt;
use serde::{Deserialize, Serialize};

/// The one word that makes `image_type` and `img_type` mean a partition image; ironic takes all others for whole disks.
const PARTITION: &str = "partition";

/// What an image is to whoever writes it on a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Structure {
    /// A partition table and what is in its partitions.
    WholeDisk,
    /// One filesystem, to be written into a partition that ironic makes.
    Partition,
}

impl Structure {
    /// ironic's and Glance's word: `whole-disk`, `partition`.
    pub fn word(self) -> &'static str {
        match self {
            Structure::WholeDisk => "whole-disk",
            Structure::Partition => PARTITION,
        }
    }

    fn of_type(word: &str) -> Structure {
        if word == PARTITION { Structure::Partition } else { Structure::WholeDisk }
    }
}

impl fmt::Display for Structure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// Why ironic takes an image for what it takes it for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// instance_info has an `image_type`.
    ImageType(String),
    /// The property `img_type`.
    ImgType(String),
    /// A property that only a partition image has: `kernel_id` or `ramdisk_id`.
    Has(&'static str),
    /// Neither of both, and no `img_type`.
    NoKernel,
    /// An OCI registry holds whole disks only.
    Registry,
    /// instance_info names a `kernel` or a `ramdisk` for a URL.
    InstanceHas(&'static str),
    /// It names neither.
    InstanceHasNone,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Why::ImageType(word) => write!(f, "instance_info says image_type={word}"),
            Why::ImgType(word) => write!(f, "the property img_type={word} says so"),
            Why::Has(property) => write!(f, "there is no img_type, and {property} is set"),
            Why::NoKernel => f.write_str("there is no img_type, and neither kernel_id nor ramdisk_id"),
            Why::Registry => f.write_str("images of an OCI registry are whole disks"),
            Why::InstanceHas(key) => write!(f, "instance_info has a {key}"),
            Why::InstanceHasNone => f.write_str("instance_info has neither kernel nor ramdisk"),
        }
    }
}

/// What ironic takes an image for, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inferred {
    /// What.
    pub structure: Structure,
    /// Why.
    pub why: Why,
}

/// What of a node's instance_info the rule reads.
#[derive(Clone, Copy, Debug, Default)]
pub struct InstanceInfo<'a> {
    /// `image_source`: an image's UUID, `glance://`, `oci://` or another URL.
    pub image_source: Option<&'a str>,
    /// `image_type`.
    pub image_type: Option<&'a str>,
    /// `kernel`.
    pub kernel: Option<&'a str>,
    /// `ramdisk`.
    pub ramdisk: Option<&'a str>,
}

/// What an image with these Glance properties is taken for, where instance_info says nothing about it.
pub fn of_properties(properties: &BTreeMap<String, String>) -> Inferred {
    // To ironic, which is Python, an empty value is none.
    let value = |name: &str| properties.get(name).filter(|value| !value.is_empty());
    if let Some(word) = value("img_type") {
        return Inferred { structure: Structure::of_type(word), why: Why::ImgType(word.clone()) };
    }
    match ["kernel_id", "ramdisk_id"].into_iter().find(|name| value(name).is_some()) {
        Some(name) => Inferred { structure: Structure::Partition, why: Why::Has(name) },
        None => Inferred { structure: Structure::WholeDisk, why: Why::NoKernel },
    }
}

/// What a node is given. `properties` are those of the image in Glance, `None` if Glance does not tell. `None` comes out
/// where ironic cannot tell: no source, a Glance image without an answer, or a URL that is a directory (anaconda's).
pub fn of_instance(
    info: &InstanceInfo<'_>,
    properties: Option<&BTreeMap<String, String>>,
) -> Option<Inferred> {
    let said = |value: Option<&str>| value.is_some_and(|value| !value.is_empty());
    let source = info.image_source.filter(|source| !source.is_empty())?;
    if let Some(word) = info.image_type.filter(|word| !word.is_empty()) {
        return Some(Inferred { structure: Structure::of_type(word), why: Why::ImageType(word.into()) });
    }
    if is_glance(source) {
        return properties.map(of_properties);
    }
    let (structure, why) = if source.starts_with("oci://") {
        (Structure::WholeDisk, Why::Registry)
    } else if source.ends_with('/') {
        return None;
    } else if said(info.kernel) {
        (Structure::Partition, Why::InstanceHas("kernel"))
    } else if said(info.ramdisk) {
        (Structure::Partition, Why::InstanceHas("ramdisk"))
    } else {
        (Structure::WholeDisk, Why::InstanceHasNone)
    };
    Some(Inferred { structure, why })
}

/// `glance://`, or anything that Python's `uuid` and oslo's `is_uuid_like` read as a UUID.
fn is_glance(source: &str) -> bool {
    let bare = source.replace("urn:", "").replace("uuid:", "");
    let digits = bare.trim_matches(['{', '}']).replace('-', "");
    source.starts_with("glance://")
        || (digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
}
