//! Whole disks: tables, mount points across partitions, and the same disk in every container.

use dibber_tests::{accepts, run};

use super::*;

/// ESP, root and swap at 1, 65 and 129 MiB, partitions 15, 1 and 3.
fn gpt(place: &Path) -> (PathBuf, PathBuf, PathBuf) {
    let root = place.join("root");
    system(&root);
    let (esp, esp_tree) = mkfs_fat(place, "16", "40000");
    let ext = mke2fs(place, &root, &["-t", "ext4"]);
    let swap = place.join("swap");
    File::create(&swap).unwrap().set_len(8 << 20).unwrap();
    accepts("mkswap", &["-q", "-L", "try-swap", text(&swap)]);
    let disk = place.join("disk");
    File::create(&disk).unwrap().set_len(160 << 20).unwrap();
    let parts = [
        "-n",
        "15:1M:+64M",
        "-t",
        "15:EF00",
        "-c",
        "15:the esp",
        "-n",
        "1:65M:+64M",
        "-t",
        "1:8300",
        "-n",
        "3:129M:+8M",
        "-t",
        "3:8200",
    ];
    accepts("sgdisk", &[&parts[..], &["-U", "0000aaaa-1111-2222-3333-444444444444", text(&disk)]].concat());
    for (at, part) in [(1, &esp), (65, &ext), (129, &swap)] {
        put(&disk, at << 20, part);
    }
    (disk, root, esp_tree)
}

fn starts(report: &Value) -> Vec<(u64, u64, u64)> {
    let parts = report["disk"]["partitions"].as_array().unwrap();
    let number = |part: &Value, key: &str| part[key].as_u64().unwrap();
    parts.iter().map(|part| (number(part, "number"), number(part, "start"), number(part, "bytes"))).collect()
}

fn sfdisk(disk: &Path) -> Vec<(u64, u64, u64)> {
    let output = run("sfdisk", &["--json", text(disk)]);
    let table: Value = serde_json::from_slice(&output.stdout).unwrap();
    let parts = table["partitiontable"]["partitions"].as_array().unwrap();
    let row = |part: &Value| {
        let number = part["node"].as_str().unwrap().strip_prefix(text(disk)).unwrap().parse().unwrap();
        (number, part["start"].as_u64().unwrap() * 512, part["size"].as_u64().unwrap() * 512)
    };
    parts.iter().map(row).collect()
}

#[test]
fn a_gpt_disk_is_read_in_every_container() {
    let place = tempfile::tempdir().unwrap();
    let (disk, root, esp) = gpt(place.path());
    let raw = json(&disk, &[]);
    assert_eq!(starts(&raw), sfdisk(&disk));
    assert_eq!(raw["disk"]["id"], "0000aaaa-1111-2222-3333-444444444444");
    let parts = raw["disk"]["partitions"].as_array().unwrap();
    let mounts: Vec<_> = parts.iter().map(|part| part["filesystem"]["mount_point"].as_str()).collect();
    assert_eq!(mounts, [Some("/"), None, Some("/boot/efi")]);
    assert_eq!(
        (parts[2]["name"].as_str(), parts[2]["type_words"].as_str()),
        (Some("the esp"), Some("EFI system"))
    );
    assert_eq!(raw["system"]["name"], "Try \"9\" (test)");
    assert_eq!(raw["system"]["kernels"], serde_json::json!(["6.1.0-9-amd64"]));
    assert_eq!((raw["system"]["packages"].as_u64(), raw["system"]["partition"].as_u64()), (Some(2), Some(1)));
    let all = shown(&disk, &["--files"]);
    assert!(String::from_utf8_lossy(&all).contains(" /boot/efi/EFI/BOOT/BOOTX64.EFI\n"));
    for (name, args) in [
        ("plain", &["-o", "compat=1.1"][..]),
        ("v2", &["-o", "compat=0.10"]),
        ("v2z", &["-c", "-o", "compat=0.10,cluster_size=4096"]),
        ("zlib", &["-c"]),
        ("zstd", &["-c", "-o", "compression_type=zstd"]),
        ("tiny", &["-o", "cluster_size=512"]),
        ("large", &["-c", "-o", "cluster_size=2M,compression_type=zstd"]),
        ("prealloc", &["-o", "preallocation=metadata,lazy_refcounts=on"]),
    ] {
        let image = place.path().join(name);
        let from_to = [text(&disk), text(&image)];
        accepts("qemu-img", &[&["convert", "-f", "raw", "-O", "qcow2"], args, &from_to].concat());
        let report = json(&image, &[]);
        assert_eq!(report["container"]["format"], "qcow2", "{name}");
        assert_eq!((&report["disk"], &report["system"]), (&raw["disk"], &raw["system"]), "{name}");
        assert!(shown(&image, &["--files"]) == all, "{name}");
        same_content(&image, "", &root, &["srv/deep/er/noise", "srv/hole", "boot/vmlinuz-6.1.0-9-amd64"]);
        same_content(&image, "/boot/efi", &esp, &["EFI/BOOT/BOOTX64.EFI"]);
        fs::remove_file(&image).unwrap();
    }
}

