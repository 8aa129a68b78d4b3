//! From nodes to the disk.
//!
//! In: nodes with names and bases, and the defaults of the image. Out: a [`DiskSpec`] with every identity. Never: a size that
//! needs to be measured.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use dibber_model::{
    Bytes, DiskSpec, FsKind, FsSpec, Loader, PartContents, PartKind, PartSpec, SectorSize, SizeRule,
    TableKind,
};

use super::defaults::DiskDefaults;
use super::filesystem::{ROOT_NODE, fstab_line, label, label_text, mount_point, options};
use super::nodes::{BlockNode, Plugin, nodes};
use super::partition;
use super::types::{BIOS_BOOT, PREP, guid_of};
use crate::spelling::nearest;
use crate::yaml::{Fault, Yaml};

/// Reads a block-device config.
pub(crate) fn disk_spec(config: &Yaml, defaults: &DiskDefaults) -> Result<DiskSpec, Fault> {
    let nodes = nodes(config)?;
    let graph = Graph { nodes: &nodes, defaults };
    graph.edges()?;
    graph.labels()?;
    let disk = graph.disk(config)?;
    let table = graph.only(Plugin::Partitioning, "a disk has one partition table")?;
    let sector = graph.sector(disk)?;
    let mut spec = DiskSpec {
        name: disk.name.clone(),
        table: TableKind::Bare,
        sector,
        size: bytes(&disk.keys, "size")?.or(defaults.size),
        align: 1 << 20,
        bios_boot: false,
        parts: Vec::new(),
        groups: graph.groups()?,
    };
    match table {
        Some(table) => graph.partitioned(table, &mut spec)?,
        None => graph.bare(disk, &mut spec)?,
    }
    check_filesystems(config, &graph, &spec)?;
    graph.menu(&spec)?;
    Ok(spec)
}

fn bytes(keys: &Yaml, key: &str) -> Result<Option<Bytes>, Fault> {
    let Some(value) = keys.get(key) else { return Ok(None) };
    value.text().unwrap_or_default().parse().map(Some).map_err(|error| value.at.bad(error))
}

pub(super) struct Graph<'a> {
    nodes: &'a [BlockNode],
    pub(super) defaults: &'a DiskDefaults,
}

