//! Filesystems without a table: what is in them, file by file.

use dibber_tests::{accepts, run};

use super::*;

fn without_directory_sizes(lines: Vec<String>, directories: &[String]) -> Vec<String> {
    let is_directory = |line: &String| directories.iter().any(|dir| line.split(' ').nth(5) == Some(dir));
    let fix = |line: String| match is_directory(&line) {
        true => {
            let mut fields: Vec<&str> = line.split(' ').collect();
            fields[3] = "-";
            fields.join(" ")
        }
        false => line,
    };
    lines.into_iter().map(fix).collect()
}

#[test]
fn ext_of_every_age_is_read_as_it_was_made() {
    let place = tempfile::tempdir().unwrap();
    let root = place.path().join("root");
    system(&root);
    for (args, kind) in [
        (&["-t", "ext4"][..], "ext4"),
        (&["-t", "ext4", "-b", "1024", "-O", "^metadata_csum,^64bit"], "ext4"),
        (&["-t", "ext4", "-I", "128"], "ext4"),
        (&["-t", "ext4", "-O", "bigalloc", "-C", "65536"], "ext4"),
        (&["-t", "ext4", "-O", "bigalloc", "-b", "1024", "-I", "128"], "ext4"),
        (&["-t", "ext3"], "ext3"),
        (&["-t", "ext2"], "ext2"),
    ] {
        let image = mke2fs(place.path(), &root, args);
        let report = json(&image, &[]);
        let fs = &report["disk"]["partitions"][0]["filesystem"];
        assert_eq!((fs["kind"].as_str(), fs["label"].as_str()), (Some(kind), Some("try-root")), "{args:?}");
        let blkid = accepts("blkid", &["-o", "value", "-s", "UUID", "-s", "TYPE", text(&image)]);
        assert_eq!(blkid, format!("{}\n{kind}\n", fs["uuid"].as_str().unwrap()));
        let entries: Vec<Value> = listed(&image).into_iter().filter(|e| e["path"] != "/lost+found").collect();
        let is_directory = |entry: &&Value| entry["kind"] == "directory";
        let directories: Vec<String> =
            entries.iter().filter(is_directory).map(|e| e["path"].as_str().unwrap().to_string()).collect();
        assert_eq!(
            without_directory_sizes(as_find(&entries), &directories),
            without_directory_sizes(find(&root), &directories),
            "{args:?}"
        );
        let files = ["srv/deep/er/noise", "srv/empty", "etc/fstab", "srv/zeros", "srv/hole"];
        same_content(&image, "", &root, &files);
        fs::remove_file(&image).unwrap();
    }
}

#[test]
fn a_directory_is_what_debugfs_lists() {
    let place = tempfile::tempdir().unwrap();
    let root = place.path().join("root");
    system(&root);
    let image = mke2fs(place.path(), &root, &["-t", "ext4"]);
    for dir in ["/", "/opt", "/srv/many"] {
        // Inode, mode, uid, gid, size, name, one a line between slashes.
        let said = run("debugfs", &["-R", &format!("ls -p {dir}"), text(&image)]);
        let said = String::from_utf8(said.stdout).unwrap();
        let rows = said.lines().filter_map(|line| line.strip_prefix('/')?.strip_suffix('/'));
        let mut theirs: Vec<String> = rows
            .map(|row| row.split('/').collect::<Vec<_>>())
            .filter(|row| row.len() >= 5 && row[4] != "." && row[4] != "..")
            .map(|row| format!("{} {}:{} {}", &row[1][2..], row[2], row[3], row[4]))
            .collect();
        theirs.sort();
        let ours = json(&image, &[dir]);
        let mut ours: Vec<String> = ours
            .as_array()
            .unwrap()
            .iter()
            .map(|e| {
                format!(
                    "{} {}:{} {}",
                    e["mode"].as_str().unwrap(),
                    e["uid"],
                    e["gid"],
                    e["name"].as_str().unwrap()
                )
            })
            .collect();
        ours.sort();
        assert!(ours.len() > 3);
        assert_eq!(ours, theirs, "{dir}");
        let plain = String::from_utf8(shown(&image, &[dir])).unwrap();
        assert_eq!(plain.lines().count(), ours.len());
    }
    let plain = String::from_utf8(shown(&image, &["/srv"])).unwrap();
    assert!(plain.lines().any(|line| line.starts_with("-rwsr-s--x") && line.ends_with(" empty")), "{plain}");
    assert!(plain.lines().any(|line| line.contains("2009-02-13 23:31 zeros")), "{plain}");
    assert!(plain.lines().any(|line| line.ends_with("relative -> ../opt/absolute/er/../er")), "{plain}");
}

#[test]
fn links_are_resolved_inside() {
    let place = tempfile::tempdir().unwrap();
    let root = place.path().join("root");
    system(&root);
    let image = mke2fs(place.path(), &root, &["-t", "ext4"]);
    same_content(&image, "/srv/relative", &root.join("srv/deep/er"), &["noise"]);
    assert_eq!(shown(&image, &["/opt/above"]), b"");
    assert_eq!(shown(&image, &["etc/os-release"]), fs::read(root.join("usr/lib/os-release")).unwrap());
    assert!(refused(&image, &["/opt/circle"]).contains("circles"));
    assert!(refused(&image, &["/opt/long"]).contains("there is no"));
    assert!(refused(&image, &["/etc/shadow"]).contains("what exists of it is /etc"));
    assert!(refused(&image, &["/etc/fstab/x"]).contains("what exists of it is /etc/fstab"));
    assert!(refused(&image, &["/opt/fifo"]).contains("a fifo"));
    assert_eq!(String::from_utf8(shown(&image, &["--packages"])).unwrap(), "a 1~rc all\nb 2:1.0-1 amd64\n");
}

