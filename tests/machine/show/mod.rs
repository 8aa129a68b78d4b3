//! `dibber show` before foreign disks: mke2fs, mkfs.fat, mcopy, mkswap, sgdisk, fdisk, sfdisk and qemu-img make them, and find,
//! debugfs, mdir and sfdisk say what is in them.
//!
//! In: directories with known content. Out: agreement, or a failed test. Never: a mount, or root.
#![allow(clippy::unwrap_used, reason = "a test without its material fails there")]

mod broken;
mod disks;
mod filesystems;
mod ours;

use std::fs::{self, File};
use std::os::unix::fs::{FileExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use dibber_tests::{accepts, program};

/// Runs `dibber show`.
fn show(image: &Path, args: &[&str]) -> Output {
    Command::new(program())
        .arg("show")
        .arg(image)
        .args(args)
        .output()
        .expect("scripts/test builds dibber first")
}

/// What it prints, as it must succeed.
fn shown(image: &Path, args: &[&str]) -> Vec<u8> {
    let output = show(image, args);
    assert!(output.status.success(), "show {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

fn json(image: &Path, args: &[&str]) -> Value {
    let text = shown(image, &[args, &["--json"]].concat());
    serde_json::from_slice(&text).unwrap()
}

/// What it says as it refuses: with exit code 3, in one line, and without a panic.
fn refused(image: &Path, args: &[&str]) -> String {
    let output = show(image, args);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(3), "show {args:?}: {said}");
    assert!(said.starts_with("error: ") && said.lines().count() == 1 && !said.contains("panicked"), "{said}");
    said
}

fn text(path: &Path) -> &str {
    path.to_str().expect("test paths are UTF-8")
}

fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let step = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    std::iter::repeat_with(step).take(len).collect()
}

/// A small system: os-release behind a link, dpkg, a kernel, fstab by label and UUID, and links of every sort.
fn system(root: &Path) {
    for dir in ["etc", "usr/lib", "var/lib/dpkg", "boot/efi", "srv/deep/er", "opt", "srv/many"] {
        fs::create_dir_all(root.join(dir)).unwrap();
    }
    let write = |path: &str, bytes: &[u8]| fs::write(root.join(path), bytes).unwrap();
    write("usr/lib/os-release", b"NAME=Try\nPRETTY_NAME=\"Try \\\"9\\\" (test)\"\n");
    symlink("../usr/lib/os-release", root.join("etc/os-release")).unwrap();
    write(
        "etc/fstab",
        b"# comment\nLABEL=try-root / ext4 defaults 0 1\nUUID=1234-ABCD /boot/efi vfat umask=077 0 2\nLABEL=try-swap none swap sw 0 0\n",
    );
    let status = "Package: b\nStatus: install ok installed\nArchitecture: amd64\nVersion: 2:1.0-1\n\n\
                  Package: a\nStatus: install ok installed\nArchitecture: all\nVersion: 1~rc\n\n\
                  Package: gone\nStatus: deinstall ok config-files\nArchitecture: all\nVersion: 1\n";
    write("var/lib/dpkg/status", status.as_bytes());
    write("boot/vmlinuz-6.1.0-9-amd64", &noise(300_000));
    write("srv/deep/er/noise", &noise(3_000_001));
    write("srv/zeros", &vec![0; 1_000_000]);
    write("srv/empty", b"");
    let hole = File::create(root.join("srv/hole")).unwrap();
    hole.write_all_at(b"end", 5_000_000).unwrap();
    for n in 0..700 {
        write(&format!("srv/many/a file with a rather long name, number {n}"), b"x");
    }
    symlink("/srv/deep", root.join("opt/absolute")).unwrap();
    symlink("../opt/absolute/er/../er", root.join("srv/relative")).unwrap();
    symlink("circle", root.join("opt/circle")).unwrap();
    symlink(format!("/{}", "x/".repeat(60)), root.join("opt/long")).unwrap();
    symlink("../../../../../srv/empty", root.join("opt/above")).unwrap();
    accepts("mkfifo", &[text(&root.join("opt/fifo"))]);
    accepts("chmod", &["6751", text(&root.join("srv/empty"))]);
    accepts("chmod", &["1777", text(&root.join("opt"))]);
    accepts(
        "touch",
        &["-h", "-d", "@1234567890", text(&root.join("srv/zeros")), text(&root.join("opt/long"))],
    );
}

/// An ext4 of that directory; the root's number of blocks leaves room.
fn mke2fs(dir: &Path, root: &Path, args: &[&str]) -> PathBuf {
    let image = dir.join("root.ext");
    let usual = ["-q", "-F", "-L", "try-root", "-d", text(root)];
    accepts("mke2fs", &[&usual, args, &[text(&image), "64M"]].concat());
    image
}

/// A FAT with long names in directories, made by mkfs.fat and mcopy. Returns the directory that it was copied from too.
fn mkfs_fat(dir: &Path, bits: &str, sectors_kib: &str) -> (PathBuf, PathBuf) {
    let (image, tree) = (dir.join(format!("fat{bits}")), dir.join(format!("tree{bits}")));
    fs::create_dir_all(tree.join("EFI/BOOT")).unwrap();
    fs::create_dir_all(tree.join("A Directory with a long name/deeper")).unwrap();
    fs::write(tree.join("EFI/BOOT/BOOTX64.EFI"), noise(200_003)).unwrap();
    fs::write(tree.join("EFI/BOOT/lower.txt"), b"text").unwrap();
    fs::write(tree.join("A Directory with a long name/deeper/größe – 大.bin"), noise(70_000)).unwrap();
    fs::write(tree.join("empty"), b"").unwrap();
    for n in 0..150 {
        fs::write(tree.join(format!("EFI/name that is long and has the number {n}.config")), format!("{n}"))
            .unwrap();
    }
    let usual = ["-F", bits, "-n", "TRY-ESP", "-i", "1234ABCD", "-C"];
    accepts("mkfs.fat", &[&usual[..], &[text(&image), sectors_kib]].concat());
    let tree_text = text(&tree);
    accepts("sh", &["-ec", "cd \"$1\"; LC_ALL=C.UTF-8 mcopy -smi \"$0\" -- * ::", text(&image), tree_text]);
    (image, tree)
}

/// Copies a filesystem to its place on a disk.
fn put(disk: &Path, at: u64, part: &Path) {
    let bytes = fs::read(part).unwrap();
    let disk = File::options().write(true).open(disk).unwrap();
    for (index, piece) in bytes.chunks(1 << 16).enumerate() {
        if piece.iter().any(|byte| *byte != 0) {
            disk.write_all_at(piece, at + ((index as u64) << 16)).unwrap();
        }
    }
}

/// Every file's mode, owner, size, second, path and target, as `find` tells it of a directory.
fn find(root: &Path) -> Vec<String> {
    let script = r"find . -mindepth 1 -printf '%m %U %G %s %T@ /%P %l\n' | sed 's/\.[0-9]* / /'";
    let output = Command::new("sh").args(["-ec", script]).current_dir(root).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let mut lines: Vec<String> = said.lines().map(|line| line.trim_end().to_string()).collect();
    lines.sort();
    lines
}

/// The same out of `show --files --json`. Sizes of directories are the filesystem's own.
fn listed(image: &Path) -> Vec<Value> {
    json(image, &["--files"]).as_array().unwrap().clone()
}

fn as_find(entries: &[Value]) -> Vec<String> {
    let line = |entry: &Value| {
        let word = |key: &str| entry[key].as_str().unwrap_or_default().to_string();
        let (mode, number) = (word("mode"), |key: &str| entry[key].as_i64().unwrap());
        let (uid, gid, size, mtime) = (number("uid"), number("gid"), number("size"), number("mtime"));
        let mode = mode.trim_start_matches('0');
        format!("{mode} {uid} {gid} {size} {mtime} {} {}", word("path"), word("target"))
            .trim_end()
            .to_string()
    };
    let mut lines: Vec<String> = entries.iter().map(line).collect();
    lines.sort();
    lines
}

/// Every regular file's content must be equal, under `prefix` in the image.
fn same_content(image: &Path, prefix: &str, root: &Path, paths: &[&str]) {
    for path in paths {
        let there = shown(image, &[&format!("{prefix}/{path}")]);
        assert!(there == fs::read(root.join(path)).unwrap(), "{path} differs in {}", image.display());
    }
}