#[test]
fn qcow2_that_is_not_followed_is_refused_by_name() {
    let place = tempfile::tempdir().unwrap();
    let base = place.path().join("base.qcow2");
    let image = place.path().join("image.qcow2");
    accepts("qemu-img", &["create", "-q", "-f", "qcow2", text(&base), "8M"]);
    let data = format!("data_file={}", text(&place.path().join("data")));
    for (args, word) in [
        (&["-b", text(&base), "-F", "qcow2"][..], "backing file"),
        (&["-o", &data], "external file"),
        (&["-o", "extended_l2=on"], "extended L2"),
        (&[], "encrypted"),
    ] {
        let _ = fs::remove_file(&image);
        accepts("qemu-img", &[&["create", "-q", "-f", "qcow2"], args, &[text(&image), "8M"]].concat());
        if word == "encrypted" {
            // LUKS, by the header's method of encryption: qemu-img would measure the processor first, and fails on a busy one.
            let file = File::options().write(true).open(&image).unwrap();
            file.write_all_at(&2_u32.to_be_bytes(), 32).unwrap();
        }
        let said = refused(&image, &[]);
        assert!(said.contains(word) && said.contains("qemu-img convert"), "{said}");
    }
    for kind in ["vmdk", "vhdx", "vdi", "qed"] {
        accepts("qemu-img", &["create", "-q", "-f", kind, text(&image), "8M"]);
        let said = refused(&image, &[]);
        assert!(said.contains(&kind.to_uppercase()) && said.contains("qemu-img convert"), "{said}");
    }
    // What is converted as the message says is read, up to its emptiness.
    accepts("qemu-img", &["convert", "-O", "qcow2", text(&image), text(&base)]);
    assert!(refused(&base, &[]).contains("8388608 bytes have no GPT"));
}

#[test]
fn sectors_of_4096_bytes() {
    let place = tempfile::tempdir().unwrap();
    let root = place.path().join("root");
    system(&root);
    let ext = mke2fs(place.path(), &root, &["-t", "ext4"]);
    for (table, words) in [("g", "gpt"), ("o", "mbr")] {
        let disk = place.path().join("disk");
        File::create(&disk).unwrap().set_len(100 << 20).unwrap();
        let primary = if table == "o" { "p\n" } else { "" };
        let script =
            format!("printf '{table}\\nn\\n{primary}1\\n512\\n+64M\\nw\\n' | fdisk -w always -b 4096 \"$0\"");
        accepts("sh", &["-ec", &script, text(&disk)]);
        put(&disk, 2 << 20, &ext);
        let report = json(&disk, &[]);
        assert_eq!(
            (report["disk"]["table"].as_str(), report["disk"]["sector_bytes"].as_u64()),
            (Some(words), Some(4096))
        );
        assert_eq!(starts(&report)[0], (1, 2 << 20, 64 << 20));
        same_content(&disk, "", &root, &["srv/deep/er/noise"]);
    }
}

#[test]
fn an_mbr_with_logical_partitions() {
    let place = tempfile::tempdir().unwrap();
    let root = place.path().join("root");
    system(&root);
    fs::write(
        root.join("etc/fstab"),
        "LABEL=try-root / ext4 defaults 0 1\nUUID=1234-abcd /boot/efi vfat x 0 0\n",
    )
    .unwrap();
    let ext = mke2fs(place.path(), &root, &["-t", "ext3"]);
    let (esp, tree) = mkfs_fat(place.path(), "12", "3000");
    let disk = place.path().join("disk");
    File::create(&disk).unwrap().set_len(200 << 20).unwrap();
    let lines = [
        "1 : size=10M, type=82",
        "2 : size=180M, type=5",
        "5 : size=4M, type=83",
        "6 : size=8M, type=ef",
        "7 : size=70M, type=83",
    ];
    let lines = lines.map(|line| format!("{}{line}\n", text(&disk)));
    let script = place.path().join("script");
    fs::write(&script, format!("label: dos\nlabel-id: 0x1234abcd\n{}", lines.concat())).unwrap();
    accepts("sh", &["-ec", "sfdisk -q \"$0\" < \"$1\"", text(&disk), text(&script)]);
    let parts = sfdisk(&disk);
    assert_eq!(parts.iter().map(|part| part.0).collect::<Vec<_>>(), [1, 2, 5, 6, 7]);
    put(&disk, parts[3].1, &esp);
    put(&disk, parts[4].1, &ext);
    let report = json(&disk, &[]);
    assert_eq!(starts(&report), parts);
    assert_eq!(report["disk"]["id"], "1234abcd");
    assert_eq!(report["disk"]["partitions"][4]["guid"], "1234abcd-07");
    same_content(&disk, "/boot/efi", &tree, &["EFI/BOOT/BOOTX64.EFI"]);
    same_content(&disk, "", &root, &["srv/deep/er/noise"]);
}
