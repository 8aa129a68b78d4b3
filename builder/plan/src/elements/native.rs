//! dib's plumbing elements, which are native here.
//!
//! In: a name. Out: whether it is plumbing, and what it stands for. Never: a look at a directory of that name: dib's own
//! directories for these are not used, because their hooks are Python in the chroot.

/// One plumbing element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Native {
    /// Its name, as `element-deps` files say it.
    pub name: &'static str,
    /// What it brings along, as dib's `element-deps` of it say, less `dib-python` (no Python is needed).
    pub needs: &'static [&'static str],
    /// What it brings along if the path has it: hooks written for dib may rely on it, ours does not.
    pub likes: &'static [&'static str],
}

const fn plumbing(name: &'static str, needs: &'static [&'static str]) -> Native {
    Native { name, needs, likes: &[] }
}

/// Every native element, by name.
pub const NATIVE: [Native; 10] = [
    plumbing("dib-run-parts", &[]),
    plumbing("element-manifest", &["manifests"]),
    plumbing("install-bin", &[]),
    plumbing("install-static", &["package-installs"]),
    plumbing("install-types", &[]),
    plumbing("manifests", &[]),
    plumbing("package-installs", &["install-bin", "pkg-map"]),
    plumbing("pkg-map", &[]),
    Native { name: "source-repositories", needs: &["manifests", "package-installs"], likes: &["cache-url"] },
    plumbing("svc-map", &[]),
];

/// The native element of that name.
pub fn native(name: &str) -> Option<&'static Native> {
    NATIVE.iter().find(|native| native.name == name)
}

/// Whether `name` is plumbing.
pub fn is_native(name: &str) -> bool {
    native(name).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorted_and_closed() {
        assert!(NATIVE.windows(2).all(|pair| pair[0].name < pair[1].name));
        assert!(NATIVE.iter().flat_map(|native| native.needs).all(|need| is_native(need)));
    }
}
