//! What a file that a person names is, by its name: a disk, or a kernel to which an initramfs and perhaps a disk of the same name
//! belong.
//!
//! In: a path. Out: a disk, or a kernel with its initramfs, and the target that they are for. Never: a guess from bytes.

use std::path::{Path, PathBuf};

use dibber_model::{Arch, Platform, kernel_line};

use super::{BootError, DirectKernel};

/// What there is to boot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BootMedium {
    /// The disk.
    pub disk: Option<PathBuf>,
    /// The kernel.
    pub direct: Option<DirectKernel>,
}

/// What a file is, by its name: `NAME.kernel` is started with `NAME.initramfs`, `NAME.vmlinuz` with `NAME.initrd` and, if
/// there is one, the disk `NAME.qcow2` or `NAME.raw`, whose root filesystem its sidecar names. The kernel's own sidecar names further
/// arguments. All else is a disk.
pub fn find_medium(file: &Path) -> Result<BootMedium, BootError> {
    let of_kind = |kind: &str| file.with_extension(kind);
    let extension = file.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    let pair = match extension {
        "kernel" => "initramfs",
        "vmlinuz" => "initrd",
        _ => return Ok(BootMedium { disk: Some(file.to_path_buf()), direct: None }),
    };
    let initrd = of_kind(pair);
    if !initrd.exists() {
        let looked = initrd.display().to_string();
        return Err(BootError::NoInitramfs { kernel: file.to_path_buf(), looked });
    }
    let disks = if extension == "vmlinuz" { ["qcow2", "raw"].as_slice() } else { &[] };
    let disk = disks.iter().map(|kind| of_kind(kind)).find(|disk| disk.exists());
    let root = disk.as_deref().and_then(root_argument).map(|root| format!("root={root} ro"));
    let append = [root, kernel_args(file)].into_iter().flatten().collect::<Vec<_>>().join(" ");
    let direct = DirectKernel { kernel: file.to_path_buf(), initrd: Some(initrd), append };
    Ok(BootMedium { disk, direct: Some(direct) })
}

/// The target that an image is for: as its sidecar says, else as its name does (`p9-ppc64le-NAME`, `aarch64-NAME`).
pub fn target_of(file: &Path) -> Option<(Arch, Option<Platform>)> {
    if let Some(sidecar) = sidecar(file) {
        let arch = sidecar["arch"].as_str()?.parse().ok()?;
        return Some((arch, sidecar["platform"].as_str().and_then(|word| word.parse().ok())));
    }
    let stem = file.file_name()?.to_str()?;
    let words: Vec<&str> = stem.splitn(3, '-').collect();
    let arch = |word: &str| Arch::all().find(|arch| arch.kernel_name() == word);
    match words[..] {
        [first, _, ..] if arch(first).is_some() => Some((arch(first)?, None)),
        [first, second, _] => Some((arch(second)?, Some(first.parse().ok()?))),
        _ => None,
    }
}

fn sidecar(file: &Path) -> Option<serde_json::Value> {
    serde_json::from_slice(&dibber_imageset::sidecar_bytes(file).ok()?).ok()
}

/// How a kernel is told the root filesystem of a disk of ours.
fn root_argument(disk: &Path) -> Option<String> {
    let sidecar = sidecar(disk)?;
    let partitions = sidecar["disk"]["partitions"].as_array()?;
    let root = partitions.iter().find(|part| part["filesystem"]["mount_point"] == "/")?;
    // The sidecar may be anybody's: more than an identity would be arguments of its choice.
    let uuid = root["filesystem"]["uuid"].as_str()?;
    uuid.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-').then(|| format!("UUID={uuid}"))
}

/// What the image's own menu would tell the kernel. The sidecar may be anybody's; so is the kernel, and it is told this alone.
fn kernel_args(kernel: &Path) -> Option<String> {
    let told = sidecar(kernel)?["kernel_args"].as_str()?.to_string();
    kernel_line::check(&told).ok().map(|()| told)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn said(file: &Path) -> Option<String> {
        let (arch, platform) = target_of(file)?;
        Some(
            format!("{arch} {}", platform.map(|word| word.to_string()).unwrap_or_default())
                .trim()
                .to_string(),
        )
    }

    #[test]
    fn a_kernel_brings_its_ramdisk_and_its_disk() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        for name in ["a.qcow2", "a.vmlinuz", "a.initrd", "ipa.kernel", "ipa.initramfs", "alone.kernel"] {
            fs::write(at(name), "").unwrap();
        }
        let disk = BootMedium { disk: Some(at("a.qcow2")), direct: None };
        assert_eq!(find_medium(&at("a.qcow2")).unwrap(), disk);
        let direct = |kernel: &str, initrd: &str, append: &str| {
            Some(DirectKernel { kernel: at(kernel), initrd: Some(at(initrd)), append: append.into() })
        };
        let pair = BootMedium { disk: None, direct: direct("ipa.kernel", "ipa.initramfs", "") };
        assert_eq!(find_medium(&at("ipa.kernel")).unwrap(), pair);
        let with =
            |append: &str| BootMedium { direct: direct("a.vmlinuz", "a.initrd", append), ..disk.clone() };
        assert_eq!(find_medium(&at("a.vmlinuz")).unwrap(), with(""));
        let sidecar = r#"{"arch": "x86_64", "disk": {"partitions": [{"filesystem": {"uuid": "E5", "mount_point": "/boot/efi"}},
            {"filesystem": {"uuid": "r00t", "mount_point": "/"}}]}}"#;
        fs::write(at("a.qcow2.json"), sidecar).unwrap();
        assert_eq!(find_medium(&at("a.vmlinuz")).unwrap(), with("root=UUID=r00t ro"));
        let args = r#"{"arch": "x86_64", "kernel_args": "ds=nocloud;s=/x/ a=\"b c\" m=1$2"}"#;
        fs::write(at("a.vmlinuz.json"), args).unwrap();
        let told = "root=UUID=r00t ro ds=nocloud;s=/x/ a=\"b c\" m=1$2";
        assert_eq!(find_medium(&at("a.vmlinuz")).unwrap(), with(told));
        fs::write(at("a.vmlinuz.json"), r#"{"arch": "x86_64", "kernel_args": "a\nb"}"#).unwrap();
        assert_eq!(find_medium(&at("a.vmlinuz")).unwrap(), with("root=UUID=r00t ro"));
        let error = find_medium(&at("alone.kernel")).unwrap_err().to_string();
        assert!(error.contains("alone.kernel needs its initramfs") && error.contains("--initrd"), "{error}");
    }

    #[test]
    fn the_sidecar_is_believed_before_the_name() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        for (name, target) in [
            ("p9-ppc64le-overcloud-full.qcow2", Some("ppc64le p9")),
            ("aarch64-overcloud-full.qcow2", Some("aarch64")),
            ("x86_64-a.raw", Some("x86_64")),
            ("overcloud-full.qcow2", None),
            ("aarch64.qcow2", None),
        ] {
            assert_eq!(said(&at(name)).as_deref(), target, "{name}");
        }
        let name = "aarch64-overcloud-full.qcow2";
        fs::write(at(&format!("{name}.json")), r#"{"arch": "ppc64le", "platform": "POWER8"}"#).unwrap();
        assert_eq!(said(&at(name)).as_deref(), Some("ppc64le POWER8"));
    }
}
