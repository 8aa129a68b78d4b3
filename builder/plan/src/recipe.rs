//! From sources and a request to plans.
//!
//! In: everything that was read, and what is asked for. Out: one [`Plan`] for each image and architecture. Never: an
//! effect; never a plan of some images where another is wrong.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use dibber_model::distro;
use dibber_model::time::EPOCHS;
use dibber_model::{Bytes, MkfsOptions, Platform, Seed, Target};

use crate::disk::{self, Chosen, DiskWish};
use crate::elements::image_element::image_element;
use crate::elements::steps::StepRequest;
use crate::elements::{self, ElementError, ElementRequest, Place as ElementPlace, mentions};
use crate::host_paths::host_paths;
use crate::image::{ImageSpec, Matrix, Merged, check_sections, for_target, is_variable, merged};
use crate::output::OutputKind;
use crate::plan::Plan;
use crate::properties::{contradictions, properties};
use crate::request::Request;
use crate::settings::{settings, settings_packages};
use crate::source::{ElementSource, SourceSet, TextSource};
use crate::variables;
use crate::yaml::{Fault, Node, Place, Yaml, nearest};
use crate::{network, twin};

/// Why there is no plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// A text is wrong at a place.
    #[error(transparent)]
    Text(#[from] Fault),
    /// Elements cannot be used as they are.
    #[error("image `{image}`: {error}")]
    Elements {
        /// Of which image.
        image: String,
        /// Why.
        error: ElementError,
    },
    /// No image is called so.
    #[error("no image is called `{name}`; {}", known_images(.known, .near))]
    UnknownImage {
        /// What was asked for.
        name: String,
        /// What there is.
        known: Vec<String>,
        /// What may have been meant.
        near: Option<String>,
    },
    /// The image files list nothing.
    #[error("there is no image: {0}")]
    NoImages(&'static str),
    /// A variable's value does not mean anything.
    #[error("variable {name}=`{value}`: {why}")]
    Variable {
        /// Its name.
        name: String,
        /// Its value.
        value: String,
        /// What is wrong.
        why: String,
    },
    /// The image is not built for that.
    #[error("image `{image}` has no {what}; {}", known_targets(.known, .near))]
    NoTarget {
        /// The image.
        image: String,
        /// What was asked for: a target, or a platform.
        what: String,
        /// What there is.
        known: Vec<String>,
        /// What may have been meant.
        near: Option<String>,
    },
    /// A platform of no certain architecture.
    #[error(
        "image `{image}`: platform `{platform}` of which architecture? say --arch too, or --target {platform}-ARCH"
    )]
    PlatformAlone {
        /// The image.
        image: String,
        /// The platform.
        platform: String,
    },
    /// Two plans would write the same files.
    #[error(
        "`{first}` and `{second}` would both come out as {stem}; give one of them another name or architecture"
    )]
    SameFiles {
        /// One image.
        first: String,
        /// The other.
        second: String,
        /// The name that both claim.
        stem: String,
    },
}

impl PlanError {
    /// The fault in a text, with its place, if that is what it is.
    pub fn fault(&self) -> Option<&Fault> {
        match self {
            PlanError::Text(fault) => Some(fault),
            _ => None,
        }
    }
}

fn known_images(known: &[String], near: &Option<String>) -> String {
    match near {
        Some(near) => alloc::format!("did you mean `{near}`?"),
        None => alloc::format!("there are {}", known.join(", ")),
    }
}

fn known_targets(known: &[String], near: &Option<String>) -> String {
    match near {
        Some(near) => alloc::format!("did you mean `{near}`? there are {}", known.join(", ")),
        None => alloc::format!("there are {}", known.join(", ")),
    }
}

/// Plans every image that is asked for, in the order asked, each for its architectures.
pub fn plan(sources: &SourceSet, request: &Request) -> Result<Vec<Plan>, PlanError> {
    check_variables(request)?;
    let all = merged(&sources.images)?;
    let known: Vec<String> = all.iter().map(|image| image.name.clone()).collect();
    if known.is_empty() {
        return Err(PlanError::NoImages("give an image file with `disk_images:`"));
    }
    let mut wanted = Vec::new();
    for name in if request.images.is_empty() { &known } else { &request.images } {
        let found = all.iter().find(|image| image.name == *name).ok_or_else(|| PlanError::UnknownImage {
            name: name.clone(),
            known: known.clone(),
            near: nearest(name, known.iter().map(String::as_str)),
        })?;
        wanted.push((found, asked(found, request)?));
    }
    let mut plans: Vec<Plan> = Vec::new();
    for (image, targets) in wanted {
        let planned = |target: &Target| {
            let spec = ImageSpec::new(&for_target(image, target))?;
            one(&spec, target.clone(), sources, request)
        };
        for target in targets {
            let spec = ImageSpec::new(&for_target(image, &target))?;
            let siblings = siblings(image, &target, request)?;
            let mut plan = one(&spec, target, sources, request)?;
            plan.late = late(&plan, &siblings, planned);
            plan.native = twin::twin(&spec, &plan, sources, request)?.map(Box::new);
            let same = |other: &&Plan| other.stem() == plan.stem();
            if let Some(other) = plans.iter().find(same) {
                let (first, second) = (other.image.clone(), plan.image.clone());
                return Err(PlanError::SameFiles { first, second, stem: plan.stem() });
            }
            plans.push(plan);
        }
    }
    Ok(plans)
}

