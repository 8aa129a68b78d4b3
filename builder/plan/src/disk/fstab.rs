//! What hooks learn about the disk before it exists: fstab and variables.
//!
//! In: a [`DiskSpec`]. Out: text. Never: a device that this machine has: names below `/dev/dibber` stand for partitions.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use dibber_model::{DiskSpec, FsSpec};

/// The text of `/etc/fstab`: by label as dib writes it, in the order of the mount points, swap last.
pub fn fstab(disk: &DiskSpec) -> String {
    let mut lines: Vec<(String, &FsSpec)> = disk
        .filesystems()
        .filter(|fs| fs.fstab.is_some())
        .map(|fs| (fs.mount.as_ref().map_or("none".to_string(), ToString::to_string), fs))
        .collect();
    // `none` sorts after every path: `n` is above `/`.
    lines.sort_by(|a, b| (&a.0, &a.1.name).cmp(&(&b.0, &b.1.name)));
    let mut text = String::new();
    for (point, fs) in lines {
        let Some(line) = &fs.fstab else { continue };
        let source = match fs.label.as_str() {
            "" => format!("UUID={}", fs.blkid_uuid()),
            label => format!("LABEL={}", escaped(label)),
        };
        let (point, kind) = (escaped(&point), fs.kind);
        text += &format!("{source} {point} {kind} {} {} {}\n", line.options, line.dump_freq, line.passno);
    }
    text
}

/// fstab(5): blanks and backslashes in octal.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\134").replace(' ', "\\040").replace('\t', "\\011").replace('#', "\\043")
}

/// Variables of dib's driver about the disk. Device names are placeholders: `/dev/dibber/` and the node's name.
pub(crate) fn variables(disk: &DiskSpec) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut set = |name: &str, value: String| found.insert(name.to_string(), value);
    if let Some(root) = disk.root() {
        set("DIB_ROOT_LABEL", root.label.clone());
        set("DIB_ROOT_FSTYPE", root.kind.to_string());
        set("DIB_ROOT_UUID", root.blkid_uuid());
        set("FS_TYPE", root.kind.to_string());
        set("ROOT_LABEL", root.label.clone());
        if disk.volume_of(root).is_some() {
            // What grub-probe, which is answered from the plan, says of it.
            set("DIB_ROOT_ABSTRACTION", "lvm".to_string());
        }
    }
    let at_boot = |fs: &&FsSpec| fs.mount.as_ref().is_some_and(|point| point.as_str() == "/boot");
    // Empty where there is none, as hooks with `set -u` expect.
    set(
        "DIB_BOOT_LABEL",
        disk.filesystems().find(at_boot).map(|boot| boot.label.clone()).unwrap_or_default(),
    );
    let mut points: Vec<&str> =
        disk.filesystems().filter_map(|fs| fs.mount.as_ref()).map(|p| p.as_str()).collect();
    points.sort_unstable();
    set("DIB_MOUNTPOINTS", points.join("|"));
    set("IMAGE_BLOCK_DEVICE", device(&disk.name));
    set("IMAGE_BLOCK_DEVICES", devices(disk));
    found
}

/// The placeholder of a node.
fn device(name: &str) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '_' };
    format!("/dev/dibber/{}", name.chars().map(safe).collect::<String>())
}

/// The inside of a bash array, as dib's hooks `eval` it between parentheses: `[image0]=/dev/... [root]=/dev/...`. A name
/// that bash could read as anything but a plain word stands in quotes.
fn devices(disk: &DiskSpec) -> String {
    let mut pairs: Vec<(String, String)> = alloc::vec![(disk.name.clone(), device(&disk.name))];
    for part in disk.parts.iter().filter(|part| part.name != disk.name) {
        pairs.push((part.name.clone(), device(&part.name)));
    }
    for lv in disk.groups.iter().flat_map(|group| &group.lvs) {
        pairs.push((lv.name.clone(), device(&lv.name)));
    }
    let texts: Vec<String> = pairs.iter().map(|(name, path)| format!("[{}]={path}", quoted(name))).collect();
    texts.join(" ")
}

fn quoted(name: &str) -> String {
    if !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')) {
        return name.to_string();
    }
    format!("'{}'", name.replace('\'', "'\\''"))
}
