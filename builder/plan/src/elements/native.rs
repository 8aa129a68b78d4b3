//! dib's plumbing elements, which are native here unless the path of elements has them.
//!
//! A directory of the path takes the place of most of them, with its hooks and whatever these need in the tree: who puts dib's own tree
//! first gets dib's own plumbing. Three of them stay native all the same, and only data of such a directory is used (`environment.d`,
//! packages, maps): `install-types`, because which hooks there are is known before the first one runs; `manifests`, because no secret
//! is written down; `source-repositories`, because what was fetched is kept apart from the tree, and logins are in no argument.
//!
//! In: a name, and the elements that there are. Out: whether it is native, and what it stands for. Never: a hook of a native one's directory.

use dibber_model::Phase;

use super::package_installs;
use crate::source::{ElementSource, SourceSet};

/// One plumbing element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Native {
    /// Its name, as `element-deps` files say it.
    pub name: &'static str,
    /// What it brings along, as dib's `element-deps` of it say, less `dib-python` (no Python is needed).
    pub needs: &'static [&'static str],
    /// What it brings along if the path has it: hooks written for dib may rely on it, ours does not.
    pub likes: &'static [&'static str],
    /// Whether a directory of its name takes its place.
    pub yields: bool,
}

const fn plumbing(name: &'static str, needs: &'static [&'static str]) -> Native {
    Native { name, needs, likes: &[], yields: true }
}

const fn always(name: &'static str, needs: &'static [&'static str]) -> Native {
    Native { name, needs, likes: &[], yields: false }
}

/// Every native element, by name.
pub const NATIVE: [Native; 10] = [
    plumbing("dib-run-parts", &[]),
    plumbing("element-manifest", &["manifests"]),
    plumbing("install-bin", &[]),
    plumbing("install-static", &["package-installs"]),
    always("install-types", &[]),
    always("manifests", &[]),
    plumbing("package-installs", &["install-bin", "pkg-map"]),
    plumbing("pkg-map", &[]),
    Native { likes: &["cache-url"], ..always("source-repositories", &["manifests", "package-installs"]) },
    plumbing("svc-map", &[]),
];

/// The native element of that name.
pub fn native(name: &str) -> Option<&'static Native> {
    NATIVE.iter().find(|native| native.name == name)
}

/// The native element that stands for a name where these are all elements there are.
pub(crate) fn standing_for<'a>(sources: &SourceSet, name: &str) -> Option<&'a Native> {
    native(name)
        .filter(|native| sources.builtin_first || !(native.yields && sources.elements.contains_key(name)))
}

/// What is used of a directory that has the name of a native element: all but its hooks. Its packages are a convenience of systems that have
/// packages; where no element brings a way to install any, none are asked for.
pub(crate) fn data_of(element: &ElementSource, has_packages: bool) -> ElementSource {
    let is_hook = |path: &str| path.split('/').next().and_then(Phase::of_directory).is_some();
    let mut data = element.clone();
    data.entries.retain(|path, _| !is_hook(path) && (has_packages || !package_installs::is_list(path)));
    data
}

/// The program by which a distribution's element installs packages.
pub(crate) const INSTALLER: &str = "bin/install-packages";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorted_and_closed() {
        assert!(NATIVE.windows(2).all(|pair| pair[0].name < pair[1].name));
        assert!(NATIVE.iter().flat_map(|native| native.needs).all(|need| native(need).is_some()));
    }
}
