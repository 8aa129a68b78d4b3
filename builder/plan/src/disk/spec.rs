//! From nodes to the disk.
//!
//! In: nodes with names and bases, and what the image wishes. Out: a [`DiskSpec`] with every identity. Never: a size that
//! needs to be measured.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use dibber_model::filesystem::LabelRule;
use dibber_model::{
    Arch, Bytes, DiskSpec, FsKind, FsSpec, Fstab, Holds, Loader, MkfsOptions, MountPoint, PartKind, PartSpec,
    SectorSize, Seed, SizeRule, TableKind,
};

use super::mkfs::{ROOT_EXT4, mkfs_options, over};
use super::nodes::{BlockNode, Plugin, nodes};
use super::partition;
use super::types::{BIOS_BOOT, PREP, guid_of};
use crate::yaml::{Fault, Yaml, nearest};

/// dib's label of a root filesystem that is not given one.
const ROOT_LABEL: &str = "cloudimg-rootfs";

/// What the image says about its disk, apart from the config.
#[derive(Clone, Debug)]
pub struct DiskWish {
    /// Its architecture: which boot loader places count.
    pub arch: Arch,
    /// Where identities come from.
    pub seed: Seed,
    /// Size of the disk where the config gives none.
    pub size: Option<Bytes>,
    /// Sectors, over the config: `DIB_BLOCK_SIZE`.
    pub block_size: Option<String>,
    /// `FS_TYPE`: kind of `mkfs_root` where the config gives none.
    pub fs_type: Option<String>,
    /// `ROOT_LABEL`, for the same.
    pub root_label: Option<String>,
    /// Choices for `mkfs_root`.
    pub mkfs: MkfsOptions,
}

/// Reads a block-device config.
pub fn disk_spec(config: &Yaml, wish: &DiskWish) -> Result<DiskSpec, Fault> {
    let nodes = nodes(config)?;
    let graph = Graph { nodes: &nodes, wish };
    graph.edges()?;
    let disk = graph.disk(config)?;
    let table = graph.only(Plugin::Partitioning, "a disk has one partition table")?;
    let sector = graph.sector(disk)?;
    let mut spec = DiskSpec {
        name: disk.name.clone(),
        table: TableKind::Bare,
        sector,
        size: bytes(&disk.keys, "size")?.or(wish.size),
        align: 1 << 20,
        bios_boot: false,
        parts: Vec::new(),
    };
    match table {
        Some(table) => graph.partitioned(table, &mut spec)?,
        None => graph.bare(disk, &mut spec)?,
    }
    check_filesystems(config, &graph, &spec)?;
    Ok(spec)
}

fn bytes(keys: &Yaml, key: &str) -> Result<Option<Bytes>, Fault> {
    let Some(value) = keys.get(key) else { return Ok(None) };
    value.text().unwrap_or_default().parse().map(Some).map_err(|error| value.at.bad(error))
}

struct Graph<'a> {
    nodes: &'a [BlockNode],
    wish: &'a DiskWish,
}

