//! What an image file says about one image, in types.
//!
//! In: a merged entry. Out: an [`ImageSpec`], every value checked. Never: what the request or the defaults add.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use dibber_model::{Arch, Bytes, Limits, MkfsOptions, Platform};

use super::container_name;
use super::merge::Merged;
use super::options::dib_options;
use super::tree_spec::{FileSpec, HookSpec, UserSpec, file, hook, nodes, user};
use super::values::{address, flag, kernel_args, list, one_or_more, parsed};
use crate::compression::{Qcow2Compression, RamdiskCompression};
use crate::declared_node::DeclaredNode;
use crate::dib::DibOptions;
use crate::limits::limits;
use crate::network::{ImageRules, image_rules};
use crate::output::{OutputKind, WORDS};
use crate::spelling::nearest;
use crate::yaml::{Fault, Node, Yaml};

/// Whether and from where the security suite is used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Security {
    /// From the distribution's usual host.
    #[default]
    Usual,
    /// Not at all.
    Off,
    /// From this mirror.
    Mirror(String),
}

/// One image, as its files describe it.
#[derive(Clone, Debug)]
pub struct ImageSpec {
    /// Its name.
    pub name: String,
    /// The merged entry, for places.
    pub entry: Yaml,
    /// Architectures; none is the host's.
    pub arches: Vec<Arch>,
    /// The platform.
    pub platform: Option<Platform>,
    /// The distribution's element.
    pub distro: Option<String>,
    /// Elements as listed.
    pub elements: Vec<String>,
    /// Packages, of `packages` and `-p`.
    pub packages: Vec<String>,
    /// Variables.
    pub environment: BTreeMap<String, String>,
    /// Without the element base.
    pub skip_base: bool,
    /// Outputs; none is the default.
    pub outputs: Vec<OutputKind>,
    /// Compression.
    pub compression: Qcow2Compression,
    /// Compression of an initramfs.
    pub ramdisk_compression: RamdiskCompression,
    /// The element that makes a ramdisk, before all others: no disk comes out then.
    pub ramdisk: Option<String>,
    /// The tag of a container image.
    pub docker_target: Option<String>,
    /// What options mean.
    pub options: DibOptions,
    /// Size of the disk.
    pub size: Option<Bytes>,
    /// Memory that a machine needs to run it.
    pub min_ram: Option<Bytes>,
    /// Choices for the root filesystem.
    pub mkfs: MkfsOptions,
    /// What each hook may take.
    pub limits: Limits,
    /// Security suite.
    pub security: Security,
    /// Kernel arguments.
    pub kernel_args: Vec<String>,
    /// Users.
    pub users: Vec<UserSpec>,
    /// Files.
    pub files: Vec<FileSpec>,
    /// Which steps have the network.
    pub(crate) network: ImageRules,
    /// Hooks.
    pub hooks: Vec<HookSpec>,
    /// Nodes and labels.
    pub nodes: Vec<DeclaredNode>,
}

impl ImageSpec {
    /// Reads a merged entry.
    pub fn new(merged: &Merged) -> Result<Self, Fault> {
        let entry = merged.entry.clone();
        let options = entry.get("options").map_or_else(|| Ok(DibOptions::default()), dib_options)?;
        let mut packages = entry.get_texts("packages");
        packages.extend(options.packages.iter().cloned());
        let mkfs = crate::disk::over(&mkfs(&entry)?, &options.mkfs);
        entry.get("mirror").map(address).transpose()?;
        Ok(ImageSpec {
            name: merged.name.clone(),
            arches: arches(&entry, &options)?,
            platform: entry.get("platform").map(parsed).transpose()?,
            distro: entry.get_text("distro").map(ToString::to_string),
            ramdisk: entry.get_text("ramdisk").map(ToString::to_string),
            docker_target: docker_target(&entry, &options)?,
            elements: entry.get_texts("elements"),
            packages,
            environment: environment(&entry)?,
            skip_base: flag(&entry, "skip_base").unwrap_or(options.skip_base),
            outputs: outputs(&entry, &options)?,
            compression: compression(&entry, &options),
            ramdisk_compression: ramdisk_compression(&entry),
            size: entry.get("size").map(parsed).transpose()?.or(options.size),
            min_ram: entry.get("min_ram").map(parsed).transpose()?,
            mkfs,
            limits: limits(&entry)?,
            security: match entry.get("security") {
                None | Some(Yaml { node: Node::Bool(true), .. }) => Security::Usual,
                Some(Yaml { node: Node::Bool(false), .. }) => Security::Off,
                Some(mirror) => Security::Mirror(address(mirror)?.to_string()),
            },
            kernel_args: kernel_args(&entry)?,
            users: list(&entry, "users").iter().map(user).collect::<Result<_, _>>()?,
            files: list(&entry, "files").iter().map(file).collect::<Result<_, _>>()?,
            hooks: list(&entry, "hooks").iter().map(hook).collect::<Result<_, _>>()?,
            network: image_rules(&entry)?,
            nodes: nodes(&entry)?,
            options,
            entry,
        })
    }

