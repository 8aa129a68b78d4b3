//! Broken twins: what was read a moment ago, with a bit turned or an end cut off.

use dibber_tests::{accepts, flip_bit};

use super::*;

fn disk(place: &Path) -> (PathBuf, PathBuf) {
    let root = place.join("root");
    system(&root);
    let ext = mke2fs(place, &root, &["-t", "ext4"]);
    let disk = place.join("disk");
    File::create(&disk).unwrap().set_len(70 << 20).unwrap();
    accepts("sgdisk", &["-n", "1:1M:+64M", "-t", "1:8300", text(&disk)]);
    put(&disk, 1 << 20, &ext);
    (disk, ext)
}

#[test]
fn tables() {
    let place = tempfile::tempdir().unwrap();
    let (disk, _) = disk(place.path());
    let whole = json(&disk, &[]);
    // The first copy lost: the second is read, and that is said.
    flip_bit(&disk, 512 + 16);
    let report = json(&disk, &[]);
    assert_eq!(report["disk"]["partitions"], whole["disk"]["partitions"]);
    assert!(report["disk"]["notes"][0].as_str().unwrap().contains("backup"), "{report}");
    // Both lost.
    flip_bit(&disk, (70 << 20) - 512 + 80);
    let said = refused(&disk, &[]);
    assert!(said.contains("GPT is damaged") && said.contains("checksum"), "{said}");
    let file = File::options().write(true).open(&disk).unwrap();
    file.write_all_at(&[0; 4096], 512).unwrap();
    file.set_len(69 << 20).unwrap();
    assert!(refused(&disk, &[]).contains("an MBR protects it"));
    // The disk cut short within its partition.
    file.write_all_at(&fs::read(&disk).unwrap()[..512], 0).unwrap();
    file.set_len(0).unwrap();
    assert!(refused(&disk, &[]).contains("its 0 bytes"));
    fs::write(&disk, "just text").unwrap();
    assert!(refused(&disk, &[]).contains("its 9 bytes"));
    assert!(refused(&place.path().join("absent"), &[]).contains("No such file"));
    assert!(refused(place.path(), &[]).contains("a directory"));
}

#[test]
fn filesystems() {
    let place = tempfile::tempdir().unwrap();
    let (disk, _) = disk(place.path());
    // The label is under the superblock's checksum.
    flip_bit(&disk, (1 << 20) + 1024 + 0x78);
    let output = show(&disk, &[]);
    assert_eq!(output.status.code(), Some(3));
    let page = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(page.contains("Linux filesystem") && page.contains("superblock is damaged"), "{page}");
    assert!(refused(&disk, &["/etc/fstab"]).contains("checksum"));
    flip_bit(&disk, (1 << 20) + 1024 + 0x78);
    assert!(show(&disk, &[]).status.success());

    let (fat, _) = mkfs_fat(place.path(), "16", "20000");
    flip_bit(&fat, 14 + 1); // reserved sectors: 256 more
    assert!(!show(&fat, &["/EFI/BOOT/BOOTX64.EFI"]).status.success());
    flip_bit(&fat, 14 + 1);
    // The chain of a file, cut: its first cluster is the end.
    let at = fs::read(&fat).unwrap();
    let reserved = usize::from(at[14]) * 512;
    let file = File::options().write(true).open(&fat).unwrap();
    file.write_all_at(&vec![0xff; 4096], reserved as u64).unwrap();
    let said = refused(&fat, &["/A Directory with a long name/deeper/größe – 大.bin"]);
    assert!(said.contains("too early"), "{said}");
    // And in a circle: every cluster is followed by cluster 2.
    file.write_all_at(&[2, 0].repeat(2048), reserved as u64).unwrap();
    assert!(refused(&fat, &["/EFI/BOOT"]).contains("damaged"));
}

