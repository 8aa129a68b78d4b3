//! From a block-device config to nodes: tree form and graph form become the same list.
//!
//! In: the YAML list. Out: nodes with names and bases. Never: what the nodes mean, which is `spec`'s.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::spelling::nearest;
use crate::yaml::{Cause, Fault, Key, Node, Place, Shape, Yaml};

/// What a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Plugin {
    /// A disk.
    LocalLoop,
    /// A partition table.
    Partitioning,
    /// A partition, which has no plugin name of its own.
    Partition,
    /// A filesystem.
    Mkfs,
    /// A mount point.
    Mount,
    /// A line of fstab.
    Fstab,
    /// A set of physical volumes, groups and logical volumes.
    Lvm,
    /// A physical volume, from `pvs` of an `lvm`.
    Pv,
    /// A volume group, from its `vgs`.
    Vg,
    /// A logical volume, from its `lvs`.
    Lv,
}

const PLUGINS: [(&str, Plugin); 6] = [
    ("local_loop", Plugin::LocalLoop),
    ("partitioning", Plugin::Partitioning),
    ("mkfs", Plugin::Mkfs),
    ("mount", Plugin::Mount),
    ("fstab", Plugin::Fstab),
    ("lvm", Plugin::Lvm),
];

/// Nodes that stand in a list of another one, and have no plugin name of their own: the list's key, and what an error calls one.
const LISTED: [(Plugin, &str, &str); 4] = [
    (Plugin::Partition, "partitions", "partition"),
    (Plugin::Pv, "pvs", "physical volume"),
    (Plugin::Vg, "vgs", "volume group"),
    (Plugin::Lv, "lvs", "logical volume"),
];

const NAME: Key = Key::new("name", Shape::Text, "");
const BASE: Key = Key::new("base", Shape::Text, "");
const ATTRIBUTES: Shape =
    Shape::Either("a number or a list of attributes", &[Shape::Scalar, Shape::List(&Shape::Text)]);

impl Plugin {
    fn of(word: &str) -> Option<Plugin> {
        PLUGINS.iter().find(|(name, _)| *name == word).map(|(_, plugin)| *plugin)
    }

    pub(super) fn word(self) -> &'static str {
        let listed = || LISTED.iter().find(|(plugin, ..)| *plugin == self).map(|(.., words)| *words);
        let named = PLUGINS.iter().find(|(_, plugin)| *plugin == self).map(|(name, _)| *name);
        named.or_else(listed).unwrap_or_default()
    }

    /// The kinds of nodes that stand in lists of this one.
    fn lists(self) -> &'static [(Plugin, &'static str, &'static str)] {
        match self {
            Plugin::Partitioning => &LISTED[..1],
            Plugin::Lvm => &LISTED[1..],
            _ => &[],
        }
    }

    /// Whether it stands in a list, and so has a name of its own.
    fn is_listed(self) -> bool {
        LISTED.iter().any(|(plugin, ..)| *plugin == self)
    }

    fn keys(self) -> &'static [Key] {
        match self {
            Plugin::LocalLoop => LOCAL_LOOP_KEYS,
            Plugin::Partitioning => PARTITIONING_KEYS,
            Plugin::Partition => PARTITION_KEYS,
            Plugin::Mkfs => MKFS_KEYS,
            Plugin::Fstab => FSTAB_KEYS,
            Plugin::Mount => MOUNT_KEYS,
            Plugin::Lvm => LVM_KEYS,
            Plugin::Pv => PV_KEYS,
            Plugin::Vg => VG_KEYS,
            Plugin::Lv => LV_KEYS,
        }
    }
}

