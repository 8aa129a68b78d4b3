//! The environment that every hook sees before `environment.d` is read.
//!
//! In: what the image file and the request declare. Out: sorted variables, with dib's own ones. Never: the caller's
//! environment; never a proxy, which may hold a password and travels apart.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use dibber_model::Target;
use dibber_model::distro::{DistroFacts, Snapshots};
use dibber_model::redact::quoted;

use crate::archive::Archive;
use crate::booting::CMDLINE;
use crate::image::{ImageSpec, Security};
use crate::proxies::Proxies;
use crate::request::Request;

/// What dib's own kernel command line ends with unless an image says otherwise.
const DEFAULT_CMDLINE: &str = "nofb nomodeset gfxpayload=text";

/// What the image file's `environment` and `options`, and the request, declare; the request wins.
pub(crate) fn declared(image: &ImageSpec, request: &Request) -> BTreeMap<String, String> {
    let mut found: BTreeMap<String, String> =
        image.options.variables().into_iter().map(|(name, value)| (name.to_string(), value)).collect();
    found.extend(image.environment.clone());
    found.extend(request.variables.clone());
    found
}

/// The package archive; takes proxies out of the variables.
pub(crate) fn archive(
    image: &ImageSpec,
    request: &Request,
    declared: &mut BTreeMap<String, String>,
    distro: Option<&DistroFacts>,
) -> Archive {
    let facts = distro.map(|distro| distro.archive);
    let text = |key: &str| image.text(key).map(ToString::to_string);
    let proxies = Proxies::take(declared, image.text("proxy"));
    let snapshot = text("snapshot");
    let at =
        |of: fn(&Snapshots) -> &'static str| Some(format!("{}{}/", of(&facts?.snapshot), snapshot.as_ref()?));
    let pinned = at(|snapshots| snapshots.main);
    let mirror = request.mirror.clone().or_else(|| text("mirror")).or(pinned);
    let security = match &image.security {
        Security::Usual => at(|snapshots| snapshots.security)
            .or_else(|| facts.and_then(|facts| declared.get(facts.security_variable)).cloned()),
        Security::Off => Some("none".to_string()),
        Security::Mirror(url) => Some(url.clone()),
    };
    let mirror = mirror.or_else(|| declared.get("DIB_DISTRIBUTION_MIRROR").cloned());
    Archive { mirror, snapshot, security, proxies }
}

/// dib's variables that do not depend on the disk. What is declared wins over all but the names of the build itself.
pub(crate) fn variables(
    image: &ImageSpec,
    target: &Target,
    archive: &Archive,
    declared: &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let mut found: BTreeMap<String, String> = BTreeMap::new();
    let mut set = |name: &str, value: &str| found.insert(name.to_string(), value.to_string());
    set("DIB_INIT_SYSTEM", "systemd");
    set("DIB_PYTHON_VERSION", "3");
    if let Some(release) = image.text("release") {
        set("DIB_RELEASE", release);
    }
    found.extend(declared.clone());
    let mut set = |name: &str, value: &str| found.insert(name.to_string(), value.to_string());
    if let Some(mirror) = &archive.mirror {
        set("DIB_DISTRIBUTION_MIRROR", mirror);
    }
    if let Some(security) = &archive.security {
        set("DIB_DEBIAN_SECURITY_MIRROR", security);
    }
    if !image.kernel_args.is_empty() {
        let base = declared.get(CMDLINE).map_or(DEFAULT_CMDLINE, String::as_str);
        let args = image.kernel_args.join(" ");
        set(CMDLINE, format!("{base} {args}").trim_matches(' '));
    }
    set("LC_ALL", "C");
    set("ARCH", target.arch.debian_name());
    if let Some(platform) = &target.platform {
        set("DIB_PLATFORM", platform.as_str());
    }
    set("IMAGE_NAME", &image.name);
    found
}

/// `DIB_ENV`: every `DIB_*` variable as `export` prints it; the manifests carry it.
pub(crate) fn dib_env(variables: &BTreeMap<String, String>) -> String {
    let lines: Vec<String> = variables
        .iter()
        .filter(|(name, _)| name.starts_with("DIB_"))
        .map(|(name, value)| format!("declare -x {name}=\"{}\"", quoted(value)))
        .collect();
    lines.join("\n")
}
