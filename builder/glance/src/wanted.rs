//! What Glance should hold, read from a set.
//!
//! In: a directory with `images.json`, a choice. Out: for each image a disk, or a kernel and a ramdisk, or all three: name, formats,
//! properties, digests. Never: a file that `images.json` does not name; a request.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use dibber_imageset::{FileEntry, SetEntry, SetFile};
use dibber_model::{Arch, Digest, Platform, Target};
use dibber_plan::output::{OUTPUTS, OutputFacts, OutputKind};
use serde::Deserialize;

use super::GlanceError;

/// Which images of a set.
#[derive(Clone, Debug, Default)]
pub struct Choice {
    /// Their names; none is all.
    pub names: Vec<String>,
    /// Only this architecture.
    pub arch: Option<Arch>,
    /// Only this platform.
    pub platform: Option<Platform>,
}

/// One image of a set for one target, as Glance should hold it.
#[derive(Clone, Debug)]
pub struct Member {
    /// Image name.
    pub image: String,
    /// What it is built for.
    pub target: Target,
    /// Kernel and ramdisk.
    pub pair: Option<Pair>,
    /// The disk; with a pair, a partition's, which names the pair.
    pub disk: Option<Wanted>,
    /// Files that Glance is not given, with the reason.
    pub left: Vec<(String, &'static str)>,
}

/// A kernel and a ramdisk that belong together.
#[derive(Clone, Debug)]
pub struct Pair {
    /// `aki`.
    pub kernel: Wanted,
    /// `ari`.
    pub ramdisk: Wanted,
}

/// One image that Glance should hold.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Name in Glance.
    pub name: String,
    /// Glance's `disk_format`: `qcow2`, `raw`, `aki`, `ari` ...
    pub disk_format: &'static str,
    /// Glance's `container_format`: `bare`, `aki`, `ari`.
    pub container_format: &'static str,
    /// GiB that a machine's disk must have.
    pub min_disk: u64,
    /// MiB of memory that a machine must have.
    pub min_ram: u64,
    /// Properties.
    pub properties: BTreeMap<String, String>,
    /// The file.
    pub path: PathBuf,
    /// Its length.
    pub bytes: u64,
    /// Its SHA-256.
    pub sha256: Digest,
    /// Its SHA-512, in hexadecimal.
    pub sha512: String,
}

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
/// The image whose kernel and ramdisk deploy machines, and what TripleO and ironic's documents call it in Glance.
const AGENT: (&str, &str, &str, &str) = ("ironic-python-agent", "bm-deploy", "kernel", "ramdisk");

/// Disk formats in the order in which Glance is given one: ironic takes qcow2 and raw only.
fn disks() -> Vec<&'static OutputFacts> {
    let mut disks: Vec<&OutputFacts> = OUTPUTS.iter().filter(|facts| facts.glance.is_some()).collect();
    disks.sort_by_key(|facts| facts.glance.map(|(_, place)| place));
    disks
}

/// Reads what Glance should hold of a set, in the order of `images.json`.
pub fn members(dir: &Path, choice: &Choice) -> Result<Vec<Member>, GlanceError> {
    let set = dibber_imageset::settle(dir)
        .and_then(|()| SetFile::read(dir))
        .map_err(|error| wrong(dir, error.to_string()))?;
    let known: Vec<String> =
        set.images.iter().map(|entry| format!("{} ({})", entry.name, of(entry))).collect();
    if known.is_empty() {
        return Err(wrong(
            dir,
            "there is no images.json in it, or no image in that; build one, or name --in".into(),
        ));
    }
    let named = |name: &String| set.images.iter().any(|entry| entry.name == *name);
    if let Some(name) = choice.names.iter().find(|name| !named(name)) {
        return Err(wrong(dir, format!("its images.json has no {name}; there are {}", known.join(", "))));
    }
    let chosen: Vec<&SetEntry> = set.images.iter().filter(|entry| choice.takes(entry)).collect();
    if chosen.is_empty() {
        return Err(wrong(dir, format!("nothing in it is for that target; there are {}", known.join(", "))));
    }
    chosen.into_iter().map(|entry| member(dir, entry)).collect()
}

fn of(entry: &SetEntry) -> String {
    match &entry.platform {
        Some(platform) => format!("{platform}-{}", entry.arch),
        None => entry.arch.clone(),
    }
}

fn wrong(path: impl Into<PathBuf>, why: String) -> GlanceError {
    GlanceError::Set { path: path.into(), why }
}

impl Choice {
    fn takes(&self, entry: &SetEntry) -> bool {
        (self.names.is_empty() || self.names.contains(&entry.name))
            && self.arch.is_none_or(|arch| arch.kernel_name() == entry.arch)
            && (self.platform.is_none()
                || self.platform.as_ref().map(Platform::as_str) == entry.platform.as_deref())
    }
}

