//! The kernel of a tree and the initial ramdisk that matches it, wherever a distribution keeps them.
//!
//! Most have `/boot/vmlinuz-RELEASE`; some a link there, some `/usr/lib/modules/RELEASE/vmlinuz` alone, some a name without a release.
//! What is looked at is a table in [`names`]; the newest of what is found is taken, by the order of `dibber_model::version`.
//!
//! In: a captured tree. Out: the two inodes and the kernel's release. Never: a ramdisk of another kernel: dib picks each by
//! its own order, and can pair what does not fit; nor a file outside the tree, which a link may name.

mod follow;
mod names;
mod patterns;

use std::cmp::Ordering;
use std::collections::BTreeMap;

use dibber_model::{InodeId, Kind, Tree, version};

pub(crate) use patterns::wanted;

use follow::{Found, follow};
use names::{KernelName, RAMDISKS_BESIDE, UNVERSIONED, ramdisk_names};

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

/// The newest kernel of the tree. One without a release in its name counts where there is none with one, and what was put aside as
/// `.old` where there is nothing else.
fn newest(tree: &Tree) -> Option<Kernel> {
    let all = Kernels { tree, modules: modules(tree) };
    let (aside, named): (Vec<_>, Vec<_>) = all.in_boot().into_iter().partition(|(_, is_old)| *is_old);
    let named = named.into_iter().map(|(kernel, _)| kernel).chain(all.beside_modules());
    let aside = aside.into_iter().map(|(kernel, _)| kernel);
    let of_several = |found: Vec<Kernel>| found.into_iter().max_by(order);
    of_several(named.collect()).or_else(|| all.unversioned()).or_else(|| of_several(aside.collect()))
}

/// By release; of two names of one kernel, that with a ramdisk. A word in a release's place (`vmlinuz-lts`) says nothing of its age.
fn order(a: &Kernel, b: &Kernel) -> Ordering {
    let is_number = |kernel: &Kernel| kernel.release.starts_with(|c: char| c.is_ascii_digit());
    is_number(a)
        .cmp(&is_number(b))
        .then_with(|| version::compare(&a.release, &b.release))
        .then_with(|| a.initrd.is_some().cmp(&b.initrd.is_some()))
}

/// So many releases are looked at, the newest, and so many names in `/boot`: more than any image has, and few enough to be compared each
/// with each. A hook may have made any number.
const MOST: usize = 1000;

/// Releases that the tree has modules of.
fn modules(tree: &Tree) -> Vec<String> {
    let dirs = ["usr/lib/modules", "lib/modules"].iter().filter_map(|path| follow(tree, path));
    let mut found: Vec<String> = dirs
        .flat_map(|dir| tree.entries(dir.id).map(|(name, id)| (name.to_vec(), id)).collect::<Vec<_>>())
        .filter(|(_, id)| matches!(tree.inode(*id).kind, Kind::Dir(_)))
        .filter_map(|(name, _)| String::from_utf8(name).ok())
        .collect();
    found.sort_by(|a, b| version::compare(a, b));
    found.dedup();
    found.split_off(found.len().saturating_sub(MOST))
}

struct Kernels<'a> {
    tree: &'a Tree,
    modules: Vec<String>,
}

