//! What one filesystem of a disk is called, how it is made, and where it is mounted.
//!
//! In: the nodes `mkfs`, `mount` and `fstab` of a config. Out: label, options, mount point and fstab line. Never: a label that the
//! filesystem cannot hold.

use alloc::format;
use alloc::string::{String, ToString};
use dibber_model::filesystem::LabelRule;
use dibber_model::{FsKind, Fstab, MkfsOptions, MountPoint};

use super::defaults::DiskDefaults;
use super::mkfs::{for_root, options_of};
use super::nodes::BlockNode;
use crate::yaml::{Cause, Fault};

/// dib's label of a root filesystem that is not given one, and the one for kinds whose labels are shorter (xfs has 12 bytes).
const ROOT_LABEL: &str = "cloudimg-rootfs";
const SHORT_ROOT_LABEL: &str = "img-rootfs";
/// The node that dib takes for the root's.
pub(super) const ROOT_NODE: &str = "mkfs_root";

pub(super) fn mount_point(node: &BlockNode, kind: FsKind) -> Result<Option<MountPoint>, Fault> {
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
        (None, _) => Err(node.at.fault(Cause::MissingKey { what: "mount", key: "mount_point" })),
    }
}

pub(super) fn fstab_line(node: &BlockNode, kind: FsKind) -> Result<Fstab, Fault> {
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

/// What a filesystem is called, whether or not there can be one of its kind: in capital letters where the kind has no others.
pub(super) fn label_text(node: &BlockNode, kind: Option<FsKind>, defaults: &DiskDefaults) -> String {
    let text = match node.keys.get_text("label") {
        Some(text) => text,
        None if node.name == ROOT_NODE => {
            let is_short = kind.is_some_and(|kind| kind.facts().longest_label < ROOT_LABEL.len());
            let default = if is_short { SHORT_ROOT_LABEL } else { ROOT_LABEL };
            defaults.root_label.as_deref().unwrap_or(default)
        }
        None => &node.name,
    };
    match kind.is_some_and(|kind| kind.facts().label == LabelRule::UpperAscii) {
        true => text.to_uppercase(),
        false => text.to_string(),
    }
}

pub(super) fn label(node: &BlockNode, kind: FsKind, defaults: &DiskDefaults) -> Result<String, Fault> {
    let given = node.keys.get("label");
    let facts = kind.facts();
    let upper = facts.label == LabelRule::UpperAscii;
    let label = label_text(node, Some(kind), defaults);
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

pub(super) fn options(node: &BlockNode, kind: FsKind, defaults: &DiskDefaults) -> Result<MkfsOptions, Fault> {
    let given = node.keys.get("opts");
    let Some(dialect) = kind.facts().options else {
        return match given {
            Some(value) => Err(value.at.bad(format!("{kind} has no `opts`"))),
            None => Ok(MkfsOptions::default()),
        };
    };
    let at = given.map_or(&node.at, |value| &value.at);
    let own = match given {
        Some(value) => options_of(dialect, value.text().unwrap_or_default())
            .map_err(|why| at.bad(format!("`opts` of `{}`: {why}", node.name)))?,
        None => MkfsOptions::default(),
    };
    if node.name != ROOT_NODE {
        return Ok(own);
    }
    for_root(dialect, &own, &defaults.mkfs)
        .map_err(|why| at.bad(format!("`{}` is {kind}: {why}", node.name)).hint("give those of its own kind"))
}