fn check_variables(request: &Request) -> Result<(), PlanError> {
    let bad = |(name, value): &(&String, &String)| !is_variable(name) || value.contains('\0');
    match request.variables.iter().find(bad) {
        None => Ok(()),
        Some((name, value)) => {
            let why = "names have letters, digits and `_`, and values no zero byte".to_string();
            Err(PlanError::Variable { name: name.clone(), value: value.clone(), why })
        }
    }
}

/// Targets that are asked for. What the image says for others is checked as well.
fn asked(image: &Merged, request: &Request) -> Result<Vec<Target>, PlanError> {
    let spec = ImageSpec::new(image)?;
    let matrix = Matrix::of(&spec, request.host)?;
    check_sections(&image.entry, &matrix)?;
    for target in matrix.all() {
        ImageSpec::new(&for_target(image, target))?;
    }
    matrix.asked(&image.name, request)
}

/// The other targets of the architecture that the image is built for, and the architecture alone.
fn siblings(image: &Merged, target: &Target, request: &Request) -> Result<Vec<Target>, PlanError> {
    let matrix = Matrix::of(&ImageSpec::new(image)?, request.host)?;
    let mut found = alloc::vec![Target { arch: target.arch, platform: None }];
    found.extend(matrix.all().iter().filter(|other| other.arch == target.arch).cloned());
    found.retain(|other| other != target);
    Ok(found)
}

/// Variables that hooks are given late, with the steps from which on they are.
fn late(
    plan: &Plan,
    siblings: &[Target],
    planned: impl Fn(&Target) -> Result<Plan, PlanError>,
) -> BTreeMap<String, usize> {
    let mut variables = alloc::vec![plan.variables.clone()];
    // A sibling that cannot be planned shares nothing.
    variables.extend(siblings.iter().filter_map(|target| planned(target).ok()).map(|plan| plan.variables));
    let request = StepRequest {
        elements: &plan.elements,
        names: &plan.names,
        variables: &plan.variables,
        image_packages: !plan.packages.is_empty(),
    };
    mentions::first_given(&request, &plan.steps, &mentions::late(&variables))
}

pub(crate) fn one(
    image: &ImageSpec,
    target: Target,
    sources: &SourceSet,
    request: &Request,
) -> Result<Plan, PlanError> {
    let mut declared = variables::declared(image, request);
    let (names, elements) = resolved(image, &target, sources, request)?;
    let distro = distro::of_elements(elements.iter().map(|element| element.name.as_str()));
    let archive = variables::archive(image, request, &mut declared, distro);
    let chosen = layout(image, request, &declared, (&elements, sources, &target))?;
    let seed = seed(image, &target, &chosen.name);
    let wish = wish(image, request, &declared, (&target, seed))?;
    let disk = disk::disk_spec(&chosen.config, &wish)?;
    let outputs = outputs(image, request, &names);
    check_compression(image, &outputs)?;
    let mut all = variables::variables(image, &target, &archive, &declared);
    all.extend(disk::variables(&disk));
    all.insert("IMAGE_ELEMENT".into(), image_element(&names));
    all.insert("DIB_ARGS".into(), arguments(image, &target, request));
    let env = variables::dib_env(&all);
    all.insert("DIB_ENV".into(), env);
    let mut packages = image.packages.clone();
    packages.extend(request.packages.iter().cloned());
    packages.extend(settings_packages(image));
    let chain = StepRequest {
        elements: &elements,
        names: &names,
        variables: &all,
        image_packages: !packages.is_empty(),
    };
    let checked = elements::check(&chain).and_then(|warnings| Ok((warnings, elements::steps(&chain)?)));
    let (warnings, steps) =
        checked.map_err(|error| PlanError::Elements { image: image.name.clone(), error })?;
    let host_paths = host_paths(&chain, &steps, &archive);
    let given = network::given(&elements)
        .map_err(|error| PlanError::Elements { image: image.name.clone(), error })?;
    let cuts = network::cuts(&image.network, &given, &names, &steps)?;
    let properties = properties(image, &target, &disk, (&outputs, &all));
    let contradictions = contradictions(&disk, &outputs, &properties);
    Ok(Plan {
        image: image.name.clone(),
        target,
        seed,
        epoch: epoch(request, &declared)?,
        elements,
        names,
        variables: all,
        // Told by those who know the other platforms.
        late: BTreeMap::new(),
        packages,
        steps,
        host_paths,
        cuts,
        archive,
        limits: image.limits,
        nodes: image.nodes.clone(),
        disk,
        outputs,
        compression: request.compression.unwrap_or(image.compression),
        ramdisk_compression: image.ramdisk_compression,
        properties,
        min_ram: image.min_ram,
        warnings: warnings.iter().map(ToString::to_string).chain(contradictions).collect(),
        native: None,
    })
}

