//! The images of a set, as Glance should hold them.
//!
//! A set has one image in several formats, and Glance is given it in one; a partition image needs its kernel and ramdisk as images of
//! their own. This is where the files of a set become images with TripleO's names, formats and properties.
//!
//! In: a directory with `images.json`, a choice. Out: for each image a disk, or a kernel and a ramdisk, or all three. Never: a file
//! that `images.json` does not name; a request.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use dibber_imageset::{FileEntry, SetEntry, SetFile, SetWord};
use dibber_model::{Digest, Target};
use dibber_plan::output::{BOOT_PAIRS, BootPair, GlanceFormat, OUTPUTS, OutputKind, Role};
use serde::Deserialize;

use super::GlanceError;
use super::desired::{Choice, DesiredImage, FileLeft, Formats, Member, Pair};

/// What a sidecar says that Glance wants to know.
#[derive(Deserialize)]
struct Described {
    bytes: u64,
    virtual_bytes: Option<u64>,
    sha256: Digest,
    sha512: String,
    id: Digest,
    min_disk: Option<u64>,
    min_ram: Option<u64>,
    properties: BTreeMap<String, String>,
}

/// What only disks have: nova and ironic read these of what a machine boots from.
const OF_DISKS: [&str; 3] = ["img_type", "hw_firmware_type", "hw_machine_type"];
/// The property that says of an image that dibber made it, from which inputs.
pub(super) const ID: &str = "dibber_id";
/// The image whose kernel and ramdisk deploy machines.
const AGENT: &str = "ironic-python-agent";
/// What TripleO and ironic's documents call its kernel and its ramdisk in Glance.
const AGENT_NAMES: [&str; 2] = ["bm-deploy-kernel", "bm-deploy-ramdisk"];

/// Disk formats in the order in which Glance is given one: ironic takes qcow2 and raw only.
fn disk_formats() -> Vec<(OutputKind, GlanceFormat)> {
    let mut formats: Vec<_> = OUTPUTS.iter().filter_map(|facts| Some((facts.kind, facts.glance?))).collect();
    formats.sort_by_key(|(_, format)| format.rank);
    formats
}

/// Reads what Glance should hold of a set, in the order of `images.json`.
pub fn members(dir: &Path, choice: &Choice) -> Result<Vec<Member>, GlanceError> {
    let set = dibber_imageset::settle(dir)
        .and_then(|()| SetFile::read(dir))
        .map_err(|error| set_error(dir, error.to_string()))?;
    let known: Vec<String> =
        set.images.iter().map(|entry| format!("{} ({})", entry.name, entry.target_word())).collect();
    if known.is_empty() {
        return Err(set_error(
            dir,
            "there is no images.json in it, or no image in that; build one, or name --in".into(),
        ));
    }
    let named = |name: &String| set.images.iter().any(|entry| entry.name == *name);
    if let Some(name) = choice.names.iter().find(|name| !named(name)) {
        return Err(set_error(dir, format!("its images.json has no {name}; there are {}", known.join(", "))));
    }
    let chosen: Vec<&SetEntry> = set.images.iter().filter(|entry| choice.takes(entry)).collect();
    if chosen.is_empty() {
        return Err(set_error(
            dir,
            format!("nothing in it is for that target; there are {}", known.join(", ")),
        ));
    }
    chosen.into_iter().map(|entry| SetImage::new(dir, entry)?.member()).collect()
}

fn set_error(path: impl Into<PathBuf>, why: String) -> GlanceError {
    GlanceError::Set { path: path.into(), why }
}

impl Choice {
    fn takes(&self, entry: &SetEntry) -> bool {
        (self.names.is_empty() || self.names.contains(&entry.name))
            && self.arch.is_none_or(|arch| entry.arch.known() == Some(&arch))
            && (self.platform.is_none()
                || self.platform.as_ref() == entry.platform.as_ref().and_then(SetWord::known))
    }
}

/// One image of a set, in its directory.
struct SetImage<'a> {
    dir: &'a Path,
    entry: &'a SetEntry,
    target: Target,
}

