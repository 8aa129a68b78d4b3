//! One step of a build, the unit of caching.
//!
//! In: what the elements engine decided. Out: a phase, a name and what is done. Never: how it is done.

use alloc::string::String;

use dibber_model::{Hasher, Identify, Phase};
use serde::{Deserialize, Serialize};

/// What a step does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Action {
    /// Runs an element's script, `path` within that element (`install.d/10-ssh`).
    Script {
        /// The script's path within its element.
        path: String,
    },
    /// Installs what `package-installs` files ask for in this phase.
    InstallPackages,
    /// Uninstalls what they ask to remove, and what was for the build only.
    UninstallPackages,
    /// Installs the image's own `packages:` (dib's `-p`).
    ImagePackages,
    /// Copies `static/` directories into the tree, owned by root.
    InstallStatic,
    /// Copies `bin/` directories to `/usr/local/bin`, mode 0755.
    InstallBin,
    /// Fetches `source-repository-*` into the cache and copies them into the tree.
    FetchSources,
    /// Writes `/etc/dib-manifests`.
    Manifests,
    /// Puts dibber's stand-ins at the places of boot loader programs, with dpkg diversions, in a tree that has dpkg.
    Divert,
    /// Takes them, and the diversions, back.
    TakeBackDiversions,
    /// Writes `/etc/fstab`, and makes the directories that filesystems are mounted on.
    Fstab,
}

impl Action {
    /// Whether it runs programs that elements bring, which may need the network. All else is done by programs of our own,
    /// which place files, divert names and write texts, and are never given any.
    pub fn may_reach_network(&self) -> bool {
        match self {
            // The operating system's `install-packages` removes packages too, and some ask their archive even then.
            Action::Script { .. }
            | Action::InstallPackages
            | Action::UninstallPackages
            | Action::ImagePackages
            | Action::FetchSources => true,
            Action::InstallStatic
            | Action::InstallBin
            | Action::Manifests
            | Action::Divert
            | Action::TakeBackDiversions
            | Action::Fstab => false,
        }
    }
}

impl Identify for Action {
    fn identify(&self, hasher: &mut Hasher) {
        match self {
            Action::Script { path } => path.identify(hasher.part(b"script")),
            Action::InstallPackages => "install packages".identify(hasher),
            Action::UninstallPackages => "uninstall packages".identify(hasher),
            Action::ImagePackages => "packages of the image".identify(hasher),
            Action::InstallStatic => "static".identify(hasher),
            Action::InstallBin => "bin".identify(hasher),
            Action::FetchSources => "source repositories".identify(hasher),
            Action::Manifests => "manifests".identify(hasher),
            Action::Divert => "divert".identify(hasher),
            Action::TakeBackDiversions => "take back diversions".identify(hasher),
            Action::Fstab => "fstab".identify(hasher),
        }
    }
}

/// One step: the unit of caching.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// The phase that it belongs to.
    pub phase: Phase,
    /// Its name within the phase, which is its place: `10-ssh`, `01-package-installs`.
    pub name: String,
    /// The element that it comes from, or the native plumbing's name (`package-installs`).
    pub element: String,
    /// What it does.
    pub action: Action,
}