impl<'a> Graph<'a> {
    fn of(&self, plugin: Plugin) -> impl Iterator<Item = &'a BlockNode> {
        self.nodes.iter().filter(move |node| node.plugin == plugin)
    }

    fn on(&self, plugin: Plugin, base: &str) -> Option<&'a BlockNode> {
        self.of(plugin).find(|node| node.base.as_deref() == Some(base))
    }

    fn only(&self, plugin: Plugin, rule: &str) -> Result<Option<&'a BlockNode>, Fault> {
        let mut found = self.of(plugin);
        let first = found.next();
        match found.next() {
            Some(second) => Err(second.at.bad(format!("`{}` is one too many: {rule}", second.name))),
            None => Ok(first),
        }
    }

    fn disk(&self, config: &Yaml) -> Result<&'a BlockNode, Fault> {
        self.only(Plugin::LocalLoop, "an image has one disk")?
            .ok_or_else(|| config.at.bad("no disk").hint("add a node `local_loop` with `name: image0`"))
    }

    /// Every base exists, is of a kind that can carry the node, and carries one node of that kind.
    fn edges(&self) -> Result<(), Fault> {
        for (index, node) in self.nodes.iter().enumerate() {
            let Some(base) = &node.base else { continue };
            let at = node.keys.get("base").map_or(&node.at, |value| &value.at);
            let Some(below) = self.nodes.iter().find(|other| other.name == *base) else {
                let fault = at.bad(format!("`{}` stands on `{base}`, but no node is called that", node.name));
                return Err(match nearest(base, self.nodes.iter().map(|other| other.name.as_str())) {
                    Some(near) => fault.hint(format!("did you mean `{near}`?")),
                    None => fault,
                });
            };
            let fits = match node.plugin {
                Plugin::LocalLoop => false,
                Plugin::Partitioning => below.plugin == Plugin::LocalLoop,
                Plugin::Partition => below.plugin == Plugin::Partitioning,
                Plugin::Mkfs => matches!(below.plugin, Plugin::LocalLoop | Plugin::Partition),
                Plugin::Mount => below.plugin == Plugin::Mkfs,
                Plugin::Fstab => below.plugin == Plugin::Mount,
            };
            if !fits {
                let (what, on) = (node.plugin.word(), below.plugin.word());
                return Err(at.bad(format!("`{}`: {what} cannot stand on {on} `{base}`", node.name)));
            }
            let twin = |other: &&BlockNode| other.plugin == node.plugin && other.base == node.base;
            if node.plugin != Plugin::Partition
                && let Some(first) = self.nodes[..index].iter().find(twin)
            {
                return Err(at.bad(format!("`{base}` carries both `{}` and `{}`", first.name, node.name)));
            }
        }
        Ok(())
    }

    fn sector(&self, disk: &BlockNode) -> Result<SectorSize, Fault> {
        let value = disk.keys.get("block_size");
        match self.wish.block_size.as_deref().or(value.and_then(Yaml::text)) {
            None | Some("512") => Ok(SectorSize::B512),
            Some("4096") => Ok(SectorSize::B4096),
            Some(other) => {
                let at = value.map_or(&disk.at, |value| &value.at);
                Err(at.bad(format!("sectors of {other} bytes do not exist; write 512 or 4096")))
            }
        }
    }

    fn bare(&self, disk: &'a BlockNode, spec: &mut DiskSpec) -> Result<(), Fault> {
        let Some(mkfs) = self.on(Plugin::Mkfs, &disk.name) else {
            return Err(disk.at.bad(format!("disk `{}` has neither partitions nor a filesystem", disk.name)));
        };
        let fs = self.filesystem(mkfs)?;
        let size = SizeRule::Free { share: 10_000 };
        let (name, holds) = (disk.name.clone(), Holds::Fs(fs));
        spec.parts.push(PartSpec { name, number: None, kind: PartKind::Bare, size, holds });
        Ok(())
    }

    fn partitioned(&self, table: &BlockNode, spec: &mut DiskSpec) -> Result<(), Fault> {
        if let Some(mkfs) = self.on(Plugin::Mkfs, &spec.name) {
            return Err(mkfs.at.bad(format!("disk `{}` has a partition table and a filesystem", spec.name)));
        }
        let seed = &self.wish.seed;
        let gpt = table.keys.get_text("label") == Some("gpt");
        spec.table = match gpt {
            true => TableKind::Gpt { disk: seed.uuid("disk", 0) },
            false => TableKind::Mbr { disk: seed.number("disk", 0) },
        };
        if let (Some(align), Some(value)) = (bytes(&table.keys, "align")?, table.keys.get("align")) {
            if align.0 == 0 || align.0 % spec.sector.bytes() != 0 {
                return Err(value
                    .at
                    .bad(format!("{align} is not a multiple of the {} byte sector", spec.sector.bytes())));
            }
            spec.align = align.0;
        }
        for node in self.of(Plugin::Partition) {
            let kind = if gpt { partition::gpt(node, seed)? } else { partition::mbr(node)? };
            let number = partition::number(node)?;
            if let Some(other) = spec.parts.iter().find(|part| number.is_some() && part.number == number) {
                return Err(node.at.bad(format!("`{}` and `{}` have one number", other.name, node.name)));
            }
            let holds = self.holds(node, &kind, spec.sector)?;
            let size = partition::size(node)?;
            spec.parts.push(PartSpec { name: node.name.clone(), number, kind, size, holds });
        }
        primaries_first(table, spec)?;
        // i386-pc reads 512-byte sectors only. On an MBR its core goes into the gap before the first partition.
        let place = !gpt || spec.parts.iter().any(|part| part.holds == Holds::Loader(Loader::Bios));
        spec.bios_boot = self.starts_by(Loader::Bios) && spec.sector == SectorSize::B512 && place;
        Ok(())
    }

    fn holds(&self, node: &BlockNode, kind: &PartKind, sector: SectorSize) -> Result<Holds, Fault> {
        let (bios, prep) = match kind {
            PartKind::Gpt { type_guid, .. } => {
                (*type_guid == guid_of(BIOS_BOOT), *type_guid == guid_of(PREP))
            }
            PartKind::Mbr { type_byte, .. } => (false, *type_byte == 0x41),
            PartKind::Bare => (false, false),
        };
        if let Some(mkfs) = self.on(Plugin::Mkfs, &node.name) {
            if bios || prep {
                let what = if bios { "a BIOS boot partition" } else { "a PReP partition" };
                return Err(mkfs.at.bad(format!("`{}` is {what}, which holds no filesystem", node.name)));
            }
            return Ok(Holds::Fs(self.filesystem(mkfs)?));
        }
        if bios && sector == SectorSize::B512 && self.starts_by(Loader::Bios) {
            return Ok(Holds::Loader(Loader::Bios));
        }
        Ok(if prep && self.starts_by(Loader::Prep) { Holds::Loader(Loader::Prep) } else { Holds::Nothing })
    }

    /// Whether the architecture has a boot loader for this place.
    fn starts_by(&self, place: Loader) -> bool {
        self.wish.arch.facts().cores.iter().any(|core| core.place == place)
    }

    fn filesystem(&self, node: &BlockNode) -> Result<FsSpec, Fault> {
        let root = node.name == "mkfs_root";
        let wish = self.wish;
        let given = node.keys.get("type");
        let at = given.map_or(&node.at, |value| &value.at);
        let word = match (given.and_then(Yaml::text), root) {
            (Some(word), _) => word,
            (None, true) => wish.fs_type.as_deref().unwrap_or(FsKind::Ext4.name()),
            (None, false) => {
                return Err(node.at.bad(format!("`{}` needs a `type`, such as ext4 or vfat", node.name)));
            }
        };
        let kind: FsKind = word.parse().map_err(|error| at.bad(format!("`{}`: {error}", node.name)))?;
        let label = label(node, kind, wish)?;
        let options = options(node, kind, wish)?;
        let uuid = match node.keys.get("uuid") {
            Some(value) => partition::uuid(value)?,
            None => wish.seed.uuid(&format!("filesystem {}", node.name), 0),
        };
        let mount = self.on(Plugin::Mount, &node.name);
        let fstab = mount.and_then(|mount| self.on(Plugin::Fstab, &mount.name));
        Ok(FsSpec {
            name: node.name.clone(),
            kind,
            label,
            uuid,
            mount: mount.map(|mount| mount_point(mount, kind)).transpose()?.flatten(),
            fstab: fstab.map(|node| fstab_line(node, kind)).transpose()?,
            options,
        })
    }
}

