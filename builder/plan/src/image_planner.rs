//! The plan of one image for one target, from the image file, the request and the sources.
//!
//! The order of the decisions is the order in which they depend on each other: elements first, as they bring variables, a default layout and
//! outputs; then the archive, the disk and the variables that describe it; then the steps, which see all of that; then what only finished
//! steps can tell, such as paths of the building machine that they read.
//!
//! In: an image's checked entry, a target, a request, everything that was read. Out: a [`Plan`] that knows of no other target. Never: an
//! effect.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use dibber_model::distro;
use dibber_model::time::EPOCHS;
use dibber_model::{Bytes, DiskSpec, LvKind, MkfsOptions, Platform, Seed, Target};

use crate::booting;
use crate::dib;
use crate::disk::{self, ChosenLayout, DiskDefaults, LayoutRequest};
use crate::elements::image_element::image_element;
use crate::elements::manifests::SAVE_DIR;
use crate::elements::native::INSTALLER;
use crate::elements::steps::StepRequest;
use crate::elements::visibility::Visibility;
use crate::elements::{self, ElementError, ElementRequest, FileLine};
use crate::error::PlanError;
use crate::host_paths::host_paths;
use crate::image::ImageSpec;
use crate::network;
use crate::output::OutputKind;
use crate::packaging::Packaging;
use crate::plan::Plan;
use crate::properties::{contradictions, properties};
use crate::request::Request;
use crate::settings::{settings, settings_packages};
use crate::source::{self, ElementSource, SourceSet, TextSource};
use crate::variables;
use crate::yaml::{Node, Place, Yaml};

/// Everything that one plan is made from.
#[derive(Clone, Copy)]
pub(crate) struct ImagePlanner<'a> {
    pub(crate) image: &'a ImageSpec,
    pub(crate) target: &'a Target,
    pub(crate) sources: &'a SourceSet,
    pub(crate) request: &'a Request,
}

/// Elements that were resolved.
struct ResolvedElements {
    /// All names in order, native ones among them.
    names: Vec<String>,
    /// The directories of those that have one, with the image's own settings last.
    directories: Vec<ElementSource>,
}

