//! `overcloud-full` as people build it: from Debian's archive to disks that boot, as root and as an ordinary user.
//!
//! In: the program and the network. Out: verdicts of QEMU's firmware, e2fsck, fsck.fat, sgdisk, qemu-img, debugfs, mtools.
//! Never: a set built twice for two tests: the tests share one.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use dibber_tests::workshop::{self, USER, Workshop};
use dibber_tests::{accepts, flip_bit, program, run};

/// Minutes of emulated boot on a busy machine; a boot takes about one.
const TIMEOUT: &str = "600";

/// Where this run's images are, below the build directory of the tests, which has room for them.
fn place(name: &str) -> PathBuf {
    let top = Path::new(env!("CARGO_TARGET_TMPDIR")).join("overcloud").join(name);
    fs::create_dir_all(&top).expect("make a directory");
    top
}

fn dibber(arguments: &[&str]) -> String {
    accepts(program().to_str().expect("a path of text"), arguments)
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path of text")
}

/// The set, built by root: qcow2, raw, kernel and initrd.
fn set() -> &'static Path {
    static SET: OnceLock<PathBuf> = OnceLock::new();
    SET.get_or_init(|| {
        let out = place("root");
        dibber(&["build", "overcloud-full", "-t", "qcow2,raw,vmlinuz,initrd", "-o", text(&out)]);
        out
    })
}

fn image(extension: &str) -> PathBuf {
    set().join(format!("overcloud-full.{extension}"))
}

/// One partition of an image, as sfdisk reads it.
struct Partition {
    start: u64,
    bytes: u64,
}

fn partitions(raw: &Path) -> Vec<Partition> {
    let json: serde_json::Value =
        serde_json::from_str(&accepts("sfdisk", &["--json", text(raw)])).expect("sfdisk prints JSON");
    let all = json["partitiontable"]["partitions"].as_array().expect("a table").iter();
    let number = |value: &serde_json::Value| value.as_u64().expect("a number") * 512;
    all.map(|part| Partition { start: number(&part["start"]), bytes: number(&part["size"]) }).collect()
}

/// Copies a partition into a file of its own, which is removed with what is returned: it is large.
fn cut_out(raw: &Path, part: &Partition) -> tempfile::NamedTempFile {
    let to = tempfile::NamedTempFile::new_in(place("parts")).expect("make a file");
    let (from, file) = (File::open(raw).expect("open image"), to.as_file());
    file.set_len(part.bytes).expect("size file");
    let mut buffer = vec![0; 1 << 20];
    let mut at = 0;
    while at < part.bytes {
        let now = (part.bytes - at).min(buffer.len() as u64) as usize;
        from.read_exact_at(&mut buffer[..now], part.start + at).expect("read image");
        if buffer[..now].iter().any(|byte| *byte != 0) {
            file.write_all_at(&buffer[..now], at).expect("write file");
        }
        at += now as u64;
    }
    to
}

fn boot(image: &Path, more: &[&str]) -> (bool, String) {
    let mut arguments = vec!["boot", text(image), "--accel", "tcg", "--timeout", TIMEOUT];
    arguments.extend(more);
    let output = run(text(&program()), &arguments);
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.success(), said)
}

fn boots(image: &Path, more: &[&str]) -> String {
    let (seen, said) = boot(image, &[more, &["--expect", "login:"]].concat());
    assert!(seen, "no login prompt:\n{said}");
    said
}

#[test]
fn tables_and_filesystems_are_sound() {
    let raw = image("raw");
    let verdict = accepts("sgdisk", &["-v", text(&raw)]);
    assert!(verdict.contains("No problems found"), "{verdict}");
    accepts("qemu-img", &["check", text(&image("qcow2"))]);
    accepts("qemu-img", &["compare", text(&raw), text(&image("qcow2"))]);
    let parts = partitions(&raw);
    let (esp, root) = (cut_out(&raw, &parts[0]), cut_out(&raw, parts.last().expect("partitions")));
    let root = text(root.path());
    accepts("fsck.fat", &["-n", text(esp.path())]);
    accepts("e2fsck", &["-fn", root]);
    let release = accepts("debugfs", &["-R", "cat /usr/lib/os-release", root]);
    assert!(release.contains("VERSION_CODENAME=trixie"), "{release}");
}

#[test]
fn kernel_ramdisk_and_modules_match() {
    let sidecar = fs::read(image("vmlinuz.json")).expect("read sidecar");
    let sidecar: serde_json::Value = serde_json::from_slice(&sidecar).expect("a sidecar is JSON");
    let release = sidecar["kernel_release"].as_str().expect("a kernel's release");
    let said = accepts("file", &["-b", text(&image("vmlinuz"))]);
    assert!(said.contains(&format!("version {release} ")), "{said}");
    let raw = image("raw");
    let root = cut_out(&raw, partitions(&raw).last().expect("partitions"));
    let root = text(root.path());
    let modules = accepts("debugfs", &["-R", &format!("ls -p /usr/lib/modules/{release}"), root]);
    assert!(modules.contains("modules.dep"), "{modules}");
    for (name, path) in [("vmlinuz", "vmlinuz-"), ("initrd", "initrd.img-")] {
        let copy = place("kernel").join(name);
        accepts("debugfs", &["-R", &format!("dump /boot/{path}{release} {}", text(&copy)), root]);
        accepts("cmp", &[text(&copy), text(&image(name))]);
    }
}