fn mount_point(node: &BlockNode, kind: FsKind) -> Result<Option<MountPoint>, Fault> {
    let value = node.keys.get("mount_point");
    match (value, kind) {
        (_, kind) if !kind.facts().holds_files => Ok(None),
        (Some(value), _) => {
            let point: MountPoint =
                value.text().unwrap_or_default().parse().map_err(|error| value.at.bad(error))?;
            // fstab(5) separates fields by blanks; control characters have no spelling there.
            match point.as_str().chars().any(char::is_control) {
                true => Err(value.at.bad("a mount point holds no control characters")),
                false => Ok(Some(point)),
            }
        }
        (None, _) => Err(node.at.fault(crate::yaml::Cause::MissingKey { what: "mount", key: "mount_point" })),
    }
}

fn fstab_line(node: &BlockNode, kind: FsKind) -> Result<Fstab, Fault> {
    if !kind.facts().holds_files {
        return Ok(Fstab { options: "sw".to_string(), dump_freq: 0, passno: 0 });
    }
    let number = |key: &str, default: u8| match node.keys.get(key) {
        None => Ok(default),
        Some(value) => match value.text().unwrap_or_default().parse() {
            Ok(number @ 0..=9) => Ok(number),
            _ => Err(value.at.bad(format!("`{key}` is a digit"))),
        },
    };
    let options = node.keys.get_text("options").unwrap_or("defaults");
    if options.is_empty() || options.contains(char::is_whitespace) {
        let at = node.keys.get("options").map_or(&node.at, |value| &value.at);
        return Err(at.bad("mount options are words with commas between, without blanks"));
    }
    Ok(Fstab {
        options: options.to_string(),
        dump_freq: number("dump-freq", 0)?,
        passno: number("fsck-passno", 2)?,
    })
}

