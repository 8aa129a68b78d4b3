//! What an image is, on one page.
//!
//! In: an open image. Out: its disk, its system, and whether its sidecar still describes it. Never: a decision about words; those
//! are the command line's.

use std::collections::BTreeSet;
use std::path::Path;

use serde::Serialize;

use super::sidecar::{self, SidecarCheck};
use super::{Container, Disk, Entry, Image, Kind, LogicalVolume, ShowError, Tree, VolumeGroup};

/// Longest os-release that is read, in bytes.
const OS_RELEASE_MAX: u64 = 1 << 20;
/// Most kernels that are listed: many times what a system has.
const KERNELS_MAX: usize = 256;

/// All that `dibber show IMAGE` prints.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The file.
    pub container: Container,
    /// The disk in it.
    pub disk: Disk,
    /// The system on it, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system: Option<System>,
    /// What `IMAGE.json` says, if it is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sidecar: Option<SidecarCheck>,
}

/// The operating system on a disk.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct System {
    /// Number of the partition with its root.
    pub partition: u32,
    /// Group and name of its logical volume, if the root is on one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub volume: Option<String>,
    /// `PRETTY_NAME` of os-release.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Releases of the kernels in `/boot`, or, without any, of the modules.
    pub kernels: Vec<String>,
    /// Number of installed packages, where dpkg counts them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub packages: Option<usize>,
}

impl Report {
    /// Reads all of it; `path` is the file that `image` was opened from.
    pub fn of(image: &Image, path: &Path) -> Result<Report, ShowError> {
        Ok(Report { sidecar: sidecar::check(path)?, ..Report::without_sidecar(image)? })
    }

    /// What the image itself says.
    pub fn without_sidecar(image: &Image) -> Result<Report, ShowError> {
        let (container, mut disk) = (image.container.clone(), image.disk.clone());
        let mut system = match &image.tree {
            Some(tree) => system(image, tree)?,
            None => None,
        };
        if let Some(found) = system.as_mut().filter(|found| found.kernels.len() > KERNELS_MAX) {
            found.kernels.truncate(KERNELS_MAX);
            disk.notes.push(format!("more than {KERNELS_MAX} kernels; these are the first"));
        }
        Ok(Report { container, disk, system, sidecar: None })
    }

    /// The first filesystem that contradicts itself, as an error.
    pub fn damage(&self) -> Option<String> {
        let broken = |part: &super::Partition| {
            let fs = part.filesystem.as_ref().filter(|fs| fs.damaged)?;
            Some(format!("partition {}: {}", part.number, fs.problem.as_deref().unwrap_or("damaged")))
        };
        let volume = |group: &VolumeGroup| {
            let damaged = |volume: &&LogicalVolume| volume.filesystem.as_ref().is_some_and(|fs| fs.damaged);
            let volume = group.volumes.iter().find(damaged)?;
            let problem = volume.filesystem.as_ref().and_then(|fs| fs.problem.as_deref());
            Some(format!("logical volume {}/{}: {}", group.name, volume.name, problem.unwrap_or("damaged")))
        };
        let parts = self.disk.partitions.iter().find_map(broken);
        parts.or_else(|| self.disk.volume_groups.iter().find_map(volume))
    }
}

fn system(image: &Image, tree: &Tree) -> Result<Option<System>, ShowError> {
    let mut name = None;
    for path in ["/etc/os-release", "/usr/lib/os-release"] {
        if let (None, Some(text)) = (&name, tree.text(path, OS_RELEASE_MAX)?) {
            name = text.lines().find_map(|line| line.strip_prefix("PRETTY_NAME=")).map(unquoted);
        }
    }
    let packages = image.packages()?.map(|packages| packages.len());
    let mut kernels = releases(tree, "/boot", &["vmlinuz-", "vmlinux-"], Kind::File)?;
    if kernels.is_empty() {
        kernels = releases(tree, "/lib/modules", &[""], Kind::Directory)?;
    }
    let volume = tree.root_volume().map(str::to_string);
    let found = System { partition: tree.root_number(), volume, name, kernels, packages };
    Ok((found.name.is_some() || found.packages.is_some() || !found.kernels.is_empty()).then_some(found))
}

/// os-release is read by shells: a value may be quoted.
fn unquoted(value: &str) -> String {
    let value = value.trim();
    let inner = ['"', '\''].iter().find_map(|q| value.strip_prefix(*q)?.strip_suffix(*q));
    inner.unwrap_or(value).replace('\\', "")
}

/// Names of a directory without the first of these prefixes that they have, sorted: one more than are listed.
fn releases(tree: &Tree, dir: &str, prefixes: &[&str], kind: Kind) -> Result<Vec<String>, ShowError> {
    let at = match tree.find(dir) {
        Ok(at) if at.entry.kind == Kind::Directory => at,
        Ok(_) | Err(ShowError::NotFound { .. }) => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let entries = tree.list(&at)?;
    let release = |entry: &Entry| {
        let name = prefixes.iter().find_map(|prefix| entry.name.strip_prefix(prefix.as_bytes()))?;
        (entry.kind == kind).then(|| String::from_utf8_lossy(name).into_owned())
    };
    let mut found = BTreeSet::new();
    for release in entries.iter().filter_map(release) {
        found.insert(release);
        if found.len() > KERNELS_MAX {
            break;
        }
    }
    Ok(found.into_iter().collect())
}
