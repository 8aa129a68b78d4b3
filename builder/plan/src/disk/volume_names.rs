//! Names that lvm2 takes.
//!
//! In: the node of a group or of a volume. Out: nothing, or why lvm2 would refuse it (`validate_name` of its `lib/misc/lvm-string.c`,
//! lvm(8), "VALID NAMES"). Never: a name changed.

use alloc::format;

use dibber_model::VgSpec;

use super::nodes::{BlockNode, Plugin};
use crate::yaml::Fault;

/// `NAME_LEN` and `DM_NAME_LEN` less the zero at the end.
const LONGEST: usize = 127;
/// What lvm2 calls the parts of its own volumes.
const RESERVED_PARTS: [&str; 17] = [
    "_cdata", "_cmeta", "_corig", "_cpool", "_cvol", "_imeta", "_iorig", "_mimage", "_mlog", "_pmspare",
    "_rimage", "_rmeta", "_tdata", "_tmeta", "_vdata", "_vorigin", "_wcorig",
];
const RESERVED_STARTS: [&str; 2] = ["pvmove", "snapshot"];
/// Directories of `/dev`, beside which lvm2 makes one for each group.
const DIRECTORIES: [&str; 12] =
    ["block", "bus", "char", "cpu", "disk", "fd", "input", "mapper", "net", "pts", "shm", "snd"];

/// Whether lvm2 takes the name of a group or of a logical volume.
pub(super) fn check(node: &BlockNode) -> Result<(), Fault> {
    let name = node.name.as_str();
    let at = node.keys.get("name").map_or(&node.at, |value| &value.at);
    let bad = |why: &str| Err(at.bad(format!("{} `{name}`: {why}", node.plugin.word())).hint("rename it"));
    if name.is_empty() || name == "." || name == ".." {
        return bad("lvm2 takes no such name");
    }
    if name.starts_with('-') {
        return bad("names of LVM do not begin with a hyphen");
    }
    if !name.chars().all(|c| c.is_ascii_alphanumeric() || "+_.-".contains(c)) {
        return bad("names of LVM hold the letters a to z, digits, and + _ . - alone");
    }
    if name.len() > LONGEST {
        return bad("names of LVM have at most 127 letters");
    }
    if node.plugin == Plugin::Vg {
        return match DIRECTORIES.contains(&name) {
            true => bad("its directory below /dev is another one's"),
            false => Ok(()),
        };
    }
    let reserved = RESERVED_STARTS.iter().any(|start| name.starts_with(start))
        || RESERVED_PARTS.iter().any(|part| name.contains(part));
    match reserved {
        true => bad("lvm2 keeps such names for the parts of its own volumes"),
        false => Ok(()),
    }
}

/// Whether the device mapper has room for both names with their hyphens doubled.
pub(super) fn together(group: &BlockNode, volume: &BlockNode) -> Result<(), Fault> {
    let name = VgSpec::mapper_name(&group.name, &volume.name);
    if name.len() <= LONGEST {
        return Ok(());
    }
    let at = volume.keys.get("name").map_or(&volume.at, |value| &value.at);
    let what = format!(
        "the device mapper would call this volume `{name}`, {} bytes, and takes {LONGEST}",
        name.len()
    );
    Err(at.bad(what).hint("shorten its name or its group's; hyphens count twice"))
}
