//! LVM: physical volumes, volume groups and logical volumes, as dib's `lvm` nodes say them.
//!
//! In: the graph. Out: groups with every identity and rules for sizes. Never: an extent, or anything of the machine that builds: no
//! device mapper is asked, so a group may be called as one of that machine.

use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;

use dibber_model::{DiskSpec, LvKind, LvSize, LvSpec, LvmId, PartContents, PvSpec, SizeRule, VgSpec};

use super::nodes::{BlockNode, Plugin};
use super::partition;
use super::spec::Graph;
use super::volume_names;
use crate::spelling::nearest;
use crate::yaml::{Fault, Yaml};

/// Options of pvcreate, vgcreate and lvcreate that say nothing here: nothing is there that could be overwritten.
const FORCE: [&str; 5] = ["--force", "-f", "-ff", "--yes", "-y"];

/// Kinds of volumes that lvcreate has, and that are not written: each needs more than a place for its bytes.
const UNWRITTEN: [&str; 16] = [
    "cache",
    "cache-pool",
    "error",
    "integrity",
    "mirror",
    "raid0",
    "raid1",
    "raid10",
    "raid4",
    "raid5",
    "raid6",
    "snapshot",
    "striped",
    "vdo",
    "vdo-pool",
    "writecache",
];

impl Graph<'_> {
    /// Every volume group, in the order in which they are written.
    pub(super) fn groups(&self) -> Result<Vec<VgSpec>, Fault> {
        let groups = self.of(Plugin::Vg).map(|node| self.group(node)).collect::<Result<Vec<_>, _>>()?;
        for pv in self.of(Plugin::Pv) {
            force_alone(pv, "pvcreate")?;
            let of: Vec<&VgSpec> =
                groups.iter().filter(|group| group.pvs.iter().any(|its| its.name == pv.name)).collect();
            match of[..] {
                [_] => {}
                [] => {
                    let fault = pv.at.bad(format!("physical volume `{}` is in no volume group", pv.name));
                    return Err(fault.hint("name it in the `base` of one of `vgs`, or leave it out"));
                }
                [first, second, ..] => {
                    let (name, first, second) = (&pv.name, &first.name, &second.name);
                    let what = format!("physical volume `{name}` is in two groups, `{first}` and `{second}`");
                    return Err(pv.at.bad(what).hint("give each group physical volumes of its own"));
                }
            }
        }
        Ok(groups)
    }

    /// GRUB reads linear volumes, and no thin ones (`grub-core/disk/lvm.c`).
    pub(super) fn menu(&self, spec: &DiskSpec) -> Result<(), Fault> {
        let mounted =
            |at: &str| spec.filesystems().find(|fs| fs.mount.as_ref().is_some_and(|on| on.as_str() == at));
        let menu = mounted("/boot").or_else(|| mounted("/"));
        let has_core =
            spec.bios_boot || spec.parts.iter().any(|part| matches!(part.contents, PartContents::Loader(_)));
        let Some((_, lv)) = menu.filter(|_| has_core).and_then(|fs| spec.volume_of(fs)) else {
            return Ok(());
        };
        match (&lv.kind, self.of(Plugin::Lv).find(|node| node.name == lv.name)) {
            (LvKind::Thin { .. }, Some(node)) => {
                let what = format!("`{}` has the boot menu, and GRUB reads no thin volumes", lv.name);
                Err(node.at.bad(what).hint("mount a partition or a linear volume on /boot"))
            }
            _ => Ok(()),
        }
    }

    fn group(&self, node: &BlockNode) -> Result<VgSpec, Fault> {
        volume_names::check(node)?;
        force_alone(node, "vgcreate")?;
        let id = |role: &str, name: &str| LvmId::of(&self.defaults.seed, &format!("lvm {role} {name}"));
        let bases = node.keys.get("base").map(Yaml::items).unwrap_or_default();
        if bases.is_empty() {
            let fault = node.at.bad(format!("volume group `{}` has no physical volume", node.name));
            return Err(fault.hint("name one of `pvs` in its `base`"));
        }
        let mut pvs: Vec<PvSpec> = Vec::new();
        for base in bases {
            let name = base.text().unwrap_or_default();
            let Some(pv) = self.of(Plugin::Pv).find(|pv| pv.name == name) else {
                let what = format!("volume group `{}` stands on `{name}`, which is none of `pvs`", node.name);
                let near = nearest(name, self.of(Plugin::Pv).map(|pv| pv.name.as_str()));
                return Err(match near {
                    Some(near) => base.at.bad(what).hint(format!("did you mean `{near}`?")),
                    None => base.at.bad(what).hint("name a physical volume, not its partition"),
                });
            };
            if pvs.iter().any(|known| known.name == name) {
                return Err(base.at.bad(format!("volume group `{}` has `{name}` twice", node.name)));
            }
            let part = pv.base.clone().unwrap_or_default();
            pvs.push(PvSpec { name: pv.name.clone(), part, id: id("pv", name) });
        }
        let own = |lv: &&BlockNode| lv.base.as_deref() == Some(&node.name);
        let mut lvs = Vec::new();
        for lv in self.of(Plugin::Lv).filter(own) {
            volume_names::check(lv)?;
            volume_names::together(node, lv)?;
            force_alone(lv, "lvcreate")?;
            let kind = self.kind(lv)?;
            let mkfs = self.on(Plugin::Mkfs, &lv.name);
            if let (LvKind::Pool, Some(mkfs)) = (&kind, mkfs) {
                let what = format!("`{}` is a thin pool, which holds no filesystem", lv.name);
                return Err(mkfs.at.bad(what).hint("put it on a volume of `type: thin`"));
            }
            let fs = mkfs.map(|mkfs| self.filesystem(mkfs)).transpose()?;
            let size = size(lv, &kind)?;
            lvs.push(LvSpec { name: lv.name.clone(), id: id("lv", &lv.name), kind, size, fs });
        }
        Ok(VgSpec { name: node.name.clone(), id: id("vg", &node.name), extent: VgSpec::EXTENT, pvs, lvs })
    }

    fn kind(&self, lv: &BlockNode) -> Result<LvKind, Fault> {
        let (given, pool) = (lv.keys.get("type"), lv.keys.get("thin-pool"));
        let word = given.and_then(Yaml::text);
        if let (Some(pool), false) = (pool, word == Some("thin")) {
            return Err(pool.at.bad("`thin-pool` belongs to `type: thin`"));
        }
        match (word, given) {
            (None, _) => Ok(LvKind::Linear),
            (Some("thin-pool"), _) => Ok(LvKind::Pool),
            (Some("thin"), _) => {
                let name = pool.and_then(Yaml::text).unwrap_or_default();
                let is_pool = |node: &&BlockNode| node.keys.get_text("type") == Some("thin-pool");
                match self
                    .of(Plugin::Lv)
                    .find(|node| node.name == name && node.base == lv.base && is_pool(node))
                {
                    Some(_) => Ok(LvKind::Thin { pool: name.to_string() }),
                    None => {
                        let at = pool.map_or(&lv.at, |pool| &pool.at);
                        let what = format!("thin volume `{}` needs a pool of its group", lv.name);
                        Err(at.bad(what).hint("name a volume of `type: thin-pool` as its `thin-pool`"))
                    }
                }
            }
            (Some(word), given) => {
                let at = given.map_or(&lv.at, |given| &given.at);
                let fault = match UNWRITTEN.contains(&word) {
                    true => at.bad(format!("`{}`: volumes of type {word} are not written", lv.name)),
                    false => at.bad(format!("`{}`: `{word}` is no type of logical volumes", lv.name)),
                };
                Err(fault.hint("there are thin and thin-pool, and a linear volume has no `type`"))
            }
        }
    }
}

