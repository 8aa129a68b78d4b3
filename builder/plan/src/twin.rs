//! The twin of a foreign image: a tree of the building machine's architecture from the same archive.
//!
//! In: an image and its plan. Out: a plan of the root phase alone. Never: an output of it; its programs stand in for foreign
//! ones while the image is built.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use dibber_model::{Phase, Target};

use crate::image::ImageSpec;
use crate::plan::{OutputKind, Plan};
use crate::recipe::{PlanError, one};
use crate::request::Request;
use crate::source::SourceSet;

/// The operating systems whose trees can be told apart by package and version.
const SYSTEM: &str = "debian-minimal";

/// What programs of the twin come from besides the smallest tree: both are run thousands of times, or for minutes.
const PACKAGES: &str = "cpio,xz-utils";

/// Variables that decide what is in the smallest tree: archive, release, suites.
fn decides(name: &str) -> bool {
    let prefixes = ["DIB_DEBIAN_", "DIB_APT_", "DIB_DISTRIBUTION_"];
    name == "DIB_RELEASE" || prefixes.iter().any(|prefix| name.starts_with(prefix))
}

/// The twin of a plan, if its image is of another architecture than the building machine's. All images of one release from
/// one archive have the same.
pub(crate) fn twin(
    image: &ImageSpec,
    plan: &Plan,
    sources: &SourceSet,
    request: &Request,
) -> Result<Option<Plan>, PlanError> {
    if plan.target.arch == request.host || !plan.elements.iter().any(|element| element.name == SYSTEM) {
        return Ok(None);
    }
    let mut small = image.clone();
    small.name = "native-programs".to_string();
    small.distro = Some(SYSTEM.to_string());
    small.skip_base = true;
    small.environment.retain(|name, _| decides(name));
    let extra = ("DIB_MMDEBSTRAP_EXTRA_ARGS".to_string(), ["--include=", PACKAGES].concat());
    small.environment.insert(extra.0, extra.1);
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
    asked.variables.retain(|name: &String, _| decides(name));
    let mut made = one(&small, Target { arch: request.host, platform: None }, sources, &asked)?;
    made.steps.retain(|step| step.phase == Phase::Root);
    // What the image's own root phase may not reach, that of its twin may not either: the steps are the same.
    made.cuts = plan.cuts.clone();
    // The element of the image's own settings is not for it.
    let Plan { elements, names, .. } = &mut made;
    elements.retain(|element| names.contains(&element.name));
    Ok(Some(made))
}