fn member(dir: &Path, entry: &SetEntry) -> Result<Member, GlanceError> {
    let bad = |e: dibber_model::arch::TargetError| wrong(dir.join("images.json"), e.to_string());
    let target = Target {
        arch: entry.arch.parse().map_err(bad)?,
        platform: entry.platform.as_deref().map(str::parse).transpose().map_err(bad)?,
    };
    let file = |kind: &str| entry.files.iter().find(|file| file.kind == kind);
    let disk = disks().into_iter().find_map(|facts| Some((file(facts.name)?, facts.glance?.0)));
    let disk = disk.map(|(file, format)| Wanted::disk(dir, (entry, &target), (file, format))).transpose()?;
    // Whole disks boot by themselves: ironic would take one with a kernel for a partition image.
    let whole = disk.as_ref().is_some_and(Wanted::is_whole_disk);
    let pairs = [("kernel", "initramfs"), ("vmlinuz", "initrd")];
    let files = pairs.iter().find_map(|(kernel, ramdisk)| Some((file(kernel)?, file(ramdisk)?)));
    let pair = match files.filter(|_| !whole) {
        Some(files) => Some(Pair::of(dir, (entry, &target), files)?),
        None => None,
    };
    let given: Vec<&Path> = disk
        .iter()
        .chain(pair.iter().flat_map(|p| [&p.kernel, &p.ramdisk]))
        .map(|w| w.path.as_path())
        .collect();
    let left = entry.files.iter().filter(|file| !given.contains(&dir.join(&file.name).as_path()));
    let left = left.map(|file| (file.name.clone(), why_left(&file.kind, whole))).collect();
    Ok(Member { image: entry.name.clone(), target, pair, disk, left })
}

fn why_left(kind: &str, whole: bool) -> &'static str {
    match kind {
        "vmlinuz" | "initrd" | "kernel" | "initramfs" if whole => "a whole disk boots without it",
        "vmlinuz" | "initrd" | "kernel" | "initramfs" => "kernel and ramdisk go together, and one is missing",
        kind if OutputKind::of_name(kind).is_some_and(OutputKind::is_disk) => {
            "the same disk goes in another format"
        }
        _ => "Glance has no format for it",
    }
}

impl Pair {
    fn of(
        dir: &Path,
        (entry, target): (&SetEntry, &Target),
        (kernel, ramdisk): (&FileEntry, &FileEntry),
    ) -> Result<Pair, GlanceError> {
        let (agent, stem, first, second) = AGENT;
        let names = match kernel.kind.as_str() {
            "kernel" if entry.name == agent => [format!("{stem}-{first}"), format!("{stem}-{second}")],
            "kernel" => [format!("{}-kernel", entry.name), format!("{}-initramfs", entry.name)],
            _ => [format!("{}-vmlinuz", entry.name), format!("{}-initrd", entry.name)],
        };
        let [kernel_name, ramdisk_name] = names.map(|name| glance_name(target, &name));
        let one = |file, name, format| {
            let mut wanted = Wanted::of(dir, file, (name, format, format))?;
            wanted.properties.retain(|name, _| !OF_DISKS.contains(&name.as_str()));
            (wanted.min_disk, wanted.min_ram) = (0, 0);
            Ok(wanted)
        };
        Ok(Pair { kernel: one(kernel, kernel_name, "aki")?, ramdisk: one(ramdisk, ramdisk_name, "ari")? })
    }
}

/// TripleO's names: platform first, then architecture; the plain name where files have it too.
fn glance_name(target: &Target, name: &str) -> String {
    target.stems(name).pop().unwrap_or_else(|| name.to_string())
}

impl Wanted {
    fn disk(
        dir: &Path,
        (entry, target): (&SetEntry, &Target),
        (file, format): (&FileEntry, &'static str),
    ) -> Result<Wanted, GlanceError> {
        Wanted::of(dir, file, (glance_name(target, &entry.name), format, "bare"))
    }

    /// Whether ironic takes it for a whole disk: by `img_type`, and by the lack of a kernel where that is not said.
    fn is_whole_disk(&self) -> bool {
        self.properties.get("img_type").is_none_or(|kind| kind != "partition")
    }

    fn of(
        dir: &Path,
        file: &FileEntry,
        (name, disk_format, container_format): (String, &'static str, &'static str),
    ) -> Result<Wanted, GlanceError> {
        let path = dir.join(&file.name);
        let sidecar = dir.join(format!("{}.json", file.name));
        let text = dibber_imageset::sidecar_bytes(&path)
            .map_err(|source| GlanceError::File { path: sidecar.clone(), source })?;
        let described: Described = serde_json::from_slice(&text).map_err(|e| {
            wrong(&sidecar, format!("this is no sidecar of dibber's ({e}); build the image again"))
        })?;
        // images.json is the commit: a sidecar counts only if it speaks of the file that is named there.
        if described.sha256 != file.sha256 || described.bytes != file.bytes {
            let why = "it describes another file than images.json names; build the image again";
            return Err(wrong(&sidecar, why.into()));
        }
        let there = dibber_fs::open_file(&path)
            .and_then(|file| file.metadata())
            .map_err(|source| GlanceError::File { path: path.clone(), source })?
            .len();
        if there != file.bytes {
            let why = format!(
                "it is {there} bytes long, and images.json says {}; build the image again",
                file.bytes
            );
            return Err(wrong(&path, why));
        }
        let mut properties = described.properties;
        properties.insert(ID.into(), described.id.to_string());
        let fits = described.virtual_bytes.unwrap_or(0).div_ceil(1 << 30);
        let mut least = |name: &str| number(&mut properties, (name, &sidecar));
        let min_disk = least("min_disk")?.or(described.min_disk).unwrap_or(0).max(fits);
        let min_ram = least("min_ram")?.or(described.min_ram).unwrap_or(0);
        Ok(Wanted {
            name,
            disk_format,
            container_format,
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

/// An image file may write `min_ram` among its properties; to Glance it is a number beside them.
fn number(
    properties: &mut BTreeMap<String, String>,
    (name, sidecar): (&str, &Path),
) -> Result<Option<u64>, GlanceError> {
    let Some(text) = properties.remove(name) else { return Ok(None) };
    let number =
        text.trim().parse().map_err(|_| wrong(sidecar, format!("property {name}: `{text}` is no number")))?;
    Ok(Some(number))
}

#[cfg(test)]
mod tests {
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