#[test]
fn fat_of_every_width_is_what_mtools_reads() {
    let place = tempfile::tempdir().unwrap();
    for (bits, kib) in [("12", "3000"), ("16", "20000"), ("32", "70000")] {
        let (image, tree) = mkfs_fat(place.path(), bits, kib);
        let report = json(&image, &[]);
        let fs = &report["disk"]["partitions"][0]["filesystem"];
        assert_eq!(
            (fs["kind"].as_str(), fs["label"].as_str(), fs["uuid"].as_str()),
            (Some("vfat"), Some("TRY-ESP"), Some("1234-ABCD"))
        );
        let free = accepts("minfo", &["-i", text(&image), "::"]);
        assert!(free.contains("filename"), "{free}");
        // What mdir counts as free is what is free here.
        let said = accepts("mdir", &["-i", text(&image), "::"]);
        let digits = |line: &str| line.chars().filter(char::is_ascii_digit).collect::<String>();
        let free = said.lines().find(|line| line.contains("bytes free")).map(digits).unwrap();
        assert_eq!(fs["free_bytes"].to_string(), free, "{said}");

        let script = "find . -mindepth 1 -printf '%y /%P %s\\n' | sed 's/^\\(d .*\\) [0-9]*$/\\1 0/'";
        let theirs = Command::new("sh").args(["-ec", script]).current_dir(&tree).output().unwrap();
        let mut theirs: Vec<String> =
            String::from_utf8(theirs.stdout).unwrap().lines().map(str::to_string).collect();
        theirs.sort();
        let entries = listed(&image);
        let mut ours: Vec<String> = entries
            .iter()
            .map(|e| {
                format!("{} {} {}", &e["kind"].as_str().unwrap()[..1], e["path"].as_str().unwrap(), e["size"])
            })
            .collect();
        ours.sort();
        assert_eq!(ours, theirs, "FAT{bits}");
        let paths = [
            "EFI/BOOT/BOOTX64.EFI",
            "A Directory with a long name/deeper/größe – 大.bin",
            "empty",
            "EFI/BOOT/lower.txt",
        ];
        same_content(&image, "", &tree, &paths);
        // FAT's names are of no case, and have a short form.
        same_content(&image, "/efi/Boot", &tree.join("EFI/BOOT"), &["BOOTX64.EFI"]);
        let short = shown(&image, &["/ADIREC~1/DEEPER"]);
        assert!(String::from_utf8(short).unwrap().contains("größe – 大.bin"));
        // The second that mcopy -m kept, to FAT's two seconds, in the time zone of the test: none.
        let seconds = entries.iter().find(|e| e["path"] == "/empty").unwrap()["mtime"].as_i64().unwrap();
        assert!(seconds > 1_600_000_000, "{seconds}");
    }
}

#[test]
fn what_is_not_read_is_called_by_its_name() {
    let place = tempfile::tempdir().unwrap();
    let image = place.path().join("image");
    for (kind, at, magic) in [
        ("xfs", 0, &b"XFSB"[..]),
        ("btrfs", 0x1_0040, b"_BHRfS_M"),
        ("LVM", 0x200, b"LABELONE\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0LVM2 001"),
        ("LUKS", 0, b"LUKS\xba\xbe\0\x02"),
        ("squashfs", 0, b"hsqs"),
    ] {
        let file = File::create(&image).unwrap();
        file.set_len(1 << 20).unwrap();
        file.write_all_at(magic, at).unwrap();
        let page = String::from_utf8(shown(&image, &[])).unwrap();
        assert!(page.contains(kind), "{kind}: {page}");
        let said = refused(&image, &["/etc/passwd"]);
        assert!(said.contains(kind) && said.contains("ext4 and FAT"), "{said}");
    }
    let file = File::create(&image).unwrap();
    file.set_len(8 << 20).unwrap();
    accepts("mkswap", &["-q", "-L", "try-swap", "-U", "11111111-2222-3333-4444-555555555555", text(&image)]);
    let fs = &json(&image, &[])["disk"]["partitions"][0]["filesystem"];
    assert_eq!((fs["kind"].as_str(), fs["label"].as_str()), (Some("swap"), Some("try-swap")));
    assert_eq!(fs["uuid"], "11111111-2222-3333-4444-555555555555");
    file.set_len(300 << 20).unwrap();
    let uuid = "uuid=11111111-2222-3333-4444-555555555555";
    accepts("mkfs.xfs", &["-q", "-f", "-L", "try-xfs", "-m", uuid, text(&image)]);
    let fs = &json(&image, &[])["disk"]["partitions"][0]["filesystem"];
    assert_eq!((fs["kind"].as_str(), fs["label"].as_str()), (Some("xfs"), Some("try-xfs")));
    assert_eq!(fs["uuid"], "11111111-2222-3333-4444-555555555555");
    let said = accepts("xfs_db", &["-r", "-f", "-c", "sb 0", "-c", "print fdblocks", text(&image)]);
    let free = said.trim().strip_prefix("fdblocks = ").and_then(|blocks| blocks.parse::<u64>().ok());
    assert_eq!(fs["free_bytes"].as_u64(), free.map(|blocks| blocks * 4096));
    assert_eq!(fs["used_bytes"].as_u64(), free.map(|blocks| (300 << 20) - blocks * 4096));
}
