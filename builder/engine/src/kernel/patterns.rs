//! dib's `DIB_BAREMETAL_KERNEL_PATTERN` and `DIB_BAREMETAL_INITRD_PATTERN`: which kernel and which ramdisk of `/boot` come out, for a tree
//! that has several.
//!
//! In: a tree, and two patterns as a shell has them. Out: of the names that fit, the newest. Never: one pattern without the other, which dib
//! passes over, too.

use std::collections::BTreeMap;

use dibber_model::{InodeId, Kind, Tree, version};
use dibber_plan::KERNEL_PATTERNS;
use glob::Pattern;

use super::follow::follow;
use super::{Kernel, KernelName, newest};

/// The kernel that an image's variables ask for, or the newest one.
pub(crate) fn wanted(tree: &Tree, variables: &BTreeMap<String, String>) -> Option<Kernel> {
    let pattern =
        |name: &str| variables.get(name).filter(|text| !text.is_empty()).map(|text| as_a_shell_reads(text));
    let [Some(kernel), Some(initrd)] = KERNEL_PATTERNS.map(pattern) else { return newest(tree) };
    let (name, vmlinuz) = last(tree, &kernel)?;
    let release = KernelName::parse(&name).map_or(name, |name| name.suffix);
    let modules = ["usr/lib/modules", "lib/modules"];
    let has_modules = modules.iter().any(|dir| follow(tree, &format!("{dir}/{release}")).is_some());
    Some(Kernel { release, vmlinuz, initrd: last(tree, &initrd).map(|(_, id)| id), has_modules })
}

/// A bracket that does not close stands for itself.
fn as_a_shell_reads(text: &str) -> Pattern {
    Pattern::new(text).unwrap_or_else(|_| {
        Pattern::new(&Pattern::escape(text))
            .expect("a text in which every special letter is quoted is a pattern")
    })
}

/// The newest file of `/boot` whose name fits.
fn last(tree: &Tree, pattern: &Pattern) -> Option<(String, InodeId)> {
    let boot = follow(tree, "boot")?;
    let file = |name: &str| {
        let found = follow(tree, &format!("boot/{name}"))?;
        matches!(tree.inode(found.id).kind, Kind::File(_)).then_some(found.id)
    };
    let names = tree.entries(boot.id).filter_map(|(name, _)| std::str::from_utf8(name).ok());
    let fitting =
        names.filter(|name| pattern.matches(name)).filter_map(|name| Some((name.to_string(), file(name)?)));
    fitting.max_by(|(a, _), (b, _)| version::compare(a, b))
}

#[cfg(test)]
mod tests {
    use super::as_a_shell_reads;

    #[test]
    fn patterns_are_a_shells() {
        for (pattern, name, fits) in [
            ("vmlinuz*", "vmlinuz-6.1", true),
            ("vmlinuz-[56].*", "vmlinuz-6.1", true),
            ("vmlinuz-?.1", "vmlinuz-10.1", false),
            ("vmlinuz-[6", "vmlinuz-[6", true),
            ("vmlinuz-[6", "vmlinuz-6", false),
        ] {
            assert_eq!(as_a_shell_reads(pattern).matches(name), fits, "{pattern} {name}");
        }
    }
}
