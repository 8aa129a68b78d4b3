//! What a build asks the kernel for: no loop device, and no mount of a block device or an image.
//!
//! In: a build under `strace -f`, as root, who could do both. Out: every ioctl and every mount. Never: a build that did nothing:
//! the trace must show the mounts that are wanted.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use dibber_tests::accepts;
use dibber_tests::workshop::{Workshop, run};

/// Filesystems that are made of memory, of the kernel's own state or of directories.
const ALLOWED: [&str; 7] = ["overlay", "tmpfs", "proc", "sysfs", "devpts", "mqueue", "binfmt_misc"];

/// Traces a build of everything that could tempt: a partitioned disk with two filesystems and swap, and every container.
fn trace(shop: &Workshop) -> String {
    shop.hook("busy/install.d/50-busy", "mkdir -p /srv; echo x > /srv/x");
    shop.hook(
        "busy/extra-data.d/50-bind",
        "mkdir $TMP_MOUNT_PATH/seen; sudo mount --bind $TMP_MOUNT_PATH/etc $TMP_MOUNT_PATH/seen",
    );
    let partition =
        |name: &str, mkfs: &str| format!("{{name: {name}, type: '8300', size: 32MiB, mkfs: {{{mkfs}}}}}");
    let layout = format!(
        "[{{local_loop: {{name: image0}}}}, {{partitioning: {{base: image0, label: gpt, partitions: [{}, {}, {}]}}}}]",
        partition("root", "name: mkfs_root, type: ext4, mount: {mount_point: /}"),
        partition("srv", "name: mkfs_srv, type: vfat, label: SRV, mount: {mount_point: /srv}"),
        partition("swap", "name: mkfs_swap, type: swap, label: swap"),
    );
    let outputs = "[raw, qcow2, vhd, vmdk, tar, squashfs]";
    let image = shop.image(
        "good",
        &[("elements", "[tiny-os, busy]"), ("layout", &layout), ("outputs", outputs), ("size", "128MiB")],
    );
    let log = shop.text("trace");
    let calls = "trace=ioctl,mount,fsopen,fsconfig,fsmount,open_tree,move_mount";
    let mut command = shop.wrapped(&["strace", "-f", "-q", "-s", "200", "-o", &log, "-e", calls]);
    run(command.args(shop.arguments(&image))).well();
    fs::read_to_string(log).expect("strace wrote a trace")
}

/// What is against the rules in one line of a trace.
fn fault(line: &str) -> Option<&'static str> {
    if line.contains("LOOP_") || line.contains("ioctl(") && line.contains(", 0x4c") {
        return Some("a loop ioctl");
    }
    // Refused calls are tries of elements; none is made here, so they count too.
    if let Some((_, call)) = line.split_once("fsopen(") {
        let kind = call.split('"').nth(1).unwrap_or_default();
        return (!ALLOWED.contains(&kind)).then_some("a filesystem of another kind");
    }
    let (_, call) = line.split_once(" mount(")?;
    let words: Vec<&str> = call.splitn(4, ", ").collect();
    let [source, _, kind, rest] = words[..] else { return Some("a mount in another shape") };
    if source.starts_with("\"/dev/") && !rest.contains("MS_BIND") {
        return Some("a mount of a device");
    }
    let bind =
        ["MS_BIND", "MS_REMOUNT", "MS_PRIVATE", "MS_SLAVE", "MS_MOVE"].iter().any(|flag| rest.contains(flag));
    (!bind && !ALLOWED.contains(&kind.trim_matches('"'))).then_some("a mount of another kind")
}

#[test]
fn a_build_mounts_no_image() {
    let shop = Workshop::new();
    let trace = trace(&shop);
    let faults: Vec<String> =
        trace.lines().filter_map(|line| Some(format!("{}: {line}", fault(line)?))).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    // The trace saw the worker and its hooks: their trees are overlays, their /proc is their own.
    let kinds: BTreeSet<&str> =
        ALLOWED.into_iter().filter(|kind| trace.contains(&format!("\"{kind}\""))).collect();
    assert!(kinds.contains("overlay") && kinds.contains("proc") && kinds.contains("tmpfs"), "{kinds:?}");
    accepts("sgdisk", &["-v", shop.out().join("good.raw").to_str().expect("UTF-8")]);
}

/// The broken twin: a loop mount is found in its trace.
#[test]
fn a_loop_mount_is_seen() {
    let shop = Workshop::new();
    let (image, at, log) = (shop.text("twin.img"), shop.text("twin"), shop.text("trace"));
    fs::create_dir(&at).expect("make a directory");
    fs::File::create(&image).expect("create").set_len(8 << 20).expect("size");
    accepts("mke2fs", &["-q", &image]);
    let calls = "trace=ioctl,mount,fsopen,fsconfig,fsmount,open_tree,move_mount";
    accepts(
        "strace",
        &["-f", "-q", "-s", "200", "-o", &log, "-e", calls, "mount", "-o", "loop,ro", &image, &at],
    );
    let trace = fs::read_to_string(log).expect("strace wrote a trace");
    let unmounted = Command::new("umount").arg(&at).status().expect("umount");
    assert!(unmounted.success());
    let faults: BTreeSet<&str> = trace.lines().filter_map(fault).collect();
    assert!(faults.contains("a loop ioctl") && faults.len() > 1, "{faults:?}\n{trace}");
}