impl<'a> Graph<'a> {
    pub(super) fn of(&self, plugin: Plugin) -> impl Iterator<Item = &'a BlockNode> {
        self.nodes.iter().filter(move |node| node.plugin == plugin)
    }

    pub(super) fn on(&self, plugin: Plugin, base: &str) -> Option<&'a BlockNode> {
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
                // `lvm` has no base here, and a group's are a list, which is looked at with the group.
                Plugin::LocalLoop | Plugin::Lvm | Plugin::Vg => false,
                Plugin::Partitioning => below.plugin == Plugin::LocalLoop,
                Plugin::Partition => below.plugin == Plugin::Partitioning,
                Plugin::Mkfs => matches!(below.plugin, Plugin::LocalLoop | Plugin::Partition | Plugin::Lv),
                Plugin::Pv => matches!(below.plugin, Plugin::LocalLoop | Plugin::Partition),
                Plugin::Lv => below.plugin == Plugin::Vg,
                Plugin::Mount => below.plugin == Plugin::Mkfs,
                Plugin::Fstab => below.plugin == Plugin::Mount,
            };
            if !fits {
                let (what, on) = (node.plugin.word(), below.plugin.word());
                return Err(at.bad(format!("`{}`: {what} cannot stand on {on} `{base}`", node.name)));
            }
            let same = |other: &&BlockNode| other.plugin == node.plugin && other.base == node.base;
            if !matches!(node.plugin, Plugin::Partition | Plugin::Lv)
                && let Some(first) = self.nodes[..index].iter().find(same)
            {
                return Err(at.bad(format!("`{base}` carries both `{}` and `{}`", first.name, node.name)));
            }
        }
        Ok(())
    }

    /// Labels are used once, as dib has it: fstab names filesystems by them.
    fn labels(&self) -> Result<(), Fault> {
        let mut seen: Vec<(String, &BlockNode)> = Vec::new();
        for node in self.of(Plugin::Mkfs) {
            let kind = self.kind_word(node).and_then(|word| word.parse().ok());
            let label = label_text(node, kind, self.defaults);
            if let Some((_, other)) = seen.iter().find(|(used, _)| *used == label) {
                let (first, second) = (&other.name, &node.name);
                let what = format!("label `{label}` is used more than once: `{first}` and `{second}`");
                return Err(node.at.bad(what).hint("give one of them another `label`"));
            }
            seen.push((label, node));
        }
        Ok(())
    }

    fn sector(&self, disk: &BlockNode) -> Result<SectorSize, Fault> {
        let value = disk.keys.get("block_size");
        match self.defaults.block_size.as_deref().or(value.and_then(Yaml::text)) {
            None | Some("512") => Ok(SectorSize::B512),
            Some("4096") => Ok(SectorSize::B4096),
            Some(other) => {
                let at = value.map_or(&disk.at, |value| &value.at);
                Err(at.bad(format!("sectors of {other} bytes do not exist; write 512 or 4096")))
            }
        }
    }

    fn bare(&self, disk: &'a BlockNode, spec: &mut DiskSpec) -> Result<(), Fault> {
        let contents = match (self.on(Plugin::Mkfs, &disk.name), self.on(Plugin::Pv, &disk.name)) {
            (Some(mkfs), Some(pv)) => return Err(held_twice(mkfs, pv)),
            (Some(mkfs), None) => PartContents::Fs(self.filesystem(mkfs)?),
            (None, Some(_)) => PartContents::Pv,
            (None, None) => {
                let what = format!("disk `{}` has neither partitions nor a filesystem", disk.name);
                return Err(disk.at.bad(what));
            }
        };
        let size = SizeRule::Free { share: 10_000 };
        let name = disk.name.clone();
        spec.parts.push(PartSpec { name, number: None, kind: PartKind::Bare, size, contents });
        Ok(())
    }

    fn partitioned(&self, table: &BlockNode, spec: &mut DiskSpec) -> Result<(), Fault> {
        if let Some(mkfs) = self.on(Plugin::Mkfs, &spec.name) {
            return Err(mkfs.at.bad(format!("disk `{}` has a partition table and a filesystem", spec.name)));
        }
        if let Some(pv) = self.on(Plugin::Pv, &spec.name) {
            let what = format!("disk `{}` has a partition table, and is a physical volume too", spec.name);
            return Err(pv.at.bad(what).hint("name a partition as its `base`"));
        }
        let seed = &self.defaults.seed;
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
            let contents = self.contents(node, &kind, spec.sector)?;
            let size = partition::size(node)?;
            spec.parts.push(PartSpec { name: node.name.clone(), number, kind, size, contents });
        }
        primaries_first(table, spec)?;
        // i386-pc reads 512-byte sectors only. On an MBR its core goes into the gap before the first partition.
        let place = !gpt || spec.parts.iter().any(|part| part.contents == PartContents::Loader(Loader::Bios));
        spec.bios_boot = self.starts_by(Loader::Bios) && spec.sector == SectorSize::B512 && place;
        Ok(())
    }

    fn contents(&self, node: &BlockNode, kind: &PartKind, sector: SectorSize) -> Result<PartContents, Fault> {
        let (bios, prep) = match kind {
            PartKind::Gpt { type_guid, .. } => {
                (*type_guid == guid_of(BIOS_BOOT), *type_guid == guid_of(PREP))
            }
            PartKind::Mbr { type_byte, .. } => (false, *type_byte == 0x41),
            PartKind::Bare => (false, false),
        };
        let (mkfs, pv) = (self.on(Plugin::Mkfs, &node.name), self.on(Plugin::Pv, &node.name));
        if let Some(held) = mkfs.or(pv).filter(|_| bios || prep) {
            let what = if bios { "a BIOS boot partition" } else { "a PReP partition" };
            let held_as = if mkfs.is_some() { "filesystem" } else { "physical volume" };
            return Err(held.at.bad(format!("`{}` is {what}, which holds no {held_as}", node.name)));
        }
        match (mkfs, pv) {
            (Some(mkfs), Some(pv)) => return Err(held_twice(mkfs, pv)),
            (Some(mkfs), None) => return Ok(PartContents::Fs(self.filesystem(mkfs)?)),
            (None, Some(_)) => return Ok(PartContents::Pv),
            (None, None) => {}
        }
        if bios && sector == SectorSize::B512 && self.starts_by(Loader::Bios) {
            return Ok(PartContents::Loader(Loader::Bios));
        }
        Ok(if prep && self.starts_by(Loader::Prep) {
            PartContents::Loader(Loader::Prep)
        } else {
            PartContents::Nothing
        })
    }

    /// Whether the architecture has a boot loader for this place.
    fn starts_by(&self, place: Loader) -> bool {
        self.defaults.arch.facts().cores.iter().any(|core| core.place == place)
    }

    /// What kind of filesystem is asked for; a root need not say.
    fn kind_word(&self, node: &'a BlockNode) -> Option<&'a str> {
        let default = || self.defaults.fs_type.as_deref().unwrap_or(FsKind::Ext4.name());
        node.keys.get_text("type").or_else(|| (node.name == ROOT_NODE).then(default))
    }

    pub(super) fn filesystem(&self, node: &'a BlockNode) -> Result<FsSpec, Fault> {
        let defaults = self.defaults;
        let at = node.keys.get("type").map_or(&node.at, |value| &value.at);
        let Some(word) = self.kind_word(node) else {
            return Err(node.at.bad(format!("`{}` needs a `type`, such as ext4 or vfat", node.name)));
        };
        let kind: FsKind = word.parse().map_err(|error| at.bad(format!("`{}`: {error}", node.name)))?;
        let label = label(node, kind, defaults)?;
        let options = options(node, kind, defaults)?;
        let uuid = match node.keys.get("uuid") {
            Some(value) => partition::uuid(value)?,
            None => defaults.seed.uuid(&format!("filesystem {}", node.name), 0),
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

fn held_twice(mkfs: &BlockNode, pv: &BlockNode) -> Fault {
    let base = pv.base.as_deref().unwrap_or_default();
    let what = format!("`{base}` carries both filesystem `{}` and physical volume `{}`", mkfs.name, pv.name);
    pv.at.bad(what).hint("put the filesystem on a logical volume")
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

/// Mount points are used once, and something is mounted on `/`.
fn check_filesystems(config: &Yaml, graph: &Graph<'_>, spec: &DiskSpec) -> Result<(), Fault> {
    let all: Vec<&FsSpec> = spec.filesystems().collect();
    let at = |fs: &FsSpec| {
        graph.nodes.iter().find(|node| node.name == fs.name).map_or(&config.at, |node| &node.at)
    };
    for (index, fs) in all.iter().enumerate() {
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