/// `size` as partitions have it, or `extents` as `lvcreate -l` has them.
fn size(node: &BlockNode, kind: &LvKind) -> Result<LvSize, Fault> {
    let (size, extents) = (node.keys.get("size"), node.keys.get("extents"));
    let rule = match (size, extents) {
        (None, None) => {
            let fault = node.at.bad(format!("logical volume `{}` has no size", node.name));
            return Err(fault.hint("give it a `size`, or `extents`"));
        }
        (Some(_), Some(extents)) => {
            let fault = extents.at.bad(format!("`{}` has both `size` and `extents`", node.name));
            return Err(fault.hint("leave one of them out"));
        }
        (Some(_), None) => LvSize::Rule(partition::size(node)?),
        (None, Some(value)) => extent_rule(value)?,
    };
    let is_thin = matches!(kind, LvKind::Thin { .. });
    if is_thin && !matches!(rule, LvSize::Rule(SizeRule::Exact(_) | SizeRule::Content { .. })) {
        let at = size.or(extents).map_or(&node.at, |value| &value.at);
        let fault = at.bad(format!("thin volume `{}` takes no extents of its group by itself", node.name));
        return Err(fault.hint("give it a `size` such as 10GiB, or `size: content`"));
    }
    Ok(rule)
}

/// `250`, `40%VG`, `100%FREE`; `%PVS` without a list of them is all of them, as in lvcreate(8).
fn extent_rule(value: &Yaml) -> Result<LvSize, Fault> {
    let text = value.text().unwrap_or_default();
    let bad = || {
        let fault = value.at.bad(format!("`{text}` is no number of extents"));
        fault.hint("write a number such as 250, or a share such as 40%VG or 100%FREE")
    };
    match text.split_once('%') {
        None => match text.parse() {
            Ok(count) if count > 0 => Ok(LvSize::Extents(count)),
            _ => Err(bad()),
        },
        Some((percent, of)) => {
            let share = partition::hundredths(percent).ok_or_else(bad)?;
            match of {
                "VG" | "PVS" => Ok(LvSize::Group { share }),
                "FREE" => Ok(LvSize::Rule(SizeRule::Free { share })),
                _ => Err(bad()),
            }
        }
    }
}

fn force_alone(node: &BlockNode, program: &str) -> Result<(), Fault> {
    let options = node.keys.get("options").map(Yaml::items).unwrap_or_default();
    match options.iter().find(|option| !FORCE.contains(&option.text().unwrap_or_default())) {
        None => Ok(()),
        Some(option) => {
            let text = option.text().unwrap_or_default();
            let what = format!("`{}`: the option `{text}` of {program} is not supported", node.name);
            Err(option.at.bad(what).hint("volumes are linear or thin, with extents of 4 MiB; leave it out"))
        }
    }
}