#[test]
fn containers() {
    let place = tempfile::tempdir().unwrap();
    let (disk, _) = disk(place.path());
    let image = place.path().join("image");
    accepts("qemu-img", &["convert", "-f", "raw", "-O", "qcow2", "-c", text(&disk), text(&image)]);
    let whole = shown(&image, &["--files"]);
    // Where the header says the L1 table, the cluster size and the size are.
    for at in [6, 20, 24, 40] {
        flip_bit(&image, at);
        assert!(refused(&image, &[]).contains("qcow2 header"), "{at}");
        flip_bit(&image, at);
    }
    // Streams: a disk of which some cluster is garbage.
    let len = fs::metadata(&image).unwrap().len();
    let bytes = fs::read(&image).unwrap();
    fs::write(&image, &bytes[..(len / 2) as usize]).unwrap();
    let said = refused(&image, &["/srv/deep/er/noise"]);
    assert!(said.contains("cut short") || said.contains("damaged"), "{said}");
    fs::write(&image, &bytes).unwrap();
    assert!(shown(&image, &["--files"]) == whole);
}

/// Whatever bytes change, the program ends by itself, with 0 or 3, and never by a panic or a signal.
#[test]
fn no_damage_makes_it_panic() {
    let place = tempfile::tempdir().unwrap();
    let root = place.path().join("small");
    fs::create_dir_all(root.join("etc/deep")).unwrap();
    fs::write(root.join("etc/os-release"), noise(20_000)).unwrap();
    fs::write(root.join("etc/fstab"), "UUID=1234-ABCD /etc/deep vfat x 0 0\n").unwrap();
    symlink("x".repeat(200), root.join("etc/link")).unwrap();
    let ext = place.path().join("ext");
    // Without checksums, so that damage reaches the readers behind them.
    accepts(
        "mke2fs",
        &["-q", "-F", "-t", "ext4", "-O", "^metadata_csum", "-d", text(&root), text(&ext), "2M"],
    );
    let (fat, _) = mkfs_fat(place.path(), "12", "1000");
    let disk = place.path().join("disk");
    File::create(&disk).unwrap().set_len(5 << 20).unwrap();
    accepts("sh", &["-ec", "printf 'size=2M\\n,\\n' | sfdisk -q -X dos \"$0\"", text(&disk)]);
    put(&disk, 1 << 20, &ext);
    put(&disk, 3 << 20, &fat);
    let image = place.path().join("image");
    accepts(
        "qemu-img",
        &["convert", "-f", "raw", "-O", "qcow2", "-o", "cluster_size=4096", text(&disk), text(&image)],
    );
    let metadata = |bytes: &[u8]| -> Vec<usize> {
        // Blocks that are neither empty nor noise: headers, tables, inodes, directories.
        let sparse = |chunk: &[u8]| (1..200).contains(&chunk.iter().filter(|byte| **byte != 0).count());
        let chunks = bytes.chunks(256).enumerate().filter(|(_, chunk)| sparse(chunk));
        chunks
            .flat_map(|(n, chunk)| (0..chunk.len()).filter(|i| chunk[*i] != 0).map(move |i| n * 256 + i))
            .collect()
    };
    let broken = place.path().join("broken");
    let mut random = noise(1 << 20).into_iter().cycle();
    let mut ends = std::collections::BTreeMap::new();
    for original in [&image, &disk] {
        let bytes = fs::read(original).unwrap();
        let places = metadata(&bytes);
        for round in 0..150 {
            let mut twin = bytes.clone();
            for _ in 0..1 + round % 12 {
                let number = (0..4).fold(0usize, |n, _| n << 8 | usize::from(random.next().unwrap()));
                twin[places[number % places.len()]] = random.next().unwrap();
            }
            fs::write(&broken, &twin).unwrap();
            for args in [&[][..], &["--files"], &["/etc/os-release"]] {
                let output = show(&broken, args);
                let said = String::from_utf8_lossy(&output.stderr).into_owned();
                assert!(
                    matches!(output.status.code(), Some(0 | 3)) && !said.contains("panicked"),
                    "{args:?}: {:?} {said}",
                    output.status
                );
                *ends.entry(output.status.code()).or_insert(0) += 1;
            }
        }
    }
    // Both ends are met, so the damage is neither without effect nor total.
    assert!(ends[&Some(0)] > 20 && ends[&Some(3)] > 20, "{ends:?}");
}