/// Resolved names, and the element directories with the image's own settings last.
fn resolved(
    image: &ImageSpec,
    target: &Target,
    sources: &SourceSet,
    request: &Request,
) -> Result<(Vec<String>, Vec<ElementSource>), PlanError> {
    let mut asked: Vec<String> = image.distro.iter().cloned().collect();
    asked.extend(image.elements.iter().chain(&request.elements).cloned());
    let at = image.entry.get("elements").map_or(&image.entry.at, |list| &list.at);
    let names = elements::resolve(
        sources,
        &ElementRequest {
            elements: &asked,
            place: ElementPlace::new(at.source.origin.clone(), at.line as usize),
            skip_base: image.skip_base || request.skip_base,
            ramdisk: None,
            arch: target.arch,
        },
    )
    .map_err(|error| PlanError::Elements { image: image.name.clone(), error })?;
    let mut chosen = elements::chosen(sources, &names);
    chosen.extend(settings(image)?);
    Ok((names, chosen))
}

fn layout(
    image: &ImageSpec,
    request: &Request,
    declared: &BTreeMap<String, String>,
    (elements, sources, target): (&[ElementSource], &SourceSet, &Target),
) -> Result<Chosen, PlanError> {
    let asked = request.layout.as_ref().map(|name| {
        let source = Arc::new(TextSource { origin: "the layout asked for".into(), text: name.clone() });
        Yaml { at: Place { source, line: 0, column: 0 }, node: Node::Text(name.clone()) }
    });
    let layout = asked.as_ref().or_else(|| image.entry.get("layout"));
    let variable = declared.get("DIB_BLOCK_DEVICE_CONFIG").map(String::as_str);
    Ok(disk::choose(layout, variable, elements, (sources, target))?)
}

/// The image's own key, or the names that it goes by. Never its content.
fn seed(image: &ImageSpec, target: &Target, layout: &str) -> Seed {
    match image.text("seed") {
        Some(own) => Seed::from_names([own]),
        None => {
            let platform = target.platform.as_ref().map_or("", Platform::as_str);
            Seed::from_names([&image.name, target.arch.kernel_name(), platform, layout])
        }
    }
}

fn wish(
    image: &ImageSpec,
    request: &Request,
    declared: &BTreeMap<String, String>,
    (target, seed): (&Target, Seed),
) -> Result<DiskWish, PlanError> {
    let text = |name: &str| declared.get(name).filter(|text| !text.is_empty()).cloned();
    let size = scaled(declared, "DIB_IMAGE_SIZE", Bytes::gib(1))?;
    let journal = scaled(declared, "DIB_JOURNAL_SIZE", Bytes::mib(1))?;
    Ok(DiskWish {
        arch: target.arch,
        seed,
        size: request.size.or(image.size).or(size),
        block_size: text("DIB_BLOCK_SIZE"),
        fs_type: text("FS_TYPE"),
        root_label: image.options.root_label.clone().or_else(|| text("ROOT_LABEL")),
        mkfs: disk::over(&image.mkfs, &MkfsOptions { journal, ..MkfsOptions::default() }),
    })
}

/// A whole number of some unit, as dib's variables give sizes.
fn scaled(declared: &BTreeMap<String, String>, name: &str, unit: Bytes) -> Result<Option<Bytes>, PlanError> {
    let Some(value) = declared.get(name).filter(|value| !value.is_empty()) else { return Ok(None) };
    match value.parse::<u64>().ok().and_then(|number| number.checked_mul(unit.0)) {
        Some(bytes) => Ok(Some(Bytes(bytes))),
        None => {
            let why = alloc::format!("a whole number, in units of {unit}, is expected");
            Err(PlanError::Variable { name: name.to_string(), value: value.clone(), why })
        }
    }
}

fn epoch(request: &Request, declared: &BTreeMap<String, String>) -> Result<Option<i64>, PlanError> {
    let asked = request.epoch.map(|seconds| seconds.to_string());
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
fn outputs(image: &ImageSpec, request: &Request, names: &[String]) -> Vec<OutputKind> {
    if !request.outputs.is_empty() {
        return request.outputs.clone();
    }
    let has = |wanted: &str| names.iter().any(|name| name == wanted);
    let mut outputs = image.outputs.clone();
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
    if ramdisk && has("no-final-image") {
        outputs.retain(|kind| !kind.is_disk());
    } else if image.outputs.is_empty() && !ramdisk {
        outputs.insert(0, OutputKind::Qcow2);
    }
    outputs
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

/// `DIB_ARGS`: arguments of `disk-image-create` that name the same image. Neither packages nor outputs are among them:
/// every hook sees this, and what only late steps use must not change what early ones saw.
fn arguments(image: &ImageSpec, target: &Target, request: &Request) -> String {
    let mut words = alloc::vec!["-a", target.arch.debian_name(), "-o", image.name.as_str()];
    if image.skip_base || request.skip_base {
        words.push("-n");
    }
    words.extend(image.distro.as_deref());
    words.extend(image.elements.iter().chain(&request.elements).map(String::as_str));
    words.join(" ")
}