const WORD: Shape = Shape::Scalar;
const LOCAL_LOOP_KEYS: &[Key] = &[
    NAME.needed(),
    Key::new("size", WORD, ""),
    Key::new("directory", WORD, ""),
    Key::new("block_size", WORD, ""),
];
const PARTITIONING_KEYS: &[Key] = &[
    NAME,
    BASE,
    Key::new("label", Shape::OneOf(&["gpt", "mbr"]), "").needed(),
    Key::new("align", WORD, ""),
    Key::new("partitions", Shape::List(&Shape::Map(&Shape::Any)), "").needed(),
];
const PARTITION_KEYS: &[Key] = &[
    NAME.needed(),
    BASE,
    Key::new("size", WORD, "").needed(),
    Key::new("min", WORD, ""),
    Key::new("max", WORD, ""),
    Key::new("type", WORD, ""),
    Key::new("flags", Shape::List(&Shape::OneOf(&["boot", "primary"])), ""),
    Key::new("guid", Shape::Text, ""),
    Key::new("attributes", ATTRIBUTES, ""),
    Key::new("number", Shape::Whole, ""),
];
const MKFS_KEYS: &[Key] = &[
    NAME,
    BASE,
    Key::new("type", WORD, ""),
    Key::new("label", WORD, ""),
    Key::new("opts", WORD, ""),
    Key::new("uuid", WORD, ""),
];
const FSTAB_KEYS: &[Key] = &[
    NAME,
    BASE,
    Key::new("options", WORD, ""),
    Key::new("dump-freq", Shape::Whole, ""),
    Key::new("fsck-passno", Shape::Whole, ""),
];
/// dib's: the options of pvcreate, vgcreate and lvcreate.
const OPTIONS: Key = Key::new("options", Shape::List(&WORD), "");
const MAPS: Shape = Shape::List(&Shape::Map(&Shape::Any));
const NAMES: Shape = Shape::List(&Shape::Text);
const LVM_KEYS: &[Key] = &[
    NAME,
    // The partitions, which its physical volumes name again.
    Key::new("base", Shape::Either("a name or a list of names", &[Shape::Text, NAMES]), ""),
    Key::new("pvs", MAPS, "").needed(),
    Key::new("vgs", MAPS, "").needed(),
    Key::new("lvs", MAPS, "").needed(),
];
const PV_KEYS: &[Key] = &[NAME.needed(), BASE.needed(), OPTIONS];
const VG_KEYS: &[Key] = &[NAME.needed(), Key::new("base", NAMES, "").needed(), OPTIONS];
const LV_KEYS: &[Key] = &[
    NAME.needed(),
    BASE.needed(),
    OPTIONS,
    Key::new("size", WORD, ""),
    Key::new("min", WORD, ""),
    Key::new("max", WORD, ""),
    Key::new("extents", WORD, ""),
    Key::new("type", WORD, ""),
    Key::new("thin-pool", Shape::Text, ""),
];
const MOUNT_KEYS: &[Key] = &[NAME, BASE, Key::new("mount_point", Shape::Text, "")];

/// A node of the graph.
#[derive(Clone, Debug)]
pub(super) struct BlockNode {
    /// What it is.
    pub(super) plugin: Plugin,
    /// Its name: given, or `<plugin>_<base>`.
    pub(super) name: String,
    /// The node that it stands on.
    pub(super) base: Option<String>,
    /// Its keys.
    pub(super) keys: Yaml,
    /// Where it is.
    pub(super) at: Place,
}

/// Reads the list.
pub(super) fn nodes(config: &Yaml) -> Result<Vec<BlockNode>, Fault> {
    let Node::List(items) = &config.node else {
        return Err(config.expected("a list of block-device nodes"));
    };
    let mut found = Vec::new();
    for item in items {
        let [(key, value)] = item.entries() else {
            let fault = match &item.node {
                Node::Map(keys) => {
                    item.at.bad(format!("a node has one key, its plugin, but this has {}", keys.len()))
                }
                _ => item.expected("a mapping of one key, its plugin"),
            };
            return Err(fault.hint("begin each node with its own `- `, and indent what belongs to it"));
        };
        let word = key.text().unwrap_or_default();
        let plugin = Plugin::of(word).ok_or_else(|| stranger(word, key))?;
        WrittenNode { plugin, at: &key.at, value }.gather(None, &mut found)?;
    }
    duplicate_names(&found)?;
    Ok(found)
}

fn stranger(word: &str, key: &Yaml) -> Fault {
    let fault = key.at.bad(format!("`{word}` is not a plugin of block-device configs"));
    let known = PLUGINS.map(|(name, _)| name);
    match nearest(word, known) {
        Some(near) => fault.hint(format!("did you mean `{near}`?")),
        None => fault.hint(format!("there are {}", known.join(", "))),
    }
}

/// A node as it is written, in a list or within another one.
#[derive(Clone, Copy)]
struct WrittenNode<'a> {
    plugin: Plugin,
    at: &'a Place,
    value: &'a Yaml,
}

