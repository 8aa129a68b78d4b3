//! What an image file says about one image, in types.
//!
//! In: a merged entry. Out: an [`ImageSpec`], every value checked. Never: what the request or the defaults add.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::Display;
use core::str::FromStr;

use dibber_model::{Arch, Bytes, Limits, MkfsOptions, Phase, Platform};

use super::merge::Merged;
use super::mirror;
use super::options::{DibOptions, dib_options};
use crate::limits::limits;
use crate::network::{Declared, declared};
use crate::output::{OutputKind, WORDS};
use crate::plan::{DeclaredNode, NodeKind, Qcow2Compression, RamdiskCompression};
use crate::yaml::{Fault, Node, Yaml, nearest};

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

/// A user to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserSpec {
    /// Login name.
    pub name: String,
    /// Further groups.
    pub groups: Vec<String>,
    /// Login shell.
    pub shell: String,
    /// Passwordless sudo.
    pub sudo: bool,
    /// Lines of authorized_keys.
    pub ssh_keys: Vec<String>,
    /// crypt(5) hash; without one no password opens the account.
    pub password: Option<String>,
}

/// A file to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileSpec {
    /// Absolute path.
    pub path: String,
    /// Content.
    pub content: String,
    /// Permission bits.
    pub mode: u16,
    /// `user:group`.
    pub owner: String,
}

/// A script of the image's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookSpec {
    /// When.
    pub phase: Phase,
    /// Its place within the phase.
    pub name: String,
    /// The script.
    pub script: String,
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
    pub(crate) network: Declared,
    /// Hooks.
    pub hooks: Vec<HookSpec>,
    /// Nodes and labels.
    pub nodes: Vec<DeclaredNode>,
}

impl ImageSpec {
    /// Reads a merged entry.
    pub fn new(merged: &Merged) -> Result<Self, Fault> {
        let entry = merged.entry.clone();
        if let Some(target) = entry.get("docker_target") {
            return Err(target
                .at
                .bad("container images are not made from image files")
                .hint("remove the key"));
        }
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
            kernel_args: one_or_more(&entry, "kernel_args"),
            users: list(&entry, "users").iter().map(user).collect::<Result<_, _>>()?,
            files: list(&entry, "files").iter().map(file).collect::<Result<_, _>>()?,
            hooks: list(&entry, "hooks").iter().map(hook).collect::<Result<_, _>>()?,
            network: declared(&entry)?,
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

fn list<'a>(entry: &'a Yaml, key: &str) -> &'a [Yaml] {
    entry.get(key).map(Yaml::items).unwrap_or_default()
}

fn flag(entry: &Yaml, key: &str) -> Option<bool> {
    match entry.get(key)?.node {
        Node::Bool(value) => Some(value),
        _ => None,
    }
}

fn one_or_more(entry: &Yaml, key: &str) -> Vec<String> {
    match entry.get(key) {
        Some(value) if value.text().is_some() => alloc::vec![value.text().unwrap_or_default().to_string()],
        _ => entry.get_texts(key),
    }
}

/// A value that parses from its text, or the fault of its type.
fn parsed<T: FromStr<Err: Display>>(value: &Yaml) -> Result<T, Fault> {
    value.text().unwrap_or_default().parse().map_err(|error| value.at.bad(error))
}

fn arches(entry: &Yaml, options: &DibOptions) -> Result<Vec<Arch>, Fault> {
    let written = one_or_more(entry, "arch");
    let texts = if written.is_empty() { options.arch.iter().cloned().collect() } else { written };
    let at = entry.get("arch").or_else(|| entry.get("options")).unwrap_or(entry);
    let mut found = Vec::new();
    for text in texts.iter().flat_map(|text| text.split(',')).map(str::trim) {
        let arch = super::targets::arch(text).map_err(|error| error.at(at))?;
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
    match entry.get_text("compression").or(options.compression.as_deref()) {
        Some("none") => Qcow2Compression::Plain,
        Some("zstd") => Qcow2Compression::Zstd,
        None if options.uncompressed => Qcow2Compression::Plain,
        _ => Qcow2Compression::Zlib,
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
    })
}

fn octal(value: &Yaml) -> Result<u16, Fault> {
    let text = value.text().unwrap_or_default();
    u16::from_str_radix(text.trim_start_matches("0o"), 8)
        .ok()
        .filter(|mode| *mode <= 0o7777)
        .ok_or_else(|| value.at.bad(format!("`{text}` is not a mode; write octal digits, such as 0644")))
}

fn absolute(value: Option<&Yaml>, entry: &Yaml) -> Result<String, Fault> {
    let text = value.and_then(Yaml::text).unwrap_or_default();
    let below = text.strip_prefix('/').unwrap_or_default();
    if below.is_empty()
        || below.split('/').any(|name| matches!(name, "" | "." | "..") || name.contains(['\0', '\n']))
    {
        let at = value.map_or(&entry.at, |value| &value.at);
        return Err(at.bad(format!("`{text}` is not an absolute path without `.`, `..` and doubled slashes")));
    }
    Ok(text.to_string())
}

/// A name of passwd(5) or group(5), as useradd(8) takes it.
fn is_account(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && name.len() <= 32
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-'))
}

