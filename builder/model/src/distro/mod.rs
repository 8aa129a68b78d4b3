//! Distributions: what the program has to know of one to make its trees by their archive.
//!
//! An element makes a distribution's tree; the facts here are what happens around it: which programs of the building machine its
//! root phase runs, where its archive is and what vouches for it, which variables decide what is in the smallest tree. Each
//! distribution is a file of `known/`, as an architecture is one of `arch/known/`. One without a file is built by its elements
//! alone: nothing is asked of its archive, and no native programs stand in.
//!
//! In: names of elements. Out: facts. Never: a way in which code asks for one distribution by name.

include!(concat!(env!("OUT_DIR"), "/distros.rs"));

/// What is true of a distribution.
#[derive(Clone, Copy, Debug)]
pub struct DistroFacts {
    /// `DISTRO_NAME`: `debian`.
    pub name: &'static str,
    /// The element that makes its tree.
    pub element: &'static str,
    /// Programs of the building machine that this element's root phase runs. The tree is a function of their versions.
    pub programs: &'static [HostProgram],
    /// Where its packages come from.
    pub archive: ArchiveFacts,
    /// Prefixes of variables that decide what is in the smallest tree: archive, release, suites.
    pub tree_variables: &'static [&'static str],
    /// The variable by which its element is given more packages, and the text that adds these to it: programs that a build runs
    /// thousands of times, or for minutes, and that native ones stand in for.
    pub native_packages: (&'static str, &'static str),
}

/// A program of the building machine.
#[derive(Clone, Copy, Debug)]
pub struct HostProgram {
    /// Its name in `PATH`.
    pub name: &'static str,
    /// Its package.
    pub package: &'static str,
    /// Whether a build is refused without it. Others come with one that is asked for.
    pub asked_for: bool,
}

/// An archive of packages.
#[derive(Clone, Copy, Debug)]
pub struct ArchiveFacts {
    /// The usual mirror.
    pub mirror: &'static str,
    /// The usual mirror of the security suite.
    pub security: &'static str,
    /// Archives as they were at a point in time: the addresses of both before and after that time.
    pub snapshot: Snapshots,
    /// The release that is meant where none is named.
    pub release: &'static str,
    /// Releases that have neither updates nor a security suite beside them.
    pub rolling: &'static [&'static str],
    /// The variable that is `0` for an image without updates.
    pub updates_variable: &'static str,
    /// The variable that names another mirror of the security suite, or `none`.
    pub security_variable: &'static str,
    /// Keys that its packages are trusted by where the system's own do not vouch for it.
    pub keyring: &'static str,
}

/// Where snapshots of an archive are; a point in time (`20261101T000000Z`) and `/` follow.
#[derive(Clone, Copy, Debug)]
pub struct Snapshots {
    /// Of the archive.
    pub main: &'static str,
    /// Of its security suite.
    pub security: &'static str,
}

/// Every distribution that has facts.
pub fn all() -> impl Iterator<Item = &'static DistroFacts> {
    KNOWN.iter().copied()
}

/// The distribution that one of these elements makes the tree of.
pub fn of_elements<'a>(names: impl IntoIterator<Item = &'a str>) -> Option<&'static DistroFacts> {
    names.into_iter().find_map(|name| all().find(|facts| facts.element == name))
}
