//! What is said of output files beside their format: the tag of a container image, the manifest of an aci, the options of qemu-img.
//!
//! In: an image, its variables, its outputs. Out: what each of those files is a function of. Never: a word about a file that does not
//! come out.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};

use dibber_model::{Hasher, Identify};
use serde::{Deserialize, Serialize};

use crate::dib::QemuImgOptions;
use crate::error::PlanError;
use crate::image::{ImageSpec, container_name};
use crate::output::{DiskContainer, OutputKind, OutputOrigin, TreeArchive};

/// What is said of output files.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Packaging {
    /// The tag of a container image.
    pub tag: Option<String>,
    /// The manifest of an aci image.
    pub aci_manifest: Option<String>,
    /// Options of `qemu-img convert` for the qcow2, which qemu-img then writes.
    pub qemu_img_options: Option<String>,
}

impl Packaging {
    /// What an image and its variables say.
    pub(crate) fn new(image: &ImageSpec, declared: &BTreeMap<String, String>) -> Result<Self, PlanError> {
        let variable = declared.get("QEMU_IMG_OPTIONS").filter(|text| !text.trim().is_empty());
        let qemu_img = match variable.filter(|_| image.options.qemu_img == QemuImgOptions::default()) {
            None => image.options.qemu_img.clone(),
            Some(text) => QemuImgOptions::read(text).map_err(|why| PlanError::Variable {
                name: "QEMU_IMG_OPTIONS".into(),
                value: text.clone(),
                why,
            })?,
        };
        Ok(Packaging {
            tag: image.docker_target.clone().or_else(|| Some(container_name(&image.name))),
            aci_manifest: image.text("aci_manifest").map(ToString::to_string),
            qemu_img_options: qemu_img.foreign,
        })
    }

    /// Leaves what is of outputs that there are.
    pub(crate) fn of_outputs(self, outputs: &[OutputKind]) -> Self {
        let has = |is: fn(OutputOrigin) -> bool| outputs.iter().any(|kind| is(kind.origin()));
        let container = has(|origin| matches!(origin, OutputOrigin::Archive(TreeArchive::Container { .. })));
        let aci = has(|origin| origin == OutputOrigin::Archive(TreeArchive::Aci));
        let qcow2 = has(|origin| origin == OutputOrigin::Disk(DiskContainer::Qcow2));
        Packaging {
            tag: self.tag.filter(|_| container),
            aci_manifest: self.aci_manifest.filter(|_| aci),
            qemu_img_options: self.qemu_img_options.filter(|_| qcow2),
        }
    }
}

impl Identify for Packaging {
    /// An image that has none of it is what it was before there was any.
    fn identify(&self, hasher: &mut Hasher) {
        for (part, text) in [
            ("container tag", &self.tag),
            ("aci manifest", &self.aci_manifest),
            ("qemu-img options", &self.qemu_img_options),
        ] {
            if let Some(text) = text {
                text.identify(hasher.part(part.as_bytes()));
            }
        }
    }
}
