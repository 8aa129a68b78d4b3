//! From sources and a request to plans.
//!
//! This is where planning begins: the image files are merged, the images and targets that are asked for are found, and each pair is planned
//! by itself (`image_planner`). What is left here are the things that need more than one plan to be known: which tree of the building
//! machine's architecture a foreign image needs, and whether two plans would write the same files.
//!
//! In: everything that was read, and what is asked for. Out: one [`Plan`] for each image and architecture. Never: an
//! effect; never a plan of some images where another is wrong.

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use dibber_model::Target;

use crate::error::PlanError;
use crate::image::{ImageSpec, Merged, Targets, check_sections, for_target, is_variable, merged};
use crate::image_planner::ImagePlanner;
use crate::native_tree::NativeTree;
use crate::plan::Plan;
use crate::request::Request;
use crate::source::SourceSet;
use crate::spelling::nearest;

/// An image that is asked for, with the targets that it is asked for.
struct AskedImage<'a> {
    image: &'a Merged,
    targets: Vec<Target>,
}

/// Plans every image that is asked for, in the order asked, each for its architectures.
pub fn plan(sources: &SourceSet, request: &Request) -> Result<Vec<Plan>, PlanError> {
    check_variables(request)?;
    let all = merged(&sources.images)?;
    let mut plans: Vec<Plan> = Vec::new();
    for AskedImage { image, targets } in asked_images(&all, request)? {
        for target in targets {
            let plan = plan_target(image, &target, sources, request)?;
            if let Some(other) = plans.iter().find(|other| other.basename() == plan.basename()) {
                let (first, second) = (other.image.clone(), plan.image.clone());
                return Err(PlanError::SameFiles { first, second, basename: plan.basename() });
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

/// The images that are asked for, in the order asked, each with its targets.
fn asked_images<'a>(all: &'a [Merged], request: &Request) -> Result<Vec<AskedImage<'a>>, PlanError> {
    let known: Vec<String> = all.iter().map(|image| image.name.clone()).collect();
    if known.is_empty() {
        return Err(PlanError::NoImages("give an image file with `disk_images:`"));
    }
    let names = if request.images.is_empty() { &known } else { &request.images };
    let asked = names.iter().map(|name| {
        let image = all.iter().find(|image| image.name == *name).ok_or_else(|| PlanError::UnknownImage {
            name: name.clone(),
            known: known.clone(),
            near: nearest(name, known.iter().map(String::as_str)),
        })?;
        Ok(AskedImage { image, targets: asked_targets(image, request)? })
    });
    asked.collect()
}

/// Targets that are asked for. What the image says for others is checked as well.
fn asked_targets(image: &Merged, request: &Request) -> Result<Vec<Target>, PlanError> {
    let spec = ImageSpec::new(image)?;
    let targets = Targets::new(&spec, request.host)?;
    check_sections(&image.entry, &targets)?;
    for target in targets.all() {
        ImageSpec::new(&for_target(image, target))?;
    }
    targets.asked(&image.name, request)
}

/// The plan of an image for one target, with what follows from the building machine.
fn plan_target(
    image: &Merged,
    target: &Target,
    sources: &SourceSet,
    request: &Request,
) -> Result<Plan, PlanError> {
    let spec = ImageSpec::new(&for_target(image, target))?;
    let mut plan = ImagePlanner { image: &spec, target, sources, request }.plan()?;
    let plan_tree = |NativeTree { image, target, request }: NativeTree| {
        ImagePlanner { image: &image, target: &target, sources, request: &request }.plan()
    };
    if let Some(tree) = NativeTree::new(&spec, &plan, request) {
        let native = match (plan_tree(tree), NativeTree::smallest(&spec, &plan, request)) {
            (Err(_), Some(smallest)) => plan_tree(smallest)?,
            (native, _) => native?,
        };
        plan.native = Some(Box::new(NativeTree::reduce(native, &plan)));
    }
    Ok(plan)
}
