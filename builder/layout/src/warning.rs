//! What is allowed and will surprise somebody.
//!
//! In: a placed disk. Out: warnings, with their reason. Never: a refusal.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use dibber_model::{DiskLayout, FsSpec, MountPoint, PartContents, TableKind};

use crate::number::is_primary;

/// Something about a layout that its user should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LayoutWarning {
    /// All four slots of an MBR are used: ironic cannot add its config drive
    /// (`ironic_python_agent/partition_utils.py` refuses a fifth primary).
    NoFreeSlot {
        /// The disk.
        disk: String,
    },
    /// The root is not the last partition, so it cannot grow into a larger disk.
    RootNotLast {
        /// The disk.
        disk: String,
        /// The root's partition.
        part: String,
        /// The one behind it.
        last: String,
    },
}

impl fmt::Display for LayoutWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LayoutWarning::NoFreeSlot { disk } => write!(
                f,
                "disk `{disk}`: all 4 slots of its MBR are used, so ironic cannot add a config drive; make one \
                 partition logical, or use `label: gpt`"
            ),
            LayoutWarning::RootNotLast { disk, part, last } => write!(
                f,
                "disk `{disk}`: `{last}` lies behind the root `{part}`, which therefore cannot grow into a larger \
                 disk; list the root last"
            ),
        }
    }
}

/// What should be said about a layout.
pub fn warnings(layout: &DiskLayout) -> Vec<LayoutWarning> {
    let disk = || layout.spec().name.clone();
    let mut warnings = Vec::new();
    if matches!(layout.spec().table, TableKind::Mbr { .. }) {
        let primaries = layout.parts().iter().filter(|part| is_primary(&part.spec)).count();
        let extended = usize::from(primaries < layout.parts().len());
        if primaries + extended >= 4 {
            warnings.push(LayoutWarning::NoFreeSlot { disk: disk() });
        }
    }
    let on_root = |fs: &FsSpec| fs.mount.as_ref().is_some_and(MountPoint::is_root);
    let last = layout.parts().iter().max_by_key(|part| part.start);
    let root = layout.parts().iter().find(|part| match &part.spec.contents {
        PartContents::Fs(fs) => on_root(fs),
        PartContents::Pv => layout.groups().iter().any(|group| {
            let holds_root = group.lvs.iter().any(|lv| lv.spec.fs.as_ref().is_some_and(on_root));
            holds_root && group.pvs.last().is_some_and(|pv| pv.spec.part == part.spec.name)
        }),
        _ => false,
    });
    if let (Some(root), Some(last)) = (root, last)
        && root.start < last.start
    {
        let (part, last) = (root.spec.name.clone(), last.spec.name.clone());
        warnings.push(LayoutWarning::RootNotLast { disk: disk(), part, last });
    }
    warnings
}
