//! For whom a member is, by what describes it.
//!
//! In: an entry of `images.json`, or a file's name, and sidecars. Out: tags, or why they cannot be believed. Never: one tag out of
//! two that contradict each other.

use std::path::Path;

use dibber_deploy::select::{Compatibility, Tags};
use dibber_model::{Arch, Platform, Target};
use dibber_plan::Role;

use crate::{FileEntry, SetEntry, Sidecar, sidecar_of};

/// Gathers what the sidecars of an entry say.
pub(super) struct Described {
    named: Result<Tags, String>,
    sidecar: Option<Sidecar>,
    fault: Option<String>,
}

impl Described {
    /// What `images.json` says.
    pub(super) fn of(entry: &SetEntry) -> Described {
        let tags =
            |target: Target| Tags { arch: Some(target.arch), platform: target.platform, boot_mode: None };
        let named = entry.target().map(tags).map_err(|error| format!("images.json: {error}"));
        Described { named, sidecar: None, fault: None }
    }

    /// Reads the sidecar of a file under one of its names. The disk's is the one whose tags count.
    pub(super) fn add(&mut self, path: &Path, name: &str, file: &FileEntry) -> Option<Sidecar> {
        let found = match sidecar(path) {
            Ok(Some(found)) if found.sha256 == file.sha256 => found,
            Ok(Some(_)) => {
                return self.blame(format!("{name}.json describes another file"));
            }
            Ok(None) => return self.blame(format!("{name}.json is missing")),
            Err(why) => return self.blame(format!("{name}.json: {why}")),
        };
        if self.sidecar.is_none() || found.role == Some(Role::Disk) {
            self.sidecar = Some(found.clone());
        }
        Some(found)
    }

    fn blame(&mut self, why: String) -> Option<Sidecar> {
        self.fault.get_or_insert(why);
        None
    }

    /// What is wrong with a sidecar.
    pub(super) fn fault(&self) -> Option<&str> {
        self.fault.as_deref()
    }

    /// For whom the files are.
    pub(super) fn compatibility(self) -> Compatibility {
        match self.named {
            Err(why) => Compatibility::Nobody(why),
            Ok(named) => compatibility(&named, self.sidecar.as_ref()),
        }
    }
}

/// The sidecar of a file, if there is one.
pub(super) fn sidecar(path: &Path) -> Result<Option<Sidecar>, String> {
    sidecar_of(path).map_err(|error| error.to_string())
}

/// What the name or the set says, and what the properties say, where they agree.
pub(super) fn compatibility(named: &Tags, sidecar: Option<&Sidecar>) -> Compatibility {
    let Some(sidecar) = sidecar else { return Compatibility::Tagged(named.clone()) };
    match tagged(named, sidecar) {
        Ok(tags) => Compatibility::Tagged(tags),
        Err(why) => Compatibility::Nobody(why),
    }
}

fn tagged(named: &Tags, sidecar: &Sidecar) -> Result<Tags, String> {
    let property = |name: &str| sidecar.properties.get(name).filter(|value| !value.is_empty());
    let wrong = |name: &str, why: String| format!("{name}: {why}");
    let arch: Option<Arch> = property("hw_architecture")
        .map(|value| value.parse().map_err(|e| wrong("hw_architecture", format!("{e}"))))
        .transpose()?;
    let platform: Option<Platform> = property("tripleo_platform")
        .map(|value| value.parse().map_err(|e| wrong("tripleo_platform", format!("{e}"))))
        .transpose()?;
    let boot_mode = property("hw_firmware_type")
        .map(|value| value.parse().map_err(|e| wrong("hw_firmware_type", format!("{e}"))))
        .transpose()?;
    if let (Some(name), Some(tag)) = (named.arch, arch)
        && name != tag
    {
        return Err(format!(
            "tagged hw_architecture={tag}, and made for {name}: the two contradict each other"
        ));
    }
    if let (Some(name), Some(tag)) = (&named.platform, &platform)
        && name != tag
    {
        return Err(format!(
            "tagged tripleo_platform={tag}, and made for {name}: the two contradict each other"
        ));
    }
    Ok(Tags { arch: arch.or(named.arch), platform: platform.or_else(|| named.platform.clone()), boot_mode })
}
