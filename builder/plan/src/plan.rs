//! The plan of one image: what will be done, in order, under which names.
//!
//! In: what the planner decided. Out: a value that `dibber plan` prints and `build` carries out. Never: an effect.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use dibber_model::distro::{self, DistroFacts};
use dibber_model::{Bytes, DiskSpec, Hasher, Identify, Limits, Seed, Target};
use serde::{Deserialize, Serialize};

use crate::archive::Archive;
use crate::compression::{Qcow2Compression, RamdiskCompression};
use crate::declared_node::DeclaredNode;
use crate::elements::hooks::StepPlace;
use crate::elements::visibility::{NEVER, Visibility};
use crate::host_paths::HostPath;
use crate::network::Cuts;
use crate::output::OutputKind;
use crate::packaging::Packaging;
use crate::source::ElementSource;
use crate::step::Step;

/// dib's variables by which kernel and ramdisk are chosen for the files beside a disk: no step need see them.
pub const KERNEL_PATTERNS: [&str; 2] = ["DIB_BAREMETAL_KERNEL_PATTERN", "DIB_BAREMETAL_INITRD_PATTERN"];

/// The plan of one image for one target.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Plan {
    /// Its name: `overcloud-full`.
    pub image: String,
    /// What it is for.
    pub target: Target,
    /// Where its identities come from.
    pub seed: Seed,
    /// `SOURCE_DATE_EPOCH`, if given; else the newest `Date:` of the package indexes, found by `build`.
    pub epoch: Option<i64>,
    /// Elements in resolved order, with their files; the last ones may be generated from the image file's own keys.
    pub elements: Vec<ElementSource>,
    /// Names of all resolved elements in their order, those among them that the program stands in for.
    pub names: Vec<String>,
    /// Variables that every hook sees before `environment.d` is read. Sorted, declared, never the caller's environment.
    pub variables: BTreeMap<String, String>,
    /// From which step on hooks are given each variable and each file.
    pub visibility: Visibility,
    /// The image's own packages.
    pub packages: Vec<String>,
    /// Steps in the order in which they run.
    pub steps: Vec<Step>,
    /// Files and directories of the building machine that the image names, for the host-side hooks that read them.
    pub host_paths: Vec<HostPath>,
    /// Which of these have no network, by declaration.
    pub cuts: Cuts,
    /// The package archive.
    pub archive: Archive,
    /// What each hook may take. In no id: it changes no result.
    pub limits: Limits,
    /// Nodes and labels to be added at capture.
    pub nodes: Vec<DeclaredNode>,
    /// The disk.
    pub disk: DiskSpec,
    /// Files that come out.
    pub outputs: Vec<OutputKind>,
    /// Compression of the qcow2, if one comes out.
    pub compression: Qcow2Compression,
    /// Compression of the initramfs, if one comes out.
    pub ramdisk_compression: RamdiskCompression,
    /// What is said of output files beside their format.
    pub packaging: Packaging,
    /// Whether the files are called as dib calls them, by the image's name alone. In no id: the files are the same.
    pub plain_names: bool,
    /// Properties for Glance that the image file adds, and those that follow from the plan (`hw_architecture` ...).
    pub properties: BTreeMap<String, String>,
    /// Memory that a machine needs to run the image, if its file says.
    pub min_ram: Option<Bytes>,
    /// What authors of elements should know, and what stops nothing.
    pub warnings: Vec<String>,
    /// The plan of a small tree of the building machine's architecture, whose programs stand in for foreign ones.
    pub native: Option<Box<Plan>>,
}

impl Plan {
    /// The basename under which the files are made: `x86_64-overcloud-full`.
    pub fn basename(&self) -> String {
        self.basenames().swap_remove(0)
    }

    /// The same with the names that are links to it.
    pub fn basenames(&self) -> Vec<String> {
        match self.plain_names {
            true => alloc::vec![self.image.clone()],
            false => self.target.basenames(&self.image),
        }
    }

    /// The distribution whose tree one of its elements makes, if it is one that has facts.
    pub fn distro(&self) -> Option<&'static DistroFacts> {
        distro::of_elements(self.elements.iter().map(|element| element.name.as_str()))
    }

    /// Whether a disk is made: a plan of ramdisks and archives has one on paper only.
    pub fn has_disk(&self) -> bool {
        self.outputs.iter().any(|kind| kind.is_disk())
    }

    /// The line (`FILE:LINE`) by which a step has no network; none for a step that has it. One that is not of the plan,
    /// because a hook added it, goes by the image's default.
    pub fn cut(&self, step: &Step) -> Option<&str> {
        let same = |planned: &Step| planned.phase == step.phase && planned.name == step.name;
        match self.steps.iter().any(same) {
            true => self.cuts.of(step),
            false => self.cuts.of_added(),
        }
    }

    /// Adds what the files are a function of besides the tree: the tree is what the steps left, whose ids have all that they see.
    pub fn identify_outputs(&self, hasher: &mut Hasher) {
        let Plan {
            disk,
            outputs,
            compression,
            ramdisk_compression,
            packaging,
            nodes,
            properties,
            min_ram,
            // Whose tree it is, and where from: in the steps' ids, as far as a step sees it.
            image: _,
            target: _,
            seed: _,
            epoch: _,
            elements: _,
            names: _,
            variables: _,
            visibility: _,
            packages: _,
            steps: _,
            host_paths: _,
            cuts: _,
            archive: _,
            native: _,
            // They change no byte.
            limits: _,
            warnings: _,
            plain_names: _,
        } = self;
        disk.identify(hasher);
        outputs.identify(hasher);
        compression.identify(hasher);
        ramdisk_compression.identify(hasher);
        packaging.identify(hasher);
        nodes.identify(hasher);
        properties.identify(hasher);
        min_ram.identify(hasher);
        for pattern in KERNEL_PATTERNS.iter().filter_map(|name| self.variables.get(*name)) {
            pattern.identify(hasher.part(b"kernel pattern"));
        }
        // A sidecar tells them, whether or not a step was given them.
        if let Some(arguments) = self.kernel_arguments() {
            arguments.identify(hasher.part(b"kernel arguments"));
        }
    }

    /// A step with its place. One that is not of the plan, because a hook added it, is given all.
    pub fn place_of<'a>(&self, step: &'a Step) -> StepPlace<'a> {
        StepPlace { step, at: self.steps.iter().position(|other| other == step).unwrap_or(NEVER) }
    }
}