fn label(node: &BlockNode, kind: FsKind, wish: &DiskWish) -> Result<String, Fault> {
    let given = node.keys.get("label");
    let text = match given.and_then(Yaml::text) {
        Some(text) => text,
        None if node.name == "mkfs_root" => wish.root_label.as_deref().unwrap_or(ROOT_LABEL),
        None => &node.name,
    };
    let facts = kind.facts();
    let upper = facts.label == LabelRule::UpperAscii;
    let label = if upper { text.to_uppercase() } else { text.to_string() };
    let at = given.map_or(&node.at, |value| &value.at);
    if label.len() > facts.longest_label {
        let (have, most) = (label.len(), facts.longest_label);
        let fault =
            at.bad(format!("label `{label}` of `{}` has {have} bytes, but {kind} holds {most}", node.name));
        return Err(fault.hint("give a shorter `label`"));
    }
    if label.chars().any(char::is_control) || (upper && !label.is_ascii()) {
        return Err(at.bad(format!("label of `{}` holds letters that {kind} cannot", node.name)));
    }
    Ok(label)
}

fn options(node: &BlockNode, kind: FsKind, wish: &DiskWish) -> Result<MkfsOptions, Fault> {
    let own = match node.keys.get("opts") {
        Some(value) if kind.facts().takes_mke2fs_options => mkfs_options(value.text().unwrap_or_default())
            .map_err(|why| value.at.bad(format!("`opts` of `{}`: {why}", node.name)))?,
        Some(value) => return Err(value.at.bad(format!("{kind} has no `opts`"))),
        None => MkfsOptions::default(),
    };
    let root = node.name == "mkfs_root" && kind.facts().takes_mke2fs_options;
    Ok(if root { over(&over(&own, &wish.mkfs), &ROOT_EXT4) } else { own })
}

/// As in dib, an MBR's primary partitions come first; there are four entries, of which logical ones take one.
fn primaries_first(table: &BlockNode, spec: &DiskSpec) -> Result<(), Fault> {
    let primary = |part: &PartSpec| matches!(part.kind, PartKind::Mbr { primary: true, .. });
    let logical = |part: &PartSpec| matches!(part.kind, PartKind::Mbr { primary: false, .. });
    let first_logical = spec.parts.iter().position(logical).unwrap_or(spec.parts.len());
    if let Some(late) = spec.parts[first_logical..].iter().find(|part| primary(part)) {
        return Err(table.at.bad(format!("primary partition `{}` comes after a logical one", late.name)));
    }
    let room = if spec.parts.iter().any(logical) { 3 } else { 4 };
    if first_logical > room && matches!(spec.table, TableKind::Mbr { .. }) {
        let fault =
            table.at.bad(format!("{first_logical} primary partitions, but this MBR has room for {room}"));
        return Err(fault.hint("leave out the flag `primary` on the last ones, or use `label: gpt`"));
    }
    Ok(())
}

/// Labels and mount points are used once, and something is mounted on `/`.
fn check_filesystems(config: &Yaml, graph: &Graph<'_>, spec: &DiskSpec) -> Result<(), Fault> {
    let all: Vec<&FsSpec> = spec.filesystems().collect();
    let at = |fs: &FsSpec| {
        graph.nodes.iter().find(|node| node.name == fs.name).map_or(&config.at, |node| &node.at)
    };
    for (index, fs) in all.iter().enumerate() {
        if let Some(other) = all[..index].iter().find(|other| other.label == fs.label) {
            let fault = at(fs).bad(format!(
                "label `{}` is used more than once: `{}` and `{}`",
                fs.label, other.name, fs.name
            ));
            return Err(fault.hint("give one of them another `label`"));
        }
        if let (Some(point), Some(other)) =
            (&fs.mount, all[..index].iter().find(|other| other.mount == fs.mount))
        {
            return Err(at(fs).bad(format!(
                "mount point {point} is used more than once: `{}` and `{}`",
                other.name, fs.name
            )));
        }
    }
    match spec.root() {
        Some(_) => Ok(()),
        None => {
            let fault = config.at.bad("no filesystem is mounted on `/`");
            Err(fault.hint("add `mount: {mount_point: /}` to the root filesystem"))
        }
    }
}
