//! The native tree of a foreign image: a tree of the building machine's architecture from the same archive.
//!
//! Programs of another architecture run under an emulator, which is slow. So the smallest tree of the same release is also made for the
//! building machine's own architecture, and its programs stand in for the foreign ones (`docs/foreign-architectures.md`). That tree is
//! planned as its image is, with the image's elements, one of which may say which release it is, and then reduced to its root phase.
//!
//! In: an image, its plan and the request. Out: the image, target and request of the native tree, which the planner plans. Never: an
//! output of it; its programs stand in for foreign ones while the image is built.

use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;

use dibber_model::distro::DistroFacts;
use dibber_model::{Phase, Target};

use crate::image::ImageSpec;
use crate::output::OutputKind;
use crate::plan::Plan;
use crate::request::Request;

/// What the native tree of a foreign image is planned from.
pub(crate) struct NativeTree {
    pub(crate) image: ImageSpec,
    pub(crate) target: Target,
    pub(crate) request: Request,
}

/// Whether a variable decides what is in the smallest tree: archive, release, suites.
fn decides(distro: &DistroFacts, name: &str) -> bool {
    name == "DIB_RELEASE" || distro.tree_variables.iter().any(|prefix| name.starts_with(prefix))
}

impl NativeTree {
    /// The native tree of a plan, if its image is of another architecture than the building machine's.
    pub(crate) fn new(image: &ImageSpec, plan: &Plan, request: &Request) -> Option<NativeTree> {
        let distro = plan.distro()?;
        let mut tree = NativeTree::smallest(image, plan, request)?;
        let (variable, packages) = distro.native_packages;
        let own = request.variables.get(variable).or(image.environment.get(variable));
        let packages = own.map_or_else(|| packages.to_string(), |own| format!("{own} {packages}"));
        tree.image.distro.clone_from(&image.distro);
        tree.image.elements.clone_from(&image.elements);
        tree.image.environment.clone_from(&image.environment);
        tree.request.variables.clone_from(&request.variables);
        tree.request.variables.insert(variable.to_string(), packages);
        tree.request.elements.clone_from(&request.elements);
        Some(tree)
    }

    /// The same with the element of the operating system alone, for an image whose elements are not for the building machine's architecture. All
    /// images of one release from one archive have the same.
    pub(crate) fn smallest(image: &ImageSpec, plan: &Plan, request: &Request) -> Option<NativeTree> {
        let distro = plan.distro().filter(|_| plan.target.arch != request.host)?;
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
        asked.variables.retain(|name, _| decides(distro, name));
        let target = Target { arch: request.host, platform: None };
        Some(NativeTree { image: small, target, request: asked })
    }

    /// What of the native tree's plan is carried out for a foreign image's plan: the root phase alone.
    pub(crate) fn reduce(mut native: Plan, foreign: &Plan) -> Plan {
        native.steps.retain(|step| step.phase == Phase::Root);
        // What the image's own root phase may not reach, that of its native tree may not either: the steps are the same.
        native.cuts = foreign.cuts.clone();
        // The element of the image's own settings is not for it.
        let Plan { elements, names, .. } = &mut native;
        elements.retain(|element| names.contains(&element.name));
        native
    }
}