impl Kernels<'_> {
    /// Kernels in `/boot` by their names there, and whether one was put aside. In the order of preference of their names, the last best.
    fn in_boot(&self) -> Vec<(Kernel, bool)> {
        let Some(boot) = follow(self.tree, "boot") else { return Vec::new() };
        let mut found: Vec<(KernelName, Found)> = self
            .tree
            .entries(boot.id)
            .filter_map(|(name, _)| {
                let name = std::str::from_utf8(name).ok()?;
                Some((KernelName::parse(name)?, self.file(&format!("boot/{name}"))?))
            })
            .take(MOST)
            .collect();
        found.sort_by_key(|(name, _)| std::cmp::Reverse(name.rank));
        let kernel = |(name, file): (KernelName, Found)| {
            let release = self.release(&name.suffix);
            let stems = [release.as_str(), name.suffix.as_str()];
            let initrd = stems.iter().flat_map(|stem| ramdisk_names(stem, name.is_old));
            let initrd = initrd.map(|name| format!("boot/{name}"));
            (self.kernel(release.clone(), &file, initrd), name.is_old)
        };
        found.into_iter().map(kernel).collect()
    }

    /// Kernels that lie with their modules, and those of boot loader entries, in `/boot/ENTRY-TOKEN/RELEASE`.
    fn beside_modules(&self) -> Vec<Kernel> {
        let entries = self.entries();
        let mut found = Vec::new();
        for release in &self.modules {
            let dirs = [format!("usr/lib/modules/{release}"), format!("lib/modules/{release}")];
            let kernels = dirs.iter().flat_map(|dir| UNVERSIONED.map(|name| format!("{dir}/{name}")));
            let entry = entries.get(release.as_str()).map(|dir| format!("{dir}/linux"));
            for path in kernels.chain(entry) {
                let Some(file) = self.file(&path) else { continue };
                let dir = path.rsplit_once('/').map_or("", |(dir, _)| dir).to_string();
                let beside = RAMDISKS_BESIDE.iter().map(|name| format!("{dir}/{name}"));
                let in_boot = ramdisk_names(release, false).map(|name| format!("boot/{name}"));
                found.push(self.kernel(release.clone(), &file, beside.chain(in_boot)));
            }
        }
        found
    }

    /// Directories `/boot/ENTRY-TOKEN/RELEASE` that have a kernel (the Boot Loader Specification's type 1 entries), by release.
    fn entries(&self) -> BTreeMap<&str, String> {
        let Some(boot) = follow(self.tree, "boot") else { return BTreeMap::new() };
        let is_dir = |id: &InodeId| matches!(self.tree.inode(*id).kind, Kind::Dir(_));
        let text = |name| std::str::from_utf8(name).ok();
        let mut found = BTreeMap::new();
        for (token, dir) in self.tree.entries(boot.id).filter(|(_, id)| is_dir(id)) {
            for (release, _) in self.tree.entries(dir).filter(|(_, id)| is_dir(id)) {
                let (Some(token), Some(release)) = (text(token), text(release)) else { continue };
                let path = format!("boot/{token}/{release}");
                if self.file(&format!("{path}/linux")).is_some() {
                    found.insert(release, path);
                }
            }
        }
        found
    }

    /// A kernel under a name without a release: `/vmlinuz`, `/boot/bzImage`. A link tells by the name of what it leads to.
    fn unversioned(&self) -> Option<Kernel> {
        for dir in ["boot/", ""] {
            for name in UNVERSIONED {
                let Some(file) = self.file(&format!("{dir}{name}")) else { continue };
                let leads_to = file.path.rsplit('/').next().and_then(KernelName::parse);
                let release = match (leads_to, self.modules.as_slice()) {
                    (Some(name), _) => self.release(&name.suffix),
                    (None, [only]) => only.clone(),
                    (None, _) => name.to_string(),
                };
                let of_release = ramdisk_names(&release, false).map(|name| format!("boot/{name}"));
                let beside = ["boot/", ""]
                    .iter()
                    .flat_map(|dir| RAMDISKS_BESIDE.iter().map(move |name| format!("{dir}{name}")));
                return Some(self.kernel(release, &file, of_release.chain(beside)));
            }
        }
        None
    }

    fn kernel(&self, release: String, file: &Found, ramdisks: impl Iterator<Item = String>) -> Kernel {
        let initrd = ramdisks.into_iter().find_map(|path| self.file(&path)).map(|file| file.id);
        let has_modules = self.modules.contains(&release);
        Kernel { release, vmlinuz: file.id, initrd, has_modules }
    }

    /// A regular file, or where a link leads to one.
    fn file(&self, path: &str) -> Option<Found> {
        follow(self.tree, path).filter(|found| matches!(self.tree.inode(found.id).kind, Kind::File(_)))
    }

    /// The release of a kernel whose name ends so: that itself, or where it is a word, such as `lts`, the one whose modules end with it.
    fn release(&self, suffix: &str) -> String {
        let is_number = suffix.starts_with(|c: char| c.is_ascii_digit());
        if is_number || self.modules.iter().any(|release| release == suffix) {
            return suffix.to_string();
        }
        let word = suffix.strip_prefix("linux-").unwrap_or(suffix);
        let flavour = format!("-{word}");
        match (self.modules.iter().rev().find(|release| release.ends_with(&flavour)), self.modules.as_slice())
        {
            (Some(release), _) | (None, [release]) => release.clone(),
            _ => suffix.to_string(),
        }
    }
}

#[cfg(test)]
mod tests;