impl<'a> SetImage<'a> {
    fn new(dir: &'a Path, entry: &'a SetEntry) -> Result<Self, GlanceError> {
        let target = entry.target().map_err(|error| set_error(dir.join("images.json"), error.to_string()))?;
        Ok(SetImage { dir, entry, target })
    }

    /// Its file of a format, if it has one.
    fn file(&self, kind: OutputKind) -> Option<&'a FileEntry> {
        self.entry.files.iter().find(|file| file.kind.known() == Some(&kind))
    }

    fn member(self) -> Result<Member, GlanceError> {
        let formats = disk_formats().into_iter();
        let disk = formats.into_iter().find_map(|(kind, format)| Some((self.file(kind)?, format)));
        let disk = disk.map(|(file, format)| self.disk(file, format)).transpose()?;
        // Whole disks boot by themselves: ironic would take one with a kernel for a partition image.
        let whole = disk.as_ref().is_some_and(DesiredImage::is_whole_disk);
        let is_disk = |file: &FileEntry| file.kind.known().is_some_and(|kind| kind.is_disk());
        // A kernel without the disk that it belongs to would be an image of nothing.
        let stranded = disk.is_none() && self.entry.files.iter().any(is_disk);
        let pair = if whole || stranded { None } else { self.pair()? };
        let given: Vec<&Path> = disk
            .iter()
            .chain(pair.iter().flat_map(|p| [&p.kernel, &p.ramdisk]))
            .map(|w| w.path.as_path())
            .collect();
        let is_given = |file: &FileEntry| given.contains(&self.dir.join(&file.name).as_path());
        let left = self.entry.files.iter().filter(|file| !is_given(file)).map(|file| FileLeft {
            name: file.name.clone(),
            why: why_left(file.kind.known().copied(), whole, stranded),
        });
        let left = left.collect();
        Ok(Member { image: self.entry.name.clone(), target: self.target, pair, disk, left })
    }

    fn disk(&self, file: &FileEntry, format: GlanceFormat) -> Result<DesiredImage, GlanceError> {
        let formats = Formats { disk: format.disk_format, container: "bare" };
        self.desired(file, &self.entry.name, formats)
    }

    /// Its kernel and the ramdisk that the kernel boots, if both are there.
    fn pair(&self) -> Result<Option<Pair>, GlanceError> {
        let files = |pair: BootPair| Some((pair, self.file(pair.kernel)?, self.file(pair.ramdisk)?));
        let Some((pair, kernel, ramdisk)) = BOOT_PAIRS.into_iter().find_map(files) else { return Ok(None) };
        let image = &self.entry.name;
        let [kernel_name, ramdisk_name] = match image == AGENT && pair.ramdisk.is_whole_tree() {
            true => AGENT_NAMES.map(String::from),
            false => [pair.kernel, pair.ramdisk].map(|kind| format!("{image}-{}", kind.name())),
        };
        let half = |file, name: &str, format| {
            let mut desired = self.desired(file, name, Formats { disk: format, container: format })?;
            desired.properties.retain(|name, _| !OF_DISKS.contains(&name.as_str()));
            (desired.min_disk, desired.min_ram) = (0, 0);
            Ok(desired)
        };
        Ok(Some(Pair {
            kernel: half(kernel, &kernel_name, "aki")?,
            ramdisk: half(ramdisk, &ramdisk_name, "ari")?,
        }))
    }

    /// A file as Glance should hold it, under TripleO's name for the target.
    fn desired(&self, file: &FileEntry, name: &str, formats: Formats) -> Result<DesiredImage, GlanceError> {
        let path = self.dir.join(&file.name);
        let sidecar = self.dir.join(format!("{}.json", file.name));
        let described = Described::read(&path, &sidecar, file)?;
        check_length(&path, file)?;
        let mut properties = described.properties;
        properties.insert(ID.into(), described.id.to_string());
        let fits = described.virtual_bytes.unwrap_or(0).div_ceil(1 << 30);
        let mut least = |name: &str| take_number(&mut properties, name, &sidecar);
        let min_disk = least("min_disk")?.or(described.min_disk).unwrap_or(0).max(fits);
        let min_ram = least("min_ram")?.or(described.min_ram).unwrap_or(0);
        Ok(DesiredImage {
            name: glance_name(&self.target, name),
            formats,
            min_disk,
            min_ram,
            properties,
            path,
            bytes: file.bytes,
            sha256: file.sha256,
            sha512: described.sha512,
        })
    }
}