/// The address of an archive.
fn address(value: &Yaml) -> Result<&str, Fault> {
    let text = value.text().unwrap_or_default();
    match mirror::fault(text) {
        None => Ok(text),
        Some(why) => Err(value.at.bad(why)),
    }
}

fn user(entry: &Yaml) -> Result<UserSpec, Fault> {
    let name = entry.get_text("name").unwrap_or_default();
    if !is_account(name) {
        let at = entry.get("name").map_or(&entry.at, |value| &value.at);
        return Err(at.bad(format!("`{name}` cannot name a user; use small letters, digits, `_` and `-`")));
    }
    for group in list(entry, "groups") {
        if !is_account(group.text().unwrap_or_default()) {
            return Err(group.at.bad(format!("`{}` cannot name a group", group.text().unwrap_or_default())));
        }
    }
    if let Some(password) = entry.get("password") {
        let text = password.text().unwrap_or_default();
        // crypt(5): $id$salt$hash. The text itself stays out of the message.
        let hashed =
            text.starts_with('$') && text.matches('$').count() >= 3 && !text.contains([':', '\n', ' ']);
        if !hashed {
            let fault = password.at.bad("the password is not hashed, and a plain one is never stored");
            return Err(fault.hint("`openssl passwd -6` prints a hash"));
        }
    }
    one_line_each(entry, "ssh_keys")?;
    Ok(UserSpec {
        name: name.to_string(),
        groups: entry.get_texts("groups"),
        shell: entry
            .get("shell")
            .map_or(Ok("/bin/bash".to_string()), |shell| absolute(Some(shell), entry))?,
        sudo: flag(entry, "sudo").unwrap_or(false),
        ssh_keys: entry.get_texts("ssh_keys"),
        password: entry.get_text("password").map(ToString::to_string),
    })
}

/// Texts that become lines of a file must be lines.
pub(crate) fn one_line_each(entry: &Yaml, key: &str) -> Result<(), Fault> {
    for item in list(entry, key) {
        let text = item.text().unwrap_or_default();
        if text.trim().is_empty() || text.trim_end().contains('\n') {
            return Err(item.at.bad(format!("each of `{key}` is one line of text")));
        }
    }
    Ok(())
}

fn file(entry: &Yaml) -> Result<FileSpec, Fault> {
    let owner = entry.get_text("owner").unwrap_or("root:root");
    if !owner.split_once(':').is_some_and(|(user, group)| is_account(user) && is_account(group)) {
        let at = entry.get("owner").map_or(&entry.at, |value| &value.at);
        return Err(at.bad(format!("`{owner}` is not an owner; write user:group")));
    }
    Ok(FileSpec {
        path: absolute(entry.get("path"), entry)?,
        content: entry.get_text("content").unwrap_or_default().to_string(),
        mode: entry.get("mode").map_or(Ok(0o644), octal)?,
        owner: owner.to_string(),
    })
}

fn hook(entry: &Yaml) -> Result<HookSpec, Fault> {
    let at = |key: &str| entry.get(key).map_or(&entry.at, |value| &value.at);
    let phase = entry.get_text("phase").unwrap_or_default();
    let name = entry.get_text("name").unwrap_or_default();
    let known: Vec<&str> = Phase::all().map(Phase::name).collect();
    let phase: Phase = phase.trim_end_matches(".d").parse().map_err(|error| {
        let fault = at("phase").bad(error);
        match nearest(phase, known.iter().copied()) {
            Some(word) => fault.hint(format!("did you mean `{word}`?")),
            None => fault.hint(format!("there are {}", known.join(", "))),
        }
    })?;
    // dib-run-parts passes over every other name.
    if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-')) {
        return Err(at("name").bad(format!("`{name}` cannot name a hook; use letters, digits, `_` and `-`")));
    }
    Ok(HookSpec {
        phase,
        name: name.to_string(),
        script: entry.get_text("script").unwrap_or_default().to_string(),
    })
}

fn nodes(entry: &Yaml) -> Result<Vec<DeclaredNode>, Fault> {
    let mut found = Vec::new();
    for node in list(entry, "nodes") {
        let number = |key: &str, bits: u32| -> Result<u32, Fault> {
            let Some(value) = node.get(key) else { return Ok(0) };
            let number: u32 = parsed(value)?;
            match number >> bits {
                0 => Ok(number),
                _ => Err(value.at.bad(format!("{number} does not fit into {bits} bits"))),
            }
        };
        let (major, minor) = (number("major", 12)?, number("minor", 20)?);
        let mode = node.get("mode").map_or(Ok(0o600), octal)?;
        let what = match node.get_text("type") {
            Some("block") => NodeKind::Block { major, minor, mode },
            _ => NodeKind::Char { major, minor, mode },
        };
        found.push(DeclaredNode { path: absolute(node.get("path"), node)?, what });
    }
    for label in list(entry, "labels") {
        let what = NodeKind::SelinuxLabel(label.get_text("label").unwrap_or_default().to_string());
        found.push(DeclaredNode { path: absolute(label.get("path"), label)?, what });
    }
    Ok(found)
}
