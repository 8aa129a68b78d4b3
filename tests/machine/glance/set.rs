//! A small set, written by hand: the shape of a whole cloud's, with files of some MiB.
//!
//! In: a directory. Out: files, sidecars, images.json. Never: a sum that dibber made.

use std::path::Path;

use serde_json::{Value, json};

use super::cloud::write;

/// Image, architecture, platform, and its files: extension, kind, MiB of virtual disk.
type Row = (&'static str, &'static str, Option<&'static str>, &'static [(&'static str, &'static str)]);

const TRIO: &[(&str, &str)] = &[("qcow2", "qcow2"), ("vmlinuz", "vmlinuz"), ("initrd", "initrd")];
const AGENT: &[(&str, &str)] = &[("kernel", "kernel"), ("initramfs", "initramfs")];

/// A whole disk for x86_64, partitions for POWER, and what deploys them.
const ROWS: [Row; 5] = [
    ("overcloud-full", "x86_64", None, TRIO),
    ("overcloud-full", "ppc64le", None, TRIO),
    ("overcloud-full", "ppc64le", Some("p9"), TRIO),
    ("ironic-python-agent", "x86_64", None, AGENT),
    ("ironic-python-agent", "ppc64le", None, AGENT),
];

/// Bytes of a file: enough to be cut in half.
pub(crate) const MIB: usize = 1 << 20;

/// Numbers that do not repeat (xorshift64), so that each file is another and none compresses.
fn bytes(seed: &str, len: usize) -> Vec<u8> {
    let mut state = seed
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3))
        | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    std::iter::repeat_with(&mut next).flatten().take(len).collect()
}

/// Writes the set; `version` goes into the content of overcloud-full's files.
pub(crate) fn write_set(dir: &Path, version: &str) {
    let images = ROWS.iter().map(|row| image(dir, row, version)).collect::<Vec<_>>();
    let set = json!({ "version": 1, "images": images });
    std::fs::write(dir.join("images.json"), set.to_string()).expect("write");
}

fn image(dir: &Path, (name, arch, platform, files): &Row, version: &str) -> Value {
    let stem = platform.map_or(format!("{arch}-{name}"), |platform| format!("{platform}-{arch}-{name}"));
    let id = "ab".repeat(32);
    let files = files.iter().map(|(extension, kind)| {
        let file = format!("{stem}.{extension}");
        let len = if *kind == "qcow2" { 4 * MIB } else { MIB };
        let version = if *name == "overcloud-full" { version } else { "" };
        let (sha256, sha512) = write(&dir.join(&file), &bytes(&format!("{file}{version}"), len));
        let mut properties = json!({ "hw_architecture": arch, "os_distro": "debian", "os_version": "bookworm" });
        if let Some(platform) = platform {
            properties["tripleo_platform"] = (*platform).into();
        }
        if *name == "overcloud-full" {
            properties["img_type"] = if *arch == "x86_64" { "whole-disk" } else { "partition" }.into();
        }
        if *kind == "qcow2" && *arch == "x86_64" {
            properties["hw_firmware_type"] = "uefi".into();
            properties["min_ram"] = "2048".into();
        }
        let virtual_bytes = (*kind == "qcow2").then_some((2_u64 << 30) + 1);
        let sidecar = json!({
            "file": file, "kind": kind, "bytes": len, "virtual_bytes": virtual_bytes, "sha256": sha256, "sha512": sha512,
            "image": name, "arch": arch, "platform": platform, "id": id, "properties": properties,
        });
        std::fs::write(dir.join(format!("{file}.json")), sidecar.to_string()).expect("write");
        json!({ "name": file, "kind": kind, "bytes": len, "sha256": sha256 })
    });
    let files: Vec<Value> = files.collect();
    let mut image = json!({ "name": name, "arch": arch, "id": id, "files": files });
    if let Some(platform) = platform {
        image["platform"] = (*platform).into();
    }
    image
}

/// What Glance shall hold of it: name, `disk_format`, the file.
pub(crate) const HELD: [(&str, &str, &str); 11] = [
    ("bm-deploy-kernel", "aki", "x86_64-ironic-python-agent.kernel"),
    ("bm-deploy-ramdisk", "ari", "x86_64-ironic-python-agent.initramfs"),
    ("overcloud-full", "qcow2", "x86_64-overcloud-full.qcow2"),
    ("p9-ppc64le-overcloud-full", "qcow2", "p9-ppc64le-overcloud-full.qcow2"),
    ("p9-ppc64le-overcloud-full-initrd", "ari", "p9-ppc64le-overcloud-full.initrd"),
    ("p9-ppc64le-overcloud-full-vmlinuz", "aki", "p9-ppc64le-overcloud-full.vmlinuz"),
    ("ppc64le-bm-deploy-kernel", "aki", "ppc64le-ironic-python-agent.kernel"),
    ("ppc64le-bm-deploy-ramdisk", "ari", "ppc64le-ironic-python-agent.initramfs"),
    ("ppc64le-overcloud-full", "qcow2", "ppc64le-overcloud-full.qcow2"),
    ("ppc64le-overcloud-full-initrd", "ari", "ppc64le-overcloud-full.initrd"),
    ("ppc64le-overcloud-full-vmlinuz", "aki", "ppc64le-overcloud-full.vmlinuz"),
];