/// Why Glance is not given a file: `whole` is whether its disk boots by itself, `stranded` whether Glance has no format for the disk.
fn why_left(kind: Option<OutputKind>, whole: bool, stranded: bool) -> &'static str {
    match kind.map(|kind| (kind, kind.role())) {
        Some((_, Role::Kernel | Role::Ramdisk)) if whole => "a whole disk boots without it",
        Some((_, Role::Kernel | Role::Ramdisk)) if stranded => {
            "Glance has no format for the disk that it belongs to"
        }
        Some((_, Role::Kernel | Role::Ramdisk)) => "kernel and ramdisk go together, and one is missing",
        Some((kind, Role::Disk)) if kind.facts().glance.is_some() => "the same disk goes in another format",
        _ => "Glance has no format for it",
    }
}

/// TripleO's names: platform first, then architecture; the plain name where files have it too.
fn glance_name(target: &Target, name: &str) -> String {
    target.basenames(name).pop().unwrap_or_else(|| name.to_string())
}

impl Described {
    /// Reads the sidecar of a file. images.json is the commit: a sidecar counts only if it speaks of the file that is named there.
    fn read(path: &Path, sidecar: &Path, file: &FileEntry) -> Result<Described, GlanceError> {
        let text = dibber_imageset::sidecar_bytes(path)
            .map_err(|source| GlanceError::File { path: sidecar.into(), source })?;
        let described: Described = serde_json::from_slice(&text).map_err(|e| {
            set_error(sidecar, format!("this is no sidecar of dibber's ({e}); build the image again"))
        })?;
        if described.sha256 != file.sha256 || described.bytes != file.bytes {
            let why = "it describes another file than images.json names; build the image again";
            return Err(set_error(sidecar, why.into()));
        }
        Ok(described)
    }
}

fn check_length(path: &Path, file: &FileEntry) -> Result<(), GlanceError> {
    let there = dibber_fs::open_file(path)
        .and_then(|file| file.metadata())
        .map_err(|source| GlanceError::File { path: path.into(), source })?
        .len();
    if there == file.bytes {
        return Ok(());
    }
    let why = format!("it is {there} bytes long, and images.json says {}; build the image again", file.bytes);
    Err(set_error(path, why))
}

/// An image file may write `min_ram` among its properties; to Glance it is a number beside them.
fn take_number(
    properties: &mut BTreeMap<String, String>,
    name: &str,
    sidecar: &Path,
) -> Result<Option<u64>, GlanceError> {
    let Some(text) = properties.remove(name) else { return Ok(None) };
    let number = text
        .trim()
        .parse()
        .map_err(|_| set_error(sidecar, format!("property {name}: `{text}` is no number")))?;
    Ok(Some(number))
}

#[cfg(test)]
mod tests {
    use dibber_model::Arch;

    use super::*;

    #[test]
    fn glance_names_are_tripleo_s() {
        let target =
            |arch, platform: Option<&str>| Target { arch, platform: platform.map(|p| p.parse().unwrap()) };
        // python-tripleoclient's own cases.
        assert_eq!(
            glance_name(&target(Arch::X86_64, Some("SNB")), "overcloud-full-vmlinuz"),
            "SNB-x86_64-overcloud-full-vmlinuz"
        );
        assert_eq!(
            glance_name(&target(Arch::Ppc64le, Some("p9")), "overcloud-full"),
            "p9-ppc64le-overcloud-full"
        );
        assert_eq!(
            glance_name(&target(Arch::Ppc64le, None), "overcloud-full-initrd"),
            "ppc64le-overcloud-full-initrd"
        );
        assert_eq!(glance_name(&target(Arch::X86_64, None), "overcloud-full"), "overcloud-full");
    }
}