impl WrittenNode<'_> {
    /// Adds the node to those found, and the nodes within it. `base` is the node around it.
    fn gather(self, base: Option<&str>, found: &mut Vec<BlockNode>) -> Result<(), Fault> {
        let WrittenNode { plugin, at, value } = self;
        let Node::Map(entries) = &value.node else {
            return Err(value.expected(&format!("the keys of `{}` (a mapping)", plugin.word())));
        };
        let own = value.get("base").and_then(|own| own.text().map(|text| (text, own)));
        if let (Some(outer), Some((text, own))) = (base, own)
            && text != outer
            && !plugin.is_listed()
            && plugin != Plugin::Lvm
        {
            return Err(own.at.bad(format!("base `{text}` contradicts the node around it, `{outer}`")));
        }
        // What is in a list of `lvm` stands on what it says, and not on that node, which is a name for all of it.
        let base = match plugin {
            Plugin::Pv | Plugin::Vg | Plugin::Lv => own.map(|(text, _)| text),
            _ => base.or(own.map(|(text, _)| text)),
        };
        let has_own_name = plugin == Plugin::LocalLoop || plugin.is_listed();
        let name = match (value.get_text("name"), base) {
            (Some(name), _) => name.to_string(),
            (None, Some(base)) if !has_own_name => format!("{}_{base}", plugin.word()),
            (None, _) => {
                let key = if has_own_name || plugin == Plugin::Lvm { "name" } else { "base" };
                return Err(at.fault(Cause::MissingKey { what: plugin.word(), key }));
            }
        };
        let needs_base = !matches!(plugin, Plugin::LocalLoop | Plugin::Lvm | Plugin::Vg);
        if base.is_none() && needs_base {
            return Err(at.fault(Cause::MissingKey { what: plugin.word(), key: "base" }));
        }
        let node = BlockNode {
            plugin,
            name: name.clone(),
            base: base.filter(|_| plugin != Plugin::Lvm).map(String::from),
            keys: value.clone(),
            at: at.clone(),
        };
        found.push(node);
        for (key, inner) in entries {
            let word = key.text().unwrap_or_default();
            match Plugin::of(word) {
                Some(nested) => {
                    let inner = WrittenNode { plugin: nested, at: &key.at, value: inner };
                    inner.gather(Some(&name), found)?;
                }
                None => check_key(plugin, key, inner)?,
            }
        }
        needed(plugin, at, value)?;
        for (listed, list, _) in plugin.lists() {
            for inner in value.get(list).map(Yaml::items).unwrap_or_default() {
                if *listed == Plugin::Partition {
                    partition_base(inner, &name, base)?;
                }
                WrittenNode { plugin: *listed, at: &inner.at, value: inner }.gather(Some(&name), found)?;
            }
        }
        Ok(())
    }
}

/// In dib's graph form a partition says which disk it is on. It stands in its table, and says no more than that does.
fn partition_base(part: &Yaml, table: &str, disk: Option<&str>) -> Result<(), Fault> {
    let Some(own) = part.get("base") else { return Ok(()) };
    match own.text() {
        Some(text) if text == table || Some(text) == disk => Ok(()),
        text => {
            let (text, disk) = (text.unwrap_or_default(), disk.unwrap_or_default());
            let fault = own.at.bad(format!("base `{text}` of a partition contradicts its table's, `{disk}`"));
            Err(fault.hint("leave it out: a partition is on the disk of the table that it stands in"))
        }
    }
}

fn check_key(plugin: Plugin, key: &Yaml, value: &Yaml) -> Result<(), Fault> {
    let name = key.text().ok_or_else(|| key.expected("a text"))?;
    match plugin.keys().iter().find(|known| known.name == name) {
        Some(_) if value.node == Node::Null => Ok(()),
        Some(known) => known.shape.check(value),
        None => {
            let known = plugin.keys().iter().map(|known| known.name).chain(PLUGINS.map(|(name, _)| name));
            Err(crate::yaml::unknown_key(key, known))
        }
    }
}

fn needed(plugin: Plugin, at: &Place, value: &Yaml) -> Result<(), Fault> {
    match plugin.keys().iter().find(|key| key.needed && value.get(key.name).is_none()) {
        Some(key) => Err(at.fault(Cause::MissingKey { what: plugin.word(), key: key.name })),
        None => Ok(()),
    }
}

fn duplicate_names(nodes: &[BlockNode]) -> Result<(), Fault> {
    for (index, node) in nodes.iter().enumerate() {
        if let Some(first) = nodes[..index].iter().find(|other| other.name == node.name) {
            let fault = node.at.bad(format!("duplicate node name `{}`", node.name));
            return Err(
                fault.hint(format!("the other one is in line {}; give one of them a `name`", first.at.line))
            );
        }
    }
    Ok(())
}
