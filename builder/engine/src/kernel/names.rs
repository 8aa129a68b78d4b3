//! Names under which distributions keep kernels and initial ramdisks.
//!
//! In: a file's name. Out: what it says of the kernel. Never: a look into a file.

/// Names before a release in `/boot`, the usual one first: SUSE keeps a `vmlinux-RELEASE.gz` for debuggers beside `vmlinuz-RELEASE`.
const PREFIXES: [&str; 6] = ["vmlinuz-", "kernel-", "bzImage-", "zImage-", "Image-", "vmlinux-"];

/// Names without a release.
pub(super) const UNVERSIONED: [&str; 7] =
    ["vmlinuz", "bzImage", "zImage", "Image", "Image.gz", "kernel", "vmlinux"];

/// Ramdisks without a release, in the directory of their kernel.
pub(super) const RAMDISKS_BESIDE: [&str; 4] = ["initrd.img", "initramfs.img", "initrd", "initramfs"];

/// Ends of names of what package managers and people put beside a file.
const ASIDE: [&str; 10] =
    [".bak", ".orig", ".rpmsave", ".rpmnew", ".rpmorig", ".sig", ".hmac", ".sha256", ".tmp", "~"];

/// What a kernel's name says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KernelName {
    /// What stands in the place of a release: `6.1.0-40-amd64`, `lts`.
    pub(super) suffix: String,
    /// How usual the name is: 0 is the most.
    pub(super) rank: usize,
    /// `make install` of the kernel put it aside for a newer one of the same release.
    pub(super) is_old: bool,
}

impl KernelName {
    /// Reads a name; `None` for other files, leftovers, and the copy that dracut keeps for repairs.
    pub(super) fn parse(name: &str) -> Option<KernelName> {
        let (rank, rest) = PREFIXES
            .iter()
            .enumerate()
            .find_map(|(rank, prefix)| Some((rank, name.strip_prefix(prefix)?)))?;
        let is_aside = ASIDE.iter().any(|end| rest.ends_with(end)) || rest.contains(".dpkg-");
        if rest.is_empty() || is_aside || rest.contains("rescue") {
            return None;
        }
        let (rest, is_old) = rest.strip_suffix(".old").map_or((rest, false), |rest| (rest, true));
        let rest = rest.strip_suffix(".gz").unwrap_or(rest);
        // Gentoo's genkernel: kernel-genkernel-x86_64-6.1.0-gentoo.
        let suffix = match rest.strip_prefix("genkernel-").and_then(|rest| rest.split_once('-')) {
            Some((_, release)) => release,
            None => rest,
        };
        Some(KernelName { suffix: suffix.to_string(), rank, is_old })
    }
}

/// What the ramdisk of a kernel is called in `/boot`, by what stands in the place of its release: Debian, Red Hat and Arch, SUSE, others.
pub(super) fn ramdisk_names(release: &str, is_old: bool) -> impl Iterator<Item = String> + use<> {
    let names = [
        format!("initrd.img-{release}"),
        format!("initramfs-{release}.img"),
        format!("initrd-{release}"),
        format!("initrd-{release}.img"),
        format!("initrd-{release}.gz"),
        format!("initramfs-{release}"),
    ];
    let old: Vec<String> = names.iter().filter(|_| is_old).flat_map(|name| [format!("{name}.old")]).collect();
    old.into_iter().chain(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_kernels_and_of_other_files() {
        for (name, suffix, is_old) in [
            ("vmlinuz-6.1.0-40-amd64", "6.1.0-40-amd64", false),
            ("vmlinux-6.4.0-150600-default.gz", "6.4.0-150600-default", false),
            ("Image-6.4.0-default", "6.4.0-default", false),
            ("kernel-genkernel-x86_64-6.1.0-gentoo", "6.1.0-gentoo", false),
            ("vmlinuz-6.2.0.old", "6.2.0", true),
            ("vmlinuz-lts", "lts", false),
        ] {
            let read = KernelName::parse(name).unwrap();
            assert_eq!((read.suffix.as_str(), read.is_old), (suffix, is_old), "{name}");
        }
        for other in [
            "vmlinuz",
            "vmlinuz-",
            "config-6.1.0",
            "initrd.img-6.1.0",
            "vmlinuz-6.1.0.dpkg-new",
            "vmlinuz-6.1.0.bak",
            "vmlinuz-6.1.0.rpmsave",
            "vmlinuz-6.1.0~",
            "vmlinuz-0-rescue-0123456789abcdef",
            ".vmlinuz-6.1.0.hmac",
        ] {
            assert_eq!(KernelName::parse(other), None, "{other}");
        }
    }
}
