//! The kernel of a tree and the initial ramdisk that matches it.
//!
//! In: a captured tree. Out: the two inodes and the kernel's release. Never: a ramdisk of another kernel: dib picks each by
//! its own order, and can pair what does not fit.

use dibber_model::{InodeId, Kind, Tree};

/// A kernel, its ramdisk and their release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Kernel {
    /// `uname -r` of it, from its file name: `6.1.0-40-amd64`.
    pub release: String,
    /// The kernel.
    pub vmlinuz: InodeId,
    /// The ramdisk, if the tree has one for this release.
    pub initrd: Option<InodeId>,
    /// Whether the tree has modules for this release.
    pub has_modules: bool,
}

/// Names under which distributions keep kernels in `/boot`, before the release.
const KERNELS: [&[u8]; 2] = [b"vmlinuz-", b"vmlinux-"];

/// What a ramdisk of a release is called: Debian and SUSE, Red Hat, dracut on Gentoo.
fn ramdisk_names(release: &str) -> [String; 3] {
    [format!("initrd.img-{release}"), format!("initramfs-{release}.img"), format!("initrd-{release}")]
}

/// The newest kernel in `/boot`, by version order.
pub(crate) fn newest(tree: &Tree) -> Option<Kernel> {
    let boot = tree.lookup(b"boot")?;
    let mut found: Vec<(String, InodeId)> = tree
        .entries(boot)
        .filter_map(|(name, id)| {
            let release = KERNELS.iter().find_map(|prefix| name.strip_prefix(*prefix))?;
            let release = std::str::from_utf8(release).ok()?;
            matches!(tree.inode(id).kind, Kind::File(_)).then(|| (release.to_string(), id))
        })
        // A rescue kernel is a copy that dracut keeps for repairs.
        .filter(|(release, _)| !release.contains("rescue"))
        .collect();
    found.sort_by(|a, b| version_order(&a.0, &b.0));
    let (release, vmlinuz) = found.pop()?;
    let is_file = |id: &InodeId| matches!(tree.inode(*id).kind, Kind::File(_));
    let initrd = ramdisk_names(&release)
        .iter()
        .find_map(|name| tree.lookup(format!("boot/{name}").as_bytes()))
        .filter(is_file);
    let modules = ["usr/lib/modules", "lib/modules"];
    let has_modules = modules.iter().any(|dir| tree.lookup(format!("{dir}/{release}").as_bytes()).is_some());
    Some(Kernel { release, vmlinuz, initrd, has_modules })
}

/// Runs of digits compare as numbers, all else as bytes: `6.1.0-9` comes before `6.1.0-40`.
fn version_order(a: &str, b: &str) -> std::cmp::Ordering {
    let (mut a, mut b) = (version_pieces(a).into_iter(), version_pieces(b).into_iter());
    loop {
        let order = match (a.next(), b.next()) {
            (None, None) => return std::cmp::Ordering::Equal,
            (x, y) => x.cmp(&y),
        };
        if order.is_ne() {
            return order;
        }
    }
}

fn version_pieces(text: &str) -> Vec<(u64, &str)> {
    let mut rest = text;
    let mut pieces = Vec::new();
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, tail) = rest.split_at(digits);
        let letters = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let (word, tail) = tail.split_at(letters);
        pieces.push((number.parse().unwrap_or(0), word));
        rest = tail;
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;
    use dibber_model::{Content, Inode, Meta};

    #[test]
    fn the_newest_kernel_brings_its_own_ramdisk() {
        let file = || Inode { meta: Meta::default(), kind: Kind::File(Content::inline(*b"x")) };
        let dir = || Inode { meta: Meta::default(), kind: Kind::Dir(Default::default()) };
        let mut tree = Tree::new(Meta::default());
        let boot = tree.add(InodeId::ROOT, b"boot", dir()).unwrap();
        for name in
            ["vmlinuz-6.1.0-9-amd64", "vmlinuz-6.1.0-40-amd64", "initrd.img-6.1.0-9-amd64", "config-6.1.0-40"]
        {
            tree.add(boot, name.as_bytes(), file()).unwrap();
        }
        let kernel = newest(&tree).unwrap();
        assert_eq!(
            (kernel.release.as_str(), kernel.initrd, kernel.has_modules),
            ("6.1.0-40-amd64", None, false)
        );
        let initrd = tree.add(boot, b"initrd.img-6.1.0-40-amd64", file()).unwrap();
        assert_eq!(newest(&tree).unwrap().initrd, Some(initrd));
    }
}