#[test]
fn no_user_has_a_password() {
    let raw = image("raw");
    let root = cut_out(&raw, partitions(&raw).last().expect("partitions"));
    let shadow = accepts("debugfs", &["-R", "cat /etc/shadow", text(root.path())]);
    let fields =
        shadow.lines().filter(|line| line.matches(':').count() == 8).map(|line| line.split(':').nth(1));
    let hashes: Vec<_> = fields.collect();
    assert!(hashes.len() > 10, "{shadow}");
    assert!(hashes.iter().all(|hash| matches!(hash, Some("*" | "!" | "!*" | "!!"))), "{shadow}");
}

#[test]
fn sums_and_links_hold() {
    set();
    let checked =
        Command::new("sha256sum").args(["--check", "--quiet", "SHA256SUMS"]).current_dir(set()).status();
    assert!(checked.expect("sha256sum").success());
    for extension in ["qcow2", "raw", "vmlinuz", "initrd"] {
        let inode =
            |name: &str| std::os::unix::fs::MetadataExt::ino(&fs::metadata(set().join(name)).expect(name));
        assert_eq!(
            inode(&format!("overcloud-full.{extension}")),
            inode(&format!("x86_64-overcloud-full.{extension}"))
        );
    }
}

#[test]
fn a_second_build_runs_no_hook_and_keeps_the_files() {
    let before = fs::read(set().join("images.json")).expect("read images.json");
    let out = text(set());
    let events = dibber(&["build", "overcloud-full", "-t", "qcow2,raw,vmlinuz,initrd", "-o", out, "--json"]);
    assert!(events.contains(r#""event":"step-cached""#), "{events}");
    assert!(!events.contains(r#""event":"step-started""#), "{events}");
    assert!(!events.contains(r#""stage":"pour""#), "{events}");
    assert_eq!(before, fs::read(set().join("images.json")).expect("read images.json"));
}

/// Another host: its name, its name servers' file, its umask and its time zone. The servers themselves must answer here too.
const ELSEWHERE: &str = r#"
set -eu
hostname elsewhere
{ echo "search elsewhere.example"; cat /etc/resolv.conf; } > "$0.resolv"
echo elsewhere > "$0.hostname"
chmod 644 "$0.resolv" "$0.hostname"
mount --bind "$0.resolv" "$(readlink -f /etc/resolv.conf)"
mount --bind "$0.hostname" /etc/hostname
umask 077
export TZ=Asia/Tokyo
exec "$@"
"#;

#[test]
fn root_and_a_user_elsewhere_make_the_same_bytes() {
    let shop = Workshop::of(Some(USER));
    let words = ["build", "overcloud-full", "-t", "raw,vmlinuz,initrd", "-j", "1", "-o", "other/directory"];
    let mut build = Command::new("unshare");
    build.args(["--uts", "--mount", "bash", "-c", ELSEWHERE, &shop.text("elsewhere")]);
    let inner = shop.dibber();
    build.arg(inner.get_program()).args(inner.get_args()).args(words);
    build.env_clear().envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
    build.current_dir(shop.at("work"));
    workshop::run(&mut build).well();
    for extension in ["raw", "vmlinuz", "initrd"] {
        let theirs = shop.at("work/other/directory").join(format!("overcloud-full.{extension}"));
        accepts("cmp", &[text(&image(extension)), text(&theirs)]);
    }
}

#[test]
fn boots_by_bios_and_grows_its_root() {
    let overlay = place("grown").join("overlay.qcow2");
    let _ = fs::remove_file(&overlay);
    boots(&image("qcow2"), &["--firmware", "bios", "--disk-size", "6GiB", "--keep-overlay", text(&overlay)]);
    let raw = place("grown").join("grown.raw");
    accepts("qemu-img", &["convert", "-O", "raw", text(&overlay), text(&raw)]);
    let part = partitions(&raw).pop().expect("partitions");
    assert!(
        part.start + part.bytes > (6 << 30) - (2 << 20),
        "the partition ends at {}",
        part.start + part.bytes
    );
    let root = cut_out(&raw, &part);
    let facts = accepts("dumpe2fs", &["-h", text(root.path())]);
    let blocks: u64 = facts
        .lines()
        .find_map(|line| line.strip_prefix("Block count:"))
        .and_then(|count| count.trim().parse().ok())
        .expect("dumpe2fs tells the blocks");
    assert!(blocks * 4096 > part.bytes - (1 << 20), "{blocks} blocks in {} bytes", part.bytes);
    fs::remove_file(&raw).expect("remove a large file");
    fs::remove_file(&overlay).expect("remove a large file");
}

#[test]
fn boots_by_uefi() {
    boots(&image("qcow2"), &["--firmware", "uefi"]);
}

#[test]
fn boots_by_secure_boot() {
    let said = boots(&image("qcow2"), &["--firmware", "secureboot"]);
    assert!(said.contains("Secure boot enabled") || said.contains("Kernel is locked down"), "{said}");
}

#[test]
fn secure_boot_refuses_a_tampered_grub() {
    let tampered = place("tampered").join("tampered.raw");
    accepts("cp", &["--sparse=always", text(&image("raw")), text(&tampered)]);
    let esp = format!("{}@@{}", text(&tampered), partitions(&tampered)[0].start);
    let grub = place("tampered").join("grubx64.efi");
    accepts("mcopy", &["-o", "-i", &esp, "::/EFI/BOOT/grubx64.efi", text(&grub)]);
    // Far inside its code section: the file stays a sound PE image, and its signature does not hold any more.
    flip_bit(&grub, 0x20000);
    accepts("mcopy", &["-o", "-i", &esp, text(&grub), "::/EFI/BOOT/grubx64.efi"]);
    let (seen, said) = boot(&tampered, &["--firmware", "secureboot", "--expect", "Security Violation"]);
    assert!(seen, "the tampered GRUB was not refused:\n{said}");
    assert!(!said.contains("login:"));
    fs::remove_file(&tampered).expect("remove a large file");
}

/// A whole system of one program, packed by cpio.
fn initramfs(to: &Path) {
    let root = place("pair").join("initramfs");
    fs::create_dir_all(root.join("proc")).expect("make a directory");
    accepts("cp", &[text(Path::new("/bin/busybox")), text(&root.join("busybox"))]);
    let init = "#!/busybox sh\n/busybox mount -t proc proc /proc\n/busybox echo \"up: $(/busybox cat /proc/cmdline) :\"\n\
                /busybox echo net: $(/busybox ls /sys/class/net)\n/busybox poweroff -f\n";
    fs::write(root.join("init"), init).expect("write init");
    accepts("chmod", &["755", text(&root.join("init"))]);
    let pack = format!("cd {} && find . | cpio --quiet -o -H newc > {}", text(&root), text(to));
    accepts("sh", &["-c", &pack]);
}

/// NAME.kernel is started with NAME.initramfs, on the architecture's console; the name says which machine.
#[test]
fn a_kernel_boots_with_its_initramfs() {
    let at = |kind: &str| place("pair").join(format!("x86_64-pair.{kind}"));
    accepts("cp", &[text(&image("vmlinuz")), text(&at("kernel"))]);
    initramfs(&at("initramfs"));
    let up = "up: console=ttyS0,115200 trial=1 :";
    let (seen, said) = boot(&at("kernel"), &["--append", "trial=1", "--expect", up]);
    assert!(seen, "{said}");
    fs::remove_file(at("initramfs")).expect("remove a file");
    let (seen, said) = boot(&at("kernel"), &["--expect", up]);
    assert!(!seen && said.contains("x86_64-pair.initramfs; name it with --initrd"), "{said}");
}

/// The set's kernel and initrd find the disk beside them, and its root by the sidecar.
#[test]
fn the_kernel_of_a_set_boots_its_disk() {
    let (seen, said) = boot(&image("vmlinuz"), &["--expect", "Welcome to"]);
    assert!(seen, "the initrd did not find the root filesystem:\n{said}");
}

/// The same image by BIOS with the old table, and with arguments to which shells and GRUB give a meaning: the kernel prints what it
/// was told, as `/proc/cmdline` has it.
#[test]
fn the_mbr_image_boots_by_bios_and_its_kernel_is_told_all_arguments() {
    let out = place("mbr");
    let arguments =
        "DIB_BOOTLOADER_DEFAULT_CMDLINE=ds=nocloud;s=/seed/ m=128M$1G x=`id` k=\"v w\" c=a#b|{&} u=\u{fc}";
    let build =
        ["build", "overcloud-full", "--layout", "mbr", "-t", "raw", "--env", arguments, "-o", text(&out)];
    dibber(&build);
    let disk = out.join("overcloud-full.raw");
    accepts("sfdisk", &["--verify", text(&disk)]);
    let said = boots(&disk, &["--firmware", "bios"]);
    let told = "ds=nocloud;s=/seed/ m=128M$1G x=`id` \"k=v w\" c=a#b|{&}";
    assert!(said.contains(told), "the kernel was not told `{told}`:\n{said}");
    fs::remove_dir_all(&out).expect("remove a large file");
}