    /// The text under a key that needs no more than that.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.entry.get_text(key)
    }
}

fn arches(entry: &Yaml, options: &DibOptions) -> Result<Vec<Arch>, Fault> {
    let written = one_or_more(entry, "arch");
    let texts = if written.is_empty() { options.arch.iter().cloned().collect() } else { written };
    let at = entry.get("arch").or_else(|| entry.get("options")).unwrap_or(entry);
    let mut found = Vec::new();
    for text in texts.iter().flat_map(|text| text.split(',')).map(str::trim) {
        let arch = super::target_name::arch(text).map_err(|error| error.at(at))?;
        if !found.contains(&arch) {
            found.push(arch);
        }
    }
    Ok(found)
}

fn environment(entry: &Yaml) -> Result<BTreeMap<String, String>, Fault> {
    let mut found = BTreeMap::new();
    for (key, value) in entry.get("environment").map(Yaml::entries).unwrap_or_default() {
        let name = key.text().unwrap_or_default();
        if !is_variable(name) {
            return Err(key.at.bad(format!("`{name}` cannot name a variable; use letters, digits and `_`")));
        }
        let text = value.text().unwrap_or_default();
        if text.contains('\0') {
            return Err(value.at.bad(format!("the value of `{name}` holds a zero byte")));
        }
        found.insert(name.to_string(), text.to_string());
    }
    Ok(found)
}

/// A name that a shell takes for a variable.
pub(crate) fn is_variable(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn outputs(entry: &Yaml, options: &DibOptions) -> Result<Vec<OutputKind>, Fault> {
    let (texts, at) = match entry.get("outputs").or_else(|| entry.get("type")) {
        Some(value) if options.types.is_empty() || entry.get("outputs").is_some() => {
            let key = if entry.get("outputs").is_some() { "outputs" } else { "type" };
            (one_or_more(entry, key), &value.at)
        }
        _ => (options.types.clone(), entry.get("options").map_or(&entry.at, |value| &value.at)),
    };
    let mut found = Vec::new();
    for text in texts.iter().flat_map(|text| text.split(',')).map(str::trim).filter(|text| !text.is_empty()) {
        let Some(kind) = OutputKind::of_name(text) else {
            let fault = at.bad(format!("unknown output `{text}`; there are {}", WORDS.join(", ")));
            return Err(match nearest(text, WORDS.iter().copied()) {
                Some(word) => fault.hint(format!("did you mean `{word}`?")),
                None => fault,
            });
        };
        if !found.contains(&kind) {
            found.push(kind);
        }
    }
    Ok(found)
}

fn compression(entry: &Yaml, options: &DibOptions) -> Qcow2Compression {
    match entry.get_text("compression").or(options.qemu_img.compression.as_deref()) {
        Some("none") => Qcow2Compression::Plain,
        Some("zstd") => Qcow2Compression::Zstd,
        None if options.uncompressed => Qcow2Compression::Plain,
        _ => Qcow2Compression::Zlib,
    }
}

/// A name of the container registries' kind, which is small letters with separators, and a tag.
fn docker_target(entry: &Yaml, options: &DibOptions) -> Result<Option<String>, Fault> {
    let at = entry.get("docker_target").or_else(|| entry.get("options")).map_or(&entry.at, |value| &value.at);
    let Some(text) = entry.get_text("docker_target").or(options.docker_target.as_deref()) else {
        return Ok(None);
    };
    match container_name::fault(text) {
        None => Ok(Some(text.to_string())),
        Some(why) => Err(at.bad(format!("`{text}` cannot name a container image: {why}"))),
    }
}

fn ramdisk_compression(entry: &Yaml) -> RamdiskCompression {
    match entry.get_text("compression") {
        Some("none") => RamdiskCompression::Plain,
        Some("zstd") => RamdiskCompression::Zstd,
        Some("xz") => RamdiskCompression::Xz,
        _ => RamdiskCompression::Gzip,
    }
}

fn mkfs(entry: &Yaml) -> Result<MkfsOptions, Fault> {
    let Some(keys) = entry.get("mkfs") else { return Ok(MkfsOptions::default()) };
    let ratio: Option<Bytes> = keys.get("inode_ratio").map(parsed).transpose()?;
    let percent = match keys.get("reserved_percent") {
        None => None,
        // mke2fs allows up to half of the blocks.
        Some(value) => match value.text().unwrap_or_default().parse::<u8>() {
            Ok(percent @ 0..=50) => Some(percent),
            _ => return Err(value.at.bad("`reserved_percent` is 0 to 50")),
        },
    };
    Ok(MkfsOptions {
        inode_ratio: match (ratio, keys.get("inode_ratio")) {
            (Some(ratio), Some(value)) => Some(
                u32::try_from(ratio.0)
                    .map_err(|_| value.at.bad(format!("{ratio} for each inode is too much")))?,
            ),
            _ => None,
        },
        journal: keys.get("journal").map(parsed).transpose()?,
        reserved_percent: percent,
        grow_to: keys.get("grow_to").map(parsed).transpose()?,
        ..MkfsOptions::default()
    })
}