impl ImagePlanner<'_> {
    /// Plans the image.
    pub(crate) fn plan(self) -> Result<Plan, PlanError> {
        let ImagePlanner { image, target, request, .. } = self;
        let mut declared = variables::declared(image, request);
        let ResolvedElements { names, directories: elements } = self.resolve()?;
        let distro = distro::of_elements(elements.iter().map(|element| element.name.as_str()));
        let archive = variables::archive(image, request, &mut declared, distro);
        let layout = self.layout(&declared, &elements)?;
        let seed = self.seed(&layout.name);
        let disk = disk::disk_spec(&layout.config, &self.disk_defaults(&declared, seed)?)?;
        let disk = disk::with_room(disk, self.room(&declared)?);
        let outputs = self.outputs(&names);
        let packaging = Packaging::new(image, &declared)?.of_outputs(&outputs);
        check_compression(image, &outputs)?;
        let mut variables = variables::variables(image, target, &archive, &declared);
        variables.extend(disk::variables(&disk));
        self.tell_of_the_image(&names, &mut variables);
        booting::check(&variables)?;
        let packages = self.packages(&disk, &elements);
        let image_packages = !packages.is_empty();
        let chain = StepRequest { elements: &elements, names: &names, variables: &variables, image_packages };
        let warnings = elements::check(&chain).map_err(|error| self.blame(error))?;
        let steps = elements::steps(&chain).map_err(|error| self.blame(error))?;
        let visibility = Visibility::new(&chain, &steps);
        let host_paths = host_paths(&chain, &visibility, &steps, &archive);
        let given = network::element_rules(&elements).map_err(|error| self.blame(error))?;
        let cuts = network::cuts(&image.network, &given, &names, &steps)?;
        let mut plan = Plan {
            image: image.name.clone(),
            target: target.clone(),
            seed,
            epoch: self.epoch(&declared)?,
            elements,
            names,
            variables,
            visibility,
            packages,
            steps,
            host_paths,
            cuts,
            archive,
            limits: image.limits,
            nodes: image.nodes.clone(),
            disk,
            outputs,
            packaging,
            plain_names: request.plain_names,
            compression: request.compression.unwrap_or(image.compression),
            ramdisk_compression: image.ramdisk_compression,
            properties: BTreeMap::new(),
            min_ram: image.min_ram,
            warnings: warnings.iter().map(ToString::to_string).collect(),
            native: None,
        };
        plan.properties = properties(image, &plan);
        plan.warnings.extend(contradictions(&plan));
        plan.warnings.extend(source::modes_unknown(&plan.elements));
        plan.warnings.extend(booting::cautions(&plan));
        Ok(plan)
    }

    /// Adds the variables that tell of the image as a whole.
    fn tell_of_the_image(&self, names: &[String], variables: &mut BTreeMap<String, String>) {
        let ImagePlanner { image, request, .. } = self;
        variables.insert("IMAGE_ELEMENT".into(), image_element(names));
        variables.insert("DIB_ARGS".into(), self.arguments());
        if image.skip_base || request.skip_base {
            variables.insert("SKIP_BASE".into(), "1".into());
        }
        let env = variables::dib_env(variables);
        variables.insert("DIB_ENV".into(), env);
        // Hooks find the image's own manifests there, and leave others.
        if names.iter().any(|name| name == "manifests") {
            variables.entry(SAVE_DIR.into()).or_insert_with(|| alloc::format!("{}.d/", image.name));
        }
    }

    fn blame(&self, error: ElementError) -> PlanError {
        PlanError::Elements { image: self.image.name.clone(), error }
    }

    fn resolve(&self) -> Result<ResolvedElements, PlanError> {
        let ImagePlanner { image, target, sources, request } = self;
        let mut asked: Vec<String> = image.distro.iter().cloned().collect();
        asked.extend(image.elements.iter().chain(&request.elements).cloned());
        let at = image.entry.get("elements").map_or(&image.entry.at, |list| &list.at);
        let asked = ElementRequest {
            elements: &asked,
            place: FileLine::new(at.source.origin.clone(), at.line as usize),
            skip_base: image.skip_base || request.skip_base,
            ramdisk: image.ramdisk.as_deref(),
            arch: target.arch,
        };
        let names = elements::resolve(sources, &asked).map_err(|error| self.blame(error))?;
        let mut directories = elements::chosen(sources, &names);
        directories.extend(settings(image)?);
        Ok(ResolvedElements { names, directories })
    }

    fn layout(
        &self,
        declared: &BTreeMap<String, String>,
        elements: &[ElementSource],
    ) -> Result<ChosenLayout, PlanError> {
        let asked = self.request.layout.as_ref().map(|name| {
            let source = Arc::new(TextSource { origin: "the layout asked for".into(), text: name.clone() });
            Yaml { at: Place { source, line: 0, column: 0 }, node: Node::Text(name.clone()) }
        });
        let request = LayoutRequest {
            asked: asked.as_ref().or_else(|| self.image.entry.get("layout")),
            variable: declared.get("DIB_BLOCK_DEVICE_CONFIG").map(String::as_str),
            elements,
            layouts: &self.sources.layouts,
        };
        Ok(request.choose(self.target)?)
    }

    /// The image's own key, or the names that it goes by. Never its content.
    fn seed(&self, layout: &str) -> Seed {
        match self.image.text("seed") {
            Some(own) => Seed::from_names([own]),
            None => {
                let platform = self.target.platform.as_ref().map_or("", Platform::as_str);
                let arch = self.target.arch.kernel_name();
                Seed::from_names([&self.image.name, arch, platform, layout])
            }
        }
    }

    fn disk_defaults(
        &self,
        declared: &BTreeMap<String, String>,
        seed: Seed,
    ) -> Result<DiskDefaults, PlanError> {
        let ImagePlanner { image, target, request, .. } = self;
        let text = |name: &str| declared.get(name).filter(|text| !text.is_empty()).cloned();
        let gib = "a number of GiB is expected, such as 4 or 2.5";
        let size = number(declared, "DIB_IMAGE_SIZE", disk::image_size, gib)?;
        let journal =
            number(declared, "DIB_JOURNAL_SIZE", dib::mebibytes, "a whole number of MiB is expected")?;
        let grow_to = number(declared, "MAX_ONLINE_RESIZE", dib::grow_to, "a number of blocks is expected")?;
        Ok(DiskDefaults {
            arch: target.arch,
            seed,
            size: request.size.or(image.size).or(size),
            block_size: text("DIB_BLOCK_SIZE"),
            fs_type: text("FS_TYPE"),
            root_label: image.options.root_label.clone().or_else(|| text("ROOT_LABEL")),
            mkfs: disk::over(&image.mkfs, &MkfsOptions { journal, grow_to, ..MkfsOptions::default() }),
        })
    }

    /// `--image-extra-size`, or its variable.
    fn room(&self, declared: &BTreeMap<String, String>) -> Result<Option<Bytes>, PlanError> {
        let mib = "a number of MiB is expected, such as 512";
        let variable = number(declared, "DIB_IMAGE_EXTRA_SIZE", dib::extra_size, mib)?;
        Ok(self.image.options.extra_size.or(variable))
    }

    fn packages(&self, disk: &DiskSpec, elements: &[ElementSource]) -> Vec<String> {
        let mut packages = self.image.packages.clone();
        packages.extend(self.request.packages.iter().cloned());
        packages.extend(settings_packages(self.image));
        // A system finds its volumes by lvm2, and its initial ramdisk by what lvm2 puts there; where packages can be had at all.
        let lvm2 = "lvm2".to_string();
        let installs = elements.iter().any(|element| element.entries.contains_key(INSTALLER));
        if !disk.groups.is_empty() && installs && !packages.contains(&lvm2) {
            packages.push(lvm2);
        }
        // lvm2 has a pool's metadata checked by these before it uses the pool. Where packages are RPMs, it brings them itself.
        let mut volumes = disk.groups.iter().flat_map(|group| &group.lvs);
        let debian = elements.iter().any(|element| element.name == "dpkg");
        if debian && installs && volumes.any(|lv| lv.kind == LvKind::Pool) {
            packages.push("thin-provisioning-tools".to_string());
        }
        packages
    }

    fn epoch(&self, declared: &BTreeMap<String, String>) -> Result<Option<i64>, PlanError> {
        let asked = self.request.epoch.map(|seconds| seconds.to_string());
        let Some(value) = asked.as_ref().or(declared.get("SOURCE_DATE_EPOCH")) else { return Ok(None) };
        let epoch = value.parse().ok().filter(|seconds| EPOCHS.contains(seconds));
        epoch.map(Some).ok_or_else(|| PlanError::Variable {
            name: "SOURCE_DATE_EPOCH".into(),
            value: value.clone(),
            why: alloc::format!(
                "a whole number of seconds since 1970 is expected, from {} to {} (the year 2106)",
                EPOCHS.start(),
                EPOCHS.end()
            ),
        })
    }

    /// What was asked for, else what the elements are for: `baremetal` adds kernel and initial ramdisk; an agent's ramdisk is a
    /// kernel and an initramfs, and no disk, whatever `type:` says (TripleO's files say qcow2); all else is a qcow2.
    fn outputs(&self, names: &[String]) -> Vec<OutputKind> {
        if !self.request.outputs.is_empty() {
            return self.request.outputs.clone();
        }
        let has = |wanted: &str| names.iter().any(|name| name == wanted);
        let mut outputs = self.image.outputs.clone();
        if self.image.ramdisk.is_some() {
            // Its hooks make the files.
            outputs.retain(|kind| !kind.is_disk());
            return outputs;
        }
        let mut add = |kinds: &[OutputKind]| {
            let new: Vec<OutputKind> = kinds.iter().copied().filter(|kind| !outputs.contains(kind)).collect();
            outputs.extend(new);
        };
        let ramdisk = has("ironic-python-agent-ramdisk") || has("ironic-ramdisk-base");
        if ramdisk {
            add(&[OutputKind::Kernel, OutputKind::Initramfs]);
        }
        if has("baremetal") {
            add(&[OutputKind::Vmlinuz, OutputKind::Initrd]);
        }
        if has("no-final-image") {
            // Hooks make what such an image is for.
            outputs.retain(|kind| !kind.is_disk());
        } else if self.image.outputs.is_empty() && !ramdisk {
            outputs.insert(0, OutputKind::Qcow2);
        }
        outputs
    }

    /// `DIB_ARGS`: arguments of `disk-image-create` that name the same image. Neither packages nor outputs are among them:
    /// every hook sees this, and what only late steps use must not change what early ones saw.
    fn arguments(&self) -> String {
        let ImagePlanner { image, target, request, .. } = self;
        let mut words = alloc::vec!["-a", target.arch.debian_name(), "-o", image.name.as_str()];
        if image.skip_base || request.skip_base {
            words.push("-n");
        }
        words.extend(image.distro.as_deref());
        words.extend(image.elements.iter().chain(&request.elements).map(String::as_str));
        words.join(" ")
    }
}

/// A size that one of dib's variables gives as a number of some unit.
fn number(
    declared: &BTreeMap<String, String>,
    name: &str,
    read: impl Fn(&str) -> Option<Bytes>,
    why: &str,
) -> Result<Option<Bytes>, PlanError> {
    let Some(value) = declared.get(name).filter(|value| !value.is_empty()) else { return Ok(None) };
    let refused =
        || PlanError::Variable { name: name.to_string(), value: value.clone(), why: why.to_string() };
    read(value).map(Some).ok_or_else(refused)
}

/// xz is for ramdisks: qcow2 has no such clusters.
fn check_compression(image: &ImageSpec, outputs: &[OutputKind]) -> Result<(), PlanError> {
    match image.entry.get("compression") {
        Some(value) if value.text() == Some("xz") && outputs.contains(&OutputKind::Qcow2) => {
            Err(value.at.bad("qcow2 has no xz compression").hint("use zlib or zstd").into())
        }
        _ => Ok(()),
    }
}
