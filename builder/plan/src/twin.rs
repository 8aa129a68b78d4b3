//! The twin of a foreign image: a tree of the building machine's architecture from the same archive.
//!
//! In: an image and its plan. Out: a plan of the root phase alone. Never: an output of it; its programs stand in for foreign
//! ones while the image is built.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use dibber_model::distro::DistroFacts;
use dibber_model::{Phase, Target};

use crate::image::ImageSpec;
use crate::output::OutputKind;
use crate::plan::Plan;
use crate::recipe::{PlanError, one};
use crate::request::Request;
use crate::source::SourceSet;

/// Whether a variable decides what is in the smallest tree: archive, release, suites.
fn decides(distro: &DistroFacts, name: &str) -> bool {
    name == "DIB_RELEASE" || distro.tree_variables.iter().any(|prefix| name.starts_with(prefix))
}

/// The twin of a plan, if its image is of another architecture than the building machine's. All images of one release from
/// one archive have the same.
pub(crate) fn twin(
    image: &ImageSpec,
    plan: &Plan,
    sources: &SourceSet,
    request: &Request,
) -> Result<Option<Plan>, PlanError> {
    let distro = plan.distro().filter(|_| plan.target.arch != request.host);
    let Some(distro) = distro else { return Ok(None) };
    let mut small = image.clone();
    small.name = "native-programs".to_string();
    small.distro = Some(distro.element.to_string());
    small.skip_base = true;
    small.environment.retain(|name, _| decides(distro, name));
    let (variable, packages) = distro.native_packages;
    small.environment.insert(variable.to_string(), packages.to_string());
    small.elements = Vec::new();
    small.packages = Vec::new();
    small.kernel_args = Vec::new();
    small.users = Vec::new();
    small.files = Vec::new();
    small.hooks = Vec::new();
    small.nodes = Vec::new();
    small.network = Default::default();
    small.options = Default::default();
    small.outputs = Vec::from([OutputKind::Tar]);
    let mut asked = Request::on(request.host);
    asked.mirror = request.mirror.clone();
    asked.epoch = request.epoch;
    asked.layout = Some("partition".to_string());
    asked.variables = request.variables.clone();
    asked.variables.retain(|name: &String, _| decides(distro, name));
    let mut made = one(&small, Target { arch: request.host, platform: None }, sources, &asked)?;
    made.steps.retain(|step| step.phase == Phase::Root);
    // What the image's own root phase may not reach, that of its twin may not either: the steps are the same.
    made.cuts = plan.cuts.clone();
    // The element of the image's own settings is not for it.
    let Plan { elements, names, .. } = &mut made;
    elements.retain(|element| names.contains(&element.name));
    Ok(Some(made))
}
